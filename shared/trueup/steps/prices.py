"""Prices: one frozen set for the whole run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trueup.clock import utc_now
from trueup.config import PricesSettings
from trueup.domain.documents import prices_document, read_prices
from trueup.domain.models import PriceSet
from trueup.domain.reading import Malformed, Record
from trueup.errors import ConfigInvalid, VenueResponseInvalid
from trueup.prices import fetch_prices
from trueup.steps.events import take_run_id
from trueup.steps.fetch import RESERVE_SECONDS
from trueup.store import keys
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.store.prices import PriceSets
from trueup.venues.http import VenueHttp


def read_request(event: object) -> str:
    """Read the event and return the run's id. Raises ConfigInvalid naming the field."""
    try:
        record = Record(event, "event")
        run_id = take_run_id(record)
        record.done()
    except Malformed as error:
        raise ConfigInvalid(str(error)) from None
    return run_id


@dataclass(frozen=True, slots=True)
class PricesStep:
    """Everything the price fetch works with."""

    fetch: Callable[[], PriceSet]
    prices: PriceSets

    def run(self, run_id: str) -> dict[str, Any]:
        """Fetch prices and freeze them for the run. Raises the typed errors of the price source."""
        prices = self.fetch()
        try:
            # What cannot be read back must not become the run's prices: Compare would do without any.
            read_prices(prices_document(prices))
        except Malformed as error:
            raise VenueResponseInvalid(str(error)) from None
        self.prices.freeze(run_id, prices)
        return {"run_id": run_id, "object": keys.prices_object(run_id)}


def prices_step(settings: PricesSettings, remaining_milliseconds: Callable[[], int]) -> PricesStep:
    """Put the step together as the function runs it."""
    rows, objects = DynamoRows(settings.stores.table_name), S3Objects(settings.stores.bucket_name)
    http = VenueHttp(
        settings.base_url,
        who="prices",
        timeout_seconds=settings.timeout_milliseconds / 1000,
        budget_seconds=remaining_milliseconds() / 1000 - RESERVE_SECONDS,
        clock=utc_now,
    )
    return PricesStep(fetch=lambda: fetch_prices(http, settings.base_currency), prices=PriceSets(rows, objects))
