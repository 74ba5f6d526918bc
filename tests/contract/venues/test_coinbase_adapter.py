"""Coinbase in particular: signatures, pages, rows."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from venue_kit import ACCOUNTS_PATH, SECRETS, Desk, Time, coinbase_desk, holding, totals

from local.venues import AccountRow, faults
from trueup.errors import ConfigInvalid, VenueAuthFailed, VenueClockSkew, VenuePermissionDenied, VenueResponseInvalid
from trueup.venues import coinbase as adapter
from trueup.venues.coinbase import Coinbase
from trueup.venues.coinbase_signed import TIME_PATH
from trueup.venues.coinbase_transfers import MAX_REQUESTS

RECORDED = Path(__file__).parents[2] / "fixtures" / "coinbase"


def test_the_vendors_own_sample_is_read_as_documented(time: Time) -> None:
    with coinbase_desk(time, recorded=RECORDED) as desk:
        found = desk.observe().holdings
    assert [(h.asset, str(h.available), str(h.held), f"{h.total.normalize():f}") for h in found] == [
        ("BTC", "1.2300000000000000", "0.0200000000000000", "1.25")
    ]


def test_what_is_held_is_part_of_the_total(coinbase: Desk) -> None:
    found = holding(coinbase.observe(), "BTC")
    assert (str(found.available), str(found.held), str(found.total)) == ("1.23", "0.02", "1.25")


def test_a_fully_held_balance_is_no_zero_row(coinbase: Desk) -> None:
    coinbase.state("ETH", "0")
    coinbase.venue.portfolio(coinbase.caller).set("SOL", "0.000", "4")
    found = totals(coinbase.observe())
    assert found["spot", "SOL"] == "4"
    assert ("spot", "ETH") not in found


def test_rows_of_one_currency_are_summed_exactly(coinbase: Desk) -> None:
    portfolio = coinbase.venue.portfolio(coinbase.caller)
    portfolio.add_row(AccountRow("BTC", "0.000000000000000001", type="ACCOUNT_TYPE_VAULT"))
    portfolio.add_row(AccountRow("BTC", "1000000000000000000000000000000", "0.5", active=False))
    found = holding(coinbase.observe(), "BTC")
    assert f"{found.available:f}" == "1000000000000000000000000000001.230000000000000001"
    assert f"{found.held:f}" == "0.52"
    assert f"{found.total:f}" == "1000000000000000000000000000001.750000000000000001"


def test_rows_that_cancel_out_are_still_a_holding(coinbase: Desk) -> None:
    coinbase.venue.portfolio(coinbase.caller).add_row(AccountRow("BTC", "-1.25", "0"))
    assert holding(coinbase.observe(), "BTC").total == 0


def test_the_venues_own_ticker_is_read_as_the_asset(coinbase: Desk) -> None:
    portfolio = coinbase.venue.portfolio(coinbase.caller)
    portfolio.add_row(AccountRow("CGLD", "2"))
    portfolio.add_row(AccountRow("CGLD", "3", type="ACCOUNT_TYPE_VAULT"))
    portfolio.add_row(AccountRow("CELO", "0"))
    found = holding(coinbase.observe(), "CELO")
    assert (str(found.total), found.venue_asset, found.price_asset, found.unmapped) == ("5", "CGLD", "CELO", False)
    assert ("spot", "CGLD") not in totals(coinbase.observe())


def test_two_amounts_under_the_old_and_the_new_ticker_are_two_holdings(coinbase: Desk) -> None:
    # Half a rename: what the venue lists apart is not added up, and neither part vanishes.
    portfolio = coinbase.venue.portfolio(coinbase.caller)
    portfolio.add_row(AccountRow("CGLD", "2"))
    portfolio.add_row(AccountRow("CELO", "3"))
    found = totals(coinbase.observe())
    assert (found["spot", "CGLD"], found["spot", "CELO"]) == ("2", "3")
    old = holding(coinbase.observe(), "CGLD")
    assert (old.venue_asset, old.price_asset, old.unmapped) == ("CGLD", "CGLD", False)


def test_one_account_listed_twice_is_not_counted_twice(coinbase: Desk) -> None:
    coinbase.fail(faults.edited(lambda page: {**page, "accounts": page["accounts"] * 2}))
    with pytest.raises(VenueResponseInvalid, match="listed twice"):
        coinbase.observe()


def test_a_balance_in_another_currency_than_its_account_is_refused(coinbase: Desk) -> None:
    def swap(page: Any) -> Any:
        page["accounts"][0]["hold"]["currency"] = "ETH"
        return page

    coinbase.fail(faults.edited(swap))
    with pytest.raises(VenueResponseInvalid, match=r"hold\.currency"):
        coinbase.observe()


@pytest.mark.parametrize(("rows", "requests"), [(0, 1), (1, 1), (250, 1), (251, 2), (501, 3)])
def test_every_page_is_read(coinbase: Desk, rows: int, requests: int) -> None:
    portfolio = coinbase.venue.portfolio(coinbase.caller)
    portfolio.rows.clear()
    for number in range(rows):
        portfolio.add_row(AccountRow(f"COIN{number}", "1"))
    snapshot = coinbase.observe()
    assert len(snapshot.holdings) == rows
    assert snapshot.wallets == {"spot": None}
    assert coinbase.asked() == requests


def test_pages_that_go_round_in_a_circle_are_refused(coinbase: Desk) -> None:
    coinbase.fail(faults.repeated_cursor(), times=None)
    with pytest.raises(VenueResponseInvalid, match="circle"):
        coinbase.observe()
    assert coinbase.asked() == 2


def test_more_pages_without_a_way_to_them_are_refused(coinbase: Desk) -> None:
    coinbase.fail(faults.empty_cursor())
    with pytest.raises(VenueResponseInvalid, match="cursor"):
        coinbase.observe()


def test_pages_without_end_are_refused(coinbase: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "MAX_PAGES", 2)
    portfolio = coinbase.venue.portfolio(coinbase.caller)
    for number in range(600):
        portfolio.add_row(AccountRow(f"COIN{number}", "1"))
    with pytest.raises(VenueResponseInvalid, match="after 2 pages"):
        coinbase.observe()


def test_a_failing_second_page_fails_the_account(coinbase: Desk) -> None:
    portfolio = coinbase.venue.portfolio(coinbase.caller)
    for number in range(300):
        portfolio.add_row(AccountRow(f"COIN{number}", "1"))
    http: Any = coinbase.open()
    real = http.get

    def get(path: str, query: Any = None, **how: Any) -> Any:
        if "cursor" in (query or {}):
            portfolio.can_view = False
        return real(path, query, **how)

    http.get = get
    with pytest.raises(VenuePermissionDenied, match="Missing required scopes"):
        Coinbase().observe(coinbase.account, coinbase.credential, http)


@pytest.mark.parametrize("key", SECRETS, ids=lambda key: key.algorithm)
def test_both_kinds_of_key_are_told_apart_by_themselves(time: Time, key: Any) -> None:
    with coinbase_desk(time) as desk:
        name = f"{key.name}-2"
        desk.venue.open_portfolio(name, key.public_key, {"BTC": "7"})
        desk.credential = {"id": name, "privateKey": key.private_key}
        assert totals(desk.observe()) == {("spot", "BTC"): "7"}


def test_every_request_has_a_token_of_its_own(coinbase: Desk) -> None:
    portfolio = coinbase.venue.portfolio(coinbase.caller)
    for number in range(300):
        portfolio.add_row(AccountRow(f"COIN{number}", "1"))
    coinbase.fail(faults.status(429, retry_after="1"))
    coinbase.observe()  # the venue refuses a nonce it has seen
    statuses = [(request.status, request.path == ACCOUNTS_PATH) for request in coinbase.venue.requests]
    assert statuses == [(429, True), (200, True), (200, True), *[(200, False)] * MAX_REQUESTS]


def test_a_token_names_the_host_as_the_venue_is_addressed(coinbase: Desk) -> None:
    tokens = _tokens(coinbase)
    assert tokens[0]["uri"] == f"GET 127.0.0.1:{coinbase.venue.port}{ACCOUNTS_PATH}"
    assert tokens[0]["exp"] - tokens[0]["nbf"] == 120


@pytest.mark.parametrize("seconds", [-2, -60, -500, 500])
def test_a_wrong_clock_is_corrected_once_and_signed_anew(coinbase: Desk, seconds: int) -> None:
    coinbase.venue.shift_clock(seconds)
    first, second, *later = _tokens(coinbase)
    assert {claims["nbf"] - first["nbf"] for claims in (second, *later)} == {seconds}
    asked = [request.path for request in coinbase.venue.requests]
    assert asked[:3] == [ACCOUNTS_PATH, TIME_PATH, ACCOUNTS_PATH]
    assert TIME_PATH not in asked[3:]


def test_a_wrong_clock_that_correcting_does_not_cure_is_said_to_be_that(coinbase: Desk) -> None:
    coinbase.venue.shift_clock(-60)
    coinbase.fail(faults.status(401), times=None)
    with pytest.raises(VenueClockSkew, match=r"clock is \+60 s off"):
        coinbase.observe()
    assert coinbase.asked() == 2


def test_a_clock_slightly_off_is_not_blamed_for_a_bad_key(coinbase: Desk) -> None:
    coinbase.venue.shift_clock(-5)
    coinbase.fail(faults.status(401), times=None)
    with pytest.raises(VenueAuthFailed):
        coinbase.observe()


def test_a_refused_key_is_not_tried_again(coinbase: Desk) -> None:
    coinbase.venue.revoke(coinbase.caller)
    with pytest.raises(VenueAuthFailed, match=r"cb-main at coinbase: .* answered 401: Unauthorized\. Check the key"):
        coinbase.observe()
    assert coinbase.asked() == 1


def test_a_refused_key_stays_refused_where_the_clock_cannot_be_asked(coinbase: Desk) -> None:
    coinbase.venue.revoke(coinbase.caller)
    coinbase.venue.fail(faults.ANY, faults.status(500), path=TIME_PATH)
    with pytest.raises(VenueAuthFailed):
        coinbase.observe()


def test_an_expired_timestamp_is_a_matter_of_the_clock(coinbase: Desk) -> None:
    body = '{"errors":[{"id":"authentication_error","message":"request timestamp expired"}]}'
    coinbase.fail(faults.status(401, body=body, content_type="application/json"), times=None)
    with pytest.raises(VenueClockSkew, match="request timestamp expired"):
        coinbase.observe()


def test_a_key_without_the_scope_is_said_to_be_that(coinbase: Desk) -> None:
    coinbase.venue.portfolio(coinbase.caller).can_view = False
    with pytest.raises(VenuePermissionDenied, match="Missing required scopes"):
        coinbase.observe()
    assert coinbase.asked() == 1


def test_a_wallet_that_coinbase_does_not_have_is_named(coinbase: Desk) -> None:
    coinbase.account = replace(coinbase.account, wallets=("spot", "earn"))
    with pytest.raises(ConfigInvalid, match=r"cb-main: wallets: coinbase knows only spot, not 'earn'"):
        coinbase.observe()


def test_an_account_without_a_key_is_refused(coinbase: Desk) -> None:
    coinbase.credential = None
    with pytest.raises(ConfigInvalid, match="cb-main: secret"):
        coinbase.observe()


def test_a_damaged_key_is_refused_without_a_fragment_of_it(coinbase: Desk) -> None:
    coinbase.credential = {"name": coinbase.caller, "privateKey": coinbase.credential["privateKey"][:-8]}
    with pytest.raises(ConfigInvalid, match=r"cb-main: secret: privateKey: ") as refused:
        coinbase.observe()
    assert coinbase.credential["privateKey"][:6] not in str(refused.value)
    assert coinbase.venue.requests == []


def test_the_venues_time_is_the_date_of_the_first_page(coinbase: Desk) -> None:
    before = coinbase.http
    snapshot = coinbase.observe()
    assert before is None
    assert snapshot.venue_time is not None
    assert snapshot.venue_time.tzinfo is not None
    assert snapshot.venue_time.microsecond == 0
    assert snapshot.venue_time.utcoffset() == timedelta(0)


def _tokens(desk: Desk) -> list[dict[str, Any]]:
    """Observe, and return the claims of every token sent."""
    http: Any = desk.open()
    real = http.get
    claims: list[dict[str, Any]] = []

    def get(path: str, query: Any = None, *, sign: Any = None, **how: Any) -> Any:
        def signing() -> Any:
            headers = sign()
            token = headers["Authorization"].removeprefix("Bearer ")
            claims.append(jwt.decode(token, options={"verify_signature": False}))
            return headers

        return real(path, query, sign=signing if sign else None, **how)

    http.get = get
    snapshot = Coinbase().observe(desk.account, desk.credential, http)
    assert json.dumps(totals(snapshot)["spot", "BTC"]) == '"1.25"'
    return claims
