"""Rule 10: what a break looks like, from all accounts of a run. A hint never changes what is said about how bad it is.

Four of the design's five hints. Whether a difference equals unrealised profit cannot be known: a snapshot has none.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from itertools import groupby
from typing import NamedTuple

from .amounts import EXACT, ZERO
from .models import Observation
from .policy import Policy
from .report import AccountReport, Cause, Hint, Line, Outcome


class Place(NamedTuple):
    """A key of an account."""

    account_id: str
    wallet: str
    asset: str


@dataclass(frozen=True, slots=True)
class Known:
    """What hints are drawn from besides the reports of the run."""

    venues: Mapping[str, str]
    """The venue of each account."""
    aliases: Mapping[str, Mapping[str, str]]
    """By venue: other names, and earn and staked forms, each with the asset it is one of."""
    held: Mapping[Place, tuple[Decimal, ...]]
    """What each side holds in open orders where there is a break: `held_at_breaks` of each observation."""
    earlier: Mapping[str, AccountReport]
    """The report before this one, of the accounts that have one: the book's change is counted from there."""


class _Break(NamedTuple):
    place: Place
    line: Line
    difference: Decimal


def held_at_breaks(observation: Observation, report: AccountReport) -> dict[Place, tuple[Decimal, ...]]:
    """Pick what is held in open orders at each break of a total: all that is needed of an observation later."""
    broken = {found.place for found in _breaks(report)}
    held: dict[Place, tuple[Decimal, ...]] = {}
    for side in (observation.snapshot, observation.book, observation.book_after):
        for holding in side.holdings if side is not None else ():
            if holding.held:
                place = Place(report.account_id, holding.wallet, holding.asset)
                if place in broken:
                    held[place] = (*held.get(place, ()), holding.held)
    return held


def correlate(reports: Sequence[AccountReport], known: Known, policy: Policy) -> tuple[AccountReport, ...]:
    """Add to each break of a total the first cause that fits: transfer, alias, fee, open order.

    A surplus and a shortfall are paired once: of two accounts that miss what a third has too much, one gets the hint.
    The same reports in any order give the same causes. Its time grows with the breaks, not with their pairs.
    """
    with localcontext(EXACT):
        breaks = sorted((found for report in reports for found in _breaks(report)), key=lambda found: found.place)
        causes: dict[Place, Cause] = {}
        for place, other in _transfers(breaks):
            causes |= {place: Cause(Hint.TRANSFER, *other), other: Cause(Hint.TRANSFER, *place)}
        for place, other in _aliases([found for found in breaks if found.place not in causes], known):
            causes |= {place: Cause(Hint.ALIAS, *other), other: Cause(Hint.ALIAS, *place)}
        causes |= _own_causes([found for found in breaks if found.place not in causes], known, policy)
    return tuple(_with_causes(report, causes) for report in reports)


def _breaks(report: AccountReport) -> Iterator[_Break]:
    for line in report.lines:
        if line.outcome is Outcome.BREAK and line.field == "total" and line.difference is not None:
            yield _Break(Place(report.account_id, line.wallet or "", line.asset or ""), line, line.difference)


def _with_causes(report: AccountReport, causes: Mapping[Place, Cause]) -> AccountReport:
    hints = {found.place: causes[found.place] for found in _breaks(report) if found.place in causes}
    if not hints:
        return report

    def hinted(line: Line) -> Line:
        place = Place(report.account_id, line.wallet or "", line.asset or "")
        return replace(line, cause=hints[place]) if line.field == "total" and place in hints else line

    return replace(report, lines=tuple(hinted(line) for line in report.lines))


def _transfers(breaks: Sequence[_Break]) -> Iterator[tuple[Place, Place]]:
    """Pair what is opposite in the same asset: between wallets of one account first, then between accounts."""
    paired: set[Place] = set()
    for group in (_account_asset, _asset):
        for pair in _opposite((found for found in breaks if found.place not in paired), group):
            paired.update(pair)
            yield pair


def _aliases(breaks: Sequence[_Break], known: Known) -> Iterator[tuple[Place, Place]]:
    """Pair what is opposite between names of one asset in one account."""

    def form_of(found: _Break) -> Hashable:
        account_id, _, asset = found.place
        forms = known.aliases.get(known.venues.get(account_id, ""), {})
        return account_id, forms.get(asset, asset)

    return _opposite(breaks, form_of)


def _account_asset(found: _Break) -> Hashable:
    return found.place.account_id, found.place.asset


def _asset(found: _Break) -> Hashable:
    return found.place.asset


def _opposite(breaks: Iterable[_Break], group: Callable[[_Break], Hashable]) -> Iterator[tuple[Place, Place]]:
    """Pair surpluses and shortfalls of exactly one size within a group, in the order they come."""
    shortfalls: defaultdict[Hashable, list[Place]] = defaultdict(list)
    surpluses: defaultdict[Hashable, list[Place]] = defaultdict(list)
    for found in breaks:
        side = surpluses if found.difference > 0 else shortfalls
        side[group(found), abs(found.difference)].append(found.place)
    for size, places in shortfalls.items():
        yield from zip(places, surpluses.get(size, ()), strict=False)  # what has no partner is left out


def _own_causes(breaks: Sequence[_Break], known: Known, policy: Policy) -> Iterator[tuple[Place, Cause]]:
    """Find what each line by itself gives away: its book's change, its open orders. `breaks` come by account."""
    for account_id, found_there in groupby(breaks, key=lambda found: found.place.account_id):
        venue, earlier = known.venues.get(account_id, ""), known.earlier.get(account_id)
        limits, fractions = policy.limits(account_id, venue), policy.fee_fractions(account_id, venue)
        books = None if earlier is None else _books(earlier)
        for place, line, difference in found_there:
            size = abs(difference)
            slack = limits(place.asset).tolerance.quantity.value
            changes = _changes(line, books, earlier)
            fee = next((share for share in fractions if any(abs(size - share * it) <= slack for it in changes)), None)
            if fee is not None:
                yield place, Cause(Hint.FEE, fraction=fee)
            elif size in known.held.get(place, ()):
                yield place, Cause(Hint.OPEN_ORDER)


def _books(report: AccountReport) -> dict[tuple[str | None, str | None], Decimal | None]:
    return {(line.wallet, line.asset): line.book_after for line in report.lines if line.field == "total"}


def _changes(
    line: Line, books: Mapping[tuple[str | None, str | None], Decimal | None] | None, earlier: AccountReport | None
) -> list[Decimal]:
    """Say by how much the book changed: while we looked, and since the report before; as sizes."""
    if line.book is None or line.book_after is None:
        return []
    since = [line.book]
    if books is not None and earlier is not None:
        # A key that a verified report does not have was zero; that of an unverified one is unknown.
        before = books.get((line.wallet, line.asset), ZERO if earlier.verified else None)
        since += [] if before is None else [before]
    return [abs(line.book_after - before) for before in since]
