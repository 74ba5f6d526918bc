"""Prices out of Coinbase's exchange rates."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

import pytest

from local.venues import CoinbaseSimulator, faults
from trueup.domain.documents import prices_document, read_prices
from trueup.errors import VenueRateLimited, VenueResponseInvalid, VenueUnavailable
from trueup.prices import fetch_prices
from trueup.venues.http import VenueHttp

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PATH = "/v2/exchange-rates"


@pytest.fixture
def venue() -> Iterator[CoinbaseSimulator]:
    with CoinbaseSimulator(prices={"BTC": "97000.5", "ETH": "3400", "USDC": "1", "CGLD": "0.3"}) as venue:
        yield venue


def client(venue: CoinbaseSimulator) -> VenueHttp:
    return VenueHttp(venue.url, who="prices", timeout_seconds=2, budget_seconds=5, clock=lambda: NOON)


def test_a_price_is_one_divided_by_the_rate_to_twelve_digits(venue: CoinbaseSimulator) -> None:
    venue.set_rates({"ETH": "0.0003", "DOGE": "7"})
    with localcontext(prec=3):  # whatever the caller's context
        found = fetch_prices(client(venue))
    assert found.prices["BTC"] == Decimal("97000.5")
    assert found.prices["ETH"] == Decimal("3333.33333333")
    assert found.prices["DOGE"] == Decimal("0.142857142857")
    assert (found.base, found.as_of, found.source) == ("USD", NOON, "coinbase:/v2/exchange-rates")


def test_an_asset_is_priced_under_our_name_for_it(venue: CoinbaseSimulator) -> None:
    assert fetch_prices(client(venue)).prices["CELO"] == Decimal("0.3")
    venue.set_rates({"CELO": "4"})
    assert fetch_prices(client(venue)).prices["CELO"] == Decimal("0.25")
    assert "CGLD" not in fetch_prices(client(venue)).prices


def test_the_base_currency_has_no_price_of_its_own(venue: CoinbaseSimulator) -> None:
    assert "USD" not in fetch_prices(client(venue)).prices


@pytest.mark.parametrize("rate", ["0", "-1", "", "NaN", "abc", "1e9999"])
def test_a_rate_that_is_none_leaves_its_asset_unpriced(venue: CoinbaseSimulator, rate: str) -> None:
    venue.set_rates({"DOGE": rate})
    found = fetch_prices(client(venue)).prices
    assert "DOGE" not in found
    assert "BTC" in found


@pytest.mark.parametrize("asset", ["BTC", "ETH", "USDC"])
def test_a_list_without_what_everybody_trades_is_no_price_list(venue: CoinbaseSimulator, asset: str) -> None:
    venue.set_rates({asset: "0"})
    with pytest.raises(VenueResponseInvalid, match=f"no usable rate for {asset}"):
        fetch_prices(client(venue))


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: {"data": {**document["data"], "currency": "EUR"}},
        lambda document: {"data": {"currency": "USD", "rates": []}},
        lambda document: {"data": {"currency": "USD", "rates": {}}},
        lambda document: {"rates": document["data"]["rates"]},
        lambda document: [],
    ],
)
def test_a_document_of_another_shape_is_refused(venue: CoinbaseSimulator, edit: Any) -> None:
    venue.fail(faults.ANY, faults.edited(edit), path=PATH)
    with pytest.raises(VenueResponseInvalid, match="prices: GET /v2/exchange-rates"):
        fetch_prices(client(venue))


def test_a_base_the_venue_does_not_quote_is_refused(venue: CoinbaseSimulator) -> None:
    with pytest.raises(VenueResponseInvalid, match="400"):
        fetch_prices(client(venue), "XXX")


@pytest.mark.parametrize(("status", "error"), [(503, VenueUnavailable), (429, VenueRateLimited)])
def test_a_source_that_does_not_answer_leaves_no_prices(
    venue: CoinbaseSimulator, status: int, error: type[Exception]
) -> None:
    venue.fail(faults.ANY, faults.status(status), path=PATH)
    with pytest.raises(error):
        fetch_prices(client(venue))


def test_a_price_set_survives_being_written_down(venue: CoinbaseSimulator) -> None:
    found = fetch_prices(client(venue))
    assert read_prices(prices_document(found)) == found


@pytest.mark.parametrize("name", ["MNT", "ALL", "TOP", "NOBODYKNOWS"])
def test_a_name_we_do_not_know_has_no_price_because_it_could_be_a_currencys(
    venue: CoinbaseSimulator, name: str
) -> None:
    # MNT is Mongolia's tögrög in this list, and Mantle on a venue: a loss of Mantle would look like dust.
    venue.set_rates({name: "3400"})
    assert name not in fetch_prices(client(venue)).prices


@pytest.mark.parametrize("rate", ["1e45", "1e-45"])
def test_an_absurd_rate_costs_its_own_asset_only(venue: CoinbaseSimulator, rate: str) -> None:
    venue.set_rates({"DOGE": rate})
    found = fetch_prices(client(venue))
    assert "DOGE" not in found.prices
    assert read_prices(prices_document(found)) == found
