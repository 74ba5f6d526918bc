"""Books as CSV: the columns wallet, asset, total and optional held; one line for each holding."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from cli.errors import BadInput
from cli.files import read_bytes
from trueup.domain.amounts import NotAnAmount, parse_amount, shorten
from trueup.domain.documents import book_document
from trueup.domain.models import Book, Holding
from trueup.domain.reading import MAX_ITEMS, Malformed, digest, read_text

REQUIRED = ("wallet", "asset", "total")
OPTIONAL = ("held",)


def read_csv_book(path: Path, account_id: str, as_of: datetime) -> Book:
    """Read a CSV book. It covers the wallets it names; its version is derived from what it says.

    Raises BadInput or Malformed with file, line and column of the first fault.
    """
    holdings = tuple(_holdings(path, _rows(path)))
    if not holdings:
        raise BadInput(
            f"{path}: names no holding; a CSV book covers the wallets it names, so give an empty book as JSON"
        )
    wallets = tuple(sorted({holding.wallet for holding in holdings}))
    book = Book(account_id, as_of, "0", wallets, holdings)
    content = {name: book_document(book)[name] for name in ("wallets", "holdings")}
    return replace(book, version=f"csv-{digest(content)[:12]}")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with its line number."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not UTF-8 text (byte {error.start})") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num}: is not CSV: {error}") from None


def _holdings(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Iterator[Holding]:
    columns = _header(path, rows)
    lines: dict[tuple[str, str], int] = {}
    for number, row in rows:
        at = f"{path}, line {number}"
        if len(row) != len(columns):
            raise BadInput(f"{at}: has {len(row)} values for {len(columns)} columns ({', '.join(columns)})")
        if len(lines) == MAX_ITEMS:
            raise BadInput(f"{at}: a book has at most {MAX_ITEMS} holdings")
        values = dict(zip(columns, row, strict=True))
        wallet, asset = (read_text(values[name], f"{at}, column {name}") for name in ("wallet", "asset"))
        first = lines.setdefault((wallet, asset), number)
        if first != number:
            raise BadInput(f"{at}: repeats {wallet} {shorten(asset)} of line {first}")
        held = values.get("held", "")
        yield Holding(
            wallet=wallet,
            asset=asset,
            total=_amount(values["total"], f"{at}, column total"),
            held=_amount(held, f"{at}, column held") if held else None,
        )


def _header(path: Path, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    allowed = f"the columns are {', '.join(REQUIRED)} and optional {', '.join(OPTIONAL)}"
    _, header = next(rows, (0, None))
    if header is None:
        raise BadInput(f"{path}: is empty; {allowed}")
    for name in header:
        if name not in REQUIRED + OPTIONAL:
            raise BadInput(f"{path}, line 1: unknown column {shorten(name)}; {allowed}")
        if header.count(name) > 1:
            raise BadInput(f"{path}, line 1: repeats the column {name}")
    for name in REQUIRED:
        if name not in header:
            raise BadInput(f"{path}, line 1: the column {name} is missing; {allowed}")
    return header


def _amount(text: str, place: str) -> Decimal:
    try:
        return parse_amount(text)
    except NotAnAmount as error:
        raise Malformed(place, str(error)) from None
