"""The seed's fourth group: what goes wrong stays where it went wrong."""

import pytest

from local.venues import faults
from local.venues.credentials import make_address
from tests.workflow.desk import Desk

RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}
NEXT_RUN = "20261122T120500Z"
NEXT_SCHEDULED = {"scheduled_time": "2026-11-22T12:05:00Z"}


def test_a_network_timeout_is_retried_and_then_unverified(desk: Desk) -> None:
    desk.redefine(MaxRetries="1")
    desk.functions.configure("fetch-coinbase", RECONCILIATION_TIMEOUT_MILLISECONDS="1000")
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    desk.coinbase.fail(desk.key_names["cb-main"], faults.hang(), times=None)

    done = desk.run(SCHEDULED)

    assert done.failed_attempts() == ["VenueUnavailable", "VenueUnavailable"]
    report = desk.account_report(RUN, "cb-main")
    assert (report["status"], report["reasons"], report["verified"]) == ("UNVERIFIED", ["unreachable"], False)
    (failure,) = desk.report(RUN)["failures"]
    said = "account cb-main at coinbase: GET /api/v3/brokerage/accounts got no whole answer within 1 s"
    assert (failure["error"], failure["message"]) == ("VenueUnavailable", said)
    assert desk.account_report(RUN, "dydx-main")["status"] == "OK"
    assert done.status == "SUCCEEDED"


def test_a_429_is_retried_after_a_backoff(desk: Desk) -> None:
    desk.redefine(jitter=False)
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(429), times=2)

    done = desk.run(SCHEDULED)

    assert done.failed_attempts() == ["VenueRateLimited", "VenueRateLimited"]
    assert desk.waits == [2, 4]
    assert desk.account_report(RUN, "cb-main")["status"] == "OK"


@pytest.mark.parametrize(
    "broken",
    [faults.truncated_json(), faults.empty(), faults.html(), faults.wrong_schema()],
    ids=["truncated", "empty", "html", "wrong schema"],
)
def test_a_malformed_response_is_unverified_and_the_last_good_report_stays_readable(
    desk: Desk, broken: faults.Fault
) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_coinbase("cb-other", {"BTC": "1"}, book={"BTC": "1"})
    desk.run(SCHEDULED)
    desk.coinbase.fail(desk.key_names["cb-main"], broken, times=None)

    desk.run(NEXT_SCHEDULED)

    broken_report = desk.account_report(NEXT_RUN, "cb-main")
    assert broken_report["status"] == "UNVERIFIED"
    assert broken_report["lines"] == []
    last, last_verified = desk.audit.last("cb-main"), desk.audit.last_verified("cb-main")
    assert last is not None
    assert last_verified is not None
    assert (last["run_id"], last["status"]) == (NEXT_RUN, "UNVERIFIED")
    assert (last_verified["run_id"], last_verified["status"]) == (RUN, "OK")
    assert desk.account_report(str(last_verified["run_id"]), "cb-main")["lines"][0]["venue"] == "1"


def test_one_exchange_fails_and_the_others_are_reported(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "0.5"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    desk.dydx.fail(faults.ANY, faults.status(503), times=None)

    done = desk.run(SCHEDULED)

    assert done.status == "SUCCEEDED"
    assert desk.account_report(RUN, "cb-main")["status"] == "CRITICAL"
    failed = desk.account_report(RUN, "dydx-main")
    assert (failed["status"], failed["reasons"]) == ("UNVERIFIED", ["unreachable"])
    report = desk.report(RUN)
    assert (report["status"], report["verified"]) == ("CRITICAL", False)
    assert report["counts"]["accounts_verified"] == 1
    (failure,) = report["failures"]
    assert failure["error"] == "VenueUnavailable"
    assert "dydx-main" in failure["message"]


def test_delays_grow_exponentially_up_to_the_configured_limit(desk: Desk) -> None:
    desk.redefine(jitter=False, MaxRetries="5")
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(503), times=None)

    done = desk.run(SCHEDULED)

    assert desk.waits == [2, 4, 8, 16, 20]
    assert len(done.failed_attempts()) == 6


def test_with_full_jitter_no_delay_is_longer_than_the_exponential_one(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(503), times=None)

    desk.run(SCHEDULED)

    assert len(desk.waits) == 3
    assert all(0 <= wait <= limit for wait, limit in zip(desk.waits, [2, 4, 8], strict=True))


def test_a_run_in_which_nothing_could_be_verified_ends_failed(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.coinbase.revoke(desk.key_names["cb-main"])

    done = desk.run(SCHEDULED)

    assert (done.status, done.error) == ("FAILED", "NothingVerified")
    run = desk.runs.get(RUN)
    assert run is not None
    assert (run["state"], run["status"]) == ("failed", "UNVERIFIED")


def test_prices_that_fail_are_replaced_by_the_last_good_ones(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "0.999"}, book={"BTC": "1"})
    desk.run(SCHEDULED)
    desk.coinbase.fail(faults.ANY, faults.status(503), times=None, path="/v2/exchange-rates")

    desk.run(NEXT_SCHEDULED)

    first, second = desk.report(RUN), desk.report(NEXT_RUN)
    assert (first["prices"]["origin"], second["prices"]["origin"]) == ("this_run", "last_good")
    assert second["prices"]["sha256"] == first["prices"]["sha256"]
    assert second["accounts"][0]["lines"][0]["price"] == "97000.5"
    assert second["failures"][0]["account_id"] == "PRICES"
