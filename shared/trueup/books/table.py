"""The built-in book: versions as immutable objects, and a row that points at the current one."""

from dataclasses import dataclass, replace
from datetime import timedelta

from trueup.domain.documents import book_document, read_book
from trueup.domain.models import Book
from trueup.domain.reading import Malformed, digest, format_time
from trueup.errors import BookConflict, BookInvalid, BookUnavailable, StoreUnavailable
from trueup.store import keys
from trueup.store.objects import Objects
from trueup.store.rows import ABSENT, Condition, Row, Rows

MAX_AHEAD = timedelta(seconds=30)
"""A book dated later than this after now would be reported as clock_skew, not compared: it is not taken."""


@dataclass(frozen=True, slots=True)
class Head:
    """Which version of a book is the current one. `version` is a whole number."""

    version: str
    sha256: str
    """The digest of the book's document, its version included."""


class TableBook:
    """Books kept in Trueup's own table, read strongly consistent."""

    def __init__(self, rows: Rows, objects: Objects) -> None:
        self._rows = rows
        self._objects = objects
        self._seen: dict[str, Book] = {}

    def read(self, account_id: str) -> Book | None:
        """Return the current book; None when the account has none.

        Raises BookUnavailable when it could not be reached (retryable) and BookInvalid when it is not a book.
        """
        try:
            head = self._rows.get(*keys.book_head(account_id))
            if head is None:
                return None
            key = keys.book_object(account_id, head["sha256"])
            # Named by its content, an object never changes: reading it twice in one observation proves nothing.
            if key not in self._seen:
                self._seen = {key: self._read(account_id, key, head["sha256"])}
            return self._seen[key]
        except StoreUnavailable as error:
            raise BookUnavailable(f"account {account_id}: the book could not be read ({error})") from None

    def write(
        self, book: Book, expected_version: str | None, *, version: str | None = None, record: Row | None = None
    ) -> Book:
        """Make this the current book if the current version is `expected_version` (None: there is none yet).

        The stored book, which is returned, gets `version`, a whole number above the current one, or else the next one.
        A `record` of why is written with it, and gets its version: both or neither. Raises BookConflict when somebody
        else wrote first, and StoreUnavailable.
        """
        version = version or str(int(expected_version or "0") + 1)
        book = replace(book, version=version)
        document = book_document(book)
        sha256 = digest(document)
        self._objects.put_once(keys.book_object(book.account_id, sha256), document)
        pk, sk = keys.book_head(book.account_id)
        row = {"pk": pk, "sk": sk, "version": version, "sha256": sha256, "as_of": format_time(book.as_of)}
        condition = ABSENT if expected_version is None else Condition("equals", "version", expected_version)
        if record is None:
            written = self._rows.put(row, condition)
        else:
            written = self._rows.put_all([(row, condition), ({**record, "version": version}, ABSENT)])
        if not written:
            raise BookConflict(
                f"account {book.account_id}: the book is no longer at version {expected_version or 'none'}; "
                "somebody wrote it meanwhile: look with `trueup book show`, then try again"
            )
        return book

    def version(self, account_id: str) -> str | None:
        """Return the current version number."""
        head = self.head(account_id)
        return None if head is None else head.version

    def head(self, account_id: str) -> Head | None:
        """Return which version is the current one; None when there is no book."""
        row = self._rows.get(*keys.book_head(account_id))
        return None if row is None else Head(str(row["version"]), str(row["sha256"]))

    def _read(self, account_id: str, key: str, sha256: str) -> Book:
        try:
            document = self._objects.get(key)
            if document is None:
                raise BookUnavailable(f"account {account_id}: the book's object {key} is missing")
            book = read_book(document)
        except Malformed as error:
            raise BookInvalid(f"account {account_id}: {error}; put the book again") from None
        if digest(document) != sha256:
            raise BookInvalid(f"account {account_id}: {key} is not what was written; put the book again")
        if book.account_id != account_id:
            raise BookInvalid(f"account {account_id}: {key} is the book of {book.account_id}; put the book again")
        return book
