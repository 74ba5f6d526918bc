"""What every venue's adapter owes: the checklist, over all of them."""

import gc
import json
import logging
import traceback
from decimal import Decimal

import pytest
from venue_kit import NOON, Desk, holding, totals

from local.venues import faults
from trueup.domain.documents import read_snapshot, snapshot_document
from trueup.domain.reading import canonical_json
from trueup.errors import (
    ConfigInvalid,
    TrueupError,
    VenueGeoBlocked,
    VenueRateLimited,
    VenueResponseInvalid,
    VenueUnavailable,
)


def test_everything_held_is_read_exactly(desk: Desk) -> None:
    snapshot = desk.observe()
    assert snapshot.wallets == {desk.wallet: None}
    assert holding(snapshot, "USDC").total.as_tuple() == (0, (6, 0, 8, 5, 8, 0, 9, 5, 1, 6, 0, 1), -6)
    assert snapshot.observed_at == NOON
    assert snapshot.venue_time is not None


def test_a_snapshot_survives_being_written_down_and_read_again(desk: Desk) -> None:
    snapshot = desk.observe()
    assert read_snapshot(json.loads(canonical_json(snapshot_document(snapshot)))) == snapshot


@pytest.mark.parametrize(
    "amount", ["0.123456789012345678", "123456789012345678901234567890.123456789012345678", "1e-18", "5E+30"]
)
def test_eighteen_decimals_and_huge_amounts_keep_every_digit(desk: Desk, amount: str) -> None:
    desk.fail(_with_usdc(amount))
    assert holding(desk.observe(), "USDC").total == Decimal(amount)


def test_amounts_sent_as_bare_json_numbers_keep_every_digit(desk: Desk) -> None:
    desk.state("USDC", "0.123456789012345678")
    desk.fail(faults.numbers_for_strings())
    assert totals(desk.observe())[desk.wallet, "USDC"] == "0.123456789012345678"


def test_a_negative_balance_stays_negative(desk: Desk) -> None:
    desk.state("USDC", "-17.5")
    assert totals(desk.observe())[desk.wallet, "USDC"] == "-17.5"


def test_an_unknown_asset_is_kept_under_its_own_name_and_flagged(desk: Desk) -> None:
    desk.state("NEWCOIN", "3")
    found = holding(desk.observe(), "NEWCOIN")
    assert (found.venue_asset, found.unmapped) == ("NEWCOIN", True)
    assert not holding(desk.observe(), "USDC").unmapped


def test_what_is_exactly_zero_is_not_listed(desk: Desk) -> None:
    desk.state("ETH", "0")
    assert (desk.wallet, "ETH") not in totals(desk.observe())


UNREADABLE = {
    "a truncated page": faults.truncated_body(),
    "half a document": faults.truncated_json(),
    "an empty body": faults.empty(),
    "an HTML page with 200": faults.html(),
    "a wrong content type": faults.wrong_content_type(),
    "status 408": faults.status(408),
    "status 425": faults.status(425),
    "status 500": faults.status(500),
    "status 502": faults.status(502),
    "status 503": faults.status(503),
}


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_proper_answer_is_never_an_empty_account(desk: Desk, fault: faults.Fault) -> None:
    desk.fail(fault)
    with pytest.raises(VenueUnavailable, match=desk.account.account_id):
        desk.observe()


BROKEN = {
    "a redirect": faults.redirect("http://127.0.0.1:1/elsewhere"),
    "an oversize answer": faults.oversize(9),
    "a gzip bomb": faults.gzip_bomb(64),
    "nesting without end": faults.deep_nesting(),
    "another schema": faults.wrong_schema(),
    "a list for an object": faults.edited(lambda document: [document]),
    "null": faults.edited(lambda document: None),
    "status 400": faults.status(400),
    "status 404 of another kind": faults.status(404, body='{"errors":[{"msg":"Not Found"}]}'),
    "status 418": faults.status(418),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_what_breaks_the_documentation_is_never_an_empty_account(desk: Desk, fault: faults.Fault) -> None:
    desk.fail(fault)
    with pytest.raises(VenueResponseInvalid, match=desk.account.account_id):
        desk.observe()
    assert desk.asked() == 1


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
def test_without_what_is_in_flight_the_account_was_not_read(desk: Desk, fault: faults.Fault) -> None:
    desk.venue.fail(desk.caller, fault, path=desk.transfers_path)
    with pytest.raises(VenueUnavailable, match=desk.transfers_path):
        desk.observe()


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_a_list_of_transfers_that_breaks_the_documentation_is_never_an_empty_one(
    desk: Desk, fault: faults.Fault
) -> None:
    desk.venue.fail(desk.caller, fault, path=desk.transfers_path)
    with pytest.raises(VenueResponseInvalid, match=desk.transfers_path):
        desk.observe()


def test_a_stated_wait_for_what_is_in_flight_is_waited_out_too(desk: Desk) -> None:
    desk.venue.fail(desk.caller, faults.status(429, retry_after=desk.retry_after(2)), path=desk.transfers_path)
    assert desk.observe().wallets == {desk.wallet: None}
    assert desk.time.slept == [2]


@pytest.mark.parametrize("amount", [None, "", "NaN", "Infinity", "1,000", "0x10", True, [], "1" * 60, "1e999999999"])
def test_an_amount_that_is_none_is_refused_and_not_quoted(desk: Desk, amount: object) -> None:
    desk.fail(_with_usdc(amount))
    with pytest.raises(VenueResponseInvalid) as refused:
        desk.observe()
    assert desk.account.account_id in str(refused.value)
    assert "1,000" not in str(refused.value)
    assert "111111" not in str(refused.value)


def _with_usdc(amount: object) -> faults.Fault:
    """The honest answer with this in the place of the USDC it states."""

    def put(document: object) -> object:
        text = json.dumps(document)
        assert '"608580.951601"' in text
        return json.loads(text.replace('"608580.951601"', json.dumps(amount)))

    return faults.edited(put)


@pytest.mark.parametrize("field", ["value", "currency", "hold", "available_balance", "uuid", "has_next", "accounts"])
def test_a_coinbase_answer_without_a_field_is_refused(coinbase: Desk, field: str) -> None:
    coinbase.fail(faults.edited(lambda document: _without(document, field)))
    with pytest.raises(VenueResponseInvalid, match="is missing"):
        coinbase.observe()


@pytest.mark.parametrize(
    "field",
    ["size", "side", "symbol", "market", "status", "subaccountNumber", "address", "assetPositions", "subaccounts"],
)
def test_a_dydx_answer_without_a_field_is_refused(dydx: Desk, field: str) -> None:
    dydx.fail(faults.edited(lambda document: _without(document, field)))
    with pytest.raises(VenueResponseInvalid, match="is missing"):
        dydx.observe()


def _without(value: object, field: str) -> object:
    if isinstance(value, dict):
        return {key: _without(inner, field) for key, inner in value.items() if key != field}
    return [_without(inner, field) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("code", [403, 451])
def test_a_page_that_refuses_our_country_is_said_to_be_that(desk: Desk, code: int) -> None:
    desk.fail(faults.html(code))
    with pytest.raises(VenueGeoBlocked, match=str(code)):
        desk.observe()
    assert desk.asked() == 1


def test_a_stated_wait_is_waited_out_inside_the_call(desk: Desk) -> None:
    desk.fail(faults.status(429, retry_after=desk.retry_after(2)))
    assert desk.observe().wallets == {desk.wallet: None}
    assert desk.time.slept == [2]


def test_a_wait_that_does_not_fit_is_handed_on(desk: Desk) -> None:
    desk.fail(faults.status(429, retry_after=desk.retry_after(60)))
    with pytest.raises(VenueRateLimited) as limited:
        desk.observe(budget=20)
    assert limited.value.retry_after_seconds == 60
    assert desk.time.slept == []


def test_a_throttle_without_a_wait_is_handed_on_at_once(desk: Desk) -> None:
    desk.fail(faults.status(429))
    with pytest.raises(VenueRateLimited) as limited:
        desk.observe()
    assert limited.value.retry_after_seconds is None
    assert (desk.time.slept, desk.asked()) == ([], 1)


def test_a_venue_that_throttles_on_and_on_is_not_waited_for_on_and_on(desk: Desk) -> None:
    desk.fail(faults.status(429, retry_after=desk.retry_after(1)), times=None)
    with pytest.raises(VenueRateLimited):
        desk.observe(budget=600)
    assert (desk.time.slept, desk.asked()) == ([1, 1, 1], 4)


def test_a_venue_that_says_nothing_is_given_up_in_time(desk: Desk) -> None:
    desk.fail(faults.hang())
    with pytest.raises(VenueUnavailable, match=r"within 0\.1 s"):
        desk.observe(timeout=0.1, real_time=True)


def test_a_venue_that_drips_is_given_up_in_time(desk: Desk) -> None:
    desk.fail(faults.slow_drip(0.01))
    with pytest.raises(VenueUnavailable, match=r"within 0\.1 s"):
        desk.observe(timeout=0.1, real_time=True)


def test_a_connection_dropped_once_is_opened_again(desk: Desk) -> None:
    desk.fail(faults.dropped_connection())
    assert desk.observe().wallets == {desk.wallet: None}
    assert desk.asked() == 2


def test_a_connection_dropped_again_is_no_answer(desk: Desk) -> None:
    desk.fail(faults.dropped_connection(), times=2)
    with pytest.raises(VenueUnavailable, match="dropped"):
        desk.observe()


def test_a_venue_that_recovers_is_read_by_the_next_try(desk: Desk) -> None:
    desk.fail(faults.status(500))
    with pytest.raises(VenueUnavailable):
        desk.observe()
    assert desk.observe().wallets == {desk.wallet: None}


def test_nothing_is_asked_once_the_time_is_used_up(desk: Desk) -> None:
    http = desk.open(budget=5)
    desk.time.sleep(6)
    with pytest.raises(VenueUnavailable, match="time for this account is used up"):
        http.get(desk.path)
    assert desk.asked() == 0


def test_every_answer_is_kept_as_evidence_also_the_refused(desk: Desk) -> None:
    desk.fail(faults.status(429, retry_after=desk.retry_after(1)))
    desk.fail(faults.truncated_json())
    with pytest.raises(VenueUnavailable):
        desk.observe()
    assert desk.http is not None
    throttled, broken = (answer.document() for answer in desk.http.answers)
    assert throttled["status"] == 429
    assert "Too many requests" in throttled["body"]
    assert broken["path"].startswith(desk.path)
    assert broken["status"] == 200
    assert broken["body"].startswith("{")
    assert broken["received_at"] == "2026-11-22T12:00:01.000Z"
    assert "127.0.0.1" not in json.dumps([throttled, broken])


ALL_FAULTS = {**UNREADABLE, **BROKEN, "status 401": faults.status(401), "status 403": faults.status(403)}


@pytest.mark.parametrize("fault", ALL_FAULTS.values(), ids=ALL_FAULTS)
def test_no_secret_signature_or_balance_is_ever_said(
    desk: Desk, fault: faults.Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.fail(fault)
    with pytest.raises(TrueupError) as failed:
        desk.observe()
    assert desk.http is not None
    said = "".join(traceback.format_exception(failed.value)) + caplog.text
    kept = json.dumps([answer.document() for answer in desk.http.answers])
    secret = (desk.credential or {}).get("privateKey", "no key at all")
    for word in ("Bearer", "eyJ", secret, secret[:12]):
        assert word not in said + kept
    assert "608580" not in said


def test_an_account_with_unknown_options_is_refused_before_anything_is_sent(desk: Desk) -> None:
    desk.account.options["leverage"] = 3  # type: ignore[index]
    with pytest.raises(ConfigInvalid, match=r"options\.leverage"):
        desk.observe()
    assert desk.venue.requests == []


def test_no_socket_is_left_open_by_a_failure(desk: Desk) -> None:
    for fault in (faults.truncated_body(), faults.html(), faults.oversize(9), faults.redirect("http://127.0.0.1:1")):
        desk.fail(fault)
        with pytest.raises(TrueupError):
            desk.observe()
    gc.collect()  # an abandoned socket would warn here, and a warning fails the test
