"""The rules of comparing as they stand today, written a second time and as plainly as they can be.

Nothing here comes from the product: what it says is judged by this, so that a mistake in it cannot excuse itself.
Default policy only, amounts without `held`, no pending items.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

SEVERITIES = ("OK", "MINOR", "MAJOR", "CRITICAL")
QUANTITY, RELATIVE, FLOOR, CAP = Decimal("1e-8"), Decimal("0.001"), Decimal(1), Decimal(1000)

Key = tuple[str, str]
Holdings = Mapping[Key, Decimal]
"""By wallet and asset; what is not there is zero."""


@dataclass(frozen=True)
class Line:
    """What has to be said of one key."""

    wallet: str | None
    asset: str | None
    field: str
    book: Decimal | None
    book_after: Decimal | None
    venue: Decimal | None
    difference: Decimal | None
    outcome: str
    kind: str | None
    severity: str | None


EMPTY = Line(None, None, "account", None, None, None, None, "break", "account_empty", "CRITICAL")


def lines_of(venue: Holdings, before: Holdings, after: Holdings, prices: Mapping[str, Decimal] | None) -> list[Line]:
    """One line for each key either side knows. `prices` None: no usable price set."""
    keys = sorted(
        {key for key, amount in venue.items() if amount} | {key for side in (before, after) for key in side},
    )
    return [
        _line(key, venue.get(key, Decimal(0)), before.get(key, Decimal(0)), after.get(key, Decimal(0)), prices)
        for key in keys
    ]


def worst(lines: list[Line]) -> str:
    """The status these lines give."""
    return max((line.severity or "OK" for line in lines), key=SEVERITIES.index, default="OK")


def _line(key: Key, venue: Decimal, before: Decimal, after: Decimal, prices: Mapping[str, Decimal] | None) -> Line:
    price = None if prices is None else prices.get(key[1].partition("-")[0])
    from_before, from_after = venue - before, venue - after
    nearer, book = (from_before, before) if abs(from_before) <= abs(from_after) else (from_after, after)
    moved = before != after
    kind, severity = None, "OK"
    if moved and from_before * from_after <= 0:
        outcome = "in_motion"
    elif nearer == 0:
        outcome = "exact"
    elif _within(nearer, book, price):
        outcome = "in_motion" if moved else "within_tolerance"
    else:
        outcome = "break"
        judged = [_how_bad(venue, bound, price, prices is not None) for bound in (before, after)]
        kind, severity = judged[1] if _rank(judged[1][1]) > _rank(judged[0][1]) else judged[0]
    return Line(*key, "total", before, after, venue, nearer, outcome, kind, severity)


def _within(difference: Decimal, book: Decimal, price: Decimal | None) -> bool:
    size = abs(difference)
    if size <= QUANTITY or (price is not None and size * price <= FLOOR):
        return True
    return abs(book) > QUANTITY and size <= RELATIVE * abs(book) and (price is None or size * price <= CAP)


def _how_bad(venue: Decimal, book: Decimal, price: Decimal | None, priced: bool) -> tuple[str, str]:
    size, share = abs(venue - book), abs(book)
    if abs(venue) > QUANTITY and abs(book) > QUANTITY and (venue > 0) != (book > 0):
        kind, severity = "sign_flip", "CRITICAL"
    elif abs(venue) <= QUANTITY:
        kind, severity = "missing_at_venue", "CRITICAL"
    elif abs(book) <= QUANTITY:
        kind, severity = "unexpected_at_venue", "MAJOR"
    else:
        kind = "quantity"
        severity = "MINOR" if size < share * 5 / 100 else "MAJOR" if size <= share * 20 / 100 else "CRITICAL"
    if price is None:
        return kind, "MAJOR" if priced and severity == "CRITICAL" else severity
    worth = size * price
    if worth < 10:
        return kind, min(severity, "MINOR", key=_rank)
    if worth >= 10_000:
        return kind, "CRITICAL"
    return kind, max(severity, "MAJOR", key=_rank) if worth >= 1000 else severity


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity)
