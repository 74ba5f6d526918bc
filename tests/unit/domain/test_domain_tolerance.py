"""Rule 4: what is not worth saying, to the last digit."""

from decimal import Decimal

import pytest

from tests.unit.money_kit import NO_TOLERANCE, UNSET, one, policy, prices
from trueup.domain.policy import default_policy
from trueup.domain.report import Outcome, Rule

ULP = Decimal("1e-20")


def rule(line: object) -> Rule:
    found = line.rule  # type: ignore[attr-defined]
    assert isinstance(found, Rule)
    return found


def test_equal_amounts_are_exact_and_need_no_rule() -> None:
    line = one("1.50", "1.5")
    assert (line.outcome, line.rule, line.difference) == (Outcome.EXACT, None, 0)


def test_a_difference_of_one_unit_of_precision_is_within_by_quantity() -> None:
    line = one("1.00000001", "1", asset="COIN")
    assert line.outcome is Outcome.WITHIN_TOLERANCE
    assert rule(line) == Rule("quantity", Decimal("1e-8"), "default")


def test_a_hair_more_than_one_unit_is_not_within_by_quantity() -> None:
    line = one(str(1 + Decimal("1e-8") + ULP), "1", asset="COIN")
    assert rule(line).field == "relative"
    strict = policy(tolerance={"default": {"relative": "0"}})
    assert one(str(1 + Decimal("1e-8") + ULP), "1", asset="COIN", by=strict).outcome is Outcome.BREAK


def test_a_difference_worth_the_floor_exactly_is_within_by_value_floor() -> None:
    line = one("0.00001", "0", asset="BTC")
    assert line.worth == 1
    assert rule(line) == Rule("value_floor", Decimal(1), "default")


def test_a_difference_worth_a_hair_more_than_the_floor_is_a_break() -> None:
    assert one(str(Decimal("0.00001") + ULP), "0", asset="BTC").outcome is Outcome.BREAK


def test_without_a_price_the_value_floor_cannot_help() -> None:
    assert one("0.00001", "0", asset="COIN").outcome is Outcome.BREAK


def test_a_relative_difference_at_the_limit_is_within() -> None:
    line = one("1.001", "1", asset="COIN")
    assert rule(line) == Rule("relative", Decimal("0.001"), "default", cap_unchecked=True)
    line = one("100.1", "100", asset="ETH", by=policy(tolerance={"default": {"value_cap": "400"}}))
    assert rule(line) == Rule("relative", Decimal("0.001"), "default")


def test_a_relative_difference_a_hair_above_the_limit_is_a_break() -> None:
    assert one(str(Decimal("1.001") + ULP), "1", asset="COIN").outcome is Outcome.BREAK


def test_the_relative_limit_is_taken_of_the_size_of_a_short_position() -> None:
    assert one("-1.001", "-1", asset="COIN").outcome is Outcome.WITHIN_TOLERANCE
    assert one(str(-Decimal("1.001") - ULP), "-1", asset="COIN").outcome is Outcome.BREAK


def test_a_shortfall_is_tolerated_exactly_as_a_surplus_is() -> None:
    assert one("0.999", "1", asset="COIN").outcome is Outcome.WITHIN_TOLERANCE
    assert one(str(Decimal("0.999") - ULP), "1", asset="COIN").outcome is Outcome.BREAK


def test_relative_is_measured_against_the_book_not_the_venue() -> None:
    # 0.1 % of the venue's 1000 is 1, of the book's 999 only 0.999.
    assert one("1000", "999", asset="COIN").outcome is Outcome.BREAK
    assert one("999", "1000", asset="COIN").outcome is Outcome.WITHIN_TOLERANCE


def test_a_relative_difference_worth_the_cap_exactly_is_within() -> None:
    line = one("10.01", "10", asset="BTC")
    assert line.worth == 1000
    assert rule(line) == Rule("relative", Decimal("0.001"), "default", cap_unchecked=False)


def test_a_relative_difference_worth_a_hair_more_than_the_cap_is_a_break() -> None:
    line = one("10.01", "10", asset="BTC", valued=prices({"BTC": str(Decimal(100_000) + ULP)}))
    assert line.outcome is Outcome.BREAK


def test_a_large_position_does_not_hide_a_large_loss_behind_a_small_share() -> None:
    # 0.05 % of 1,000 BTC is half a coin: 50,000 dollars.
    assert one("999.5", "1000", asset="BTC").outcome is Outcome.BREAK


@pytest.mark.parametrize("valued", [None, prices({}), prices({"ETH": "4000"})], ids=["no set", "empty set", "no price"])
def test_without_a_price_a_relative_difference_passes_and_says_that_the_cap_was_not_checked(valued: object) -> None:
    line = one("999.5", "1000", asset="BTC", valued=valued)
    assert line.outcome is Outcome.WITHIN_TOLERANCE
    assert rule(line).cap_unchecked is True


def test_dust_in_the_book_gives_no_relative_tolerance() -> None:
    # The book's 1e-8 counts as zero, so nothing relative to it can be.
    generous = default_policy(Decimal(10))  # more than a policy file may say: a share of a zero is still nothing
    assert one("0.00000005", "0.00000001", asset="COIN", by=generous).outcome is Outcome.BREAK
    assert one("0.00000005", "0.000000010000001", asset="COIN", by=generous).outcome is Outcome.WITHIN_TOLERANCE


def test_the_first_rule_that_holds_is_the_one_reported() -> None:
    everything = policy(tolerance={"default": {"quantity": "5", "value_floor": "5", "relative": "0.5"}})
    assert rule(one("1.1", "1", asset="USDC", by=everything)).field == "quantity"
    everything = policy(tolerance={"default": {"quantity": "0", "value_floor": "5", "relative": "0.5"}})
    assert rule(one("1.1", "1", asset="USDC", by=everything)).field == "value_floor"
    everything = policy(tolerance={"default": {"quantity": "0", "value_floor": "0", "relative": "0.5"}})
    assert rule(one("1.1", "1", asset="USDC", by=everything)).field == "relative"


SCOPES = {
    "account:cb-main/asset:BTC": {"accounts": {"cb-main": {"assets": {"BTC": {"relative": "0.5"}}}}},
    "account:cb-main": {"accounts": {"cb-main": {"relative": "0.5"}}},
    "venue:coinbase/asset:BTC": {"venues": {"coinbase": {"assets": {"BTC": {"relative": "0.5"}}}}},
    "venue:coinbase": {"venues": {"coinbase": {"relative": "0.5"}}},
    "asset:BTC": {"assets": {"BTC": {"relative": "0.5"}}},
    "default": {"default": {"relative": "0.5"}},
}


@pytest.mark.parametrize(("origin", "section"), SCOPES.items(), ids=SCOPES)
def test_every_scope_of_the_hierarchy_can_decide_and_is_named(origin: str, section: dict[str, object]) -> None:
    section = {
        **section,
        "default": {"quantity": "0", "value_floor": "0", "value_cap": "1e9"} | section.get("default", {}),
    }  # type: ignore[operator]
    line = one("1.4", "1", by=policy(tolerance=section))
    assert rule(line) == Rule("relative", Decimal("0.5"), origin)


@pytest.mark.parametrize("field", NO_TOLERANCE)
def test_each_field_resolves_by_itself(field: str) -> None:
    # The account speaks of one field only; every other field still comes from the asset.
    asset = {"quantity": "0", "relative": "0.5", "value_floor": "0", "value_cap": "50000"}
    strict = policy(tolerance={"assets": {"BTC": asset}, "accounts": {"cb-main": {field: asset[field]}}})
    found = strict.tolerance("cb-main", "coinbase", "BTC")
    for name in NO_TOLERANCE:
        assert getattr(found, name).origin == ("account:cb-main" if name == field else "asset:BTC")


def test_somebody_elses_rule_is_not_ours() -> None:
    other = policy(
        tolerance={
            "accounts": {"cb-other": {"relative": "1"}},
            "venues": {"dydx": {"relative": "1"}},
            "assets": {"ETH": {"relative": "1"}},
        }
    )
    assert one("0.5", "1", by=other, valued=UNSET).outcome is Outcome.BREAK
