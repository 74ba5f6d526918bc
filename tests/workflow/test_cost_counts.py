"""docs/cost.md against reality: what a run uses is counted again, request by request."""

import pytest

from bench.bill import Counts
from bench.cost import PAGE, PRICES, render, stored, with_tables
from bench.runs import Accounts, count_book_write, count_run

AGAIN = "count again: python -m bench.cost --write"


def is_bytes(name: str) -> bool:
    """Sizes change by some bytes with times and random ids; numbers of requests never do."""
    return "bytes" in name


@pytest.mark.parametrize("accounts", [Accounts(1), Accounts(1, 1)], ids=["one account", "one at each venue"])
def test_a_run_uses_what_the_page_reckons_with(accounts: Accounts) -> None:
    kept = Counts(stored()).sample(accounts.coinbase, accounts.dydx)
    counted = count_run(accounts)
    assert counted.keys() == kept.keys(), AGAIN
    for name, number in counted.items():
        if is_bytes(name):
            assert number == pytest.approx(kept[name], rel=0.1, abs=100), f"{name}: {AGAIN}"
        else:
            assert number == kept[name], f"{name}: {AGAIN}"


def test_each_further_account_uses_what_the_page_reckons_with() -> None:
    counts, counted = Counts(stored()), count_run(Accounts(3))
    for name in counts.names:
        rounding = 1 if name == "DynamoDB half read units" else 0
        expected = pytest.approx(float(counts.of_run(name, 3)), rel=0.1 if is_bytes(name) else 0, abs=rounding)
        assert counted[name] == expected, f"{name}: {AGAIN}"


def test_what_was_counted_grows_in_a_straight_line() -> None:
    counts = Counts(stored())
    smallest, *between, largest = counts.sizes
    assert between
    for size in between:
        for name in counts.names:
            line = float(counts.of_run(name, size))
            assert counts.sample(size)[name] == pytest.approx(line, rel=0.02, abs=1), (name, size)
    assert largest >= 50 * smallest


def test_writing_a_book_uses_what_the_page_says() -> None:
    counted, kept = count_book_write(), stored()["book_write"]
    assert {name: number for name, number in counted.items() if not is_bytes(name)} == {
        name: number for name, number in kept.items() if not is_bytes(name)
    }, AGAIN


def test_the_tables_of_the_page_are_those_of_the_counts_the_prices_and_the_template() -> None:
    page = PAGE.read_text()
    assert with_tables(page, render(stored())) == page, f"{PRICES.name}, the template or the counts changed; {AGAIN}"
