"""Rule 2: one amount of the venue, judged against the readings of the book."""

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
    worth: Decimal | None
    """What the size of the difference is worth in the base currency; None when the asset has no price."""
    kind: Kind | None = None
    severity: Severity = Severity.OK
    rule: Rule | None = None
    nearer_is_first: bool = True


class Judge(NamedTuple):
    """What an amount is judged by. Ask it inside the EXACT context (`amounts`), as `compare` does.

    `field` is "total" or "held"; `price` is in the base currency, None when the asset has none.
    """

    field: str
    price: Decimal | None
    limits: Limits
    prices_usable: bool

    def of_one(self, venue: Decimal, book: Decimal) -> Judged:
        """Judge an amount against one reading of the book."""
        difference = venue - book
        size = abs(difference)
        worth = None if self.price is None else size * self.price
        if not difference:
            return Judged(Outcome.EXACT, difference, book, worth)
        rule = within(size, book, worth, self.limits.tolerance)
        if rule is not None:
            return Judged(Outcome.WITHIN_TOLERANCE, difference, book, worth, rule=rule)
        return Judged(Outcome.BREAK, difference, book, worth, *self._how_bad(venue, book))

    def of_two(self, first: Bound, second: Bound) -> Judged:
        """Judge an amount: the nearer reading decides whether it is a break, the worse reading decides how bad."""
        if first == second:
            return self.of_one(*first)
        from_first, from_second = first.venue - first.book, second.venue - second.book
        nearer_is_first = abs(from_first) <= abs(from_second)
        judged = self.of_one(*(first if nearer_is_first else second))._replace(nearer_is_first=nearer_is_first)
        is_break = judged.outcome is Outcome.BREAK
        # Where what is in flight accounts for all that the book changed in between, the two readings say the same.
        if from_first != from_second and not (is_break and _same_sign(from_first, from_second)):
            return judged._replace(outcome=Outcome.IN_MOTION, kind=None, severity=Severity.OK, rule=None)
        if not is_break:
            return judged
        kind, severity = max((self._how_bad(*bound) for bound in (first, second)), key=lambda found: found[1])
        return judged._replace(kind=kind, severity=severity)

    def _how_bad(self, venue: Decimal, book: Decimal) -> tuple[Kind, Severity]:
        kind = kind_of(venue, book, self.limits.tolerance.quantity.value)
        if self.field == "held":
            # An open order is not a loss: what is held is still there.
            return kind, Severity.MINOR
        size = abs(venue - book)
        worth = None if self.price is None else size * self.price
        return kind, severity_of(kind, size, book, worth, self.limits.bands, prices_usable=self.prices_usable)


def _same_sign(one: Decimal, other: Decimal) -> bool:
    return (one > 0 and other > 0) or (one < 0 and other < 0)
