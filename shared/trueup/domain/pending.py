"""Rules 2 and 5: what is in flight at one key, and whether it explains a difference."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nsmallest
from itertools import combinations

from .amounts import ZERO
from .models import Pending
from .policy import Tolerance
from .tolerance import within

LARGEST = 12
"""Of one-sided items, how many are tried in combinations; with at most three at a time that is 298 tries."""
AT_MOST = 3


@dataclass(frozen=True, slots=True)
class OneSided:
    """An item that one side lists, by what taking it for true does to the difference and to the book."""

    size: Decimal
    reference: str | None
    to_difference: Decimal
    to_book: Decimal


@dataclass(frozen=True, slots=True)
class InFlight:
    """What is in flight at one key, as the venue and one reading of the book see it.

    `moves` is what items both list take off the venue's amount, `to_book` what they add to the book that it has not
    applied, `references` names those that move anything. An item both sides have applied, or neither, moves nothing.
    """

    moves: Decimal
    to_book: Decimal
    moved: bool
    references: tuple[str, ...]
    one_sided: tuple[OneSided, ...]


def in_flight(at_venue: Sequence[Pending], in_book: Sequence[Pending], is_young: Callable[[Pending], bool]) -> InFlight:
    """Match the items of one key by reference. `is_young` tells which may explain something by themselves."""
    books: dict[str | None, Pending] = {item.reference: item for item in in_book if item.reference is not None}
    moves = to_book = ZERO
    references: list[str] = []
    one_sided: list[OneSided] = []
    for item in at_venue:
        ours = books.pop(item.reference, None)
        if ours is None:
            if is_young(item):
                one_sided.append(_one_sided(item, in_venue_only=item.applied))
        elif item.applied != ours.applied and item.quantity:
            moves += item.quantity if item.applied else -item.quantity
            to_book += item.quantity if item.applied else ZERO
            references.append(ours.reference or "")
    unmatched = (item for item in in_book if item.reference is None or item.reference in books)
    one_sided += (_one_sided(item, in_venue_only=not item.applied) for item in unmatched if is_young(item))
    return InFlight(moves, to_book, bool(references), tuple(references), tuple(one_sided))


def explain(
    flying: InFlight, difference: Decimal, book: Decimal, price: Decimal | None, tolerance: Tolerance
) -> tuple[str, ...] | None:
    """Name the one-sided items that leave a difference within tolerance: all, else the first of 1, 2 or 3 together.

    `difference` is what the items both sides list have left, from `book` as stated. The first is the one of fewest
    items, then of the smallest rest, then of the first references. None when nothing explains it; items without a
    reference explain without being named. Call it inside the EXACT context (`amounts`).
    """
    book += flying.to_book

    def rest(used: Iterable[OneSided]) -> Decimal | None:
        left, whole = difference, book
        for item in used:
            left += item.to_difference
            whole += item.to_book
        size = abs(left)
        worth = None if price is None else size * price
        return None if within(size, whole, worth, tolerance) is None else size

    everything = flying.one_sided
    if not everything:
        return None
    if rest(everything) is not None:
        return _names(everything)
    largest = nsmallest(LARGEST, everything, key=_largest_first)
    for count in range(1, AT_MOST + 1):
        tried = ((rest(used), used) for used in combinations(largest, count))
        explaining = [(left, _sorted_references(used), used) for left, used in tried if left is not None]
        if explaining:
            return _names(min(explaining, key=lambda found: found[:2])[2])
    return None


def _one_sided(item: Pending, *, in_venue_only: bool) -> OneSided:
    """State an item's effect; `in_venue_only`: it is in the venue's total and not in the book's, or the reverse."""
    if in_venue_only:
        return OneSided(abs(item.quantity), item.reference, -item.quantity, item.quantity)
    return OneSided(abs(item.quantity), item.reference, item.quantity, ZERO)


def _largest_first(item: OneSided) -> tuple[Decimal, str, Decimal, Decimal]:
    return -item.size, item.reference or "", item.to_difference, item.to_book


def _sorted_references(used: Iterable[OneSided]) -> tuple[str, ...]:
    return tuple(sorted(item.reference or "" for item in used))


def _names(used: Iterable[OneSided]) -> tuple[str, ...]:
    return tuple(item.reference for item in used if item.reference is not None)
