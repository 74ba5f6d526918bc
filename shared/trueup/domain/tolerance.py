"""Rule 4: what is not worth saying, and by whose rule."""

from decimal import Decimal

from .policy import Tolerance
from .report import Rule


def within(size: Decimal, book: Decimal, worth: Decimal | None, tolerance: Tolerance) -> Rule | None:
    """Return the first rule that lets a difference of this size pass; None when it is beyond tolerance.

    `worth` is gross in the base currency, None when the asset has no price. A limit reached exactly is within.
    """
    quantity = tolerance.quantity
    if size <= quantity.value:
        return Rule("quantity", quantity.value, quantity.origin)
    floor = tolerance.value_floor
    if worth is not None and worth <= floor.value:
        return Rule("value_floor", floor.value, floor.origin)
    relative = tolerance.relative
    if abs(book) > quantity.value and size <= relative.value * abs(book):
        if worth is None:
            return Rule("relative", relative.value, relative.origin, cap_unchecked=True)
        if worth <= tolerance.value_cap.value:
            return Rule("relative", relative.value, relative.origin)
    return None
