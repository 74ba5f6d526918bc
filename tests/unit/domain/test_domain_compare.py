"""Rules 1, 2, 8 and 11: which keys are compared, against which reading of the book, and what may be concluded."""

import gc
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import (
    NOON,
    STRICT,
    book,
    holding,
    judge,
    later,
    line_of,
    one,
    policy,
    prices,
    snapshot,
    the_line,
)
from trueup.domain.compare import compare, unverified
from trueup.domain.models import Observation, Pending
from trueup.domain.policy import default_policy
from trueup.domain.reasons import Reason, Severity
from trueup.domain.report import AccountReport, Kind, Line, Outcome, break_id


def verdict(line: Line) -> tuple[Outcome, Kind | None, Severity | None]:
    return line.outcome, line.kind, line.severity


# -- rule 2: the book before and after ---------------------------------------------------------------------------


@pytest.mark.parametrize("venue", ["1", "1.5", "2"])
@pytest.mark.parametrize(("before", "after"), [("1", "2"), ("2", "1")])
def test_an_amount_between_the_two_readings_is_in_motion_bounds_included(venue: str, before: str, after: str) -> None:
    line = one(venue, before, after)
    assert verdict(line) == (Outcome.IN_MOTION, None, Severity.OK)


def test_an_amount_between_a_long_and_a_short_reading_is_in_motion() -> None:
    assert one("0", "-1", "1").outcome is Outcome.IN_MOTION


def test_an_amount_in_motion_shows_the_nearer_reading() -> None:
    assert one("1.75", "1", "2").difference == Decimal("-0.25")
    assert one("1.25", "1", "2").difference == Decimal("0.25")


def test_an_amount_halfway_between_the_readings_shows_the_first() -> None:
    assert one("1.5", "1", "2").difference == Decimal("0.5")
    assert one("1.5", "2", "1").difference == Decimal("-0.5")


def test_the_book_is_shown_as_it_was_stated_before_and_after() -> None:
    line = one("3", "1", "2")
    assert (line.book, line.book_after, line.venue) == (1, 2, 3)


@pytest.mark.parametrize(("before", "after"), [("1", "2"), ("2", "1")])
def test_outside_the_readings_the_difference_is_the_nearer_ones(before: str, after: str) -> None:
    line = one("2.5", before, after)
    assert (line.outcome, line.difference, line.relative) == (Outcome.BREAK, Decimal("0.5"), Decimal("0.25"))
    assert line.worth == 50_000
    line = one("0.5", before, after)
    assert (line.outcome, line.difference, line.relative) == (Outcome.BREAK, Decimal("-0.5"), Decimal("0.5"))


def test_within_tolerance_of_the_nearer_reading_is_in_motion_and_not_a_match() -> None:
    line = one("2.000000001", "1", "2")
    assert (line.outcome, line.rule, line.severity) == (Outcome.IN_MOTION, None, Severity.OK)


def test_tolerance_is_relative_to_the_nearer_reading() -> None:
    # 0.1 % of 1000 is 1; of the far reading it would be far more.
    assert one("999", "1000", "500000", asset="COIN").outcome is Outcome.IN_MOTION
    assert one("998.9", "1000", "500000", asset="COIN").outcome is Outcome.BREAK


def test_severity_is_the_worse_of_the_two_readings() -> None:
    # 4 % of the nearer reading, 30.4 % of the farther one.
    by = policy(tolerance={"default": {"relative": "0"}})
    assert one("104", "100", asset="COIN", by=by).severity is Severity.MINOR
    line = one("104", "100", "79.75", asset="COIN", by=by, valued=None)
    assert verdict(line) == (Outcome.BREAK, Kind.QUANTITY, Severity.CRITICAL)
    assert line.difference == 4
    line = one("104", "79.75", "100", asset="COIN", by=by, valued=None)
    assert verdict(line) == (Outcome.BREAK, Kind.QUANTITY, Severity.CRITICAL)
    assert line.difference == 4


def test_kind_comes_with_the_worse_reading() -> None:
    # Against the first reading a short has become a smaller short; against the second a long has become a short.
    line = one("-3", "-1", "2", asset="COIN", valued=None)
    assert verdict(line) == (Outcome.BREAK, Kind.QUANTITY, Severity.CRITICAL)  # a tie: the first reading's kind
    line = one("-1.1", "-1", "2", asset="COIN", valued=None)
    assert verdict(line) == (Outcome.BREAK, Kind.SIGN_FLIP, Severity.CRITICAL)
    line = one("-1.1", "2", "-1", asset="COIN", valued=None)
    assert verdict(line) == (Outcome.BREAK, Kind.SIGN_FLIP, Severity.CRITICAL)
    assert line.difference == Decimal("-0.1")


def test_with_equal_severity_the_kind_is_the_first_readings() -> None:
    line = one("3", "0", "2.6", asset="COIN", valued=None)  # unexpected is MAJOR, 15.4 % is MAJOR
    assert verdict(line) == (Outcome.BREAK, Kind.UNEXPECTED_AT_VENUE, Severity.MAJOR)
    line = one("3", "2.6", "0", asset="COIN", valued=None)
    assert verdict(line) == (Outcome.BREAK, Kind.QUANTITY, Severity.MAJOR)


def test_worth_raises_by_the_worse_reading_too() -> None:
    line = one("2.005", "2", "1.8", valued=prices({"BTC": "50000"}))
    assert (line.worth, line.severity) == (250, Severity.CRITICAL)  # 0.205 BTC from the farther reading: 10,250


def test_an_asset_bought_while_we_looked_is_in_motion_and_not_unexpected() -> None:
    report = judge([("ETH", "5"), ("USDC", "1")], [("USDC", "1")], [("ETH", "5"), ("USDC", "1")])
    assert line_of(report, "ETH").outcome is Outcome.IN_MOTION


def test_an_asset_sold_while_we_looked_is_in_motion_and_not_missing() -> None:
    report = judge([("USDC", "1")], [("ETH", "5"), ("USDC", "1")], [("USDC", "1")])
    assert line_of(report, "ETH").outcome is Outcome.IN_MOTION


def test_held_is_bracketed_by_itself() -> None:
    report = judge(
        [holding("BTC", "1", held="0.3")], [holding("BTC", "1", held="0.2")], [holding("BTC", "1", held="0.5")]
    )
    assert line_of(report, "BTC", "held").outcome is Outcome.IN_MOTION
    assert line_of(report, "BTC").outcome is Outcome.EXACT


@pytest.mark.parametrize("silent", [0, 1, 2])
def test_what_is_held_is_no_line_if_one_of_the_three_does_not_state_it(silent: int) -> None:
    sides = [[holding("BTC", "1", held=None if number == silent else "0.5")] for number in range(3)]
    assert the_line(judge(*sides)).field == "total"


def test_nothing_against_nothing_is_exact_and_has_no_share() -> None:
    line = one("0", "0.00")
    assert (line.outcome, line.difference, line.relative, line.worth) == (Outcome.EXACT, 0, None, 0)


# -- rule 1: every key of either side -----------------------------------------------------------------------------


def test_a_currency_only_the_book_has_is_compared_with_zero() -> None:
    line = line_of(judge([("USDC", "1")], [("BTC", "0.5"), ("USDC", "1")]), "BTC")
    assert (line.venue, line.book, line.kind) == (0, Decimal("0.5"), Kind.MISSING_AT_VENUE)


def test_a_currency_only_the_venue_has_is_compared_with_zero() -> None:
    line = line_of(judge([("BTC", "0.5")], []), "BTC")
    assert (line.venue, line.book, line.kind) == (Decimal("0.5"), 0, Kind.UNEXPECTED_AT_VENUE)


def test_the_same_asset_in_two_wallets_is_two_lines_and_never_netted() -> None:
    report = judge(
        snapshot(("BTC", "0"), holding("BTC", "2", "earn"), wallets={"spot": None, "earn": None}),
        book(("BTC", "1"), holding("BTC", "1", "earn"), wallets=("spot", "earn")),
    )
    assert [(line.wallet, line.kind) for line in report.lines] == [
        ("earn", Kind.QUANTITY),
        ("spot", Kind.MISSING_AT_VENUE),
    ]


def test_an_incomplete_wallet_is_unverified_for_its_own_reason_and_the_others_are_compared() -> None:
    report = judge(
        snapshot(("BTC", "1"), wallets={"spot": None, "earn": Reason.PERMISSION_DENIED}),
        book(("BTC", "1"), holding("ETH", "3", "earn"), wallets=("spot", "earn")),
    )
    eth, btc = report.lines
    assert (eth.outcome, eth.reason, eth.severity) == (Outcome.UNVERIFIED, Reason.PERMISSION_DENIED, None)
    assert btc.outcome is Outcome.EXACT
    assert (report.status, report.verified, report.reasons) == ("OK", False, (Reason.PERMISSION_DENIED,))


def test_what_a_half_read_wallet_did_show_is_not_believed() -> None:
    report = judge(
        snapshot(("BTC", "1"), holding("ETH", "3", "earn"), wallets={"spot": None, "earn": Reason.INCOMPLETE}),
        book(("BTC", "1"), holding("ETH", "3", "earn"), wallets=("spot", "earn")),
    )
    assert line_of(report, "ETH").outcome is Outcome.UNVERIFIED


def test_what_only_a_half_read_wallet_shows_is_no_line_but_the_wallets_reason_is_said() -> None:
    report = judge(
        snapshot(("BTC", "1"), holding("ETH", "3", "earn"), wallets={"spot": None, "earn": Reason.RATE_LIMITED}),
        book(("BTC", "1"), wallets=("spot", "earn")),
    )
    assert the_line(report).asset == "BTC"
    assert (report.verified, report.reasons) == (False, (Reason.RATE_LIMITED,))


def test_an_unverified_line_states_no_difference_no_worth_and_no_price() -> None:
    report = judge(
        snapshot(("USDC", "1"), wallets={"spot": None, "earn": Reason.UNREACHABLE}),
        book(("USDC", "1"), holding("BTC", "1", "earn"), wallets=("spot", "earn")),
    )
    line = line_of(report, "BTC")
    assert (line.difference, line.relative, line.worth, line.price, line.kind, line.rule) == (None,) * 6
    assert (line.break_id, line.state, line.streak) == (None, None, None)
    assert line.book == 1


def test_a_wallet_the_book_covers_and_the_venue_never_answered_for_is_incomplete() -> None:
    report = judge(snapshot(("BTC", "1")), book(("BTC", "1"), holding("ETH", "3", "earn"), wallets=("spot", "earn")))
    assert line_of(report, "ETH").reason is Reason.INCOMPLETE
    assert (report.status, report.verified, report.reasons) == ("OK", False, (Reason.INCOMPLETE,))


def test_a_wallet_asked_for_and_never_answered_is_incomplete_even_if_nobody_holds_anything_in_it() -> None:
    report = judge([("BTC", "1")], [("BTC", "1")], asked=("spot", "funding"))
    assert (report.verified, report.reasons) == (False, (Reason.INCOMPLETE,))
    assert judge([("BTC", "1")], [("BTC", "1")], asked=("spot",)).verified


def test_a_wallet_only_the_venue_has_is_unverified_unless_all_of_it_is_zero() -> None:
    wallets: dict[str, Reason | None] = {"spot": None, "earn": None}
    report = judge(snapshot(("BTC", "1"), holding("ETH", "3", "earn"), wallets=wallets), [("BTC", "1")])
    assert line_of(report, "ETH").reason is Reason.BOOK_NOT_COVERING
    assert (report.status, report.verified, report.reasons) == ("OK", False, (Reason.BOOK_NOT_COVERING,))
    report = judge(snapshot(("BTC", "1"), holding("ETH", "0", "earn"), wallets=wallets), [("BTC", "1")])
    assert (the_line(report).asset, report.reasons) == ("BTC", ())


@pytest.mark.parametrize("amounts", [{"held": "1"}, {"borrowed": "1"}])
def test_an_uncovered_wallet_with_only_an_open_order_or_a_loan_is_not_all_zero(amounts: dict[str, str]) -> None:
    report = judge(
        snapshot(("BTC", "1"), holding("ETH", "0", "earn", **amounts), wallets={"spot": None, "earn": None}),
        [("BTC", "1")],
    )
    assert line_of(report, "ETH").reason is Reason.BOOK_NOT_COVERING


@pytest.mark.parametrize("first", [True, False])
def test_a_wallet_only_one_reading_of_the_book_covers_is_unverified_and_its_lines_are_not_lost(first: bool) -> None:
    wide = book(("BTC", "1"), holding("ETH", "3", "earn"), wallets=("spot", "earn"))
    narrow = book(("BTC", "1"))
    report = judge(
        snapshot(("BTC", "1"), wallets={"spot": None, "earn": None}), *((wide, narrow) if first else (narrow, wide))
    )
    assert line_of(report, "ETH").reason is Reason.BOOK_NOT_COVERING
    assert (report.verified, report.reasons) == (False, (Reason.BOOK_NOT_COVERING,))


@pytest.mark.parametrize("first_reading_covers", [True, False])
@pytest.mark.parametrize("held", [(), (holding("ETH", "5", "earn"),)])
def test_a_wallet_nobody_read_is_not_zero_because_one_reading_of_the_book_leaves_it_out(
    first_reading_covers: bool, held: tuple[Any, ...]
) -> None:
    wide, narrow = book(("BTC", "1"), *held, wallets=("spot", "earn")), book(("BTC", "1"))
    report = judge([("BTC", "1")], *((wide, narrow) if first_reading_covers else (narrow, wide)))
    assert (report.verified, report.reasons) == (False, (Reason.INCOMPLETE,))
    for line in report.lines:
        if line.wallet == "earn":
            assert (line.venue, line.reason) == (None, Reason.INCOMPLETE)


# -- rule 1: an account that shows nothing at all ------------------------------------------------------------------


def test_an_account_that_shows_nothing_while_something_is_missing_gets_one_line_more() -> None:
    report = judge(snapshot(), [("BTC", "1"), ("ETH", "10")])
    account, btc, eth = report.lines
    assert (account.wallet, account.asset, account.field) == (None, None, "account")
    assert verdict(account) == (Outcome.BREAK, Kind.ACCOUNT_EMPTY, Severity.CRITICAL)
    assert (account.book, account.venue, account.difference, account.worth) == (None, None, None, None)
    assert account.break_id == break_id("cb-main", None, None, "account")
    assert (btc.kind, eth.kind) == (Kind.MISSING_AT_VENUE, Kind.MISSING_AT_VENUE)


def test_an_account_that_shows_only_zeros_shows_nothing() -> None:
    report = judge([("BTC", "0")], [("BTC", "1")])
    assert report.lines[0].kind is Kind.ACCOUNT_EMPTY


@pytest.mark.parametrize(
    "something", [holding("DOGE", "0.00000001"), holding("DOGE", "0", held="1"), holding("DOGE", "0", borrowed="1")]
)
def test_an_account_that_shows_anything_at_all_is_not_empty(something: Any) -> None:
    report = judge([something], [("BTC", "1")])
    assert all(line.field != "account" for line in report.lines)


def test_an_account_with_something_on_its_way_is_not_empty() -> None:
    pending = (Pending("spot", "BTC", Decimal(1), applied=False),)
    report = judge(snapshot(pending=pending), [("BTC", "1")])
    assert the_line(report).kind is Kind.MISSING_AT_VENUE


def test_what_a_half_read_wallet_shows_does_not_make_the_account_less_empty() -> None:
    report = judge(
        snapshot(holding("ETH", "1", "earn"), wallets={"spot": None, "earn": Reason.INCOMPLETE}), [("BTC", "1")]
    )
    assert report.lines[0].kind is Kind.ACCOUNT_EMPTY


def test_an_empty_account_whose_book_held_only_small_change_is_not_an_emergency() -> None:
    report = judge(snapshot(), [("BTC", "0.00005")])  # five dollars
    assert (the_line(report).field, report.status) == ("total", "MINOR")


def test_an_empty_account_with_an_empty_book_is_fine() -> None:
    report = judge(snapshot(), [])
    assert (report.status, report.verified, report.lines) == ("OK", True, ())


def test_an_account_none_of_whose_wallets_could_be_read_is_not_empty_but_unverified() -> None:
    report = judge(snapshot(wallets={"spot": Reason.UNREACHABLE}), [("BTC", "1")])
    assert (the_line(report).outcome, report.status) == (Outcome.UNVERIFIED, "UNVERIFIED")


# -- rule 8: what cannot be verified -------------------------------------------------------------------------------

Change = Callable[[float], AccountReport]


def stale_venue(seconds: float) -> AccountReport:
    return judge(snapshot(("BTC", "1"), venue_time=later(NOON, -seconds)), [("BTC", "2")])


def venue_ahead(seconds: float) -> AccountReport:
    return judge(snapshot(("BTC", "1"), venue_time=later(NOON, seconds)), [("BTC", "2")])


def stale_book(seconds: float) -> AccountReport:
    return judge([("BTC", "1")], book(("BTC", "2"), as_of=later(NOON, -seconds)))


def book_ahead(seconds: float) -> AccountReport:
    return judge([("BTC", "1")], book(("BTC", "2"), as_of=later(NOON, seconds)))


def book_after_ahead(seconds: float) -> AccountReport:
    return judge([("BTC", "1")], book(("BTC", "2")), book(("BTC", "2"), as_of=later(NOON, seconds)))


LIMITS = [
    (stale_venue, 120, Reason.STALE_VENUE),
    (venue_ahead, 30, Reason.CLOCK_SKEW),
    (stale_book, 900, Reason.STALE_BOOK),
    (book_ahead, 30, Reason.CLOCK_SKEW),
    (book_after_ahead, 30, Reason.CLOCK_SKEW),
]


@pytest.mark.parametrize(("observed", "limit", "reason"), LIMITS)
def test_at_the_limit_of_an_age_the_account_is_still_compared(observed: Change, limit: int, reason: Reason) -> None:
    report = observed(limit)
    assert (report.reasons, the_line(report).outcome) == ((), Outcome.BREAK)


@pytest.mark.parametrize(("observed", "limit", "reason"), LIMITS)
def test_a_millisecond_beyond_the_limit_nothing_is_concluded(observed: Change, limit: int, reason: Reason) -> None:
    report = observed(limit + 0.001)
    line = the_line(report)
    assert (line.outcome, line.reason, line.severity) == (Outcome.UNVERIFIED, reason, None)
    assert (report.status, report.verified, report.reasons) == ("UNVERIFIED", False, (reason,))


@pytest.mark.parametrize(
    ("name", "observed"),
    [
        ("stale_venue_seconds", stale_venue),
        ("clock_skew_seconds", venue_ahead),
        ("stale_book_seconds", stale_book),
        ("clock_skew_seconds", book_ahead),
    ],
)
def test_the_limits_of_age_are_policy(name: str, observed: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    own = policy(timing={"accounts": {"cb-main": {name: 5}}})
    monkeypatch.setattr("tests.unit.money_kit.default_policy", lambda: own)
    assert observed(5).status != "UNVERIFIED"
    assert observed(5.001).status == "UNVERIFIED"


@pytest.mark.parametrize("books", [(None, None), (None, book(("BTC", "1"))), (book(("BTC", "1")), None)])
def test_without_a_book_what_the_venue_holds_is_listed_and_nothing_concluded(books: tuple[Any, Any]) -> None:
    report = judge([("BTC", "1")], *books)
    assert (the_line(report).reason, the_line(report).venue) == (Reason.NO_BOOK, 1)
    assert (report.status, report.reasons) == ("UNVERIFIED", (Reason.NO_BOOK,))


def test_every_reason_is_said_in_a_fixed_order() -> None:
    report = judge(
        snapshot(("BTC", "1"), venue_time=later(NOON, -500), wallets={"spot": None, "earn": Reason.MAINTENANCE}), None
    )
    assert report.reasons == (Reason.MAINTENANCE, Reason.NO_BOOK, Reason.STALE_VENUE)
    assert the_line(report).reason is Reason.STALE_VENUE


def test_an_account_nobody_could_observe_is_unverified_for_that_reason() -> None:
    report = unverified("cb-main", Reason.GEO_BLOCKED, default_policy(), run_id="20261122T120000Z")
    assert (report.status, report.verified, report.reasons, report.lines) == (
        "UNVERIFIED",
        False,
        (Reason.GEO_BLOCKED,),
        (),
    )
    assert (report.run_id, report.account_id) == ("20261122T120000Z", "cb-main")
    assert (report.policy_version, report.evidence_sha256) == (default_policy().version, None)


def test_an_account_that_shows_nothing_was_seen_once_and_is_not_confirmed() -> None:
    line = line_of(judge([], [("BTC", "1")]), None, "account")
    assert (line.streak, line.state, line.severity) == (1, "unconfirmed", Severity.CRITICAL)


def test_the_wallets_that_were_compared_are_named_in_order() -> None:
    wallets = ("spot", "margin", "earn", "funding", "staking")
    report = judge(snapshot(wallets=dict.fromkeys(wallets)), book(wallets=wallets))
    assert report.compared == ("earn", "funding", "margin", "spot", "staking")


def test_a_report_names_the_run_the_evidence_and_the_policy_it_comes_from() -> None:
    observation = Observation(snapshot(("BTC", "1")), book(("BTC", "1")), book(("BTC", "1")), evidence_sha256="e" * 64)
    report = compare(observation, STRICT, prices(), run_id="20261122T120000Z")
    assert (report.run_id, report.evidence_sha256, report.policy_version) == (
        "20261122T120000Z",
        "e" * 64,
        STRICT.version,
    )
    assert (report.observed_at, report.compared) == (NOON, ("spot",))


# -- rule 11: status and verified ----------------------------------------------------------------------------------


def test_an_account_is_as_bad_as_its_worst_line() -> None:
    report = judge([("BTC", "1"), ("ETH", "9.5"), ("USDC", "950")], [("BTC", "1"), ("ETH", "10"), ("USDC", "1000")])
    assert [line.severity for line in report.lines] == [Severity.OK, Severity.MAJOR, Severity.MAJOR]
    assert (report.status, report.verified) == ("MAJOR", True)


def test_an_account_without_a_break_is_ok() -> None:
    report = judge([("BTC", "1"), ("ETH", "1.5")], [("BTC", "1"), ("ETH", "1")], [("BTC", "1"), ("ETH", "2")])
    assert (report.status, report.verified) == ("OK", True)


def test_a_partly_read_account_is_as_bad_as_what_was_read_and_not_verified() -> None:
    report = judge(
        snapshot(("BTC", "1"), ("USDC", "1"), wallets={"spot": None, "earn": Reason.UNREACHABLE}),
        book(("BTC", "2"), ("USDC", "1"), holding("ETH", "1", "earn"), wallets=("spot", "earn")),
    )
    assert (report.status, report.verified) == ("CRITICAL", False)


@pytest.mark.parametrize(
    ("wallets", "covered", "reason"),
    [
        ({"spot": Reason.UNREACHABLE}, ("spot",), Reason.UNREACHABLE),
        ({"spot": None}, (), Reason.BOOK_NOT_COVERING),
        ({"spot": None}, ("earn",), Reason.INCOMPLETE),
        ({}, (), Reason.INCOMPLETE),
    ],
)
def test_without_a_complete_and_covered_wallet_an_account_is_unverified_and_says_why(
    wallets: dict[str, Reason | None], covered: tuple[str, ...], reason: Reason
) -> None:
    report = judge(snapshot(wallets=wallets), book(wallets=covered))
    assert (report.status, report.verified, report.reasons) == ("UNVERIFIED", False, (reason,))


# -- order, and what a line is named -------------------------------------------------------------------------------


def test_lines_come_by_wallet_then_asset_then_field_whatever_the_order_of_the_sides() -> None:
    wallets: dict[str, Reason | None] = {"spot": None, "earn": None}
    theirs = (
        holding("ETH", "1", held="1"),
        holding("BTC", "1", held="1"),
        holding("ETH", "1", "earn"),
        holding("AAVE", "1", "earn"),
    )
    report = judge(snapshot(*theirs, wallets=wallets), book(*reversed(theirs), wallets=("spot", "earn")))
    assert [(line.wallet, line.asset, line.field) for line in report.lines] == [
        ("earn", "AAVE", "total"),
        ("earn", "ETH", "total"),
        ("spot", "BTC", "held"),
        ("spot", "BTC", "total"),
        ("spot", "ETH", "held"),
        ("spot", "ETH", "total"),
    ]


def test_a_break_has_the_same_name_in_every_run_and_its_own_for_every_key() -> None:
    first = one("1", "2", run_id="20261122T120000Z")
    second = one("1.5", "2", run_id="20261122T120500Z")
    assert first.break_id == second.break_id == break_id("cb-main", "spot", "BTC", "total")
    names = {
        break_id("cb-main", "spot", "BTC", "total"),
        break_id("cb-main", "spot", "BTC", "held"),
        break_id("cb-main", "spot", "ETH", "total"),
        break_id("cb-main", "earn", "BTC", "total"),
        break_id("cb-other", "spot", "BTC", "total"),
        break_id("cb-main", None, None, "account"),
    }
    assert len(names) == 6


def test_only_a_break_has_a_name_and_a_state() -> None:
    line = one("1", "2")
    assert (line.state, line.streak) == ("unconfirmed", 1)
    for other in (one("1", "1"), one("1.5", "1", "2"), one("1.000000001", "1")):
        assert (other.break_id, other.state, other.streak) == (None, None, None)


# -- which price ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["venue", "before", "after"])
def test_the_price_asset_comes_from_whichever_side_states_it(where: str) -> None:
    plain_side = holding("wETH", "2")
    stated = replace(plain_side, price_asset="ETH")
    sides = {"venue": plain_side, "before": plain_side, "after": plain_side} | {where: stated}
    report = judge([replace(sides["venue"], total=Decimal(1))], [sides["before"]], [sides["after"]], by=STRICT)
    assert (the_line(report).price, the_line(report).worth) == (4000, 4000)


def test_a_position_is_priced_by_the_asset_in_its_instrument() -> None:
    assert one("1", "2", asset="BTC-USD").price == 100_000
    assert one("1", "2", asset="BTCUSDT:LONG").price == 100_000
    assert one("1", "2", asset="BTCUSDT").price is None


def test_a_stated_price_asset_beats_the_instrument() -> None:
    report = judge([holding("BTC-USD", "1", price_asset="ETH")], [("BTC-USD", "2")])
    assert the_line(report).price == 4000


def test_a_holding_priced_by_the_base_currency_costs_one() -> None:
    report = judge([holding("sUSD", "1", price_asset="USD")], [("sUSD", "2")])
    assert (the_line(report).price, the_line(report).worth) == (1, 1)


def test_hedge_legs_are_compared_apart_and_never_netted() -> None:
    report = judge([("BTCUSDT:LONG", "2"), ("BTCUSDT:SHORT", "-2")], [("BTCUSDT:LONG", "1"), ("BTCUSDT:SHORT", "-1")])
    assert [(line.asset, line.difference) for line in report.lines] == [("BTCUSDT:LONG", 1), ("BTCUSDT:SHORT", -1)]
    assert report.status == "CRITICAL"


@pytest.mark.parametrize("enabled", [True, False])
def test_comparing_leaves_the_garbage_collector_as_it_was(enabled: bool) -> None:
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        judge([("BTC", "1")], [("BTC", "1")])
        assert gc.isenabled() is enabled
        with pytest.raises(AttributeError):
            compare(None, default_policy(), None)  # type: ignore[arg-type]
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
