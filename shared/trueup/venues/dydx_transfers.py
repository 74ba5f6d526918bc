"""dYdX: transfers so young that a book may not have heard of them.

Source: the vendor's indexer HTTP documentation (Get Transfers) and its server's source.

- A transfer is final when it can be seen. What is on its way through a bridge is not seen here at all.
- So an item is a transfer of the last five minutes, and not of longer: until the book has it, it explains a difference,
  and a theft is a transfer, too. After that it rings.
- It is in a subaccount's total if and only if its block is not after the last one that total is true for. Whichever of
  the two is asked for first, that is exact.
- A transaction is one item in each wallet and asset it moves, whatever the number of its transfers: its hash is what
  whoever signed it knows. Between two of our own subaccounts it is one in each, with opposite signs.
- Each subaccount is asked by itself: the list of a parent leaves out what moves among its children, and does not say
  which child an amount went to.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trueup.domain.amounts import EXACT, ZERO
from trueup.domain.models import Pending
from trueup.domain.reading import Record
from trueup.errors import VenueResponseInvalid
from trueup.venues.aliases import canonical
from trueup.venues.dydx_refusals import DIALECT
from trueup.venues.fields import take_amount, take_block
from trueup.venues.http import VenueHttp

VENUE = "dydx"
PATH = "/v4/transfers"
WINDOW = timedelta(seconds=300)
"""How long a book may take to hear of a transfer, by the blocks' own times."""
QUIET_BLOCKS = 1_000
"""A subaccount not touched for this many blocks had no transfer in the window: a block takes more than 0.3 s."""
LATE_BLOCKS = 5
"""An answer this far behind the indexer's height may not show that its subaccount was touched."""
PAGES = (25, 1000)
"""Transfers asked for, newest first; if all of them are in the window, once more with the vendor's maximum."""
_INTO = {"TRANSFER_IN": "transfer", "DEPOSIT": "deposit"}
_OUT_OF = {"TRANSFER_OUT": "transfer", "WITHDRAWAL": "withdrawal"}


@dataclass(frozen=True, slots=True)
class Subaccount:
    """A subaccount that was read: the block its total is true for, and the last one that touched it."""

    number: int
    wallet: str
    height: int
    touched_height: int

    def may_have_moved(self, height: int) -> bool:
        """Tell whether a transfer in the window is possible, by the indexer's own height after it was read."""
        return height - self.touched_height <= QUIET_BLOCKS or height - self.height > LATE_BLOCKS


def read_transfers(
    http: VenueHttp, address: str, subaccounts: Iterable[Subaccount], height: int, time: datetime
) -> tuple[Pending, ...]:
    """List the transfers of the window before `time`, the time of the block `height`, in these subaccounts.

    Raises the typed errors of `trueup.errors`: what was read without its transfers would ring for each of them.
    """
    return tuple(
        item
        for subaccount in subaccounts
        if subaccount.may_have_moved(height)
        for item in _read_subaccount(http, address, subaccount, time - WINDOW)
    )


def _read_subaccount(http: VenueHttp, address: str, subaccount: Subaccount, begin: datetime) -> list[Pending]:
    for limit in PAGES:
        query: dict[str, str | int] = {"address": address, "subaccountNumber": subaccount.number, "limit": limit}
        document = http.get(PATH, query, dialect=DIALECT).document
        with http.reading(PATH):
            transfers = [Record(item, place) for place, item in Record(document, "the answer").items("transfers")]
            young = [record for record in transfers if record.time("createdAt") >= begin]
            if len(young) < limit:
                return _items(young, address, subaccount)
    raise VenueResponseInvalid(http.say(PATH, f"lists {PAGES[-1]} transfers or more of the last five minutes"))


def _items(transfers: Iterable[Record], address: str, subaccount: Subaccount) -> list[Pending]:
    """Add up what each transaction moves of each asset. What comes to nothing is no item."""
    found: dict[str, Pending] = {}
    ids: set[str] = set()
    for record in transfers:
        identity = record.text("id")
        if identity in ids:
            record.fail("id", "is listed twice: a transfer would be counted twice")
        ids.add(identity)
        item = _item(record, address, subaccount)
        before = found.setdefault(item.reference or "", item)
        if before is not item:
            if before.since != item.since or before.applied != item.applied:
                record.fail("transactionHash", "is in two blocks")
            quantity = EXACT.add(before.quantity, item.quantity)
            found[item.reference or ""] = replace(before, quantity=quantity)
    return [item for item in found.values() if item.quantity != ZERO]


def _item(record: Record, address: str, subaccount: Subaccount) -> Pending:
    kind = record.choice("type", (*_INTO, *_OUT_OF))
    mine = record.record("recipient" if kind in _INTO else "sender")
    if mine.raw("address") != address or mine.raw("subaccountNumber") != subaccount.number:
        record.fail("type", "does not fit the sender and the recipient")
    size = take_amount(record, "size")
    if size < ZERO:
        record.fail("size", "must not be negative: the type gives the sign")
    asset = canonical(VENUE, record.text("symbol")).name
    return Pending(
        wallet=subaccount.wallet,
        asset=asset,
        quantity=size if kind in _INTO else size.copy_negate(),
        applied=take_block(record, "createdAtHeight") <= subaccount.height,
        kind=_INTO.get(kind) or _OUT_OF[kind],
        reference=f"{record.text('transactionHash')}/{subaccount.wallet}/{asset}",
        since=record.time("createdAt"),
    )
