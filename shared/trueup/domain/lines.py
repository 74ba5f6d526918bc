"""One wallet of an account, compared asset by asset: the lines it becomes (rules 2 to 7)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from .amounts import ZERO
from .judge import Bound, Judge, Judged
from .models import Book, Holding, Pending, Snapshot
from .pending import InFlight, explain, in_flight
from .policy import Limits
from .report import Line, Outcome, State, break_id
from .valuation import price_asset_of, share

Flights = Mapping[str, tuple[InFlight, InFlight]]
"""What is in flight in a wallet, by asset: as seen with each reading of the book."""

NOTHING = Holding("", "", ZERO)
"""Stands for a key that a side does not have: it counts as zero, and nothing else is known of it."""


class Stated(NamedTuple):
    """What each side states of one field of an asset."""

    asset: str
    field: str
    venue: Decimal
    before: Decimal
    after: Decimal


class WalletLines:
    """Compares a wallet asset by asset, inside the EXACT context.

    `prices` are in the base currency, and have its own: those of a usable set, or none besides. `limits` resolves the
    policy for an asset of this account.
    """

    def __init__(
        self,
        account_id: str,
        wallet: str,
        limits: Callable[[str], Limits],
        prices: Mapping[str, Decimal],
        *,
        prices_usable: bool,
    ) -> None:
        self._account_id = account_id
        self._wallet = wallet
        self._limits = limits
        self._prices = prices
        self._prices_usable = prices_usable

    def lines(
        self, here: Mapping[str, Holding], was: Mapping[str, Holding], became: Mapping[str, Holding], flying: Flights
    ) -> Iterator[Line]:
        """Compare what is `here` at the venue with what `was` in the book before and `became` of it after, by asset.

        What is held in open orders is a line of its own where all three state it.
        """
        moved = (asset for asset, (first, second) in flying.items() if first.moved or second.moved)
        for asset in sorted({*here, *was, *became, *moved}):
            venue, before, after = here.get(asset, NOTHING), was.get(asset, NOTHING), became.get(asset, NOTHING)
            priced_as = venue.price_asset or before.price_asset or after.price_asset or price_asset_of(asset)
            price = self._prices.get(priced_as)
            if venue.held is not None and before.held is not None and after.held is not None:
                yield self._line(asset, "held", venue.held, before.held, after.held, price)
            yield self._line(asset, "total", venue.total, before.total, after.total, price, flying.get(asset))

    def _line(
        self,
        asset: str,
        field: str,
        venue: Decimal,
        before: Decimal,
        after: Decimal,
        price: Decimal | None,
        flying: tuple[InFlight, InFlight] | None = None,
    ) -> Line:
        if venue == before == after and flying is None:
            # What nearly every line is: as below, without asking for limits that cannot matter.
            relative = ZERO if before else None
            worth = None if price is None else ZERO
            return Line(self._wallet, asset, field, Outcome.EXACT, before, after, venue, ZERO, relative, price, worth)
        stated = Stated(asset, field, venue, before, after)
        judge = Judge(field, price, self._limits(asset), self._prices_usable)
        if flying is not None:
            return self._line_in_flight(stated, judge, *flying)
        return self._written(stated, price, _judged(stated, judge))

    def _line_in_flight(self, stated: Stated, judge: Judge, first: InFlight, second: InFlight) -> Line:
        """Judge a total without what both sides list, and let items that one side lists explain what is left.

        What agrees because of items, and would be a break without any, is `explained`, and shows that break's numbers.
        """
        judged = judge.of_two(
            Bound(stated.venue - first.moves, stated.before), Bound(stated.venue - second.moves, stated.after)
        )
        seen = first if judged.nearer_is_first else second
        used: tuple[str, ...] | None = None
        if judged.outcome is Outcome.BREAK:
            used = explain(seen, judged.difference, judged.against, judge.price, judge.limits.tolerance)
        elif judged.outcome is not Outcome.IN_MOTION:
            used = ()
        if used is not None:
            plain = _judged(stated, judge)
            if plain.outcome is Outcome.BREAK:
                return self._written(stated, judge.price, plain, explained_by=tuple(sorted((*seen.references, *used))))
            if judged.outcome is Outcome.BREAK:
                judged = plain  # it agrees with all items, and with none
        return self._written(stated, judge.price, judged)

    def _written(
        self, stated: Stated, price: Decimal | None, judged: Judged, *, explained_by: tuple[str, ...] | None = None
    ) -> Line:
        asset, field, venue, before, after = stated
        relative = share(abs(judged.difference), abs(judged.against))
        amounts = (before, after, venue, judged.difference, relative, price, judged.worth)
        if explained_by is not None:
            return Line(
                self._wallet,
                asset,
                field,
                Outcome.EXPLAINED,
                *amounts,
                severity_if_unexplained=judged.severity,
                references=explained_by,
            )
        if judged.outcome is not Outcome.BREAK:
            return Line(self._wallet, asset, field, judged.outcome, *amounts, rule=judged.rule)
        return Line(
            self._wallet,
            asset,
            field,
            Outcome.BREAK,
            *amounts,
            kind=judged.kind,
            severity=judged.severity,
            break_id=break_id(self._account_id, self._wallet, asset, field),
            state=State.UNCONFIRMED,
            streak=1,
        )


def _judged(stated: Stated, judge: Judge) -> Judged:
    """Judge what is stated, whatever is in flight."""
    if stated.before == stated.after:
        return judge.of_one(stated.venue, stated.before)
    return judge.of_two(Bound(stated.venue, stated.before), Bound(stated.venue, stated.after))


def flights(
    snapshot: Snapshot, before: Book, after: Book, compared: frozenset[str], max_age: timedelta
) -> Mapping[str, Flights]:
    """Say what is in flight in each wallet that is compared, as seen with each reading of the book."""
    if not (snapshot.pending or before.pending or after.pending):
        return {}
    sides = tuple(_by_key(side.pending, compared) for side in (snapshot, before, after))
    venue, first, second = sides

    def is_young(item: Pending) -> bool:
        return _is_young(item, snapshot.observed_at, max_age)

    found: defaultdict[str, dict[str, tuple[InFlight, InFlight]]] = defaultdict(dict)
    for key in set().union(*sides):
        wallet, asset = key
        found[wallet][asset] = (
            in_flight(venue.get(key, ()), first.get(key, ()), is_young),
            in_flight(venue.get(key, ()), second.get(key, ()), is_young),
        )
    return found


def _is_young(item: Pending, now: datetime, max_age: timedelta) -> bool:
    # Of unknown age it could have been there for ever, and would hide a break for ever.
    return item.since is not None and now - item.since < max_age


def _by_key(items: tuple[Pending, ...], compared: frozenset[str]) -> dict[tuple[str, str], list[Pending]]:
    found: dict[tuple[str, str], list[Pending]] = {}
    for item in items:
        if item.wallet in compared:
            found.setdefault((item.wallet, item.asset), []).append(item)
    return found
