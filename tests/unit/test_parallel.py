"""Many accounts at once: everybody's result in order, nobody's failure lost."""

import threading

import pytest

from trueup.parallel import AT_ONCE, for_each


def test_results_come_in_the_order_of_the_accounts_whoever_is_first() -> None:
    last = threading.Event()

    def call(number: int) -> int:
        if number == 0:
            assert last.wait(5), "the others are not asked while the first is waited for"
        if number == AT_ONCE - 1:
            last.set()
        return number * 2

    assert for_each(call, range(AT_ONCE)) == [number * 2 for number in range(AT_ONCE)]


def test_a_failure_is_the_callers_and_the_first_in_order_is_the_one_told() -> None:
    def call(name: str) -> str:
        if name != "fine":
            raise ValueError(name)
        return name

    with pytest.raises(ValueError, match=r"^one$"):
        for_each(call, ["fine", "one", "two"])


def test_after_a_failure_what_has_not_begun_is_not_begun() -> None:
    begun: list[int] = []
    failed = threading.Event()

    def call(number: int) -> None:
        begun.append(number)
        if number == 0:
            failed.set()
            raise ValueError
        assert failed.wait(5)

    with pytest.raises(ValueError):
        for_each(call, range(10_000))
    assert len(begun) < 10_000


def test_nothing_to_do_is_nothing_done() -> None:
    assert for_each(str, []) == []
