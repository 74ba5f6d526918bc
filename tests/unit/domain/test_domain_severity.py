"""Rules 3, 6 and 7: what sort of break it is, and how bad, to the last digit."""

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import NOON, STRICT, holding, judge, later, line_of, one, policy, prices, the_line
from trueup.domain.reasons import Severity
from trueup.domain.report import Kind, Line, Outcome

ULP = Decimal("1e-20")
MINOR, MAJOR, CRITICAL = Severity.MINOR, Severity.MAJOR, Severity.CRITICAL


@pytest.mark.parametrize("sign", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize("side", [1, -1], ids=["surplus", "shortfall"])
@pytest.mark.parametrize(
    ("share", "severity"),
    [
        (Decimal("0.01"), MINOR),
        (Decimal("0.05") - ULP, MINOR),
        (Decimal("0.05"), MAJOR),
        (Decimal("0.2"), MAJOR),
        (Decimal("0.2") + ULP, CRITICAL),
        (Decimal("0.5"), CRITICAL),
    ],
)
def test_a_quantity_is_judged_by_its_share_of_the_book(
    sign: int, side: int, share: Decimal, severity: Severity
) -> None:
    book = Decimal(1000) * sign
    size = Decimal(1000) * share
    # Priced so that the worth of the difference is exactly 128: a product of a power of two has an exact quotient.
    line = one(str(book + size * side * sign), str(book), asset="USD", by=POWERLESS)
    assert (line.kind, line.severity) == (Kind.QUANTITY, severity)


POWERLESS = policy(
    tolerance={"default": {"relative": "0", "quantity": "0", "value_floor": "0", "value_cap": "0"}},
    severity={"default": {"worth_minor_below": "0", "worth_major_from": "1e9", "worth_critical_from": "1e9"}},
)
"""Worth neither lowers nor raises."""


def worth(amount: Decimal | str, *, book: str = "1000000", **how: Any) -> Line:
    """Judge a difference in dollars, which are worth themselves."""
    return one(str(Decimal(book) - Decimal(amount)), book, asset="USD", by=STRICT, **how)


def test_a_critical_share_worth_less_than_ten_is_minor() -> None:
    assert worth(Decimal(10) - ULP, book="10").severity is MINOR


def test_worth_ten_exactly_lowers_nothing() -> None:
    assert worth("10", book="11").severity is CRITICAL


def test_worth_a_hair_less_than_a_thousand_raises_nothing() -> None:
    assert worth(Decimal(1000) - ULP).severity is MINOR


def test_worth_a_thousand_exactly_is_at_least_major() -> None:
    assert worth("1000").severity is MAJOR


def test_worth_a_hair_less_than_ten_thousand_is_major() -> None:
    assert worth(Decimal(10_000) - ULP).severity is MAJOR


def test_worth_ten_thousand_exactly_is_critical() -> None:
    assert worth("10000").severity is CRITICAL


def test_worth_a_thousand_does_not_lower_a_critical_share() -> None:
    assert worth("1000", book="1500").severity is CRITICAL


def test_an_asset_missing_at_the_venue_is_critical() -> None:
    line = one("0", "0.005")
    assert (line.kind, line.severity, line.difference) == (Kind.MISSING_AT_VENUE, CRITICAL, Decimal("-0.005"))


def test_an_asset_missing_at_the_venue_worth_less_than_ten_is_minor() -> None:
    line = one("0", "0.00005")
    assert (line.kind, line.severity) == (Kind.MISSING_AT_VENUE, MINOR)


def test_an_asset_the_book_does_not_know_is_major() -> None:
    line = one("0.005", "0")
    assert (line.kind, line.severity, line.relative) == (Kind.UNEXPECTED_AT_VENUE, MAJOR, None)


def test_an_asset_the_book_does_not_know_is_critical_when_it_is_worth_ten_thousand() -> None:
    assert one("0.1", "0").severity is CRITICAL


def test_a_long_that_is_a_short_at_the_venue_is_a_sign_flip() -> None:
    line = one("-0.005", "0.005")
    assert (line.kind, line.severity, line.difference, line.relative) == (Kind.SIGN_FLIP, CRITICAL, Decimal("-0.01"), 2)
    assert one("0.005", "-0.005").kind is Kind.SIGN_FLIP


def test_dust_at_the_venue_counts_as_missing_and_dust_in_the_book_as_unexpected() -> None:
    assert one("0.00000001", "0.005").kind is Kind.MISSING_AT_VENUE
    assert one("0.005", "0.00000001").kind is Kind.UNEXPECTED_AT_VENUE


def test_a_hair_more_than_dust_is_an_amount() -> None:
    assert one(str(Decimal("1e-8") + ULP), "0.005").kind is Kind.QUANTITY
    assert one("0.005", str(Decimal("1e-8") + ULP)).kind is Kind.QUANTITY


def test_dust_of_the_other_sign_is_missing_and_not_a_sign_flip() -> None:
    assert one("-0.00000001", "0.005").kind is Kind.MISSING_AT_VENUE
    assert one("0.005", "-0.00000001").kind is Kind.UNEXPECTED_AT_VENUE


def test_dust_against_opposite_dust_is_tried_in_the_order_written() -> None:
    # Twice the dust is beyond tolerance though neither side counts as anything: "missing" is tried first.
    line = one("0.00000001", "-0.00000001", asset="COIN")
    assert (line.outcome, line.kind) == (Outcome.BREAK, Kind.MISSING_AT_VENUE)


def test_dust_is_the_assets_own_quantity() -> None:
    whole_coins = policy(tolerance={"assets": {"DOGE": {"quantity": "1", "value_floor": "0"}}})
    assert one("1", "2000", asset="DOGE", by=whole_coins).kind is Kind.MISSING_AT_VENUE


def test_an_asset_without_a_price_in_a_good_set_is_at_most_major() -> None:
    line = one("0", "5", asset="COIN")
    assert (line.kind, line.severity, line.worth) == (Kind.MISSING_AT_VENUE, MAJOR, None)
    assert one("4.9", "5", asset="COIN").severity is MINOR


def test_an_asset_without_a_price_is_critical_if_policy_lists_it() -> None:
    listed = policy(severity={"assets": {"COIN": {"unpriced_critical": True}}})
    assert one("0", "5", asset="COIN", by=listed).severity is CRITICAL
    assert one("0", "5", asset="OTHER", by=listed).severity is MAJOR


UNUSABLE = {
    "none": None,
    "empty": prices({}),
    "another base": prices(base="EUR"),
    "too old": prices(as_of=later(NOON, -3600.001)),
}


@pytest.mark.parametrize("valued", UNUSABLE.values(), ids=UNUSABLE)
def test_without_a_usable_price_set_nothing_is_lowered(valued: object) -> None:
    line = one("0", "0.00001", valued=valued)
    assert (line.severity, line.price, line.worth) == (CRITICAL, None, None)


def test_prices_of_exactly_sixty_minutes_still_serve() -> None:
    line = one("0", "0.00005", valued=prices(as_of=later(NOON, -3600)))
    assert (line.severity, line.worth) == (MINOR, 5)


def test_how_old_prices_may_be_is_policy() -> None:
    patient = policy(timing={"default": {"prices_max_age_seconds": 7200}})
    assert one("0", "0.00005", by=patient, valued=prices(as_of=later(NOON, -7200))).severity is MINOR
    assert one("0", "0.00005", by=patient, valued=prices(as_of=later(NOON, -7200.001))).severity is CRITICAL


def test_the_base_currency_costs_one_whatever_the_price_set_says() -> None:
    for valued in (None, prices(), prices({"USD": "2"}), prices(base="EUR")):
        line = one("400", "1000", asset="USD", valued=valued)
        assert (line.price, line.worth) == (1, 600)


def test_the_base_currency_is_not_lowered_either_without_a_usable_price_set() -> None:
    assert one("0", "5", asset="USD", by=STRICT, valued=None).severity is CRITICAL
    assert one("0", "5", asset="USD", by=STRICT).severity is MINOR


def test_the_base_currency_is_raised_by_worth_even_without_a_price_set() -> None:
    assert one("989999", "999999", asset="USD", valued=None).severity is CRITICAL


def test_another_base_currency_makes_its_own_price_set_usable() -> None:
    line = one("0", "0.00005", valued=prices({"BTC": "90000"}, base="EUR"), base="EUR")
    assert (line.worth, line.severity) == (Decimal("4.5"), MINOR)


def test_an_open_order_is_never_worse_than_minor_whatever_it_is_worth() -> None:
    report = judge([holding("BTC", "50", held="40")], [holding("BTC", "50", held="1")])
    held = line_of(report, "BTC", "held")
    assert (held.outcome, held.kind, held.severity) == (Outcome.BREAK, Kind.QUANTITY, MINOR)
    assert held.worth == 3_900_000
    assert report.status == "MINOR"


def test_held_of_the_opposite_sign_or_missing_is_still_minor() -> None:
    for ours, theirs in (("1", "0"), ("0", "1"), ("1", "-1")):
        report = judge([holding("BTC", "50", held=theirs)], [holding("BTC", "50", held=ours)])
        assert line_of(report, "BTC", "held").severity is MINOR


def test_held_is_tolerated_against_the_books_held_not_its_total() -> None:
    by = policy(tolerance={"default": {"value_floor": "0", "relative": "0.1"}})
    report = judge([holding("COIN", "1000", held="1.11")], [holding("COIN", "1000", held="1")], by=by)
    assert line_of(report, "COIN", "held").outcome is Outcome.BREAK
    report = judge([holding("COIN", "1000", held="1.1")], [holding("COIN", "1000", held="1")], by=by)
    assert line_of(report, "COIN", "held").outcome is Outcome.WITHIN_TOLERANCE


def test_held_is_compared_only_when_both_sides_state_it() -> None:
    assert the_line(judge([holding("BTC", "1", held="1")], [holding("BTC", "1")])).field == "total"
    assert the_line(judge([holding("BTC", "1")], [holding("BTC", "1", held="1")])).field == "total"


def test_every_number_of_the_bands_is_policy() -> None:
    own = policy(
        tolerance={"default": {"relative": "0", "value_floor": "0"}},
        severity={
            "default": {
                "minor_below": "0.5",
                "major_up_to": "0.6",
                "worth_minor_below": "1",
                "worth_major_from": "2",
                "worth_critical_from": "3",
            }
        },
    )
    assert one("51", "100", asset="COIN", by=own).severity is MINOR
    assert one("50", "100", asset="COIN", by=own).severity is MAJOR
    assert one("40", "100", asset="COIN", by=own).severity is MAJOR
    assert one("39", "100", asset="COIN", by=own).severity is MAJOR  # critical by share, but unpriced
    assert one("99.1", "100", asset="USD", by=own).severity is MINOR
    assert one("98", "100", asset="USD", by=own).severity is MAJOR
    assert one("97", "100", asset="USD", by=own).severity is CRITICAL
