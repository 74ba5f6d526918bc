"""Coinbase: the deposits and withdrawals in flight, out of the transactions of each account of a portfolio.

Source: the vendor's Coinbase App documentation (API v2: List Transactions, Pagination), with the same key and scope as
the balances.

- An amount is signed as the account sees it. What is `pending` and leaves has been taken off the balance (`applied`);
  what arrives is credited when it is completed. What waits for a signature or for clearing has moved nothing yet.
- Only a transfer is in flight. A trade is settled where it happens, and a request for money may never be answered. The
  vendor adds types and statuses as it likes: one that is not known here explains nothing, and stops nothing.
- The transactions are asked for after the balances. A withdrawal that begins in between is seen, though the balance
  still has it: by the time it began it is known not to be applied. The other way round it would be missing from the
  list and from the balance, and ring. A deposit that is credited in between is in neither; the other way round it would
  be counted twice, in the balance and as still to come. What is left: a withdrawal that is completed in between has
  nothing that explains it. It rings only if the book has not heard of it, as it would in every look after this one.
- How far back is bounded by days, by pages and by requests. What is older than that is not listed: a difference it
  would explain rings, and none is hidden by leaving it out.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from trueup.domain.amounts import ZERO
from trueup.domain.models import Pending
from trueup.domain.reading import Record
from trueup.venues.coinbase_signed import DIALECT, Signed
from trueup.venues.fields import take_amount
from trueup.venues.http import VenueHttp

LOOK_BACK = timedelta(days=7)
"""A bank's transfer takes up to five working days. What has been in flight for longer is stuck."""
PAGES = (25, 100, 100)
"""How many transactions each page of an account may have, newest first; the vendor's default, then its maximum.

Fills are transactions, too: where an account trades all day, this is its last 225.
"""
MAX_REQUESTS = 24
"""For all accounts of a portfolio together: five seconds at 200 ms, within the time of the shortest interval."""
TRANSFERS = frozenset(
    (
        "send",
        "receive",
        "transfer",
        "fiat_deposit",
        "fiat_withdrawal",
        "exchange_deposit",
        "exchange_withdrawal",
        "intx_deposit",
        "intx_withdrawal",
        "vault_withdrawal",
    )
)
PENDING = "pending"
IN_FLIGHT = frozenset((PENDING, "waiting_for_signature", "waiting_for_clearing"))
_SECOND = timedelta(seconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


def _unknown_account(status: int, body: Any) -> bool:
    # The older API may not know an account of another portfolio or of futures. Said in its own words, that is no
    # history; any other 404 is a wrong base_url or a changed API.
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return status == 404 and isinstance(first, dict) and first.get("id") == "not_found"


_DIALECT = replace(DIALECT, absent=_unknown_account)


@dataclass(frozen=True, slots=True)
class Row:
    """One of the venue's own accounts: a currency in a wallet of ours, as its balance was read."""

    uuid: str
    wallet: str
    currency: str
    empty: bool
    changed_at: datetime | None
    read_at: datetime | None
    """The Date of the answer that had the balance, in whole seconds."""


def read_in_flight(
    http: VenueHttp, signed: Signed, rows: Iterable[Row], asset_of: Callable[[str], str]
) -> tuple[Pending, ...]:
    """List what is in flight in these accounts: those that hold something, and those that changed lately.

    `asset_of` gives our name of a currency, the one its holding has or would have. The newest page of each account
    comes first, in the order in which they changed last; then the next page of those that go on. Raises the typed
    errors of `trueup.errors`, as for balances: without the items a transfer would ring.
    """
    begin = http.now() - LOOK_BACK
    asked = [row for row in rows if not row.empty or (row.changed_at or _NEVER) >= begin]
    asked.sort(key=lambda row: row.changed_at or _NEVER, reverse=True)
    histories = [_History(http, signed, row, asset_of(row.currency), begin) for row in asked[:MAX_REQUESTS]]
    waiting = deque(histories)
    for _ in range(MAX_REQUESTS):
        if not waiting:
            break
        history = waiting.popleft()
        if history.read_page():
            waiting.append(history)
    return tuple(item for history in histories for item in history.in_flight)


class _History:
    """The transactions of one account, read page by page from the newest back to `begin`."""

    def __init__(self, http: VenueHttp, signed: Signed, row: Row, asset: str, begin: datetime) -> None:
        self.in_flight: list[Pending] = []
        self._http = http
        self._signed = signed
        self._row = row
        self._asset = asset
        self._begin = begin
        self._pages_read = 0
        self._seen: dict[str, None] = {}

    def read_page(self) -> bool:
        """Read the next page. True if there is another one to read."""
        path = f"/v2/accounts/{self._row.uuid}/transactions"
        query: dict[str, str | int] = {"limit": PAGES[self._pages_read], "order": "desc"}
        if self._seen:
            query["starting_after"] = next(reversed(self._seen))
        document = self._signed.get(path, query, dialect=_DIALECT).document
        self._pages_read += 1
        if document is None:
            return False
        with self._http.reading(path):
            record = Record(document, "the answer")
            oldest: datetime | None = None
            for place, item in record.items("data"):
                oldest = self._take(Record(item, place))
            if not _has_next(record.record("pagination")):
                return False
            if oldest is None:
                record.fail("data", "is empty, though more pages are promised")
        return oldest >= self._begin and self._pages_read < len(PAGES)

    def _take(self, record: Record) -> datetime:
        """Read a transaction, keep it if it is in flight, and return when it was made."""
        identity, made_at = record.text("id"), record.time("created_at")
        if identity in self._seen:
            record.fail("id", "is listed twice: the pages go round in a circle")
        self._seen[identity] = None
        kind, status = record.text("type"), record.text("status")
        if kind in TRANSFERS and status in IN_FLIGHT and made_at >= self._begin:
            amount = record.record("amount")
            if amount.text("currency") != self._row.currency:
                amount.fail("currency", "is not its account's")
            quantity = take_amount(amount, "amount")
            if quantity != ZERO:
                leaves = quantity < ZERO
                self.in_flight.append(
                    Pending(
                        wallet=self._row.wallet,
                        asset=self._asset,
                        quantity=quantity,
                        applied=leaves and status == PENDING and self._before_reading(made_at),
                        kind="withdrawal" if leaves else "deposit",
                        reference=identity,
                        since=made_at,
                    )
                )
        return made_at

    def _before_reading(self, made_at: datetime) -> bool:
        """Tell whether the balance was read after this, as far as the venue's whole seconds tell."""
        return self._row.read_at is None or made_at < self._row.read_at + _SECOND


def _has_next(pagination: Record) -> bool:
    uri = pagination.raw("next_uri")
    if uri is not None and not isinstance(uri, str):
        pagination.fail("next_uri", "must be a text or null")
    return bool(uri)
