"""Coinbase: what is in flight, and how far it is looked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from venue_kit import ACCOUNTS_PATH, NOON, Desk, Time, coinbase_desk, in_flight, observed_against, totals

from local.venues import AccountRow, Portfolio, faults
from trueup.domain.models import Holding, Pending
from trueup.domain.report import Outcome
from trueup.errors import TrueupError, VenueAuthFailed, VenuePermissionDenied, VenueRateLimited, VenueResponseInvalid
from trueup.venues.coinbase import Coinbase
from trueup.venues.coinbase_transfers import LOOK_BACK, MAX_REQUESTS, PAGES, TRANSFERS

RECORDED = Path(__file__).parents[2] / "fixtures" / "coinbase"


@pytest.fixture
def portfolio(coinbase: Desk) -> Portfolio:
    """1.23 BTC, 0.02 more on hold, and 608580.951601 USDC."""
    found: Portfolio = coinbase.venue.portfolio(coinbase.caller)
    return found


def histories_asked(desk: Desk) -> list[str]:
    """The accounts whose transactions were asked for, in order."""
    paths = [request.path for request in desk.venue.requests]
    return [path.split("/")[3] for path in paths if path.startswith("/v2/accounts/")]


def test_a_withdrawal_on_its_way_is_off_the_balance_and_in_flight(coinbase: Desk, portfolio: Portfolio) -> None:
    identity = portfolio.start_transfer("USDC", "-500.000001")
    snapshot = coinbase.observe()
    assert totals(snapshot)["spot", "USDC"] == "608080.951600"
    assert snapshot.pending == (Pending("spot", "USDC", Decimal("-500.000001"), True, "withdrawal", identity, NOON),)


def test_a_deposit_is_in_flight_until_it_is_credited(coinbase: Desk, portfolio: Portfolio) -> None:
    identity = portfolio.start_transfer("BTC", "0.5", kind="receive")
    snapshot = coinbase.observe()
    assert totals(snapshot)["spot", "BTC"] == "1.25"
    assert snapshot.pending == (Pending("spot", "BTC", Decimal("0.5"), False, "deposit", identity, NOON),)
    portfolio.settle(identity)
    snapshot = coinbase.observe()
    assert (totals(snapshot)["spot", "BTC"], snapshot.pending) == ("1.75", ())


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "canceled"])
def test_what_is_over_is_not_in_flight(coinbase: Desk, portfolio: Portfolio, status: str) -> None:
    portfolio.settle(portfolio.start_transfer("USDC", "-500"), status)
    assert coinbase.observe().pending == ()


@pytest.mark.parametrize("status", ["waiting_for_signature", "waiting_for_clearing"])
def test_what_waits_has_not_left_yet(coinbase: Desk, portfolio: Portfolio, status: str) -> None:
    portfolio.start_transfer("USDC", "-500", kind="vault_withdrawal", status=status)
    assert in_flight(coinbase.observe()) == [("USDC", "-500", False)]


@pytest.mark.parametrize("kind", sorted(TRANSFERS))
def test_every_kind_of_transfer_is_listed(coinbase: Desk, portfolio: Portfolio, kind: str) -> None:
    portfolio.start_transfer("USDC", "-500", kind=kind)
    assert in_flight(coinbase.observe()) == [("USDC", "-500", True)]


@pytest.mark.parametrize(
    "kind", ["advanced_trade_fill", "buy", "sell", "trade", "request", "staking_transfer", "tx", "something_new"]
)
def test_what_is_no_transfer_explains_nothing(coinbase: Desk, portfolio: Portfolio, kind: str) -> None:
    portfolio.record_transaction("USDC", "-500", kind=kind, status="pending")
    assert coinbase.observe().pending == ()


def test_a_status_nobody_knows_explains_nothing_and_stops_nothing(coinbase: Desk, portfolio: Portfolio) -> None:
    portfolio.start_transfer("USDC", "-500")
    edit_history(coinbase, portfolio, lambda page: _first(page).update(status="under_review"))
    assert in_flight(coinbase.observe()) == []


def test_a_transfer_of_nothing_is_no_item(coinbase: Desk, portfolio: Portfolio) -> None:
    portfolio.start_transfer("USDC", "0.00")
    assert coinbase.observe().pending == ()


def test_an_item_has_our_name_of_the_asset(coinbase: Desk, portfolio: Portfolio) -> None:
    portfolio.set("CGLD", "5")
    portfolio.start_transfer("CGLD", "-2")
    assert in_flight(coinbase.observe()) == [("CELO", "-2", True)]


def test_an_item_has_the_name_of_its_holding_where_two_names_stand_apart(coinbase: Desk, portfolio: Portfolio) -> None:
    portfolio.set("CELO", "3")
    portfolio.set("CGLD", "5")
    portfolio.start_transfer("CGLD", "-2")
    snapshot = coinbase.observe()
    assert totals(snapshot)["spot", "CGLD"] == "3"
    assert in_flight(snapshot) == [("CGLD", "-2", True)]


def test_the_vendors_own_sample_is_read_as_documented(time: Time) -> None:
    time.now = datetime(2015, 1, 31, 21, tzinfo=UTC)
    with coinbase_desk(time, recorded=RECORDED) as desk:
        (item,) = desk.observe().pending
    assert (item.asset, str(item.quantity), item.applied, item.kind) == ("BTC", "-1.00000000", True, "withdrawal")
    assert item.reference == "0ec2de93-7dae-5a50-8580-6445a08e4ae4"
    assert item.since == datetime(2015, 1, 31, 20, 49, 2, tzinfo=UTC)


# -- what it is for ------------------------------------------------------------------------------------------------


def test_a_withdrawal_the_book_has_not_heard_of_is_explained_until_it_is_over(
    coinbase: Desk, portfolio: Portfolio
) -> None:
    book = (Holding("spot", "BTC", Decimal("1.25")), Holding("spot", "USDC", Decimal("608580.951601")))
    identity = portfolio.start_transfer("USDC", "-50000")
    line = observed_against(coinbase, book)["USDC"]
    assert (line.outcome, line.references) == (Outcome.EXPLAINED, (identity,))
    portfolio.settle(identity)
    assert observed_against(coinbase, book)["USDC"].outcome is Outcome.BREAK


def test_as_much_again_that_is_gone_is_not_explained(coinbase: Desk, portfolio: Portfolio) -> None:
    book = (Holding("spot", "BTC", Decimal("1.25")), Holding("spot", "USDC", Decimal("608580.951601")))
    portfolio.start_transfer("USDC", "-50000")
    portfolio.add("USDC", "-50000")
    assert observed_against(coinbase, book)["USDC"].outcome is Outcome.BREAK


# -- what moves while we look --------------------------------------------------------------------------------------


def between(desk: Desk, change: Callable[[], object]) -> Any:
    """Observe, and let something happen after the balances are read and before the transactions are."""
    http: Any = desk.open()
    real, done = http.get, []

    def get(path: str, query: Any = None, **how: Any) -> Any:
        if path.startswith("/v2/") and not done:
            done.append(change())
        return real(path, query, **how)

    http.get = get
    return Coinbase().observe(desk.account, desk.credential, http)


@pytest.mark.parametrize(("seconds", "applied"), [(0, True), (1, False)])
def test_a_withdrawal_that_begins_after_the_balance_was_read_is_not_in_it(
    coinbase: Desk, portfolio: Portfolio, seconds: int, applied: bool
) -> None:
    def begin() -> None:
        coinbase.time.now += timedelta(seconds=seconds)
        portfolio.start_transfer("USDC", "-500")

    snapshot = between(coinbase, begin)
    assert totals(snapshot)["spot", "USDC"] == "608580.951601"
    # Within one second of the venue's clock nobody can tell; taken for applied, it explains the book that has it.
    assert in_flight(snapshot) == [("USDC", "-500", applied)]
    assert snapshot.observed_at == NOON


def test_a_part_of_a_second_does_not_make_a_withdrawal_look_later_than_its_balance(
    coinbase: Desk, portfolio: Portfolio
) -> None:
    coinbase.time.now += timedelta(milliseconds=900)
    portfolio.start_transfer("USDC", "-500")
    edit_history(coinbase, portfolio, lambda page: _first(page).update(created_at="2026-11-22T12:00:00.7Z"))
    assert in_flight(coinbase.observe()) == [("USDC", "-500", True)]


def test_a_deposit_that_is_credited_after_the_balance_was_read_is_counted_nowhere(
    coinbase: Desk, portfolio: Portfolio
) -> None:
    identity = portfolio.start_transfer("USDC", "500")
    snapshot = between(coinbase, lambda: portfolio.settle(identity))
    assert (totals(snapshot)["spot", "USDC"], snapshot.pending) == ("608580.951601", ())


# -- how far it is looked for --------------------------------------------------------------------------------------


def test_what_holds_nothing_is_asked_only_if_it_changed_lately(coinbase: Desk, portfolio: Portfolio) -> None:
    portfolio.add_row(AccountRow("DUST", "0"))
    portfolio.set("ETH", "3")
    identity = portfolio.start_transfer("ETH", "-3")
    snapshot = coinbase.observe()
    assert ("spot", "ETH") not in totals(snapshot)
    assert [item.reference for item in snapshot.pending] == [identity]
    asked = histories_asked(coinbase)
    assert portfolio.row("ETH").uuid in asked
    assert portfolio.row("DUST").uuid not in asked


@pytest.mark.parametrize(("age", "listed"), [(LOOK_BACK, True), (LOOK_BACK + timedelta(seconds=1), False)])
def test_what_is_stuck_for_longer_than_a_week_is_not_listed(
    coinbase: Desk, portfolio: Portfolio, age: timedelta, listed: bool
) -> None:
    assert timedelta(days=7) == LOOK_BACK
    portfolio.start_transfer("USDC", "-500")
    coinbase.time.now += age
    assert bool(coinbase.observe().pending) is listed


@pytest.mark.parametrize(
    ("newer", "requests", "listed"),
    [(24, 1, True), (25, 2, True), (124, 2, True), (125, 3, True), (224, 3, True), (225, 3, False)],
)
def test_the_newest_transactions_are_read_page_by_page(
    coinbase: Desk, portfolio: Portfolio, newer: int, requests: int, listed: bool
) -> None:
    portfolio.start_transfer("USDC", "-500")
    for _ in range(newer):
        portfolio.record_transaction("USDC", "1", kind="advanced_trade_fill")
    assert sum(PAGES) == 225
    assert bool(coinbase.observe().pending) is listed
    assert histories_asked(coinbase).count(portfolio.row("USDC").uuid) == requests


def test_no_page_is_asked_for_beyond_the_look_back(coinbase: Desk, portfolio: Portfolio) -> None:
    for _ in range(60):
        portfolio.record_transaction("USDC", "1", created_at="2026-11-01T00:00:00Z")
    coinbase.observe()
    assert histories_asked(coinbase).count(portfolio.row("USDC").uuid) == 1


def test_the_accounts_that_changed_last_are_asked_first_and_not_too_many(coinbase: Desk, portfolio: Portfolio) -> None:
    for number in range(MAX_REQUESTS):
        portfolio.add_row(AccountRow(f"COIN{number}", "1"))
    identity = portfolio.start_transfer("COIN23", "-1")
    snapshot = coinbase.observe()
    assert [item.reference for item in snapshot.pending] == [identity]
    asked = histories_asked(coinbase)
    assert (asked[0], len(asked)) == (portfolio.row("COIN23").uuid, MAX_REQUESTS)
    assert MAX_REQUESTS == 24


def test_a_busy_account_takes_no_page_away_from_the_others(coinbase: Desk, portfolio: Portfolio) -> None:
    for number in range(MAX_REQUESTS - 3):
        portfolio.add_row(AccountRow(f"COIN{number}", "1"))
    for _ in range(300):
        portfolio.record_transaction("USDC", "1", kind="advanced_trade_fill")
    portfolio.set("USDC", "1")
    coinbase.observe()
    asked = histories_asked(coinbase)
    busy = portfolio.row("USDC").uuid
    assert (len(asked), asked.count(busy), asked[-1]) == (MAX_REQUESTS, 2, busy)
    assert len(set(asked)) == MAX_REQUESTS - 1


def test_the_balances_are_read_before_the_transactions(coinbase: Desk) -> None:
    coinbase.observe()
    assert [request.path == ACCOUNTS_PATH for request in coinbase.venue.requests] == [True, False, False]


# -- answers that cannot be ----------------------------------------------------------------------------------------


def _first(page: Any) -> Any:
    return page["data"][0]


def edit_history(desk: Desk, portfolio: Portfolio, change: Callable[[Any], object], times: int | None = 1) -> None:
    """Change what the venue says of the USDC account's transactions."""

    def edit(page: Any) -> Any:
        change(page)
        return page

    path = f"/v2/accounts/{portfolio.row('USDC').uuid}/transactions"
    desk.venue.fail(desk.caller, faults.edited(edit), path=path, times=times)


IMPOSSIBLE: dict[str, Callable[[Any], object]] = {
    "no id": lambda page: _first(page).pop("id"),
    "no type": lambda page: _first(page).pop("type"),
    "no status": lambda page: _first(page).pop("status"),
    "no amount": lambda page: _first(page).pop("amount"),
    "no time": lambda page: _first(page).pop("created_at"),
    "no list": lambda page: page.pop("data"),
    "no pagination": lambda page: page.pop("pagination"),
    "no next page, not even none": lambda page: page["pagination"].pop("next_uri"),
    "a next page that is a number": lambda page: page["pagination"].update(next_uri=2),
    "another currency": lambda page: _first(page)["amount"].update(currency="BTC"),
    "an amount that is none": lambda page: _first(page)["amount"].update(amount="1,111.11"),
    "an amount that is not finite": lambda page: _first(page)["amount"].update(amount="-Infinity"),
    "a time that is none": lambda page: _first(page).update(created_at="yesterday"),
    "the same twice": lambda page: page.update(data=page["data"] * 2),
    "more after an empty page": lambda page: page.update(data=[], pagination={"next_uri": "/v2/more"}),
    "a transaction that is a text": lambda page: page.update(data=["w-1"]),
}


@pytest.mark.parametrize("change", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_history_that_cannot_be_is_refused_and_no_amount_is_quoted(
    coinbase: Desk, portfolio: Portfolio, change: Callable[[Any], object]
) -> None:
    portfolio.start_transfer("USDC", "-1111.11")
    edit_history(coinbase, portfolio, change)
    with pytest.raises(VenueResponseInvalid, match=r"cb-main at coinbase: GET /v2/accounts/.*/transactions") as refused:
        coinbase.observe()
    assert "111" not in str(refused.value)


def test_pages_that_go_round_in_a_circle_are_refused(coinbase: Desk, portfolio: Portfolio) -> None:
    for _ in range(26):
        portfolio.record_transaction("USDC", "1")
    first = [each.shown() for each in reversed(portfolio.transactions)][:25]
    edit_history(
        coinbase, portfolio, lambda page: page.update(data=first, pagination={"next_uri": "/v2/more"}), times=None
    )
    with pytest.raises(VenueResponseInvalid, match="circle"):
        coinbase.observe()


def test_a_name_that_would_lead_elsewhere_is_no_account(coinbase: Desk) -> None:
    def rename(page: Any) -> Any:
        page["accounts"][0]["uuid"] = "../../v2/user?x="
        return page

    coinbase.fail(faults.edited(rename))
    with pytest.raises(VenueResponseInvalid, match=r"accounts\[0\]\.uuid"):
        coinbase.observe()
    assert len(coinbase.venue.requests) == 1


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error"),
    [(401, VenueAuthFailed), (403, VenuePermissionDenied), (429, VenueRateLimited), (400, VenueResponseInvalid)],
)
def test_a_refusal_here_fails_the_account_as_one_of_the_balances_does(
    coinbase: Desk, code: int, error: type[TrueupError]
) -> None:
    coinbase.venue.fail(coinbase.caller, faults.status(code), path=coinbase.transfers_path)
    with pytest.raises(error, match=r"/v2/accounts/"):
        coinbase.observe()


def test_an_account_the_older_api_does_not_know_has_no_history(coinbase: Desk, portfolio: Portfolio) -> None:
    portfolio.start_transfer("BTC", "-1")
    coinbase.venue.fail(coinbase.caller, faults.status(404), path=coinbase.transfers_path)
    assert in_flight(coinbase.observe()) == [("BTC", "-1", True)]


def test_any_other_404_is_not_taken_for_that(coinbase: Desk) -> None:
    body = '{"errors":[{"id":"route_not_found","message":"Not Found"}]}'
    coinbase.venue.fail(coinbase.caller, faults.status(404, body=body), path=coinbase.transfers_path)
    with pytest.raises(VenueResponseInvalid, match="404"):
        coinbase.observe()
