"""Rule 2: one amount of the venue, judged against the two readings of the book."""

from decimal import Decimal
from typing import NamedTuple

from .policy import Limits
from .reasons import Severity
from .report import Kind, Outcome, Rule
from .severity import kind_of, severity_of
from .tolerance import within


class Bound(NamedTuple):
    """The venue's amount without what both sides list as in flight, and the reading of the book it is held against."""

    venue: Decimal
    book: Decimal


class Judged(NamedTuple):
    """What came of it. `difference` is the venue's amount minus `against`, the nearer of the two readings."""

    outcome: Outcome
    difference: Decimal
    against: Decimal
    nearer_is_first: bool
    kind: Kind | None = None
    severity: Severity = Severity.OK
    rule: Rule | None = None


def judge(
    field: str, first: Bound, second: Bound, price: Decimal | None, limits: Limits, *, prices_usable: bool
) -> Judged:
    """Judge an amount: the nearer reading decides whether it is a break, the worse reading decides how bad.

    `field` is "total" or "held"; `price` is in the base currency, None when the asset has none. Call it inside the
    EXACT context (`amounts`), as `compare` does.
    """
    from_first, from_second = first.venue - first.book, second.venue - second.book
    nearer_is_first = abs(from_first) <= abs(from_second)
    difference, book = (from_first, first.book) if nearer_is_first else (from_second, second.book)
    # Where what is in flight accounts for all that the book changed in between, the two readings say the same.
    moving = from_first != from_second
    if moving and not _same_sign(from_first, from_second):
        return Judged(Outcome.IN_MOTION, difference, book, nearer_is_first)
    if difference == 0:
        return Judged(Outcome.EXACT, difference, book, nearer_is_first)
    worth = None if price is None else abs(difference) * price
    rule = within(difference, book, worth, limits.tolerance)
    if rule is not None:
        if moving:
            return Judged(Outcome.IN_MOTION, difference, book, nearer_is_first)
        return Judged(Outcome.WITHIN_TOLERANCE, difference, book, nearer_is_first, rule=rule)

    def how_bad(bound: Bound, difference: Decimal) -> tuple[Kind, Severity]:
        kind = kind_of(bound.venue, bound.book, limits.tolerance.quantity.value)
        if field == "held":
            # An open order is not a loss: what is held is still there.
            return kind, Severity.MINOR
        worth = None if price is None else abs(difference) * price
        return kind, severity_of(kind, difference, bound.book, worth, limits.bands, prices_usable=prices_usable)

    kind, severity = how_bad(first, from_first)
    if first != second:
        worse = how_bad(second, from_second)
        if worse[1] > severity:
            kind, severity = worse
    return Judged(Outcome.BREAK, difference, book, nearer_is_first, kind, severity)


def _same_sign(one: Decimal, other: Decimal) -> bool:
    return (one > 0 and other > 0) or (one < 0 and other < 0)
