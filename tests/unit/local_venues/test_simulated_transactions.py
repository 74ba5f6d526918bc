"""The simulated Coinbase lists transactions, and moves balances with them, as the vendor documents it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.venues import CoinbaseSimulator, Portfolio, faults

if TYPE_CHECKING:
    from local_venues_kit import ManualClock, Reader


@pytest.fixture
def portfolio(coinbase: CoinbaseSimulator, reader: Reader) -> Portfolio:
    return coinbase.portfolio(reader.credential.name)


def test_a_transaction_has_every_documented_field(reader: Reader, portfolio: Portfolio) -> None:
    identity = portfolio.start_transfer("USD", "-500.10", kind="fiat_withdrawal")
    uuid = portfolio.row("USD").uuid
    assert reader.transactions("USD").json == {
        "pagination": {
            "ending_before": None,
            "starting_after": None,
            "previous_ending_before": None,
            "next_starting_after": None,
            "limit": 25,
            "order": "desc",
            "previous_uri": None,
            "next_uri": None,
        },
        "data": [
            {
                "id": identity,
                "type": "fiat_withdrawal",
                "status": "pending",
                "amount": {"amount": "-500.10", "currency": "USD"},
                "native_amount": {"amount": "0.00", "currency": "USD"},
                "description": None,
                "created_at": "2023-11-14T22:13:20Z",
                "resource": "transaction",
                "resource_path": f"/v2/accounts/{uuid}/transactions/{identity}",
            }
        ],
    }


def ids(page: object) -> list[str]:
    assert isinstance(page, dict)
    return [row["id"] for row in page["data"]]


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_pages_follow_the_last_id_and_have_every_transaction_once(
    reader: Reader, portfolio: Portfolio, order: str
) -> None:
    made = [portfolio.record_transaction("BTC", "1") for _ in range(7)]
    portfolio.record_transaction("USD", "1")
    found: list[str] = []
    query = f"?limit=3&order={order}"
    for _ in range(3):
        page = reader.transactions("BTC", query).json
        found += ids(page)
        query = f"?limit=3&order={order}&starting_after={found[-1]}"
        if page["pagination"]["next_uri"]:
            assert page["pagination"]["next_uri"].endswith(query)
            assert page["pagination"]["next_starting_after"] == found[-1]
    assert page["pagination"]["next_uri"] is None
    assert found == (made if order == "asc" else made[::-1])


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?limit=x", "?order=up", "?starting_after=nobody"])
def test_a_page_that_does_not_exist_is_400_in_the_words_of_v2(reader: Reader, query: str) -> None:
    got = reader.transactions("BTC", query)
    assert (got.status, got.json["errors"][0]["id"]) == (400, "invalid_request")


def test_an_account_of_nobodys_is_not_found(reader: Reader) -> None:
    path = "/v2/accounts/11111111-2222-3333-4444-555555555555/transactions"
    got = reader.get(path, reader.bearer(path))
    assert (got.status, got.json["errors"][0]["id"]) == (404, "not_found")


def test_a_token_for_another_path_is_refused(reader: Reader, portfolio: Portfolio) -> None:
    path = f"/v2/accounts/{portfolio.row('BTC').uuid}/transactions"
    assert reader.get(path, reader.bearer()).status == 401
    assert reader.get(path).status == 401


def test_a_key_that_may_not_view_is_refused_its_transactions(reader: Reader, portfolio: Portfolio) -> None:
    path = f"/v2/accounts/{portfolio.row('BTC').uuid}/transactions"
    portfolio.can_view = False
    got = reader.get(path, reader.bearer(path))
    assert (got.status, got.json["errors"][0]["id"]) == (403, "invalid_scope")


def test_v2_has_a_limit_of_its_own_by_the_hour(clock: ManualClock, reader: Reader) -> None:
    with CoinbaseSimulator(clock=clock, hourly_limit=2) as venue:
        portfolio = venue.open_portfolio(reader.credential.name, reader.credential.public_key, {"BTC": "1"})
        reader.port = venue.port
        path = f"/v2/accounts/{portfolio.rows[0].uuid}/transactions"
        answers = [reader.get(path, reader.bearer(path)) for _ in range(3)]
        assert [got.status for got in answers] == [200, 200, 429]
        assert answers[2].json["errors"][0]["id"] == "rate_limit_exceeded"
        assert reader.accounts().status == 200
        clock.advance(3600)
        assert reader.get(path, reader.bearer(path)).status == 200


def test_faults_of_this_path_leave_the_balances_alone(
    coinbase: CoinbaseSimulator, reader: Reader, portfolio: Portfolio
) -> None:
    path = f"/v2/accounts/{portfolio.row('BTC').uuid}/transactions"
    coinbase.fail(reader.credential.name, faults.status(503), path=path)
    assert reader.accounts().status == 200
    got = reader.get(path, reader.bearer(path))
    assert (got.status, got.json["errors"][0]["id"]) == (503, "internal_server_error")
    assert reader.get(path, reader.bearer(path)).status == 200


@pytest.mark.parametrize(
    ("amount", "status", "at_first", "ends", "at_last"),
    [
        ("-200", "pending", "300", "completed", "300"),
        ("-200", "pending", "300", "failed", "500"),
        ("200", "pending", "500", "completed", "700"),
        ("200", "pending", "500", "expired", "500"),
        ("-200", "waiting_for_signature", "500", "completed", "300"),
        ("-200", "waiting_for_clearing", "500", "canceled", "500"),
    ],
)
def test_a_transfer_moves_the_balance_when_the_venue_would(
    portfolio: Portfolio, amount: str, status: str, at_first: str, ends: str, at_last: str
) -> None:
    identity = portfolio.start_transfer("USD", amount, status=status)
    assert portfolio.row("USD").available == at_first
    portfolio.settle(identity, ends)
    assert (portfolio.row("USD").available, portfolio.transactions[-1].status) == (at_last, ends)


def test_a_change_of_the_balance_is_a_change_of_the_account(
    clock: ManualClock, reader: Reader, portfolio: Portfolio
) -> None:
    clock.advance(60)
    portfolio.start_transfer("USD", "100")
    assert portfolio.row("USD").updated_at == "2026-01-02T03:04:05Z"
    portfolio.start_transfer("USD", "-100")
    assert portfolio.row("USD").updated_at == "2023-11-14T22:14:20Z"


def test_the_date_of_an_answer_is_the_venues_own(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    coinbase.shift_clock(300)
    assert reader.get("/api/v3/brokerage/time").headers["date"] == "Tue, 14 Nov 2023 22:18:20 GMT"
