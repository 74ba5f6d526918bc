"""Prices: one set, frozen for the whole run, and never one that could not be read back."""

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import NOON, prices
from trueup.domain.models import PriceSet
from trueup.errors import ConfigInvalid, VenueResponseInvalid, VenueUnavailable
from trueup.steps.prices import PricesStep, read_request
from trueup.store import keys
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.store.prices import PriceSets

RUN_ID = "20261122T120000Z"


@pytest.fixture
def sets() -> PriceSets:
    return PriceSets(MemoryRows(), MemoryObjects())


def test_the_fetched_prices_are_frozen_for_the_run(sets: PriceSets) -> None:
    answer = PricesStep(prices, sets).run(RUN_ID)
    assert answer == {"run_id": RUN_ID, "object": keys.prices_object(RUN_ID)}
    assert sets.for_run(RUN_ID, "USD")[0] == prices()


def test_a_second_attempt_does_not_change_the_prices_of_a_run(sets: PriceSets) -> None:
    PricesStep(prices, sets).run(RUN_ID)
    PricesStep(lambda: prices({"BTC": "1"}), sets).run(RUN_ID)
    assert sets.for_run(RUN_ID, "USD")[0] == prices()


def test_prices_that_could_not_be_fetched_are_not_frozen(sets: PriceSets) -> None:
    def fail() -> PriceSet:
        raise VenueUnavailable("prices: 503")

    with pytest.raises(VenueUnavailable):
        PricesStep(fail, sets).run(RUN_ID)
    assert sets.for_run(RUN_ID, "USD")[0] is None


@pytest.mark.parametrize("price", [Decimal(0), Decimal(-1), Decimal("1e-41"), Decimal("1e40")])
def test_prices_that_could_not_be_read_back_are_not_frozen(sets: PriceSets, price: Decimal) -> None:
    with pytest.raises(VenueResponseInvalid, match=r"prices\.prices\.BTC: must "):
        PricesStep(lambda: PriceSet("USD", NOON, "test", {"BTC": price}), sets).run(RUN_ID)
    assert sets.for_run(RUN_ID, "USD")[0] is None


@pytest.mark.parametrize("event", [None, {}, {"run_id": ""}, {"run_id": "x"}, {"run_id": RUN_ID, "x": 1}])
def test_an_event_nobody_can_follow_is_refused(event: Any) -> None:
    with pytest.raises(ConfigInvalid, match=r"^event"):
        read_request(event)


def test_an_event_names_the_run() -> None:
    assert read_request({"run_id": RUN_ID}) == RUN_ID
