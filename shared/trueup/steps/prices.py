"""Prices: one frozen set for the whole run."""

from collections.abc import Callable
from typing import Any

from trueup.domain.models import PriceSet
from trueup.domain.reading import Malformed, Record
from trueup.domain.run_ids import day_of
from trueup.errors import ConfigInvalid
from trueup.store import keys
from trueup.store.prices import PriceSets


def read_request(event: object) -> str:
    """Read the event and return the run's id. Raises ConfigInvalid naming the field."""
    try:
        record = Record(event, "event")
        run_id = record.text("run_id")
        record.done()
        try:
            day_of(run_id)
        except ValueError as error:
            record.fail("run_id", str(error))
    except Malformed as error:
        raise ConfigInvalid(str(error)) from None
    return run_id


def freeze_prices(run_id: str, fetch: Callable[[], PriceSet], prices: PriceSets) -> dict[str, Any]:
    """Fetch prices and freeze them for the run. Raises the typed errors of the price source."""
    prices.freeze(run_id, fetch())
    return {"run_id": run_id, "object": keys.prices_object(run_id)}
