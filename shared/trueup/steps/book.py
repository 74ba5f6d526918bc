"""Book: take a book that a trading system pushes. Validated whole, and idempotent by the sender's own version."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.books.table import MAX_AHEAD, Head, TableBook
from trueup.clock import utc_now
from trueup.config import BookSettings
from trueup.domain.book_sources import place_of
from trueup.domain.documents import book_document, read_book
from trueup.domain.models import Book
from trueup.domain.reading import Malformed, digest, format_time
from trueup.errors import BookConflict, BookInvalid, ConfigInvalid
from trueup.store.accounts import Accounts
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.venues.registry import VENUES

MOST_ATTEMPTS = 5
"""How often a push looks again when somebody else wrote between its look and its write."""
_WHOLE = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def read_request(event: object) -> Book:
    """Read Book's event, which is a book document. Raises BookInvalid naming the place."""
    try:
        book = read_book(event, "event")
    except Malformed as error:
        raise BookInvalid(str(error)) from None
    if not _WHOLE.fullmatch(book.version):
        raise BookInvalid('event.version: must be a whole number of your own that grows, such as "41" (1 to 18 digits)')
    return book


@dataclass(frozen=True, slots=True)
class BookStep:
    """Everything Book works with."""

    accounts: Accounts
    book: TableBook
    clock: Callable[[], datetime]

    def run(self, book: Book) -> dict[str, Any]:
        """Make this the current book of its account, unless it is already.

        The answer's `stored` is false when this very book, version and content, was the current one before. Raises
        BookConflict naming the current version when it is newer, or the same with other content; ConfigInvalid for an
        account whose books are not pushed; BookInvalid for a book from the future; and StoreUnavailable.
        """
        self._check(book)
        sha256 = digest(book_document(book))
        for _ in range(MOST_ATTEMPTS):
            head = self.book.head(book.account_id)
            if _is_current(book, sha256, head):
                return _answer(book, sha256, stored=False)
            try:
                self.book.write(book, None if head is None else head.version, version=book.version)
            except BookConflict:
                continue  # somebody wrote since we looked; perhaps the same push, sent twice
            return _answer(book, sha256, stored=True)
        raise BookConflict(f"account {book.account_id}: others write its book all the time; try again")

    def _check(self, book: Book) -> None:
        account = self.accounts.get(book.account_id)
        if account is None:
            raise ConfigInvalid(f"account {book.account_id}: there is none; add it with `trueup accounts put`")
        if account.book is not None:
            raise ConfigInvalid(
                f"account {book.account_id}: its book comes from {place_of(account.book)}; it is not pushed"
            )
        if book.as_of - self.clock() > MAX_AHEAD:
            raise BookInvalid(
                f"event.as_of: {format_time(book.as_of)} is in the future; a book is true for a moment that was"
            )


def _is_current(book: Book, sha256: str, head: Head | None) -> bool:
    """Tell whether this very book is the current one. Raises BookConflict when one stands in its way."""
    if head is None or int(head.version) < int(book.version):
        return False
    if head.version == book.version and head.sha256 == sha256:
        return True
    problem = "has other content" if head.version == book.version else "is newer"
    raise BookConflict(
        f"account {book.account_id}: version {book.version} was not stored: the current version is {head.version} and "
        f"{problem}; push what you hold now under a higher number"
    )


def _answer(book: Book, sha256: str, *, stored: bool) -> dict[str, Any]:
    return {"account_id": book.account_id, "version": book.version, "stored": stored, "sha256": sha256}


def book_step(settings: BookSettings) -> BookStep:
    """Put the step together as the function runs it."""
    rows, objects = DynamoRows(settings.stores.table_name), S3Objects(settings.stores.bucket_name)
    return BookStep(Accounts(rows, VENUES), TableBook(rows, objects), utc_now)
