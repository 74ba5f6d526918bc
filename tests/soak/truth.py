"""What is true: what each venue held and each book said, when, and which request was answered with the truth.

Written down by whoever orders a change, never read back from the product.
"""

import bisect
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.soak.accounts import Told
from tests.soak.rules import Holdings


@dataclass(frozen=True)
class VenueState:
    """What the venue holds from `at` on (epoch seconds; changed under the venue's own lock)."""

    at: float
    holdings: Holdings


@dataclass(frozen=True)
class BookState:
    """A version of the book. It became the current one at some moment from `begun` to `done`."""

    version: str
    begun: float
    done: float
    holdings: Holdings


@dataclass(frozen=True)
class Serve:
    """An account read which the venue answered with true amounts: computed at `at`, on its way from `left` on."""

    at: float
    left: float
    part: str


@dataclass
class AccountTruth:
    """One account over time."""

    told: Told
    venue: list[VenueState] = field(default_factory=list)
    book: list[BookState] = field(default_factory=list)
    serves: list[Serve] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def held_at(self, at: float) -> Holdings:
        """What the venue held at a moment."""
        return self.venue[bisect.bisect_right([state.at for state in self.venue], at) - 1].holdings

    def served(self, part: str, begin: float, end: float) -> list[Serve]:
        """The true answers for a part in a span of time."""
        return [serve for serve in self.serves if serve.part == part and begin <= serve.at <= end]

    def was_read(self, begin: float, end: float) -> bool:
        """Whether every part was answered with the truth at least once."""
        return all(self.served(part, begin, end) for part in self.told.parts)

    def books(self, begin: float, end: float) -> Iterator[tuple[int, BookState]]:
        """The versions of the book that could be read in a span of time, with their places."""
        for place, state in enumerate(self.book):
            if state.begun <= end and self.replaced_at(place) >= begin:
                yield place, state

    def replaced_at(self, place: int) -> float:
        """Until when a version may have been read."""
        return self.book[place + 1].done if place + 1 < len(self.book) else float("inf")
