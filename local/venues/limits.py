"""How many requests a caller may make in a window of time."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """What is left of a window after this request. `resets_at` is in epoch seconds."""

    allowed: bool
    limit: int
    remaining: int
    resets_at: float


class FixedWindow:
    """`limit` requests per caller in each window of `seconds`, windows counted from the epoch."""

    def __init__(self, limit: int, seconds: int) -> None:
        self._limit = limit
        self._seconds = seconds
        self._window = -1
        self._used: Counter[str] = Counter()

    def take(self, caller: str, now: float) -> Allowance:
        """Count one request of this caller at `now` (epoch seconds)."""
        window = math.floor(now / self._seconds)
        if window != self._window:
            self._window = window
            self._used.clear()
        self._used[caller] += 1
        used = self._used[caller]
        return Allowance(
            allowed=used <= self._limit,
            limit=self._limit,
            remaining=max(0, self._limit - used),
            resets_at=float((window + 1) * self._seconds),
        )
