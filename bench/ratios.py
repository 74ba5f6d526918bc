"""Times and their ratios. A machine is never quiet: the sides take turns, and the middle of several runs counts."""

import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

Seconds = float
Side = TypeVar("Side", bound=Hashable)
Taken = TypeVar("Taken")


def take_turns(sides: Mapping[Side, Callable[[], Taken]], rounds: int) -> dict[Side, list[Taken]]:
    """Measure every side once a round, so that a slow moment slows all of them. Raises ValueError for no round."""
    if rounds < 1:
        raise ValueError(f"rounds: must be 1 or more, not {rounds}")
    taken: dict[Side, list[Taken]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            taken[name].append(measure())
    return taken


def summary(times: Sequence[Seconds]) -> str:
    """Say the median and the spread, in milliseconds."""
    low, middle, high = (1000 * value for value in (min(times), statistics.median(times), max(times)))
    return f"{middle:7.0f} ms  (from {low:.0f} to {high:.0f})"


def ratio(part: Sequence[float], whole: Sequence[float]) -> str:
    """Say the ratio of the medians, and the lowest and highest ratio of two measurements of one round."""
    pairs = [one / other for one, other in zip(part, whole, strict=True)]
    middle = statistics.median(part) / statistics.median(whole)
    return f"{middle:.2f}  (round by round from {min(pairs):.2f} to {max(pairs):.2f})"
