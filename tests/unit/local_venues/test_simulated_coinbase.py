"""The simulated Coinbase shows balances, pages and limits as the vendor documents them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from local_venues_kit import Reader

from local.venues import AccountRow, CoinbaseSimulator, faults, make_credential

if TYPE_CHECKING:
    from local_venues_kit import ManualClock

PERMISSIONS = "/api/v3/brokerage/key_permissions"


def all_rows(reader: Reader, limit: int) -> tuple[list[str], int]:
    currencies, cursor, pages = [], "", 0
    while True:
        page = reader.accounts(f"?limit={limit}&cursor={cursor}").json
        assert page["size"] == len(page["accounts"]) <= limit
        currencies += [row["currency"] for row in page["accounts"]]
        pages += 1
        if not page["has_next"]:
            assert page["cursor"] == ""
            return currencies, pages
        cursor = page["cursor"]


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (250, 1), (251, 2)])
def test_every_row_comes_once_over_page_boundaries(
    coinbase: CoinbaseSimulator, clock: ManualClock, count: int, pages: int
) -> None:
    credential = make_credential("EdDSA")
    held = {f"COIN{number}": "1" for number in range(count)}
    coinbase.open_portfolio(credential.name, credential.public_key, held)
    assert all_rows(Reader(coinbase.port, credential, clock), 250) == (list(held), pages)


def test_a_page_has_49_rows_unless_asked_otherwise(coinbase: CoinbaseSimulator, clock: ManualClock) -> None:
    credential = make_credential("EdDSA")
    coinbase.open_portfolio(credential.name, credential.public_key, {f"COIN{number}": "1" for number in range(50)})
    page = Reader(coinbase.port, credential, clock).accounts().json
    assert (page["size"], page["has_next"]) == (49, True)


@pytest.mark.parametrize("query", ["?limit=251", "?limit=0", "?limit=x", "?cursor=1", "?cursor=" + "9" * 5000])
def test_a_limit_or_cursor_that_does_not_exist_is_400(reader: Reader, query: str) -> None:
    got = reader.accounts(query)
    assert (got.status, got.json["error"]) == (400, "INVALID_ARGUMENT")


def test_a_row_has_every_documented_field(reader: Reader, coinbase: CoinbaseSimulator) -> None:
    row = reader.accounts().json["accounts"][0]
    portfolio = coinbase.portfolio(reader.credential.name)
    assert row == {
        "uuid": portfolio.rows[0].uuid,
        "name": "BTC Wallet",
        "currency": "BTC",
        "available_balance": {"value": "1.2300000000000000", "currency": "BTC"},
        "default": True,
        "active": True,
        "created_at": "2021-05-31T09:59:59Z",
        "updated_at": "2026-01-02T03:04:05Z",
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": "0.02", "currency": "BTC"},
        "retail_portfolio_id": portfolio.uuid,
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


def test_a_key_sees_only_its_own_portfolio(coinbase: CoinbaseSimulator, reader: Reader, clock: ManualClock) -> None:
    other = make_credential("ES256")
    coinbase.open_portfolio(other.name, other.public_key, {"ETH": "9"})
    seen = Reader(coinbase.port, other, clock).accounts().json["accounts"]
    assert [row["currency"] for row in seen] == ["ETH"]


def test_one_currency_may_have_several_rows_and_odd_amounts(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    portfolio = coinbase.portfolio(reader.credential.name)
    portfolio.add_row(AccountRow("BTC", "0.000000000000000001", None, type="ACCOUNT_TYPE_VAULT"))
    rows = [row for row in reader.accounts().json["accounts"] if row["currency"] == "BTC"]
    assert [row["type"] for row in rows] == ["ACCOUNT_TYPE_CRYPTO", "ACCOUNT_TYPE_VAULT"]
    assert rows[0]["uuid"] != rows[1]["uuid"]
    assert (rows[1]["available_balance"]["value"], rows[1]["hold"]["value"]) == ("0.000000000000000001", None)


def test_added_balances_are_exact(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    portfolio = coinbase.portfolio(reader.credential.name)
    portfolio.set("ETH", "123456789012345678.1")
    portfolio.add("ETH", "0.000000000000000002", hold="-1")
    assert (portfolio.row("ETH").available, portfolio.row("ETH").hold) == (
        "123456789012345678.100000000000000002",
        "-1",
    )


def test_permissions_tell_what_the_key_may_do(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    portfolio = coinbase.portfolio(reader.credential.name)
    portfolio.can_trade = True
    assert reader.get(PERMISSIONS, reader.bearer(PERMISSIONS)).json == {
        "can_view": True,
        "can_trade": True,
        "can_transfer": False,
        "portfolio_uuid": portfolio.uuid,
        "portfolio_type": "DEFAULT",
    }


def test_a_key_that_may_not_view_is_refused_its_balances(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    coinbase.portfolio(reader.credential.name).can_view = False
    got = reader.accounts()
    assert got.status == 403
    assert got.json == {
        "error": "PERMISSION_DENIED",
        "message": "Missing required scopes",
        "error_details": "Missing required scopes",
    }


def test_the_public_clock_needs_no_token_and_speaks_in_strings(reader: Reader, clock: ManualClock) -> None:
    clock.advance(0.5)
    assert reader.get("/api/v3/brokerage/time").json == {
        "iso": "2023-11-14T22:13:20Z",
        "epochSeconds": "1700000000",
        "epochMillis": "1700000000500",
    }


def test_rates_are_units_per_dollar_and_invert_to_the_price(reader: Reader) -> None:
    rates = reader.get("/v2/exchange-rates?currency=USD").json["data"]["rates"]
    assert rates["USD"] == "1.0"
    assert round(1 / Decimal(rates["BTC"]), 15) == Decimal("97000.5")


def test_rates_are_published_exactly_as_stated(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    coinbase.set_rates({"BTC": "0.0000103"})
    assert reader.get("/v2/exchange-rates").json["data"]["rates"]["BTC"] == "0.0000103"


def test_a_base_currency_we_do_not_publish_is_a_v2_error(reader: Reader) -> None:
    got = reader.get("/v2/exchange-rates?currency=XXX")
    assert (got.status, got.json["errors"][0]["id"]) == (400, "invalid_request")


def test_the_31st_private_request_of_a_second_is_429(
    coinbase: CoinbaseSimulator, reader: Reader, clock: ManualClock
) -> None:
    answers = [reader.accounts() for _ in range(31)]
    assert [got.status for got in answers] == [200] * 30 + [429]
    assert answers[0].headers["x-ratelimit-limit"] == "30"
    assert [answers[n].headers["x-ratelimit-remaining"] for n in (0, 29, 30)] == ["29", "0", "0"]
    assert "retry-after" not in answers[-1].headers
    clock.advance(1)
    assert reader.accounts().status == 200


def test_a_clock_that_disagrees_refuses_until_timestamps_fit(
    coinbase: CoinbaseSimulator, reader: Reader, clock: ManualClock
) -> None:
    coinbase.shift_clock(300)
    assert reader.accounts().status == 401
    venue_now = int(reader.get("/api/v3/brokerage/time").json["epochSeconds"])
    assert venue_now == int(clock()) + 300
    assert reader.accounts(now=venue_now).status == 200


def test_a_refused_token_uses_up_no_fault(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    coinbase.fail(faults.ANY, faults.status(503), path="/api/v3/brokerage/accounts")
    assert reader.accounts(claims={"iss": "x"}).status == 401
    assert reader.accounts().status == 503
    assert reader.accounts().status == 200


def test_the_log_names_callers_and_refusals_and_holds_no_token(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    reader.accounts("?limit=1")
    reader.get("/api/v3/brokerage/accounts", {"Authorization": "Bearer a.b.c"})
    first, second = coinbase.requests
    assert (first.number, first.path, first.query) == (1, "/api/v3/brokerage/accounts", {"limit": "1"})
    assert (first.status, first.caller, first.refusal) == (200, reader.credential.name, None)
    assert (second.status, second.caller) == (401, None)
    assert "Bearer" not in repr(coinbase.requests)
