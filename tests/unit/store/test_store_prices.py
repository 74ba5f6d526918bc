"""Price sets: one frozen for each run, and the newest good one behind it."""

import pytest

from tests.unit.money_kit import NOON, later, prices
from trueup.domain.documents import prices_document
from trueup.domain.reading import digest
from trueup.domain.report import PricesUsed
from trueup.store import keys
from trueup.store.objects import Objects
from trueup.store.prices import PriceSets
from trueup.store.rows import Rows

FIRST, SECOND, THIRD = "20261122T120000Z", "20261122T120500Z", "20261122T121000Z"
OLD, NEW = prices({"BTC": "1"}, as_of=NOON), prices({"BTC": "2"}, as_of=later(NOON, 300))


@pytest.fixture
def sets(stores: tuple[Rows, Objects]) -> PriceSets:
    return PriceSets(*stores)


def test_a_run_is_valued_with_its_own_prices(sets: PriceSets) -> None:
    sets.freeze(FIRST, OLD)
    sets.freeze(SECOND, NEW)
    found, used = sets.for_run(FIRST, "USD")
    assert found == OLD
    where = keys.prices_object(FIRST)
    assert used == PricesUsed("this_run", "USD", "test", NOON, digest(prices_document(OLD)), where)


def test_the_first_price_set_of_a_run_stands(sets: PriceSets) -> None:
    sets.freeze(FIRST, OLD)
    sets.freeze(FIRST, NEW)
    assert sets.for_run(FIRST, "USD")[0] == OLD


def test_a_run_without_prices_falls_back_on_the_last_good_ones_and_says_so(sets: PriceSets) -> None:
    sets.freeze(FIRST, OLD)
    sets.freeze(SECOND, NEW)
    found, used = sets.for_run(THIRD, "USD")
    assert (found, used.origin, used.as_of) == (NEW, "last_good", NEW.as_of)
    assert used.object == keys.prices_object(SECOND)


def test_the_newer_price_set_wins_whichever_is_written_first(sets: PriceSets) -> None:
    sets.freeze(SECOND, NEW)
    sets.freeze(FIRST, OLD)
    assert sets.for_run(THIRD, "USD")[0] == NEW


def test_without_any_prices_there_are_none(sets: PriceSets) -> None:
    assert sets.for_run(FIRST, "EUR") == (None, PricesUsed("none", "EUR"))


def test_last_good_prices_whose_object_is_gone_are_none(sets: PriceSets, stores: tuple[Rows, Objects]) -> None:
    stores[0].put({"pk": keys.PRICES, "sk": keys.LAST_GOOD, "as_of": "2026-11-22T12:00:00.000Z", "object": "gone"})
    assert sets.for_run(FIRST, "USD")[0] is None


def test_prices_nobody_can_read_are_not_used_and_stop_nothing(sets: PriceSets, stores: tuple[Rows, Objects]) -> None:
    sets.freeze(FIRST, OLD)
    stores[1].put_once(keys.prices_object(SECOND), {"base": "USD", "prices": {"BTC": "-1"}})
    found, used = sets.for_run(SECOND, "USD")
    assert (found, used.origin) == (OLD, "last_good")
