"""Days of a history, and the sort keys between which their entries are."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from trueup.domain.reading import read_time
from trueup.store import keys

KEPT_AT_MOST = timedelta(days=3650 + 30)
"""As long as the template lets RetentionDays be, and what AWS takes to remove what has expired."""
_AFTER_ALL = "REPORT$"
"""Comes after every sort key of an entry, whatever stands in it."""


def not_before(moment: datetime, now: datetime) -> datetime:
    """Return a moment, or the oldest one of which anything can still be there."""
    return max(moment, now - KEPT_AT_MOST)


def days_between(first: str, last: str) -> Iterator[str]:
    """Yield days from the first to the last, both included."""
    day = read_time(f"{first}T00:00:00Z", "day")
    while keys.day(day) <= last:
        yield keys.day(day)
        day += timedelta(days=1)


def bounds(day: str, *, is_last: bool = False) -> tuple[str, str]:
    """Return the sort keys between which a day's entries are; after the last day's nothing is left out."""
    after = keys.day(read_time(f"{day}T00:00:00Z", "day") + timedelta(days=1))
    return f"{keys.REPORT}{day}", _AFTER_ALL if is_last else f"{keys.REPORT}{after}"


def slices(day: str, *, hourly: bool, is_last: bool) -> list[tuple[str, str]]:
    """Return the bounds of a day, or of its hours."""
    lower, upper = bounds(day, is_last=is_last)
    if not hourly:
        return [(lower, upper)]
    hours = [f"{keys.REPORT}{day}T{hour:02}" for hour in range(1, 24)]
    return list(zip([lower, *hours], [*hours, upper], strict=True))
