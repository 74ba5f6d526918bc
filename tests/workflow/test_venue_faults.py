"""A venue that misbehaves costs its own account the verdict, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import DynamoDBBackend

from local.venues import faults
from local.venues.credentials import make_address
from local.venues.faults import Exchange, Fault
from local.venues.server import Answer
from tests.workflow.desk import Desk
from trueup.domain.models import Account
from trueup.store import keys

RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}
PRICES_PATH = "/v2/exchange-rates"


def at(minute: int) -> tuple[dict[str, str], str]:
    """A scheduled run of its own: its input and its id."""
    return {"scheduled_time": f"2026-11-22T12:{minute:02}:00Z"}, f"20261122T12{minute:02}00Z"


def open_control(desk: Desk) -> None:
    """An account that nobody disturbs: it must come out right whatever happens to the others."""
    desk.open_coinbase("cb-control", {"BTC": "1"}, book={"BTC": "1"})


def control_is_fine(desk: Desk, run_id: str = RUN) -> bool:
    report = desk.account_report(run_id, "cb-control")
    return (report["status"], report["verified"]) == ("OK", True) and report["lines"][0]["venue"] == "1"


def failure_of(desk: Desk, account_id: str, run_id: str = RUN) -> dict[str, str]:
    (found,) = [failure for failure in desk.report(run_id)["failures"] if failure["account_id"] == account_id]
    return dict(found)


# -- rate limits ---------------------------------------------------------------------------------------------------


def test_a_stated_wait_is_waited_out_inside_the_call_if_it_fits_and_handed_on_if_not(desk: Desk) -> None:
    address = make_address("patient")
    desk.open_dydx("dydx-patient", address, {"USDC": "100"}, {}, book={"USDC": "100"})
    desk.open_coinbase("cb-handed-on", {"BTC": "1"}, book={"BTC": "1"})
    desk.dydx.fail(address, faults.status(429, retry_after="20"))  # milliseconds, at this venue
    desk.coinbase.fail(desk.key_names["cb-handed-on"], faults.status(429, retry_after="60"))

    done = desk.run(SCHEDULED)

    assert done.failed_attempts() == ["VenueRateLimited"]
    assert (desk.functions.attempts("dydx-patient"), desk.functions.attempts("cb-handed-on")) == (1, 2)
    assert [request.status for request in desk.dydx.requests] == [429, 200, 200, 200]
    assert {account["status"] for account in desk.report(RUN)["accounts"]} == {"OK"}


def test_a_venue_that_throttles_until_the_retries_are_used_up_costs_one_account(desk: Desk) -> None:
    open_control(desk)
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(429, retry_after="60"), times=None)

    done = desk.run(SCHEDULED)

    assert done.status == "SUCCEEDED"
    assert done.failed_attempts() == ["VenueRateLimited"] * 4
    report = desk.account_report(RUN, "cb-main")
    assert (report["status"], report["reasons"], report["lines"]) == ("UNVERIFIED", ["rate_limited"], [])
    failure = failure_of(desk, "cb-main")
    assert failure["error"] == "VenueRateLimited"
    assert "account cb-main at coinbase" in failure["message"]
    assert "asks to wait 60 s" in failure["message"]
    assert control_is_fine(desk)
    assert desk.report(RUN)["counts"]["accounts_verified"] == 1


# -- what asking again would not mend -----------------------------------------------------------------------------


def test_a_refusal_is_never_asked_again(desk: Desk) -> None:
    open_control(desk)
    refused: dict[str, tuple[str, str, Callable[[str], None]]] = {
        "cb-auth": ("VenueAuthFailed", "auth_failed", desk.coinbase.revoke),
        "cb-permission": ("VenuePermissionDenied", "permission_denied", _forbid_viewing(desk)),
        "cb-country": ("VenueGeoBlocked", "geo_blocked", _answer(desk, faults.html(403))),
        "cb-schema": ("VenueResponseInvalid", "bad_response", _answer(desk, faults.wrong_schema())),
    }
    for account_id, (_, _, spoil) in refused.items():
        desk.open_coinbase(account_id, {"BTC": "1"}, book={"BTC": "1"})
        spoil(desk.key_names[account_id])
    desk.add(Account("cb-config", "coinbase", secret="coinbase/nowhere", base_url=desk.coinbase.url))

    done = desk.run(SCHEDULED)

    errors = [error for error, _, _ in refused.values()]
    assert sorted(done.failed_attempts()) == sorted([*errors, "ConfigInvalid"])
    assert desk.waits == []
    for account_id, (error, reason, _) in refused.items():
        assert desk.functions.attempts(account_id) == 1, account_id
        assert failure_of(desk, account_id)["error"] == error
        report = desk.account_report(RUN, account_id)
        assert (report["status"], report["reasons"], report["lines"]) == ("UNVERIFIED", [reason], [])
        key = desk.key_names[account_id]
        assert [request.path for request in desk.coinbase.requests if request.caller == key].count(ACCOUNTS_PATH) <= 1
    assert desk.functions.attempts("cb-config") == 1
    assert desk.account_report(RUN, "cb-config")["reasons"] == ["missing_observation"]
    assert failure_of(desk, "cb-config")["error"] == "ConfigInvalid"
    assert control_is_fine(desk)


ACCOUNTS_PATH = "/api/v3/brokerage/accounts"


def _forbid_viewing(desk: Desk) -> Callable[[str], None]:
    def forbid(key: str) -> None:
        desk.coinbase.portfolio(key).can_view = False

    return forbid


def _answer(desk: Desk, fault: Fault) -> Callable[[str], None]:
    return lambda key: desk.coinbase.fail(key, fault, times=None)


# -- answers that are none ------------------------------------------------------------------------------------------


def _lost_second_page(exchange: Exchange) -> Answer:
    """The first page promises another, which is not there."""
    if "cursor" in exchange.request.query:
        return exchange.error(404)
    page = json.loads(exchange.honest.body)
    return replace(exchange.honest, body=json.dumps({**page, "has_next": True, "cursor": "789100"}).encode())


UNAVAILABLE, INVALID = ("VenueUnavailable", "unreachable", 2), ("VenueResponseInvalid", "bad_response", 1)
"""The error, the reason in the report, and how often it is tried with one retry."""
OF_ANY_VENUE: dict[str, tuple[Fault, tuple[str, str, int]]] = {
    "truncated-body": (faults.truncated_body(), UNAVAILABLE),
    "truncated-json": (faults.truncated_json(), UNAVAILABLE),
    "empty-body": (faults.empty(), UNAVAILABLE),
    "html-with-200": (faults.html(), UNAVAILABLE),
    "another-schema": (faults.wrong_schema(), INVALID),
    "null": (faults.edited(lambda document: None), INVALID),
    "empty-object": (faults.edited(lambda document: {}), INVALID),
}
OF_COINBASE = OF_ANY_VENUE | {
    "repeated-cursor": (faults.repeated_cursor(), INVALID),
    "empty-cursor": (faults.empty_cursor(), INVALID),
    "lost-page": (Fault("lost_page", _lost_second_page), INVALID),
}
OF_DYDX = OF_ANY_VENUE | {
    "no-subaccounts": (faults.edited(lambda document: {**document, "subaccounts": []}), INVALID),
    "no-positions": (
        faults.edited(lambda document: _each_subaccount(document, lambda it: it.pop("openPerpetualPositions"))),
        INVALID,
    ),
    "empty-list-of-positions": (
        faults.edited(lambda document: _each_subaccount(document, lambda it: it.update(openPerpetualPositions=[]))),
        INVALID,
    ),
}


def _each_subaccount(document: Any, change: Callable[[dict[str, Any]], object]) -> Any:
    for subaccount in document["subaccounts"]:
        change(subaccount)
    return document


@pytest.mark.parametrize("venue", ["coinbase", "dydx"])
def test_an_answer_that_is_none_is_a_failure_and_never_an_empty_account(desk: Desk, venue: str) -> None:
    """Each has an empty book: taken for an empty account it would be a match, the false all-clear."""
    desk.redefine(MaxRetries="1")
    open_control(desk)
    spoilt = OF_COINBASE if venue == "coinbase" else OF_DYDX
    for account_id, (fault, _) in spoilt.items():
        if venue == "coinbase":
            desk.open_coinbase(account_id, {"USDC": "100"}, book={})
            desk.coinbase.fail(desk.key_names[account_id], fault, times=None)
        else:
            address = make_address(account_id)
            desk.open_dydx(account_id, address, {"USDC": "100"}, {}, book={})
            desk.dydx.fail(address, fault, times=None)

    done = desk.run(SCHEDULED)

    assert done.status == "SUCCEEDED"
    for account_id, (_, (error, reason, attempts)) in spoilt.items():
        report = desk.account_report(RUN, account_id)
        assert (report["status"], report["reasons"], report["lines"]) == ("UNVERIFIED", [reason], []), account_id
        assert failure_of(desk, account_id)["error"] == error
        assert desk.functions.attempts(account_id) == attempts, account_id
        assert desk.objects.get(keys.observation_object(RUN, account_id)) is None
    assert control_is_fine(desk)
    assert desk.report(RUN)["counts"]["accounts_verified"] == 1
    assert desk.messages() == []


def test_a_coinbase_list_without_any_row_matches_no_book_that_has_some(desk: Desk) -> None:
    """The vendor may answer so for a portfolio that holds nothing: it is believed, and said as loudly as can be."""
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.coinbase.fail(desk.key_names["cb-main"], faults.edited(lambda page: {**page, "accounts": []}), times=None)

    desk.run(SCHEDULED)

    report = desk.account_report(RUN, "cb-main")
    assert (report["status"], report["lines"][0]["kind"]) == ("CRITICAL", "account_empty")
    assert len(desk.messages()) == 1


OF_PRICES: dict[str, Fault] = {
    **{name: fault for name, (fault, _) in OF_ANY_VENUE.items() if name not in ("null", "empty-object")},
    "status 429": faults.status(429),
    "status 503": faults.status(503),
    "no rates": faults.edited(lambda document: {"data": {**document["data"], "rates": {}}}),
    "rates as a list": faults.edited(lambda document: {"data": {**document["data"], "rates": []}}),
    "a page of them missing": faults.edited(
        lambda document: {"data": {**document["data"], "rates": {"ETH": "0.0003", "USDC": "1"}}}
    ),
}


def test_prices_that_fail_stop_no_run_and_lower_nothing(desk: Desk) -> None:
    """Priced, a missing 0.00001 BTC is dust; what cannot be priced is not called dust."""
    desk.redefine(MaxRetries="0")
    desk.open_coinbase("cb-dust", {"USDC": "1"}, book={"USDC": "1", "BTC": "0.00001"})
    for minute, (name, fault) in enumerate(OF_PRICES.items()):
        given, run_id = at(minute)
        desk.coinbase.fail(faults.ANY, fault, path=PRICES_PATH)

        done = desk.run(given)

        assert (done.status, len(done.failed_attempts())) == ("SUCCEEDED", 1), name
        report = desk.report(run_id)
        assert report["prices"]["origin"] == "none", name
        assert failure_of(desk, "PRICES", run_id)["error"] == done.failed_attempts()[0]
        assert (report["status"], report["verified"]) == ("CRITICAL", True), name
    given, run_id = at(59)
    desk.run(given)
    assert desk.report(run_id)["status"] == "OK", "priced, it is dust"


# -- when everything fails ------------------------------------------------------------------------------------------


def test_all_venues_failing_ends_failed_with_every_account_and_its_reason(desk: Desk) -> None:
    desk.redefine(MaxRetries="0")
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    desk.coinbase.fail(faults.ANY, faults.status(503), times=None)
    desk.coinbase.fail(faults.ANY, faults.status(503), times=None, path=PRICES_PATH)
    desk.dydx.fail(faults.ANY, faults.html(451), times=None)

    done = desk.run(SCHEDULED)

    assert (done.status, done.error, done.states_entered()[-1]) == ("FAILED", "NothingVerified", "NothingVerified")
    reports = desk.report(RUN)["accounts"]
    assert [(it["account_id"], it["status"], it["reasons"]) for it in reports] == [
        ("cb-main", "UNVERIFIED", ["unreachable"]),
        ("dydx-main", "UNVERIFIED", ["geo_blocked"]),
    ]
    row = desk.runs.get(RUN)
    assert row is not None
    assert (row["state"], row["status"], row["verified"]) == ("failed", "UNVERIFIED", False)


def test_a_failure_that_could_not_be_written_down_is_a_missing_observation(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_control(desk)
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.coinbase.revoke(desk.key_names["cb-main"])
    desk.coinbase.fail(faults.ANY, faults.status(403), times=None, path=PRICES_PATH)
    real = DynamoDBBackend.put_item

    def down(self: DynamoDBBackend, table_name: str, item: dict[str, Any], *rest: Any, **more: Any) -> Any:
        if item["sk"]["S"].startswith(keys.FAILURE):
            raise JsonRESTError("InternalServerError", "The request processing has failed")
        return real(self, table_name, item, *rest, **more)

    monkeypatch.setattr(DynamoDBBackend, "put_item", down)

    done = desk.run(SCHEDULED)

    assert done.status == "SUCCEEDED"
    assert {"LeaveItToCompare", "GoOnWithoutPrices"} <= set(done.states_entered())
    assert done.failed_attempts().count("DynamoDB.InternalServerError") == 8, "each was tried four times"
    report = desk.account_report(RUN, "cb-main")
    assert (report["status"], report["reasons"], report["lines"]) == ("UNVERIFIED", ["missing_observation"], [])
    assert failure_of(desk, "cb-main")["error"] == "MissingObservation"
    assert desk.report(RUN)["prices"]["origin"] == "none"
    assert control_is_fine(desk)
