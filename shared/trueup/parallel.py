"""Doing the same thing for many accounts at once: waiting for AWS is what takes a run's time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 16
"""As many as one function keeps connections for (see aws.client)."""


def for_each(call: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Call for every item, several at once, and return the results in the order of the items.

    Raises what the first failing item, in their order, raised; calls that have begun are waited for, others dropped.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(call, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
