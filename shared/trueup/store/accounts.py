"""The accounts to look at."""

from collections.abc import Collection, Iterator

from trueup.domain.documents import account_document, read_account
from trueup.domain.models import Account
from trueup.domain.reading import Malformed, canonical_json, parse_json
from trueup.errors import ConfigInvalid
from trueup.store import keys
from trueup.store.rows import Rows


class Accounts:
    """Accounts, one row each. `venues` are the names that exist."""

    def __init__(self, rows: Rows, venues: Collection[str]) -> None:
        self._rows = rows
        self._venues = venues

    def put(self, account: Account) -> None:
        """Add an account or replace the one with the same id."""
        pk, sk = keys.account(account.account_id)
        self._rows.put({"pk": pk, "sk": sk, "account": canonical_json(account_document(account))})

    def get(self, account_id: str) -> Account | None:
        """Return one account."""
        row = self._rows.get(*keys.account(account_id))
        return None if row is None else self._read(row["account"], account_id)

    def remove(self, account_id: str) -> None:
        """Forget an account; its reports and its book stay."""
        self._rows.delete(*keys.account(account_id))

    def each(self) -> Iterator[tuple[str, Account | None]]:
        """Yield every account with its id, in the order of ids; None for a row nobody can read."""
        for row in self._rows.query(keys.ACCOUNTS):
            account_id = str(row["sk"]).removeprefix(keys.ACCOUNT)
            try:
                yield account_id, self._read(row["account"], account_id)
            except ConfigInvalid:
                yield account_id, None

    def all(self) -> list[Account]:
        """Return every account, in the order of their ids. Raises ConfigInvalid for a row nobody can read."""
        return [self._read(row["account"], row["sk"]) for row in self._rows.query(keys.ACCOUNTS)]

    def _read(self, text: str, name: str) -> Account:
        try:
            return read_account(parse_json(text, "account"), self._venues)
        except Malformed as error:
            raise ConfigInvalid(f"stored account {name}: {error}; put it again with `trueup accounts put`") from None
