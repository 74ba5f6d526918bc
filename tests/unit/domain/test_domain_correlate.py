"""Rule 10: what a break looks like, drawn from all accounts of a run; never how bad it is."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, localcontext
from time import process_time
from typing import Any

import pytest

from tests.unit.money_kit import NOON, Held, book, holding, judge, later, line_of, policy, snapshot
from trueup.domain.amounts import EXACT
from trueup.domain.correlate import Known, Place, correlate, held_at_breaks
from trueup.domain.models import Holding, Observation
from trueup.domain.policy import Policy, default_policy
from trueup.domain.report import AccountReport, Cause, Hint, Line, Outcome

ALIASES = {"coinbase": {"ETH2": "ETH", "stETH": "ETH", "CGLD": "CELO"}}


def account(account_id: str, venue: Mapping[str, str], ours: Mapping[str, str], **how: Any) -> AccountReport:
    """An account of two wallets; `earn/ETH` names another wallet than spot."""

    def holdings(amounts: Mapping[str, str]) -> list[Held]:
        return [
            holding(asset, total, wallet or "spot")
            for (wallet, _, asset), total in ((name.rpartition("/"), total) for name, total in amounts.items())
        ]

    wallets = {"spot": None, "earn": None}
    return judge(
        snapshot(*holdings(venue), wallets=wallets, account_id=account_id),
        book(*holdings(ours), wallets=("spot", "earn"), account_id=account_id),
        **how,
    )


def known(
    *reports: AccountReport,
    held: Mapping[Place, tuple[Decimal, ...]] | None = None,
    earlier: Mapping[str, AccountReport] | None = None,
) -> Known:
    venues = {report.account_id: "coinbase" for report in reports}
    return Known(venues, ALIASES, held or {}, earlier or {})


def causes(*reports: AccountReport, by: Policy | None = None, **how: Any) -> dict[str, Cause]:
    """The causes found, by account, wallet and asset."""
    found = correlate(reports, known(*reports, **how), by or default_policy())
    return {
        f"{report.account_id}/{line.wallet}/{line.asset}": line.cause
        for report in found
        for line in report.lines
        if line.cause is not None
    }


# -- transfers -----------------------------------------------------------------------------------------------------


def test_what_one_account_misses_and_another_has_too_much_looks_like_a_transfer_and_each_names_the_other() -> None:
    here = account("a", {"COIN": "5"}, {"COIN": "10"})
    there = account("b", {"COIN": "12"}, {"COIN": "7"})
    assert causes(here, there) == {
        "a/spot/COIN": Cause(Hint.TRANSFER, "b", "spot", "COIN"),
        "b/spot/COIN": Cause(Hint.TRANSFER, "a", "spot", "COIN"),
    }


def test_a_transfer_between_wallets_of_one_account_names_the_wallet() -> None:
    moved = account("a", {"COIN": "5", "earn/COIN": "5"}, {"COIN": "10"})
    assert causes(moved) == {
        "a/spot/COIN": Cause(Hint.TRANSFER, "a", "earn", "COIN"),
        "a/earn/COIN": Cause(Hint.TRANSFER, "a", "spot", "COIN"),
    }


@pytest.mark.parametrize(
    "other",
    [
        {"COIN": "12.00000001"},  # not the same amount
        {"COIN": "2"},  # the same sign
        {"BTC": "5", "COIN": "7"},  # another asset
        {"COIN": "7"},  # no difference
    ],
)
def test_only_the_exact_opposite_of_the_same_asset_looks_like_a_transfer(other: dict[str, str]) -> None:
    here = account("a", {"COIN": "5"}, {"COIN": "10"})
    assert causes(here, account("b", other, {"COIN": "7"})) == {}


def test_the_same_number_written_differently_is_the_same_amount() -> None:
    found = causes(account("a", {"COIN": "5.00"}, {"COIN": "10"}), account("b", {"COIN": "12"}, {"COIN": "7.000"}))
    assert len(found) == 2


def test_one_surplus_is_the_other_end_of_one_shortfall_only() -> None:
    short, also_short = (account(name, {"COIN": "5"}, {"COIN": "10"}) for name in ("a", "b"))
    over = account("c", {"COIN": "12"}, {"COIN": "7"})
    assert causes(short, also_short, over) == {
        "a/spot/COIN": Cause(Hint.TRANSFER, "c", "spot", "COIN"),
        "c/spot/COIN": Cause(Hint.TRANSFER, "a", "spot", "COIN"),
    }


def test_a_wallet_of_the_same_account_comes_before_another_account() -> None:
    first = account("a", {"COIN": "12"}, {"COIN": "7"})
    moved = account("b", {"COIN": "5", "earn/COIN": "5"}, {"COIN": "10"})
    assert causes(first, moved).keys() == {"b/spot/COIN", "b/earn/COIN"}


def test_only_breaks_are_paired() -> None:
    still_moving = replace(
        account("b", {"COIN": "12"}, {"COIN": "7"}),
        lines=(replace(line_of(account("b", {"COIN": "12"}, {"COIN": "7"}), "COIN"), outcome=Outcome.IN_MOTION),),
    )
    assert causes(account("a", {"COIN": "5"}, {"COIN": "10"}), still_moving) == {}


def test_what_is_held_and_the_account_as_a_whole_get_no_cause() -> None:
    empty = judge(snapshot(account_id="a"), book(("COIN", "5"), account_id="a"), valued=None)
    held_off = judge(
        snapshot(holding("COIN", "9", held="3"), account_id="b"), book(holding("COIN", "4", held="8"), account_id="b")
    )
    found = correlate([empty, held_off], known(empty, held_off), default_policy())
    assert [(line.field, line.cause is not None) for report in found for line in report.lines] == [
        ("account", False),
        ("total", True),
        ("held", False),
        ("total", True),
    ]


# -- other names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["ETH2", "earn/stETH", "earn/ETH2"])
def test_the_opposite_in_an_earn_or_staked_form_looks_like_the_same_under_two_names(form: str) -> None:
    wallet, _, asset = form.rpartition("/")
    renamed = account("a", {"ETH": "1", form: "4"}, {"ETH": "5"})
    assert causes(renamed) == {
        "a/spot/ETH": Cause(Hint.ALIAS, "a", wallet or "spot", asset),
        f"a/{wallet or 'spot'}/{asset}": Cause(Hint.ALIAS, "a", "spot", "ETH"),
    }


def test_two_forms_of_one_asset_are_names_of_each_other() -> None:
    assert causes(account("a", {"ETH2": "4"}, {"stETH": "4"})).keys() == {"a/spot/ETH2", "a/spot/stETH"}


def test_names_that_only_look_alike_are_not_the_same() -> None:
    assert causes(account("a", {"LDO": "4"}, {"LD": "4"})) == {}
    assert causes(account("a", {"WETH": "4"}, {"ETH": "4"})) == {}


def test_another_venues_names_do_not_count_and_nor_does_another_account() -> None:
    renamed = account("a", {"ETH": "1", "ETH2": "4"}, {"ETH": "5"})
    elsewhere = replace(known(renamed), venues={"a": "dydx"})
    assert all(line.cause is None for line in correlate([renamed], elsewhere, default_policy())[0].lines)
    assert causes(account("a", {"ETH": "1"}, {"ETH": "5"}), account("b", {"ETH2": "4"}, {})) == {}


def test_a_transfer_of_the_asset_itself_comes_before_another_name() -> None:
    first = account("a", {"ETH": "1", "ETH2": "4"}, {"ETH": "5"})
    found = causes(first, account("b", {"ETH": "4"}, {}))
    assert {place: cause.hint for place, cause in found.items()} == {
        "a/spot/ETH": Hint.TRANSFER,
        "b/spot/ETH": Hint.TRANSFER,
    }


def test_every_transfer_and_every_other_name_of_a_run_is_found() -> None:
    reports = (
        account("a", {"COIN": "5", "BTC": "3"}, {"COIN": "10", "BTC": "2"}),
        account("b", {"COIN": "12"}, {"COIN": "7"}),
        account("c", {"BTC": "1", "earn/ADA": "9"}, {"BTC": "2", "ADA": "9"}),
        account("d", {"ETH": "1", "ETH2": "4", "CGLD": "8"}, {"ETH": "5", "CELO": "8"}),
    )
    found = causes(*reports)
    assert {place: cause.hint for place, cause in found.items()} == {
        "a/spot/BTC": Hint.TRANSFER, "c/spot/BTC": Hint.TRANSFER,
        "a/spot/COIN": Hint.TRANSFER, "b/spot/COIN": Hint.TRANSFER,
        "c/spot/ADA": Hint.TRANSFER, "c/earn/ADA": Hint.TRANSFER,
        "d/spot/ETH": Hint.ALIAS, "d/spot/ETH2": Hint.ALIAS,
        "d/spot/CGLD": Hint.ALIAS, "d/spot/CELO": Hint.ALIAS,
    }  # fmt: skip


# -- fees ----------------------------------------------------------------------------------------------------------

FEES = policy(correlate={"default": {"fee_fractions": ["0.004", "0.006"]}})


def sold(venue: str, before: str, after: str, **how: Any) -> AccountReport:
    return judge(
        snapshot(("CASH", venue), account_id="a"),
        book(("CASH", before), account_id="a"),
        book(("CASH", after), account_id="a"),
        **how,
    )


def earlier(total: str, **how: Any) -> dict[str, AccountReport]:
    return {"a": account("a", {"CASH": total}, {"CASH": total}, **how)}


def test_a_known_share_of_what_the_book_changed_by_while_we_looked_looks_like_a_fee() -> None:
    # The book spent 900, the venue 905.4.
    assert causes(sold("94.6", "1000", "100"), by=FEES) == {"a/spot/CASH": Cause(Hint.FEE, fraction=Decimal("0.006"))}


def test_a_fee_on_what_changed_while_we_looked_is_seen_whatever_was_there_before() -> None:
    found = causes(sold("94.6", "1000", "100"), by=FEES, earlier=earlier("500"))
    assert found == {"a/spot/CASH": Cause(Hint.FEE, fraction=Decimal("0.006"))}


def test_a_known_share_of_what_the_book_changed_by_since_the_last_report_looks_like_a_fee() -> None:
    report = account("a", {"CASH": "1099.6"}, {"CASH": "1200"}, valued=None)
    assert causes(report, by=FEES, earlier=earlier("1000")) == {}
    report = account("a", {"CASH": "1096"}, {"CASH": "1100"}, valued=None)
    assert causes(report, by=FEES, earlier=earlier("100")) == {
        "a/spot/CASH": Cause(Hint.FEE, fraction=Decimal("0.004"))
    }
    assert causes(report, by=FEES) == {}


@pytest.mark.parametrize(
    ("venue", "fits"),
    [
        ("1096", True),
        ("1095.99999999", True),  # rounded: off by the smallest unit
        ("1096.00000001", True),
        ("1095.999999989", False),
        ("1096.000000011", False),
        ("1104", True),  # the book took off a fee that the venue did not
    ],
)
def test_a_fee_may_be_off_by_the_smallest_quantity_and_no_more(venue: str, fits: bool) -> None:
    report = account("a", {"CASH": venue}, {"CASH": "1100"}, valued=None)
    assert bool(causes(report, by=FEES, earlier=earlier("100"))) is fits


@pytest.mark.parametrize(("off", "fits"), [("0.006", True), ("0.00600001", True), ("0.006000011", False)])
def test_a_fee_of_an_amount_of_many_digits_is_as_exact(off: str, fits: bool) -> None:
    book_now = Decimal(10**30 + 1)
    with localcontext(EXACT):
        venue = book_now - 6 * 10**27 - Decimal(off)
    report = account("a", {"CASH": str(venue)}, {"CASH": str(book_now)}, valued=None)
    assert bool(causes(report, by=FEES, earlier=earlier("0"))) is fits


def test_fees_are_policy() -> None:
    report = sold("94.6", "1000", "100")
    none = policy(correlate={"accounts": {"a": {"fee_fractions": []}}})
    assert causes(report, by=none) == {}


def test_what_a_verified_report_did_not_list_was_zero_and_of_an_unverified_one_it_is_unknown() -> None:
    report = account("a", {"CASH": "996"}, {"CASH": "1000"}, valued=None)
    before = account("a", {"COIN": "1"}, {"COIN": "1"})
    assert causes(report, by=FEES, earlier={"a": before}).keys() == {"a/spot/CASH"}
    assert causes(report, by=FEES, earlier={"a": replace(before, verified=False)}) == {}


def test_a_report_without_a_book_before_tells_of_no_change() -> None:
    report = account("a", {"CASH": "996"}, {"CASH": "1000"}, valued=None)
    blind = judge(snapshot(("CASH", "1"), account_id="a", venue_time=later(NOON, -500)), None)
    assert causes(report, by=FEES, earlier={"a": blind}) == {}


# -- open orders ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["venue", "before", "after"])
@pytest.mark.parametrize(("held", "fits"), [("3", True), ("2.99999999", False), ("0", False)])
def test_a_difference_of_just_what_is_held_looks_like_open_orders(side: str, held: str, fits: bool) -> None:
    sides: dict[str, Holding] = {"venue": holding("COIN", "7"), "before": holding("COIN", "10")}
    sides["after"] = sides["before"]
    sides[side] = replace(sides[side], held=Decimal(held))
    observation = Observation(
        snapshot(sides["venue"], ("BTC", "1")),
        book(sides["before"], holding("BTC", "1", held="3")),
        book(sides["after"], holding("BTC", "1", held="3")),
    )
    report = judge(observation.snapshot, observation.book, observation.book_after)
    found = held_at_breaks(observation, report)
    assert {place.asset for place in found} <= {"COIN"}
    assert causes(report, held=found) == ({"cb-main/spot/COIN": Cause(Hint.OPEN_ORDER)} if fits else {})


def test_what_each_side_holds_in_open_orders_is_known_at_a_break() -> None:
    coins = (holding("COIN", total, held=held) for total, held in (("7", "2"), ("10", "3"), ("10", "4")))
    btc = holding("BTC", "1", held="1")
    sides = [(coin, btc) for coin in coins]
    observation = Observation(snapshot(*sides[0]), book(*sides[1]), book(*sides[2]))
    report = judge(observation.snapshot, observation.book, observation.book_after)
    assert held_at_breaks(observation, report) == {Place("cb-main", "spot", "COIN"): (2, 3, 4)}


def test_what_is_held_without_a_book_is_told_too() -> None:
    observation = Observation(snapshot(holding("COIN", "7", held="3")), None, None)
    report = judge(observation.snapshot, None)
    assert held_at_breaks(observation, report) == {}


def test_a_fee_comes_before_open_orders() -> None:
    report = sold("94.6", "1000", "100")
    held = {Place("a", "spot", "CASH"): (Decimal("5.4"),)}
    assert causes(report, by=FEES, held=held)["a/spot/CASH"].hint is Hint.FEE
    nothing = policy(correlate={"default": {"fee_fractions": []}})
    assert causes(report, by=nothing, held=held)["a/spot/CASH"].hint is Hint.OPEN_ORDER


def test_a_transfer_comes_before_a_fee_and_open_orders() -> None:
    short, over = sold("94.6", "1000", "100"), account("b", {"CASH": "12.4"}, {"CASH": "7"})
    found = causes(short, over, by=FEES, held={Place("a", "spot", "CASH"): (Decimal("5.4"),)})
    assert found["a/spot/CASH"].hint is Hint.TRANSFER


# -- what holds for all --------------------------------------------------------------------------------------------


def forgotten(reports: tuple[AccountReport, ...]) -> tuple[AccountReport, ...]:
    def without(line: Line) -> Line:
        return replace(line, cause=None)

    return tuple(replace(report, lines=tuple(map(without, report.lines))) for report in reports)


def test_a_hint_changes_nothing_else_and_no_order_of_accounts_changes_a_hint() -> None:
    reports = (
        account("a", {"COIN": "5", "ETH": "1", "ETH2": "4"}, {"COIN": "10", "ETH": "5"}),
        account("b", {"COIN": "12"}, {"COIN": "7"}),
        account("c", {"COIN": "5"}, {"COIN": "10"}),
        account("d", {"BTC": "1"}, {"BTC": "1"}),
    )
    found = correlate(reports, known(*reports), default_policy())
    assert forgotten(found) == reports
    assert any(line.cause for report in found for line in report.lines)
    turned = correlate(reports[::-1], known(*reports), default_policy())
    assert turned == found[::-1]
    assert correlate(found, known(*found), default_policy()) == found


def test_accounts_without_a_hint_are_handed_back_as_they_are() -> None:
    report = account("a", {"COIN": "5"}, {"COIN": "10"})
    assert correlate([report], known(report), default_policy())[0] is report


def test_many_breaks_of_one_size_take_no_longer_than_their_number() -> None:
    # Every pair of 20,000 would be 100 million; each group here has one amount.
    broken = line_of(account("a", {"COIN": "5"}, {"COIN": "10"}), "COIN")
    over = replace(broken, difference=Decimal(5), venue=Decimal(15))

    def many(name: str, line: Line) -> AccountReport:
        lines = tuple(replace(line, wallet=f"w-{index:05}") for index in range(10_000))
        return replace(account(name, {}, {}), lines=lines)

    reports = (many("a", broken), many("b", over))
    begun = process_time()
    found = correlate(reports, known(*reports), default_policy())
    assert process_time() - begun < 5
    assert all(line.cause is not None for report in found for line in report.lines)
