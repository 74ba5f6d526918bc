"""A book as somebody else wrote it: bounded, read strictly, and refused by its place when it is not one."""

from collections.abc import Callable
from datetime import datetime

from trueup.domain.csv_book import read_csv_book
from trueup.domain.documents import read_book
from trueup.domain.models import Book
from trueup.domain.reading import Malformed, parse_json
from trueup.errors import BookInvalid
from trueup.wire.ask import MAX_VALUES
from trueup.wire.words import shown

MAX_BOOK_BYTES = 4 * 1024 * 1024
"""Limit of a book that is read from elsewhere: about 40,000 holdings."""


def json_book(content: bytes, account_id: str, where: str) -> Book:
    """Read a JSON book, which must be this account's. Raises BookInvalid naming `where` and the place in it."""
    return _own(lambda: read_book(parse_json(content, "book")), content, account_id, where)


def csv_book(content: bytes, account_id: str, as_of: datetime, where: str) -> Book:
    """Read a CSV book as of a time. Raises BookInvalid naming `where`, line and column."""
    return _own(lambda: read_csv_book(content, account_id, as_of), content, account_id, where)


def _own(read: Callable[[], Book], content: bytes, account_id: str, where: str) -> Book:
    if content.count(b",") >= MAX_VALUES:
        raise BookInvalid(f"account {account_id}: {where} holds more than {MAX_VALUES} values, more than we read")
    try:
        book = read()
    except Malformed as error:
        raise BookInvalid(f"account {account_id}: {where} is not a book: {shown(str(error))}") from None
    if book.account_id != account_id:
        raise BookInvalid(f"account {account_id}: {where} is the book of {book.account_id}")
    return book
