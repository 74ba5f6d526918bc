"""What reading a book comes to, wherever it is kept."""

from typing import Protocol

from trueup.domain.models import Account, Book


class BookSource(Protocol):
    """Where the books of accounts come from."""

    def read(self, account: Account) -> Book | None:
        """Return the account's book as it is now; None when it has none. How old it may be is for policy to say.

        Raises BookUnavailable when it could not be reached (retryable), BookInvalid when what is there is not a book of
        this account or may not be had, and ConfigInvalid for a secret that cannot be used.
        """
        ...
