"""How long a break has been open, in the steps in which a desk's morning list is read."""

from datetime import datetime, timedelta
from enum import StrEnum

from .breaks import Break


class AgeBucket(StrEnum):
    """A span of ages. What is as old as one's end is in the next, so that every age is in exactly one."""

    UNDER_1H = "<1h"
    FROM_1H = "1-4h"
    FROM_4H = "4-24h"
    FROM_1D = "1-7d"
    FROM_7D = ">7d"


_ENDS = (
    (timedelta(hours=1), AgeBucket.UNDER_1H),
    (timedelta(hours=4), AgeBucket.FROM_1H),
    (timedelta(hours=24), AgeBucket.FROM_4H),
    (timedelta(days=7), AgeBucket.FROM_1D),
)


def age_of(known: Break, now: datetime) -> timedelta:
    """Return how long a break has been open; of one that is resolved, how long it was."""
    return (now if known.resolved_at is None else known.resolved_at) - known.opened_at


def age_bucket(age: timedelta) -> AgeBucket:
    """Return the span an age is in; below zero, where a venue's clock is ahead of ours, is as young as can be."""
    return next((bucket for end, bucket in _ENDS if age < end), AgeBucket.FROM_7D)
