"""The book of each account, from where the account says it is. Nothing of a source is imported before it is used."""

from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING

from trueup.books.table import TableBook
from trueup.domain.models import Account, Book, HttpsSource, S3Source

if TYPE_CHECKING:
    from trueup.books.https import HttpsBooks
    from trueup.books.s3 import S3Books


class Books:
    """All sources as one (see books.protocol). `token_of` takes an account's id and the name of its book's secret."""

    def __init__(
        self,
        table: TableBook,
        *,
        token_of: Callable[[str, str], str],
        allowed_hosts: Collection[str],
        seconds: Callable[[], float],
    ) -> None:
        self._table = table
        self._token_of = token_of
        self._allowed_hosts = allowed_hosts
        self._seconds = seconds

    def read(self, account: Account) -> Book | None:
        """Return the account's book as it is now; None when it has none. Raises as books.protocol says."""
        match account.book:
            case None:
                return self._table.read(account.account_id)
            case HttpsSource() as source:
                return self._https.read(account.account_id, source)
            case S3Source() as source:
                return self._s3.read(account.account_id, source)

    @cached_property
    def _https(self) -> "HttpsBooks":
        from trueup.books.https import HttpsBooks

        return HttpsBooks(token_of=self._token_of, allowed_hosts=self._allowed_hosts, seconds=self._seconds)

    @cached_property
    def _s3(self) -> "S3Books":
        from trueup.books.s3 import S3Books

        return S3Books(seconds=self._seconds)
