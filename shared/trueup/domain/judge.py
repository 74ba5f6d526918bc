"""Rule 2: one amount of the venue, judged against the two readings of the book."""

from dataclasses import dataclass
from decimal import Decimal

from .policy import Bands, Tolerance
from .reasons import Severity
from .report import Kind, Outcome
from .severity import kind_of, severity_of
from .tolerance import within


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of it. `difference` is venue minus `against`, the nearer of the two readings."""

    outcome: Outcome
    difference: Decimal
    against: Decimal
    kind: Kind | None = None
    severity: Severity = Severity.OK


def judge(
    field: str,
    venue: Decimal,
    before: Decimal,
    after: Decimal,
    price: Decimal | None,
    tolerance: Tolerance,
    bands: Bands,
    *,
    prices_usable: bool,
) -> Judged:
    """Judge an amount: the nearer reading decides whether it is a break, the worse reading decides how bad.

    `field` is "total" or "held"; `price` is in the base currency, None when the asset has none. Call it inside the
    EXACT context (`amounts`), as `compare` does.
    """
    from_before, from_after = venue - before, venue - after
    difference, book = (from_before, before) if abs(from_before) <= abs(from_after) else (from_after, after)
    if before != after and not _same_sign(from_before, from_after):
        return Judged(Outcome.IN_MOTION, difference, book)
    if difference == 0:
        return Judged(Outcome.EXACT, difference, book)
    worth = None if price is None else abs(difference) * price
    if within(difference, book, worth, tolerance) is not None:
        return Judged(Outcome.WITHIN_TOLERANCE if before == after else Outcome.IN_MOTION, difference, book)

    def how_bad(difference: Decimal, book: Decimal) -> tuple[Kind, Severity]:
        kind = kind_of(venue, book, tolerance.quantity.value)
        if field == "held":
            # An open order is not a loss: what is held is still there.
            return kind, Severity.MINOR
        worth = None if price is None else abs(difference) * price
        return kind, severity_of(kind, difference, book, worth, bands, prices_usable=prices_usable)

    by_before, by_after = how_bad(from_before, before), how_bad(from_after, after)
    kind, severity = by_after if by_after[1] > by_before[1] else by_before
    return Judged(Outcome.BREAK, difference, book, kind, severity)


def _same_sign(one: Decimal, other: Decimal) -> bool:
    return (one > 0 and other > 0) or (one < 0 and other < 0)
