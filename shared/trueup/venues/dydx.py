"""dYdX v4, read from its indexer: every subaccount's collateral and perpetual positions.

Everything is public and the address is the whole credential. Source: the vendor's indexer HTTP documentation and its
server's source, which decides where the two differ.

- Each subaccount is a wallet of its own: 0 to 127 are parents, a number above is an isolated child of `number % 128`
  and holds real collateral.
- An asset's size is unsigned and its side gives the sign: negative USDC is a normal loan. A position's size is signed.
- What was transferred shortly before is listed as pending (`dydx_transfers`).
- Equity and free collateral move with every block and are not read.
- Not visible here: undeposited bank balances, staked DYDX, vault shares.
"""

from datetime import datetime

from trueup.domain.amounts import ZERO, describe
from trueup.domain.models import Account, Holding, Snapshot
from trueup.domain.reading import Malformed, Record
from trueup.domain.reasons import REASON_OF_ERROR, Reason
from trueup.errors import (
    ConfigInvalid,
    TrueupError,
    VenueAuthFailed,
    VenueGeoBlocked,
    VenueMaintenance,
    VenuePermissionDenied,
    VenueResponseInvalid,
    VenueUnavailable,
)
from trueup.venues.aliases import canonical
from trueup.venues.dydx_address import check_address
from trueup.venues.dydx_refusals import DIALECT, MAY_BE_UNKNOWN
from trueup.venues.dydx_transfers import Subaccount, read_transfers
from trueup.venues.fields import take_amount, take_block
from trueup.venues.http import VenueHttp
from trueup.venues.protocol import Credential

VENUE = "dydx"
MAX_LAG_BLOCKS = 60
"""How far an answer may be behind the indexer's own height: about a minute, half of what makes a reading stale."""
LAST_SUBACCOUNT = 128_000
_OF_ONE_WALLET = (VenueAuthFailed, VenuePermissionDenied, VenueGeoBlocked, VenueMaintenance, VenueResponseInvalid)


class Dydx:
    """Reads dYdX accounts."""

    def check(self, account: Account) -> None:
        """Refuse an account dYdX cannot have. Raises ConfigInvalid naming the field."""
        _read_options(account)
        _read_address(account)
        if account.wallets is not None:
            raise ConfigInvalid(
                f"account {account.account_id}: wallets: leave it out; subaccounts chooses what is read at dydx, "
                f'"all" or a list such as [0, 128]'
            )

    def check_credential(self, account: Account, credential: Credential | None) -> None:
        """There is nothing to check: the address is all it takes."""

    def excess_rights(self, account: Account, credential: Credential | None, http: VenueHttp) -> tuple[str, ...] | None:
        """An address can do nothing but be looked at."""
        return ()

    def observe(self, account: Account, credential: Credential | None, http: VenueHttp) -> Snapshot:
        """Read all subaccounts, or the chosen ones, then the indexer's height, whose time is the venue's time, and last
        what was transferred shortly before it.

        A chosen subaccount that is refused for good while another could be read is a failed wallet; whatever a retry
        may cure is raised.
        """
        self.check(account)
        address = _read_address(account)
        reading = _Reading(account, address, _read_options(account), http)
        if account.subaccounts is None:
            reading.read_all()
        else:
            reading.read_chosen(account.subaccounts)
        height, venue_time = reading.read_height()
        observed_at = http.now()
        return Snapshot(
            account_id=account.account_id,
            venue=VENUE,
            observed_at=observed_at,
            wallets=reading.wallets,
            holdings=tuple(reading.holdings),
            pending=read_transfers(http, address, reading.subaccounts, height, venue_time),
            venue_time=venue_time,
        )


class _Reading:
    def __init__(self, account: Account, address: str, may_be_empty: bool, http: VenueHttp) -> None:
        self.wallets: dict[str, Reason | None] = {}
        self.holdings: list[Holding] = []
        self.subaccounts: list[Subaccount] = []
        self._address = address
        self._may_be_empty = may_be_empty
        self._http = http

    def read_all(self) -> None:
        path = f"/v4/addresses/{self._address}"
        document = self._http.get(path, dialect=MAY_BE_UNKNOWN).document
        if document is None:
            self._never_funded(path, 0)
            return
        with self._http.reading(path):
            for place, item in Record(document, "the answer").items("subaccounts"):
                self._subaccount(Record(item, place))
            if not self.wallets:
                raise Malformed("the answer.subaccounts", "is empty, though an unknown address is answered with 404")

    def read_chosen(self, numbers: tuple[int, ...]) -> None:
        first_error: TrueupError | None = None
        for number in numbers:
            try:
                self._read_one(number)
            except _OF_ONE_WALLET as error:
                self.wallets[_wallet(number)] = REASON_OF_ERROR[type(error).__name__]
                first_error = first_error or error
        if first_error is not None and all(self.wallets.values()):
            raise first_error

    def _read_one(self, number: int) -> None:
        path = f"/v4/addresses/{self._address}/subaccountNumber/{number}"
        document = self._http.get(path, dialect=MAY_BE_UNKNOWN).document
        if document is None:
            self._never_funded(path, number)
            return
        with self._http.reading(path):
            self._subaccount(Record(document, "the answer").record("subaccount"), wanted=number)

    def _never_funded(self, path: str, number: int) -> None:
        if not self._may_be_empty:
            raise VenueResponseInvalid(
                self._http.say(
                    path,
                    "says that this was never funded. If that is right, set options.may_be_empty to true; "
                    "if not, check address and subaccounts",
                )
            )
        self.wallets[_wallet(number)] = None

    def _subaccount(self, record: Record, wanted: int | None = None) -> None:
        if record.raw("address") != self._address:
            record.fail("address", "is not the address asked for")
        number = record.raw("subaccountNumber")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LAST_SUBACCOUNT:
            record.fail("subaccountNumber", f"must be a whole number from 0 to {LAST_SUBACCOUNT}")
        if wanted is not None and number != wanted:
            record.fail("subaccountNumber", "is not the one asked for")
        wallet = _wallet(number)
        if wallet in self.wallets:
            record.fail("subaccountNumber", "is listed twice")
        # Everything is read before anything is kept: a wallet is whole or not there.
        holdings = [
            *(_asset(wallet, symbol, Record(item, at)) for symbol, at, item in record.entries("assetPositions")),
            *(
                _position(wallet, market, Record(item, at))
                for market, at, item in record.entries("openPerpetualPositions")
            ),
        ]
        height, touched = take_block(record, "latestProcessedBlockHeight"), take_block(record, "updatedAtHeight")
        self.wallets[wallet] = None
        self.holdings += [holding for holding in holdings if holding is not None]
        self.subaccounts.append(Subaccount(number, wallet, height, touched))

    def read_height(self) -> tuple[int, datetime]:
        """Read the indexer's height after all that is held, which is then no newer; refuse answers far behind it."""
        path = "/v4/height"
        document = self._http.get(path, dialect=DIALECT).document
        with self._http.reading(path):
            record = Record(document, "the answer")
            height, time = take_block(record, "height"), record.time("time")
        behind = height - min((subaccount.height for subaccount in self.subaccounts), default=height)
        if behind > MAX_LAG_BLOCKS:
            raise VenueUnavailable(
                self._http.say(path, f"shows that the answer before it was {behind} blocks behind: a late replica")
            )
        return height, time


def _asset(wallet: str, symbol: str, record: Record) -> Holding | None:
    if record.text("symbol") != symbol:
        record.fail("symbol", "is not the one it is listed under")
    side = record.choice("side", ("LONG", "SHORT"))
    size = take_amount(record, "size")
    if size < ZERO:
        record.fail("size", "must not be negative: the side gives the sign")
    if size == ZERO:
        return None
    asset = canonical(VENUE, symbol)
    return Holding(
        wallet=wallet,
        asset=asset.name,
        total=size if side == "LONG" else size.copy_negate(),
        venue_asset=symbol,
        price_asset=asset.name,
        unmapped=asset.unmapped,
    )


def _position(wallet: str, market: str, record: Record) -> Holding | None:
    if record.text("market") != market:
        record.fail("market", "is not the one it is listed under")
    side = record.choice("side", ("LONG", "SHORT"))
    size = take_amount(record, "size")
    if size == ZERO:
        return None
    if (size > ZERO) != (side == "LONG"):
        record.fail("size", "has a sign that its side contradicts")
    if record.text("status") != "OPEN":
        record.fail("status", "must be OPEN: these are the open positions")
    # Every market is quoted in USD and sized in its underlying. One that is not named so stays unpriced.
    underlying, dash, quote = market.rpartition("-")
    asset = canonical(VENUE, underlying) if dash and quote == "USD" else None
    return Holding(
        wallet=wallet,
        asset=market,
        total=size,
        venue_asset=market,
        price_asset=None if asset is None else asset.name,
        unmapped=asset is None or asset.unmapped,
    )


def _wallet(number: int) -> str:
    return f"perp/{number}"


def _read_address(account: Account) -> str:
    if account.address is None:
        raise ConfigInvalid(f"account {account.account_id}: address: dydx needs one, dydx1...")
    try:
        return check_address(account.address)
    except ValueError as error:
        raise ConfigInvalid(f"account {account.account_id}: address: {error}") from None


def _read_options(account: Account) -> bool:
    """Read the one option there is: may_be_empty, false if not given."""
    for name in account.options:
        if name != "may_be_empty":
            raise ConfigInvalid(f"account {account.account_id}: options.{name[:40]}: dydx knows only may_be_empty")
    may_be_empty = account.options.get("may_be_empty", False)
    if not isinstance(may_be_empty, bool):
        raise ConfigInvalid(
            f"account {account.account_id}: options.may_be_empty: must be true or false, not {describe(may_be_empty)}"
        )
    return may_be_empty
