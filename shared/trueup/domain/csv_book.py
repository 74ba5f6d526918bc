"""Books as CSV: the columns wallet, asset, total and optional held; one line for each holding."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from .amounts import NotAnAmount, parse_amount, shorten
from .documents import book_document
from .models import Book, Holding
from .reading import MAX_ITEMS, Malformed, digest, read_text

REQUIRED = ("wallet", "asset", "total")
OPTIONAL = ("held",)


def read_csv_book(content: bytes, account_id: str, as_of: datetime, place: str = "book") -> Book:
    """Read a CSV book. It covers the wallets it names; its version is derived from what it says.

    Raises Malformed with place, line and column of the first fault. An amount is never quoted: it may be a balance.
    """
    holdings = tuple(_holdings(place, _rows(content, place)))
    if not holdings:
        raise Malformed(
            place, "names no holding; a CSV book covers the wallets it names, so give an empty book as JSON"
        )
    wallets = tuple(sorted({holding.wallet for holding in holdings}))
    book = Book(account_id, as_of, "0", wallets, holdings)
    content_of = {name: book_document(book)[name] for name in ("wallets", "holdings")}
    return replace(book, version=f"csv-{digest(content_of)[:12]}")


def _rows(content: bytes, place: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with its line number."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(place, f"is not UTF-8 text (byte {error.start})") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise Malformed(f"{place}, line {reader.line_num}", f"is not CSV: {error}") from None


def _holdings(place: str, rows: Iterator[tuple[int, list[str]]]) -> Iterator[Holding]:
    columns = _header(place, rows)
    lines: dict[tuple[str, str], int] = {}
    for number, row in rows:
        at = f"{place}, line {number}"
        if len(row) != len(columns):
            raise Malformed(at, f"has {len(row)} values for {len(columns)} columns ({', '.join(columns)})")
        if len(lines) == MAX_ITEMS:
            raise Malformed(at, f"a book has at most {MAX_ITEMS} holdings")
        values = dict(zip(columns, row, strict=True))
        wallet, asset = (read_text(values[name], f"{at}, column {name}") for name in ("wallet", "asset"))
        first = lines.setdefault((wallet, asset), number)
        if first != number:
            raise Malformed(at, f"repeats {wallet} {shorten(asset)} of line {first}")
        held = values.get("held", "")
        yield Holding(
            wallet=wallet,
            asset=asset,
            total=_amount(values["total"], f"{at}, column total"),
            held=_amount(held, f"{at}, column held") if held else None,
        )


def _header(place: str, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    allowed = f"the columns are {', '.join(REQUIRED)} and optional {', '.join(OPTIONAL)}"
    _, header = next(rows, (0, None))
    if header is None:
        raise Malformed(place, f"is empty; {allowed}")
    at = f"{place}, line 1"
    for name in header:
        if name not in REQUIRED + OPTIONAL:
            raise Malformed(at, f"unknown column {shorten(name)}; {allowed}")
        if header.count(name) > 1:
            raise Malformed(at, f"repeats the column {name}")
    for name in REQUIRED:
        if name not in header:
            raise Malformed(at, f"the column {name} is missing; {allowed}")
    return header


def _amount(text: str, place: str) -> Decimal:
    try:
        return parse_amount(text)
    except NotAnAmount as error:
        raise Malformed(place, error.problem) from None
