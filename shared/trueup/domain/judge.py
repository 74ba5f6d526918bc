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
    nearer_is_first: bool
    rule: Rule | None = None
    kind: Kind | None = None
    severity: Severity = Severity.OK


class Judge(NamedTuple):
    """What an amount is judged by. Ask it inside the EXACT context (`amounts`), as `compare` does.

    `field` is "total" or "held"; `price` is in the base currency, None when the asset has none.
    """

    field: str
    price: Decimal | None
    limits: Limits
    prices_usable: bool

    def of_one(self, venue: Decimal, book: Decimal, *, first: bool = True) -> Judged:
        """Judge an amount against one reading of the book; `first` says which."""
        difference = venue - book
        size = abs(difference)
        worth = self._worth(size)
        if not size:
            return Judged(Outcome.EXACT, difference, book, worth, first)
        rule = within(size, book, worth, self.limits.tolerance)
        if rule is not None:
            return Judged(Outcome.WITHIN_TOLERANCE, difference, book, worth, first, rule)
        return Judged(Outcome.BREAK, difference, book, worth, first, None, *self._how_bad(venue, book))

    def of_two(self, first: Bound, second: Bound) -> Judged:
        """Judge an amount: the nearer reading decides whether it is a break, the worse reading decides how bad."""
        from_first, from_second = first.venue - first.book, second.venue - second.book
        nearer_is_first = abs(from_first) <= abs(from_second)
        difference, book = (from_first, first.book) if nearer_is_first else (from_second, second.book)
        # Where what is in flight accounts for all that the book changed in between, the two readings say the same.
        moving = from_first != from_second
        if moving and not _same_sign(from_first, from_second):
            return Judged(Outcome.IN_MOTION, difference, book, self._worth(abs(difference)), nearer_is_first)
        nearer = first if nearer_is_first else second
        judged = self.of_one(nearer.venue, book, first=nearer_is_first)
        if judged.outcome is not Outcome.BREAK:
            return judged if not moving else Judged(Outcome.IN_MOTION, difference, book, judged.worth, nearer_is_first)
        kind, severity = max((self._how_bad(*bound) for bound in (first, second)), key=lambda found: found[1])
        return Judged(Outcome.BREAK, difference, book, judged.worth, nearer_is_first, None, kind, severity)

    def _how_bad(self, venue: Decimal, book: Decimal) -> tuple[Kind, Severity]:
        kind = kind_of(venue, book, self.limits.tolerance.quantity.value)
        if self.field == "held":
            # An open order is not a loss: what is held is still there.
            return kind, Severity.MINOR
        size = abs(venue - book)
        worth = self._worth(size)
        return kind, severity_of(kind, size, book, worth, self.limits.bands, prices_usable=self.prices_usable)

    def _worth(self, size: Decimal) -> Decimal | None:
        return None if self.price is None else size * self.price


def _same_sign(one: Decimal, other: Decimal) -> bool:
    return (one > 0 and other > 0) or (one < 0 and other < 0)
