"""One key of an account, compared: the lines it becomes (rules 2 to 7)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from .amounts import ZERO
from .judge import Bound, Judged, judge
from .models import Book, Holding, Pending, Snapshot
from .pending import InFlight, explain, in_flight
from .policy import Limits
from .report import Key, Line, Outcome, State, break_id
from .valuation import price_asset_of, share


class Stated(NamedTuple):
    """What each side states of one field of a key, and what a unit is worth."""

    key: Key
    field: str
    venue: Decimal
    before: Decimal
    after: Decimal
    price: Decimal | None


class KeyLines:
    """Compares key by key, inside the EXACT context.

    `prices` are those of a usable set in the base currency `base`, None without one. `limits` resolves the policy for
    an asset of this account.
    """

    def __init__(
        self, account_id: str, limits: Callable[[str], Limits], prices: Mapping[str, Decimal] | None, base: str
    ) -> None:
        self._account_id = account_id
        self._limits = limits
        self._prices = prices
        self._base = base

    def held(self, key: Key, here: Holding | None, was: Holding | None, became: Holding | None) -> Line | None:
        """Compare what is held in open orders; None where one of the sides does not state it."""
        if here is None or was is None or became is None:
            return None
        if here.held is None or was.held is None or became.held is None:
            return None
        return self._line(key, "held", here.held, was.held, became.held, self._price(key[1], here, was, became))

    def total(
        self,
        key: Key,
        here: Holding | None,
        was: Holding | None,
        became: Holding | None,
        flying: tuple[InFlight, InFlight] | None,
    ) -> Line:
        """Compare the total: the holding at the venue, and in the two readings of the book; None counts as zero.

        `flying` is what is in flight at this key, seen with each reading; None where nothing is.
        """
        venue = here.total if here is not None else ZERO
        before = was.total if was is not None else ZERO
        after = became.total if became is not None else ZERO
        price = self._price(key[1], here, was, became)
        if flying is not None:
            return self._line_in_flight(Stated(key, "total", venue, before, after, price), *flying)
        return self._line(key, "total", venue, before, after, price)

    def _line(
        self, key: Key, field: str, venue: Decimal, before: Decimal, after: Decimal, price: Decimal | None
    ) -> Line:
        if venue == before == after:
            # What nearly every line is: as below, without asking for limits that cannot matter.
            relative = ZERO if before else None
            worth = None if price is None else ZERO
            return Line(*key, field, Outcome.EXACT, before, after, venue, ZERO, relative, price, worth)
        stated = Stated(key, field, venue, before, after, price)
        return self._written(stated, self._judge(stated))

    def _line_in_flight(self, stated: Stated, first: InFlight, second: InFlight) -> Line:
        """Judge a total without what both sides list, and let items that one side lists explain what is left.

        What agrees because of items, and would be a break without any, is `explained`, and shows that break's numbers.
        """
        judged = self._judge(stated, first.moves, second.moves)
        seen = first if judged.nearer_is_first else second
        used: tuple[str, ...] | None = None
        if judged.outcome is Outcome.BREAK:
            limits = self._limits(stated.key[1])
            used = explain(seen, judged.difference, judged.against, stated.price, limits.tolerance)
        elif judged.outcome is not Outcome.IN_MOTION:
            used = ()
        if used is not None:
            plain = self._judge(stated)
            if plain.outcome is Outcome.BREAK:
                return self._written(stated, plain, explained_by=tuple(sorted((*seen.references, *used))))
            if judged.outcome is Outcome.BREAK:
                judged = plain  # it agrees with all items, and with none
        return self._written(stated, judged)

    def _judge(self, stated: Stated, first_moves: Decimal = ZERO, second_moves: Decimal = ZERO) -> Judged:
        """Judge what is stated, less what items in flight account for."""
        key, field, venue, before, after, price = stated
        return judge(
            field,
            Bound(venue - first_moves, before),
            Bound(venue - second_moves, after),
            price,
            self._limits(key[1]),
            prices_usable=self._prices is not None,
        )

    def _written(self, stated: Stated, judged: Judged, *, explained_by: tuple[str, ...] | None = None) -> Line:
        key, field, venue, before, after, price = stated
        size = abs(judged.difference)
        worth = None if price is None else size * price
        amounts = (before, after, venue, judged.difference, share(size, abs(judged.against)), price, worth)
        if explained_by is not None:
            return Line(
                *key,
                field,
                Outcome.EXPLAINED,
                *amounts,
                severity_if_unexplained=judged.severity,
                references=explained_by,
            )
        if judged.outcome is not Outcome.BREAK:
            return Line(*key, field, judged.outcome, *amounts, rule=judged.rule)
        return Line(
            *key,
            field,
            Outcome.BREAK,
            *amounts,
            kind=judged.kind,
            severity=judged.severity,
            break_id=break_id(self._account_id, *key, field),
            state=State.UNCONFIRMED,
            streak=1,
        )

    def _price(self, asset: str, here: Holding | None, was: Holding | None, became: Holding | None) -> Decimal | None:
        name = (
            (here is not None and here.price_asset)
            or (was is not None and was.price_asset)
            or (became is not None and became.price_asset)
            or price_asset_of(asset)
        )
        if name == self._base:
            return Decimal(1)
        return None if self._prices is None else self._prices.get(name)


def flights(
    snapshot: Snapshot, before: Book, after: Book, compared: frozenset[str], max_age: timedelta
) -> dict[Key, tuple[InFlight, InFlight]]:
    """Say what is in flight at each key of the wallets that are compared, as seen with each reading of the book."""
    if not (snapshot.pending or before.pending or after.pending):
        return {}
    sides = tuple(_by_key(side.pending, compared) for side in (snapshot, before, after))
    venue, first, second = sides

    def is_young(item: Pending) -> bool:
        return _is_young(item, snapshot.observed_at, max_age)

    return {
        key: (
            in_flight(venue.get(key, ()), first.get(key, ()), is_young),
            in_flight(venue.get(key, ()), second.get(key, ()), is_young),
        )
        for key in set().union(*sides)
    }


def _is_young(item: Pending, now: datetime, max_age: timedelta) -> bool:
    # Of unknown age it could have been there for ever, and would hide a break for ever.
    return item.since is not None and now - item.since < max_age


def _by_key(items: tuple[Pending, ...], compared: frozenset[str]) -> dict[Key, list[Pending]]:
    found: dict[Key, list[Pending]] = {}
    for item in items:
        if item.wallet in compared:
            found.setdefault((item.wallet, item.asset), []).append(item)
    return found
