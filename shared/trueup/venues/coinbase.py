"""Coinbase, Advanced Trade v3 with a CDP key: the balances of the one portfolio the key was made for, and transfers.

Source: the vendor's Advanced Trade documentation (List Accounts, Get Server Time) and its SDK.

- available + hold is all there is of a currency; there is no total field.
- Several rows may share a currency (a wallet, a vault, a staked balance). They are summed, whatever their type and
  whether or not they are active: what a row holds is held. All of it is the wallet `spot`.
- A row is dropped only when everything in it is exactly zero; Coinbase lists every asset ever touched.
- What is in flight comes from each row's transactions (`coinbase_transfers`).
- CGLD is CELO's name here. Should both ever hold something, they are two holdings.
- A key sees one portfolio. To cover a whole user, use one account (and key) for each portfolio.
"""

import re
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

from trueup.domain.amounts import EXACT, ZERO
from trueup.domain.models import Account, Holding, Snapshot
from trueup.domain.reading import Record
from trueup.errors import ConfigInvalid, VenueResponseInvalid
from trueup.venues.aliases import canonical_together
from trueup.venues.coinbase_key import Key, KeyRefused, read_key
from trueup.venues.coinbase_signed import Signed
from trueup.venues.coinbase_transfers import Row, read_in_flight
from trueup.venues.fields import take_amount
from trueup.venues.http import Reply, VenueHttp
from trueup.venues.protocol import Credential

VENUE = "coinbase"
WALLET = "spot"
ACCOUNTS_PATH = "/api/v3/brokerage/accounts"
PERMISSIONS_PATH = "/api/v3/brokerage/key_permissions"
PAGE = 250
"""The vendor's maximum; its default is 49."""
MAX_PAGES = 400
"""100,000 rows. A portfolio has one row for each asset ever touched: some hundreds."""
_UUID = re.compile(r"[0-9a-zA-Z-]{1,64}")


class Coinbase:
    """Reads Coinbase accounts."""

    def __init__(self, nonce: Callable[[], str] = lambda: secrets.token_hex(16)) -> None:
        self._nonce = nonce

    def check(self, account: Account) -> None:
        """Refuse an account Coinbase cannot have. Raises ConfigInvalid naming the field."""
        who = f"account {account.account_id}"
        if account.subaccounts is not None:
            raise ConfigInvalid(f'{who}: subaccounts: coinbase has none, leave it out (or "all")')
        for wallet in account.wallets or (WALLET,):
            if wallet != WALLET:
                raise ConfigInvalid(f"{who}: wallets: coinbase knows only {WALLET}, not {wallet[:40]!r}")
        for name in account.options:
            raise ConfigInvalid(f"{who}: options.{name[:40]}: coinbase has no options")

    def check_credential(self, account: Account, credential: Credential | None) -> None:
        """Refuse what is not a CDP key file. Raises ConfigInvalid."""
        _key_of(account, credential)

    def excess_rights(self, account: Account, credential: Credential | None, http: VenueHttp) -> tuple[str, ...] | None:
        """Ask Coinbase what the key may do. Viewing is all that is needed."""
        signed = Signed(http, _key_of(account, credential), self._nonce)
        reply = signed.get(PERMISSIONS_PATH, {})
        with http.reading(PERMISSIONS_PATH):
            record = Record(reply.document, "the answer")
            return tuple(name for name in ("trade", "transfer") if record.boolean(f"can_{name}"))

    def observe(self, account: Account, credential: Credential | None, http: VenueHttp) -> Snapshot:
        """Read every page of accounts, then what is in flight in them.

        The venue's time is the Date of the first page: nothing read is older.
        """
        self.check(account)
        signed = Signed(http, _key_of(account, credential), self._nonce)
        sums = _Sums()
        venue_time: datetime | None = None
        for number, reply in enumerate(_pages(http, signed)):
            venue_time = reply.date if number == 0 else venue_time
            with http.reading(ACCOUNTS_PATH):
                for place, item in Record(reply.document, "the answer").items("accounts"):
                    sums.add(Record(item, place), reply.date)
        observed_at = http.now()
        pending = read_in_flight(http, signed, sums.rows, sums.asset_of)
        return Snapshot(
            account_id=account.account_id,
            venue=VENUE,
            observed_at=observed_at,
            wallets={WALLET: None},
            holdings=sums.holdings(),
            pending=pending,
            venue_time=venue_time,
        )


def _key_of(account: Account, credential: Credential | None) -> Key:
    if credential is None:
        raise ConfigInvalid(f"account {account.account_id}: secret: coinbase needs a key file")
    try:
        return read_key(credential)
    except KeyRefused as error:
        raise ConfigInvalid(f"account {account.account_id}: secret: {error}") from None


def _pages(http: VenueHttp, signed: Signed) -> Iterator[Reply]:
    """Follow the cursor to the end. A cursor that leads nowhere new is refused: stopping there could hide holdings."""
    query: dict[str, str | int] = {"limit": PAGE}
    seen: set[str] = set()
    while len(seen) < MAX_PAGES:
        reply = signed.get(ACCOUNTS_PATH, query)
        with http.reading(ACCOUNTS_PATH):
            record = Record(reply.document, "the answer")
            more = record.boolean("has_next")
            cursor = record.text("cursor") if more else ""
            if cursor in seen:
                record.fail("cursor", "was given before: the pages go round in a circle")
        yield reply
        if not more:
            return
        seen.add(cursor)
        query["cursor"] = cursor
    raise VenueResponseInvalid(http.say(ACCOUNTS_PATH, f"goes on after {MAX_PAGES} pages"))


class _Sums:
    """Rows added up by currency, exactly."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._found: dict[str, tuple[Decimal, Decimal]] = {}
        self._uuids: set[str] = set()

    def add(self, record: Record, read_at: datetime | None) -> None:
        uuid = record.text("uuid")
        if not _UUID.fullmatch(uuid):
            record.fail("uuid", "must be letters, digits and hyphens: it becomes part of a path")
        if uuid in self._uuids:
            record.fail("uuid", "is listed twice: an account would be counted twice")
        self._uuids.add(uuid)
        currency = record.text("currency")
        available = _money(record.record("available_balance"), currency)
        held = _money(record.record("hold"), currency)
        empty = available == ZERO and held == ZERO
        self.rows.append(Row(uuid, WALLET, currency, empty, record.optional_time("updated_at"), read_at))
        if empty:
            return
        sum_available, sum_held = self._found.get(currency, (ZERO, ZERO))
        self._found[currency] = (EXACT.add(sum_available, available), EXACT.add(sum_held, held))

    def asset_of(self, currency: str) -> str:
        """Name the asset that something of this currency would be held as, beside what is held."""
        return canonical_together(VENUE, {*self._found, currency})[currency].name

    def holdings(self) -> tuple[Holding, ...]:
        assets = canonical_together(VENUE, self._found)
        return tuple(
            Holding(
                wallet=WALLET,
                asset=assets[currency].name,
                total=EXACT.add(available, held),
                available=available,
                held=held,
                venue_asset=currency,
                price_asset=assets[currency].name,
                unmapped=assets[currency].unmapped,
            )
            for currency, (available, held) in self._found.items()
        )


def _money(record: Record, currency: str) -> Decimal:
    if record.text("currency") != currency:
        record.fail("currency", "is not its account's")
    return take_amount(record, "value")
