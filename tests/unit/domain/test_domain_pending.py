"""Rules 2 and 5: items in flight that both sides list move the venue's amount, those of one side may explain."""

from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest

from tests.unit.money_kit import (
    NOON,
    STRICT,
    UNSET,
    Held,
    book,
    holding,
    item,
    judge,
    later,
    line_of,
    policy,
    prices,
    snapshot,
    the_line,
)
from trueup.domain.models import Pending
from trueup.domain.reasons import Reason, Severity
from trueup.domain.report import AccountReport, Kind, Line, Outcome, is_said_though_explained

Items = tuple[Pending, ...]
ULP = "0.00000000000000000001"


def observe(
    venue: str,
    ours: str,
    theirs_flying: Items = (),
    ours_flying: Items = (),
    then: str | None = None,
    then_flying: Items | None = None,
    *,
    asset: str = "COIN",
    **how: Any,
) -> AccountReport:
    """One asset: the venue's amount, the book's, what each lists as in flight, and the book as read again."""
    held: Any = () if ours == "none" else ((asset, ours),)
    after: Any = held if then is None else ((asset, then),)
    again = ours_flying if then_flying is None else then_flying
    seen: tuple[Held, ...] = () if venue == "none" else ((asset, venue),)
    return judge(
        snapshot(*seen, pending=theirs_flying),
        book(*held, pending=ours_flying),
        book(*after, pending=again),
        **how,
    )


def one(*amounts: Any, **how: Any) -> Line:
    return line_of(observe(*amounts, **how), how.get("asset", "COIN"))


def coin(quantity: str, reference: str | None = "r-1", *, applied: bool, **how: Any) -> Pending:
    return item("COIN", quantity, reference, applied=applied, **how)


def numbers(line: Line) -> tuple[Decimal | None, Decimal | None]:
    return line.difference, line.relative


# -- rule 2: items that both sides list ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_venue", "in_book", "venue", "ours"),
    [
        (True, False, "15", "10"),  # the deposit is in the venue's total and not yet in the book's
        (False, True, "10", "15"),
        (True, True, "15", "15"),
        (False, False, "10", "10"),
    ],
)
def test_a_deposit_both_sides_list_is_taken_from_whoever_has_applied_it(
    at_venue: bool, in_book: bool, venue: str, ours: str
) -> None:
    line = one(venue, ours, (coin("5", applied=at_venue),), (coin("5", applied=in_book),))
    assert line.outcome is (Outcome.EXACT if at_venue == in_book else Outcome.EXPLAINED)
    assert line.severity is Severity.OK


@pytest.mark.parametrize(("at_venue", "in_book", "venue", "ours"), [(True, False, "5", "10"), (False, True, "10", "5")])
def test_a_withdrawal_both_sides_list_is_taken_from_whoever_has_applied_it(
    at_venue: bool, in_book: bool, venue: str, ours: str
) -> None:
    line = one(venue, ours, (coin("-5", applied=at_venue),), (coin("-5", applied=in_book),))
    assert (line.outcome, line.references) == (Outcome.EXPLAINED, ("r-1",))


def test_an_explained_line_shows_the_break_it_would_have_been() -> None:
    line = one("5", "10", (coin("-5", applied=True),), (coin("-5", applied=False),), valued=prices({"COIN": "3"}))
    assert (line.venue, line.book, line.book_after) == (5, 10, 10)
    assert numbers(line) == (-5, Decimal("0.5"))
    assert (line.price, line.worth) == (3, 15)
    assert (line.severity, line.severity_if_unexplained) == (Severity.OK, Severity.CRITICAL)
    assert (line.kind, line.rule, line.break_id, line.state, line.streak) == (None,) * 5


def test_the_quantity_of_a_shared_item_is_the_venues() -> None:
    # The book wrote down 5, the venue says 5.5: half a coin is still unaccounted for.
    line = one("15.5", "10", (coin("5", applied=True),), (coin("5.5", applied=False),))
    assert (line.outcome, line.difference) == (Outcome.BREAK, Decimal("0.5"))
    assert one("15.5", "10", (coin("5.5", applied=True),), (coin("5", applied=False),)).outcome is Outcome.EXPLAINED


def test_a_break_in_spite_of_a_shared_item_shows_what_is_left_and_names_no_reference() -> None:
    line = one("14", "10", (coin("5", applied=True),), (coin("5", applied=False),), valued=prices({"COIN": "7"}))
    assert (line.outcome, line.kind, line.severity) == (Outcome.BREAK, Kind.QUANTITY, Severity.MINOR)
    assert (numbers(line), line.worth, line.venue) == ((-1, Decimal("0.1")), 7, 14)
    assert (line.references, line.severity_if_unexplained) == ((), None)


def test_kind_and_severity_of_a_break_come_from_what_is_left() -> None:
    # The withdrawal added back, the venue has 14: four more than the book, though it shows four less.
    line = one("6", "10", (coin("-8", applied=True),), (coin("-8", applied=False),))
    assert (line.kind, line.difference) == (Kind.QUANTITY, 4)
    line = one("5", "10", (coin("5", applied=True),), (coin("5", applied=False),), valued=None)
    assert (line.kind, line.severity, line.difference) == (Kind.MISSING_AT_VENUE, Severity.CRITICAL, -10)
    line = one("5", "10", (coin("6", applied=True),), (coin("6", applied=False),))
    assert (line.kind, line.difference) == (Kind.SIGN_FLIP, -11)


def test_agreeing_amounts_break_when_a_shared_item_says_that_they_must_differ() -> None:
    # The venue has put the deposit into its total and the book has not: equal totals hide five missing coins.
    line = one("10", "10", (coin("5", applied=True),), (coin("5", applied=False),))
    assert (line.outcome, line.difference, line.kind) == (Outcome.BREAK, -5, Kind.QUANTITY)


def test_what_shared_items_leave_within_tolerance_agrees() -> None:
    line = one("15.01", "10", (coin("5", applied=True),), (coin("5", applied=False),))
    assert (line.outcome, line.references, line.difference) == (Outcome.EXPLAINED, ("r-1",), Decimal("5.01"))
    line = one("15.0100001", "10", (coin("5", applied=True),), (coin("5", applied=False),))
    assert (line.outcome, line.difference) == (Outcome.BREAK, Decimal("0.0100001"))


def test_after_shared_items_alone_tolerance_is_taken_of_the_book_as_stated() -> None:
    # 0.1 % of 10 is 0.01; of the 1010 that the book will hold it would be 1.01.
    shared = (coin("1000", applied=True),), (coin("1000", applied=False),)
    assert one("1010.01", "10", *shared).outcome is Outcome.EXPLAINED
    assert one("1010.011", "10", *shared).outcome is Outcome.BREAK


def test_what_would_agree_without_items_is_not_explained_by_them() -> None:
    tiny = (coin("0.005", applied=True),), (coin("0.005", applied=False),)
    line = one("10.005", "10", *tiny)
    assert (line.outcome, line.difference, line.references) == (Outcome.EXACT, 0, ())
    line = one("10.006", "10", *tiny)
    assert (line.outcome, line.difference) == (Outcome.WITHIN_TOLERANCE, Decimal("0.001"))
    assert line.rule is not None
    assert line.severity_if_unexplained is None


def test_an_item_matches_by_reference_and_key_together() -> None:
    theirs = (item("COIN", "5", "r-1", applied=True),)
    for other in (
        item("COIN", "5", "r-2", applied=False),
        item("COIN", "5", "r-1", applied=False, wallet="earn"),
        item("BTC", "5", "r-1", applied=False),
    ):
        report = judge(
            snapshot(("COIN", "10"), pending=theirs, wallets={"spot": None, "earn": None}),
            book(("COIN", "10"), pending=(other,), wallets=("spot", "earn")),
        )
        assert line_of(report, "COIN").outcome is Outcome.EXACT


def test_an_item_without_a_reference_matches_nothing() -> None:
    # Matched, these two would make a break of equal totals.
    nameless = (coin("5", None, applied=True),), (coin("5", None, applied=False),)
    assert one("10", "10", *nameless).outcome is Outcome.EXACT


def test_a_shared_item_counts_however_old_it_is() -> None:
    old = later(NOON, -10 * 86_400)
    line = one("5", "10", (coin("-5", applied=True, since=old),), (coin("-5", applied=False, since=None),))
    assert line.outcome is Outcome.EXPLAINED


def test_several_shared_items_are_added_up_and_all_named_in_order() -> None:
    theirs = (coin("5", "b", applied=True), coin("-1", "c", applied=True), coin("2", "a", applied=False))
    ours = (coin("2", "a", applied=True), coin("5", "b", applied=False), coin("-1", "c", applied=False))
    line = one("12", "10", theirs, ours)
    assert (line.outcome, line.references) == (Outcome.EXPLAINED, ("a", "b", "c"))


def test_a_shared_item_that_moves_nothing_is_not_named() -> None:
    theirs = (coin("5", "moved", applied=True), coin("3", "both", applied=True), coin("0", "nothing", applied=True))
    ours = (coin("5", "moved", applied=False), coin("3", "both", applied=True), coin("0", "nothing", applied=False))
    assert one("15", "10", theirs, ours).references == ("moved",)


# -- which keys get a line -----------------------------------------------------------------------------------------


def test_a_key_known_only_from_items_gets_a_line_if_a_shared_item_moves_it() -> None:
    # The venue says that a deposit is in its total, and shows no coins at all.
    line = the_line(observe("none", "none", (coin("5", applied=True),), (coin("5", applied=False),)))
    assert (line.venue, line.book, line.difference) == (0, 0, -5)
    assert (line.outcome, line.kind) == (Outcome.BREAK, Kind.UNEXPECTED_AT_VENUE)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ((coin("5", applied=True),), ()),
        ((), (coin("5", applied=True),)),
        ((coin("5", applied=True),), (coin("5", applied=True),)),
        ((coin("5", applied=False),), (coin("5", applied=False),)),
        ((coin("0", applied=True),), (coin("0", applied=False),)),
        ((coin("5", "r-1", applied=True),), (coin("5", "r-2", applied=False),)),
    ],
)
def test_a_key_known_only_from_items_that_move_nothing_gets_no_line(theirs: Items, ours: Items) -> None:
    assert observe("none", "none", theirs, ours).lines == ()


def test_a_key_known_only_from_items_gets_no_line_where_nothing_is_compared() -> None:
    report = judge(
        snapshot(("USDC", "1"), pending=(coin("5", applied=True),), venue_time=later(NOON, -500)),
        book(("USDC", "1"), pending=(coin("5", applied=False),)),
    )
    assert the_line(report).asset == "USDC"


def test_a_shared_item_in_only_one_reading_of_the_book_is_enough_for_a_line() -> None:
    report = judge(
        snapshot(("USDC", "1"), pending=(coin("5", applied=True),)),
        book(("USDC", "1")),
        book(("USDC", "1"), pending=(coin("5", applied=False),)),
    )
    assert line_of(report, "COIN").outcome is Outcome.IN_MOTION  # 0 against 0, and -5 against 0


def test_items_of_a_wallet_that_is_not_compared_say_nothing() -> None:
    theirs, ours = coin("5", applied=True, wallet="earn"), coin("5", applied=False, wallet="earn")
    report = judge(
        snapshot(("COIN", "10"), pending=(theirs,), wallets={"spot": None, "earn": Reason.INCOMPLETE}),
        book(("COIN", "10"), pending=(ours,), wallets=("spot", "earn")),
    )
    assert the_line(report).outcome is Outcome.EXACT


# -- two readings of the book --------------------------------------------------------------------------------------


def test_a_book_that_applies_a_shared_item_while_we_look_agrees_and_is_not_in_motion() -> None:
    applied, not_applied = (coin("-1", applied=True),), (coin("-1", applied=False),)
    for venue, theirs in (("9", applied), ("10", not_applied)):
        line = one(venue, "10", theirs, not_applied, "9", applied)
        assert (line.outcome, line.difference) == (Outcome.EXACT, 0)


def test_a_book_that_applies_and_drops_a_shared_item_while_we_look_agrees() -> None:
    line = one("100", "90", (coin("10", applied=True),), (coin("10", applied=False),), "100", ())
    assert (line.outcome, line.difference) == (Outcome.EXACT, 0)


def test_each_reading_is_adjusted_by_its_own_items() -> None:
    # The first reading lists the deposit (bound 10, as 15 is 10 without it), the second one does not (bound 12).
    theirs, ours = (coin("5", applied=True),), (coin("5", applied=False),)
    assert one("16", "10", theirs, ours, "12", ()).outcome is Outcome.BREAK
    line = one("14", "10", theirs, ours, "12", ())  # -1 against the first, +2 against the second
    assert (line.outcome, numbers(line)) == (Outcome.IN_MOTION, (-1, Decimal("0.1")))
    assert (line.references, line.severity_if_unexplained) == ((), None)


def test_between_adjusted_readings_with_a_tie_the_first_one_is_shown() -> None:
    theirs, ours = (coin("6", applied=True),), (coin("6", applied=False),)
    line = one("13", "10", theirs, ours, "10", ())
    assert (line.outcome, line.difference) == (Outcome.IN_MOTION, -3)


def test_readings_that_are_off_by_the_same_are_no_motion_but_a_break() -> None:
    applied, not_applied = (coin("-1", applied=True),), (coin("-1", applied=False),)
    line = one("8.5", "10", applied, not_applied, "9", applied)
    assert (line.outcome, numbers(line)) == (Outcome.BREAK, (Decimal("-0.5"), Decimal("0.05")))
    within = one("8.995", "10", applied, not_applied, "9", applied)
    assert (within.outcome, within.difference) == (Outcome.WITHIN_TOLERANCE, Decimal("-0.005"))


def test_outside_two_readings_the_nearer_ones_own_items_explain() -> None:
    # 13 is nearer to 12 (second reading), whose own list has the missing coin; the first one's list is of no use.
    line = one("13", "10", (), (coin("2", "first", applied=False),), "12", (coin("1", "second", applied=False),))
    assert (line.outcome, line.references) == (Outcome.EXPLAINED, ("second",))
    line = one("13", "10", (), (coin("1", "first", applied=False),), "12", (coin("2", "second", applied=False),))
    assert line.outcome is Outcome.BREAK


def test_an_item_that_only_one_reading_of_the_book_lists_explains_what_is_left_of_that_reading() -> None:
    coming = (coin("5", "r-1", applied=False),)
    assert one("15", "9", (), (), "10", coming).references == ("r-1",)
    assert one("15", "10", (), coming, "9", ()).references == ("r-1",)
    assert one("15", "10", (), (), "9", coming).outcome is Outcome.BREAK


def test_what_is_in_motion_is_not_explained_by_one_sided_items() -> None:
    line = one("11", "10", (coin("1", applied=True),), (), "12")
    assert (line.outcome, line.references) == (Outcome.IN_MOTION, ())


# -- rule 5: items that one side lists -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "applied", "venue"),
    [("venue", True, "15"), ("venue", False, "5"), ("book", True, "5"), ("book", False, "15")],
)
def test_an_item_of_one_side_explains_what_it_has_done_to_one_total_only(side: str, applied: bool, venue: str) -> None:
    flying = (coin("5", applied=applied),)
    theirs, ours = (flying, ()) if side == "venue" else ((), flying)
    line = one(venue, "10", theirs, ours)
    assert (line.outcome, line.references) == (Outcome.EXPLAINED, ("r-1",))
    assert line.severity_if_unexplained is Severity.MAJOR
    wrong_way = "5" if venue == "15" else "15"
    assert one(wrong_way, "10", theirs, ours).outcome is Outcome.BREAK


@pytest.mark.parametrize(
    ("side", "applied", "venue"),
    [("venue", True, "5"), ("venue", False, "15"), ("book", True, "15"), ("book", False, "5")],
)
def test_a_withdrawal_of_one_side_explains_the_other_way_round(side: str, applied: bool, venue: str) -> None:
    flying = (coin("-5", applied=applied),)
    line = one(venue, "10", *((flying, ()) if side == "venue" else ((), flying)))
    assert line.outcome is Outcome.EXPLAINED


def test_one_sided_items_explain_only_what_is_beyond_tolerance() -> None:
    line = one("10.01", "10", (coin("0.01", applied=True),))
    assert (line.outcome, line.references) == (Outcome.WITHIN_TOLERANCE, ())
    line = one("10", "10", (coin("5", applied=True),))
    assert (line.outcome, line.references, line.difference) == (Outcome.EXACT, (), 0)


def test_a_rest_within_tolerance_is_explained_and_a_hair_more_is_a_break() -> None:
    # The book will hold 15 when the deposit is in it: 0.1 % of that is 0.015.
    deposit = (coin("5", applied=True),)
    assert one("15.015", "10", deposit).outcome is Outcome.EXPLAINED
    line = one(f"15.015{ULP[2:]}", "10", deposit)
    assert (line.outcome, line.difference) == (Outcome.BREAK, Decimal(f"5.015{ULP[2:]}"))


@pytest.mark.parametrize(
    ("side", "applied", "venue", "whole"),
    [
        ("venue", True, "1010", "1010"),  # the book has not applied what only the venue lists and has applied
        ("venue", False, "-990", "10"),  # and has what the venue has not
        ("book", True, "-990", "10"),
        ("book", False, "1010", "1010"),
    ],
)
def test_the_tolerance_of_a_rest_is_taken_of_the_book_and_what_it_has_not_applied(
    side: str, applied: bool, venue: str, whole: str
) -> None:
    flying = (coin("1000", applied=applied),)
    sides = (flying, ()) if side == "venue" else ((), flying)
    limit = Decimal(whole) * Decimal("0.001")
    assert one(str(Decimal(venue) + limit), "10", *sides).outcome is Outcome.EXPLAINED
    assert one(str(Decimal(venue) + limit + Decimal(ULP)), "10", *sides).outcome is Outcome.BREAK


def test_the_tolerance_of_a_rest_counts_shared_items_the_book_has_not_applied_too() -> None:
    theirs = (coin("1000", "shared", applied=True), coin("100", "theirs", applied=True))
    ours = (coin("1000", "shared", applied=False),)
    assert one("1111.11", "10", theirs, ours).references == ("shared", "theirs")  # 1.11 of 1,110
    assert one("1111.1101", "10", theirs, ours).outcome is Outcome.BREAK
    # Applied by the book and not by the venue, it is in the book already.
    theirs = (coin("1000", "shared", applied=False), coin("100", "theirs", applied=True))
    ours = (coin("1000", "shared", applied=True),)
    assert one("111.11", "1010", theirs, ours).outcome is Outcome.EXPLAINED  # 1.11 of 1,110
    assert one("111.1101", "1010", theirs, ours).outcome is Outcome.BREAK


def test_the_tolerance_of_a_rest_counts_every_shared_item_the_book_has_not_applied() -> None:
    theirs = tuple(coin(size, name, applied=True) for size, name in (("600", "a"), ("400", "b"), ("100", "theirs")))
    ours = (coin("600", "a", applied=False), coin("400", "b", applied=False))
    assert one("1111.11", "10", theirs, ours).references == ("a", "b", "theirs")  # 1.11 of 1,110
    assert one("1111.1101", "10", theirs, ours).outcome is Outcome.BREAK


def test_the_worth_of_a_rest_is_what_counts_and_not_that_of_the_difference() -> None:
    deposit = (coin("1000", applied=True),)
    assert one("1000", "none", deposit, valued=prices({"COIN": "900"})).outcome is Outcome.EXPLAINED
    valued = prices({"COIN": "2000"})
    assert one("2000.5", "1000", deposit, valued=valued).outcome is Outcome.EXPLAINED  # worth the cap of 1,000
    assert one("2000.5000001", "1000", deposit, valued=valued).outcome is Outcome.BREAK


def test_dust_that_is_left_is_no_break_and_an_empty_book_has_no_share() -> None:
    line = one("5.00000001", "none", (coin("5", applied=True),))
    assert (line.outcome, numbers(line)) == (Outcome.EXPLAINED, (Decimal("5.00000001"), None))
    assert line.severity_if_unexplained is Severity.MAJOR
    assert one("5.00000001", "none", (coin("5", applied=True),), by=STRICT).outcome is Outcome.BREAK


def test_what_is_explained_by_items_without_a_reference_names_none() -> None:
    line = one("15", "10", (coin("5", None, applied=True),))
    assert (line.outcome, line.references) == (Outcome.EXPLAINED, ())
    line = one("18", "10", (coin("5", None, applied=True), coin("3", "r-9", applied=True)))
    assert (line.outcome, line.references) == (Outcome.EXPLAINED, ("r-9",))


def test_either_of_two_items_without_a_reference_explains() -> None:
    line = one("20", "10", (coin("10", None, applied=True), coin("-10", None, applied=False)))
    assert (line.outcome, line.references) == (Outcome.EXPLAINED, ())


def test_of_as_good_explanations_the_one_without_a_reference_comes_first_however_many_there_are() -> None:
    named = tuple(coin("5", f"A-{number:02}", applied=True) for number in range(12))
    assert one("15", "10", named).references == ("A-00",)
    assert one("15", "10", (*named, coin("5", None, applied=True))).references == ()


def test_an_item_of_twenty_four_hours_explains_nothing_by_itself_and_a_younger_one_does() -> None:
    day = timedelta(hours=24)
    barely = coin("5", applied=True, since=NOON - day + timedelta(microseconds=1))
    assert one("15", "10", (barely,)).outcome is Outcome.EXPLAINED
    assert one("15", "10", (coin("5", applied=True, since=NOON - day),)).outcome is Outcome.BREAK
    assert one("15", "10", (), (coin("5", applied=False, since=NOON - day),)).outcome is Outcome.BREAK


def test_an_item_of_unknown_age_explains_nothing_by_itself() -> None:
    assert one("15", "10", (coin("5", applied=True, since=None),)).outcome is Outcome.BREAK


def test_an_old_item_is_not_among_all_of_them_either() -> None:
    theirs = (coin("5", "new", applied=True), coin("3", "old", applied=True, since=later(NOON, -90_000)))
    assert one("18", "10", theirs).outcome is Outcome.BREAK
    assert one("15", "10", theirs).references == ("new",)


def test_the_age_of_an_item_is_policy() -> None:
    old = (coin("5", applied=True, since=later(NOON, -3600)),)
    short = policy(timing={"accounts": {"cb-main": {"pending_max_age_seconds": 3600}}})
    assert one("15", "10", old, by=short).outcome is Outcome.BREAK
    longer = policy(timing={"accounts": {"cb-main": {"pending_max_age_seconds": 3601}}})
    assert one("15", "10", old, by=longer).outcome is Outcome.EXPLAINED


# -- rule 5: which items are tried ---------------------------------------------------------------------------------


def many(*quantities: str) -> Items:
    return tuple(coin(quantity, f"r-{index:02}", applied=True) for index, quantity in enumerate(quantities))


def test_all_of_them_together_are_tried_first_even_if_one_would_do() -> None:
    # 4, and 7 with -7 besides: all three explain it, so does the first alone.
    line = one("14", "10", many("4", "7", "-7"))
    assert line.references == ("r-00", "r-01", "r-02")


def test_however_many_there_are_all_of_them_may_explain() -> None:
    line = one("30", "10", many(*["1"] * 20))
    assert len(line.references) == 20


@pytest.mark.parametrize(
    ("surplus", "references"),
    [
        ("1", ("r-00",)),
        ("3", ("r-00", "r-01")),
        ("7", ("r-00", "r-01", "r-02")),
        ("15", None),  # four of five
        ("31", ("r-00", "r-01", "r-02", "r-03", "r-04")),
    ],
)
def test_one_two_or_three_may_explain_or_all_but_not_four(surplus: str, references: tuple[str, ...] | None) -> None:
    line = one(str(10 + int(surplus)), "10", many("1", "2", "4", "8", "16"), by=STRICT)
    assert line.outcome is (Outcome.BREAK if references is None else Outcome.EXPLAINED)
    assert line.references == (references or ())


def test_fewer_items_come_before_a_smaller_rest() -> None:
    # One alone leaves 0.01, two together nothing.
    line = one("15.01", "10", many("5", "2", "3.01", "100"))
    assert line.references == ("r-00",)


def test_of_as_many_items_the_smaller_rest_comes_first_then_the_references() -> None:
    assert one("15", "10", many("5.01", "5.002", "4.99", "100")).references == ("r-01",)
    assert one("15", "10", many("100", "5.002", "4.998", "5.002")).references == ("r-01",)
    assert one("15", "10", tuple(reversed(many("100", "5.002", "4.998", "5.002")))).references == ("r-01",)
    larger_last = (coin("5.002", "z", applied=True), coin("4.998", "a", applied=True), coin("100", "b", applied=True))
    assert one("15", "10", larger_last).references == ("a",)
    pairs = (coin("2", "b", applied=True), coin("3", "c", applied=True), coin("1", "a", applied=True))
    assert one("15", "10", (*pairs, coin("4", "d", applied=True))).references == ("a", "d")


def test_only_the_twelve_largest_are_tried() -> None:
    larger = [str(1000 * index) for index in range(1, 12)]
    assert one("15", "10", many("5", *larger)).references == ("r-00",)
    assert one("15", "10", many("5", *larger, "999")).outcome is Outcome.BREAK
    assert one("15", "10", many("5", *larger, "-999")).outcome is Outcome.BREAK
    assert one("15", "10", many("5", *larger, "4")).references == ("r-00",)


@pytest.mark.parametrize("sign", [1, -1])
def test_of_equally_large_items_the_first_references_are_among_the_twelve(sign: int) -> None:
    larger = many(*[str(1000 * index) for index in range(1, 12)])  # r-00 to r-10
    first, last = coin(str(5 * sign), "a", applied=True), coin(str(-5 * sign), "z", applied=True)
    for both in ((first, last), (last, first)):
        assert one(str(10 + 5 * sign), "10", (*larger, *both), by=STRICT).references == ("a",)
        assert one(str(10 - 5 * sign), "10", (*larger, *both), by=STRICT).outcome is Outcome.BREAK


def test_every_triple_of_twelve_is_found_and_its_order_of_listing_does_not_matter() -> None:
    powers = [3**index for index in range(12)]
    items = many(*map(str, powers))
    for picked in list(combinations(range(12), 3))[::9]:
        surplus = sum(powers[index] for index in picked)
        expected = tuple(f"r-{index:02}" for index in picked)
        assert one(str(10 + surplus), "10", items, by=STRICT).references == expected
        assert one(str(10 + surplus), "10", tuple(reversed(items)), by=STRICT).references == expected


def test_items_of_both_sides_explain_together() -> None:
    line = one("17", "10", (coin("5", "theirs", applied=True),), (coin("2", "ours", applied=False),))
    assert line.references == ("ours", "theirs")


def test_shared_and_one_sided_items_explain_together_and_all_are_named() -> None:
    theirs = (coin("5", "shared", applied=True), coin("2", "theirs", applied=True))
    line = one("17", "10", theirs, (coin("5", "shared", applied=False),))
    assert (line.outcome, line.references) == (Outcome.EXPLAINED, ("shared", "theirs"))
    assert numbers(line) == (7, Decimal("0.7"))


def test_what_agrees_with_all_items_and_with_none_is_what_it_is_without() -> None:
    # Equal totals; a shared deposit says they must differ, an item of the book's own says why they do not.
    theirs, ours = (
        (coin("3", "shared", applied=True),),
        (coin("3", "shared", applied=False), coin("3", "x", applied=True)),
    )
    line = one("10", "10", theirs, ours)
    assert (line.outcome, line.difference, line.references) == (Outcome.EXACT, 0, ())


# -- severity, status, the account ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("venue", "ours", "worst"),
    [("10.4", "10", "MINOR"), ("11", "10", "MAJOR"), ("13", "10", "CRITICAL"), ("5", "none", "MAJOR")],
)
def test_an_explained_line_says_how_bad_it_would_be(venue: str, ours: str, worst: str) -> None:
    gap = Decimal(venue) - (Decimal(0) if ours == "none" else Decimal(ours))
    line = one(venue, ours, (coin(str(gap), applied=True),), valued=None)
    assert line.severity_if_unexplained is Severity[worst]


def test_an_account_whose_breaks_are_all_explained_is_ok_and_verified() -> None:
    report = observe("5", "10", (coin("-5", applied=True),))
    assert (report.status, report.verified, report.breaks) == ("OK", True, ())


def test_what_is_held_is_no_part_of_what_is_in_flight() -> None:
    report = judge(
        snapshot(holding("COIN", "5", held="1"), pending=(coin("-5", applied=True),)),
        book(holding("COIN", "10", held="6"), pending=(coin("-5", applied=False),)),
    )
    assert line_of(report, "COIN", "held").outcome is Outcome.BREAK
    assert line_of(report, "COIN").outcome is Outcome.EXPLAINED


def test_items_change_no_other_line() -> None:
    flying = (coin("-5", applied=True),)
    report = judge(snapshot(("COIN", "5"), ("BTC", "1"), pending=flying), book(("COIN", "10"), ("BTC", "2")))
    assert line_of(report, "BTC").outcome is Outcome.BREAK
    assert line_of(report, "COIN").outcome is Outcome.EXPLAINED


def test_an_account_emptied_by_a_transfer_both_sides_know_of_is_no_emergency() -> None:
    report = observe("none", "10", (), (coin("-10", applied=False),))
    assert (the_line(report).outcome, report.status) == (Outcome.EXPLAINED, "OK")


def test_items_in_the_books_list_do_not_make_an_empty_venue_less_empty() -> None:
    report = observe("none", "10", (), (coin("-3", applied=False),))
    assert [line.kind for line in report.lines] == [Kind.ACCOUNT_EMPTY, Kind.MISSING_AT_VENUE]


def test_items_do_not_make_an_unverified_line_verified() -> None:
    report = judge(
        snapshot(("COIN", "5"), pending=(coin("-5", applied=True),), venue_time=later(NOON, -500)), [("COIN", "10")]
    )
    line = the_line(report)
    assert (line.outcome, line.difference, line.references) == (Outcome.UNVERIFIED, None, ())


def test_prices_and_the_numbers_without_items_are_shown_also_when_there_is_no_price() -> None:
    line = one("5", "10", (coin("-5", applied=True),), valued=UNSET)
    assert (line.price, line.worth) == (None, None)


@pytest.mark.parametrize(("price", "said"), [("2000", True), ("1999.99999999", False), (None, False), ("0.01", False)])
def test_an_explained_difference_is_still_said_from_the_policys_worth_on(price: str | None, said: bool) -> None:
    valued = None if price is None else prices({"COIN": price})
    line = one("5", "10", (coin("-5", applied=True),), valued=valued)
    assert is_said_though_explained(line, Decimal(10_000)) is said
    assert not is_said_though_explained(one("5", "10", valued=prices({"COIN": "9999"})), Decimal(10_000))
