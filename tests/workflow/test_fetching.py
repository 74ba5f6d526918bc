"""The seed's first group: fetching balances."""

from collections.abc import Mapping

import pytest

from local.venues import faults
from local.venues.coinbase import CoinbaseSimulator
from local.venues.credentials import make_address, make_credential
from tests.workflow.desk import Desk
from trueup.clock import utc_now
from trueup.domain.amounts import plain
from trueup.domain.models import Account
from trueup.errors import VenueAuthFailed, VenueUnavailable
from trueup.store import keys
from trueup.venues.reading import Reading, read_venue

RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}


def read_coinbase(
    venue: CoinbaseSimulator, balances: Mapping[str, str | tuple[str, str]], *broken: faults.Fault
) -> Reading:
    """Open an account with these balances and read it, as `trueup fetch` and the fetch function do."""
    credential = make_credential()
    venue.open_portfolio(credential.name, credential.public_key, balances)
    for fault in broken:
        venue.fail(credential.name, fault, times=None)
    account = Account("cb-main", "coinbase", secret="coinbase/cb-main", base_url=venue.url)
    key_file = {"name": credential.name, "privateKey": credential.private_key}
    return read_venue(account, key_file, timeout_seconds=0.3, budget_seconds=5, clock=utc_now)


def test_the_balance_of_a_single_exchange_is_fetched() -> None:
    with CoinbaseSimulator() as venue:
        snapshot = read_coinbase(venue, {"BTC": ("1.23", "0.02")}).snapshot

    assert snapshot.wallets == {"spot": None}
    (bitcoin,) = snapshot.holdings
    assert (bitcoin.asset, plain(bitcoin.total), plain(bitcoin.held or bitcoin.total)) == ("BTC", "1.25", "0.02")


def test_four_currencies_are_fetched_each_exact() -> None:
    balances = {"BTC": "1.5", "ETH": "10.000000000000000001", "USDC": "2500.25", "SOL": "0.1"}
    with CoinbaseSimulator() as venue:
        snapshot = read_coinbase(venue, balances).snapshot

    assert {holding.asset: plain(holding.total) for holding in snapshot.holdings} == balances


def test_a_fetch_that_times_out_raises_the_timeout_error() -> None:
    with CoinbaseSimulator() as venue:
        with pytest.raises(VenueUnavailable, match=r"cb-main at coinbase: .* no whole answer within 0.3 s"):
            read_coinbase(venue, {"BTC": "1"}, faults.hang())
        venue.release_hung()


def test_a_401_propagates_and_leaves_no_partial_state(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_coinbase("cb-other", {"BTC": "1"}, book={"BTC": "1"})
    desk.coinbase.revoke(desk.key_names["cb-main"])

    done = desk.run(SCHEDULED)

    assert done.failed_attempts() == [VenueAuthFailed.__name__]
    assert desk.objects.get(keys.observation_object(RUN, "cb-main")) is None
    assert desk.account_report(RUN, "cb-main")["reasons"] == ["auth_failed"]
    assert desk.account_report(RUN, "cb-main")["lines"] == []
    assert desk.account_report(RUN, "cb-other")["status"] == "OK"


def test_a_500_then_success_is_one_visible_retry(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(500))

    done = desk.run(SCHEDULED)

    assert done.status == "SUCCEEDED"
    assert done.failed_attempts() == [VenueUnavailable.__name__]
    assert desk.functions.count("fetch-coinbase") == 2
    assert desk.account_report(RUN, "cb-main")["status"] == "OK"


def test_what_is_in_flight_at_the_venue_explains_what_the_book_has_not_heard_of(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"USDC": "60000"}, book={"USDC": "60000"})
    address = make_address("moving")
    desk.open_dydx("dydx-main", address, {"USDC": "60000"}, {}, book={"USDC": "60000"})
    portfolio = desk.coinbase.portfolio(desk.key_names["cb-main"])
    reference = portfolio.start_transfer("USDC", "-7500")
    named = desk.dydx.make_transfer(address, 0, "DEPOSIT", "7500", counterparty=make_address("somebody"))

    desk.run(SCHEDULED)

    for account_id, explained_by in (("cb-main", reference), ("dydx-main", f"{named}/perp/0/USDC")):
        report = desk.account_report(RUN, account_id)
        assert (report["status"], report["verified"]) == ("OK", True)
        (line,) = [line for line in report["lines"] if line["field"] == "total"]
        assert (line["outcome"], line["references"]) == ("explained", [explained_by])


def test_an_account_whose_transfers_cannot_be_read_is_not_verified(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"USDC": "60000"}, book={"USDC": "60000"})
    portfolio = desk.coinbase.portfolio(desk.key_names["cb-main"])
    history = f"/v2/accounts/{portfolio.row('USDC').uuid}/transactions"
    desk.coinbase.fail(desk.key_names["cb-main"], faults.html(), path=history, times=None)

    desk.run(SCHEDULED)

    assert desk.account_report(RUN, "cb-main")["reasons"] == ["unreachable"]
    assert desk.account_report(RUN, "cb-main")["lines"] == []
