"""Policies: read strictly, resolved most specific first, and never with two severities for one break."""

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import policy
from trueup.domain.policy import Alerting, Bands, Policy, Timing, Tolerance, default_policy, read_policy
from trueup.domain.policy_fields import FIELDS
from trueup.domain.reading import Malformed
from trueup.domain.reasons import Severity

ACCOUNT, VENUE, ASSET = "cb-main", "coinbase", "BTC"
DAY = timedelta(days=1)


def refusal(document: Any) -> str:
    with pytest.raises(Malformed) as refused:
        read_policy(document, default_policy())
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_the_built_in_numbers_are_the_designs() -> None:
    plain = default_policy()
    tolerance = plain.tolerance(ACCOUNT, VENUE, ASSET)
    values = [getattr(tolerance, name).value for name in ("relative", "quantity", "value_floor", "value_cap")]
    assert values == [Decimal("0.001"), Decimal("1e-8"), 1, 1000]
    bands = plain.bands(ACCOUNT, VENUE, ASSET)
    assert (bands.minor_below, bands.major_up_to) == (Decimal("0.05"), Decimal("0.2"))
    assert (bands.worth_minor_below, bands.worth_major_from, bands.worth_critical_from) == (10, 1000, 10_000)
    assert bands.unpriced_critical is False
    timing = plain.timing(ACCOUNT, VENUE)
    assert (timing.stale_venue_seconds, timing.stale_book_seconds) == (120, 900)
    assert (timing.clock_skew_seconds, timing.prices_max_age_seconds) == (30, 3600)
    assert (timing.confirm_after_seconds, timing.confirm_in_a_row, timing.recheck_wait_seconds) == (30, 2, 10)
    assert (timing.in_motion_in_a_row, timing.pending_max_age_seconds) == (3, 24 * 60 * 60)
    alerting = plain.alerting(ACCOUNT, VENUE, ASSET)
    assert (alerting.alert_from, alerting.explained_from_worth) == (Severity.MAJOR, 10_000)
    assert (alerting.worth_grown, alerting.worth_shrunk) == (Decimal("0.1"), 1)
    worse = (Severity.MINOR, Severity.MAJOR, Severity.CRITICAL)
    assert [alerting.due_after(severity) for severity in worse] == [DAY * 7, DAY, DAY / 6]
    assert [alerting.remind_after(severity) for severity in worse] == [DAY * 7, DAY, DAY / 24]


def test_every_field_is_named_as_what_it_becomes_and_in_that_order() -> None:
    for section, kind in (("tolerance", Tolerance), ("severity", Bands), ("timing", Timing), ("alerts", Alerting)):
        assert list(FIELDS[section]) == [field.name for field in fields(kind)]


def test_the_built_in_fees_are_shares_each_once_and_ascending() -> None:
    fees = default_policy().fee_fractions(ACCOUNT, VENUE)
    assert sorted(set(fees)) == list(fees)
    assert all(0 < fee < 1 for fee in fees)


def test_the_deployments_threshold_is_the_defaults_relative_tolerance() -> None:
    found = default_policy(Decimal("0.02")).tolerance(ACCOUNT, VENUE, ASSET).relative
    assert (found.value, found.origin) == (Decimal("0.02"), "default")


FROM_MOST_SPECIFIC = [
    ("account:cb-main/asset:BTC", {"accounts": {ACCOUNT: {"assets": {ASSET: "6"}}}}),
    ("account:cb-main", {"accounts": {ACCOUNT: "5"}}),
    ("venue:coinbase/asset:BTC", {"venues": {VENUE: {"assets": {ASSET: "4"}}}}),
    ("venue:coinbase", {"venues": {VENUE: "3"}}),
    ("asset:BTC", {"assets": {ASSET: "2"}}),
    ("default", {"default": "1"}),
]


def layered(scopes: list[tuple[str, dict[str, Any]]], field: str) -> dict[str, Any]:
    """Write one field at several scopes, each with its own number."""
    section: dict[str, Any] = {}

    def put(into: dict[str, Any], at: dict[str, Any]) -> None:
        for name, value in at.items():
            if isinstance(value, str):
                into.setdefault(name, {})[field] = value
            else:
                put(into.setdefault(name, {}), value)

    for _, scope in scopes:
        put(section, scope)
    return section


@pytest.mark.parametrize("first", range(6), ids=[origin for origin, _ in FROM_MOST_SPECIFIC])
def test_the_most_specific_scope_wins_whatever_else_is_said(first: int) -> None:
    found = policy(tolerance=layered(FROM_MOST_SPECIFIC[first:], "quantity")).tolerance(ACCOUNT, VENUE, ASSET)
    assert found.quantity.origin == FROM_MOST_SPECIFIC[first][0]
    assert found.quantity.value == 6 - first
    assert found.relative.origin == "default"


def test_timing_has_no_assets_and_resolves_by_account_venue_default() -> None:
    timing = {
        "default": {"stale_book_seconds": 1},
        "venues": {VENUE: {"stale_book_seconds": 2}},
        "accounts": {ACCOUNT: {"stale_book_seconds": 3}},
    }
    found = policy(timing=timing)
    assert found.timing(ACCOUNT, VENUE).stale_book_seconds == 3
    assert found.timing("cb-other", VENUE).stale_book_seconds == 2
    assert found.timing("cb-other", "dydx").stale_book_seconds == 1


@pytest.mark.parametrize("place", [{"assets": {"BTC": {}}}, {"venues": {VENUE: {"assets": {"BTC": {}}}}}])
def test_assets_under_timing_are_refused_and_not_quietly_ignored(place: dict[str, Any]) -> None:
    assert "assets: is not a field here" in refusal({"timing": place})


def test_alerts_resolve_by_scope_too() -> None:
    found = policy(
        alerts={
            "default": {"alert_from": "CRITICAL"},
            "assets": {"DOGE": {"alert_from": "MINOR"}},
            "accounts": {ACCOUNT: {"alert_from": "MAJOR"}},
        }
    )
    assert found.alerting("cb-other", VENUE, "BTC").alert_from is Severity.CRITICAL
    assert found.alerting("cb-other", VENUE, "DOGE").alert_from is Severity.MINOR
    assert found.alerting("cb-other", VENUE, None).alert_from is Severity.CRITICAL
    assert found.alerting(ACCOUNT, VENUE, "DOGE").alert_from is Severity.MAJOR


def test_from_which_worth_on_an_explained_difference_is_said_resolves_by_scope_too() -> None:
    found = policy(alerts={"default": {"explained_from_worth": "7"}, "assets": {"DOGE": {"explained_from_worth": 0}}})
    assert found.alerting(ACCOUNT, VENUE, "BTC").explained_from_worth == 7
    assert found.alerting(ACCOUNT, VENUE, "DOGE").explained_from_worth == 0


def test_fees_are_a_list_of_shares_of_its_own_for_each_venue_and_account() -> None:
    shares = ["0.012", "6e-3", "0.006", "0.5", "0.4", "0.3", "0.2", "0.1"]
    found = policy(
        correlate={
            "venues": {VENUE: {"fee_fractions": shares}},
            "accounts": {"cb-free": {"fee_fractions": []}},
        }
    )
    assert found.fee_fractions(ACCOUNT, VENUE) == tuple(
        map(Decimal, ("0.006", "0.012", "0.1", "0.2", "0.3", "0.4", "0.5"))
    )
    assert found.fee_fractions("cb-free", VENUE) == ()
    assert found.fee_fractions("dydx-1", "dydx") == default_policy().fee_fractions("dydx-1", "dydx")


def test_a_hundred_fees_are_read_and_numbers_at_their_limits() -> None:
    found = policy(
        correlate={"default": {"fee_fractions": [f"0.{number:03}" for number in range(1, 101)]}},
        timing={"default": {"stale_book_seconds": "604800", "stale_venue_seconds": 1, "confirm_in_a_row": "000000100"}},
        tolerance={"default": {"value_cap": 10**40 - 1}},
    )
    assert len(found.fee_fractions(ACCOUNT, VENUE)) == 100
    timing = found.timing(ACCOUNT, VENUE)
    assert (timing.stale_book_seconds, timing.stale_venue_seconds, timing.confirm_in_a_row) == (604_800, 1, 100)
    assert found.tolerance(ACCOUNT, VENUE, ASSET).value_cap.value == 10**40 - 1


def test_a_policy_with_other_fees_has_another_version() -> None:
    one, same, other = (
        policy(correlate={"default": {"fee_fractions": fees}}) for fees in (["0.1", "0.2"], ["0.20", "0.1"], ["0.1"])
    )
    assert one.version == same.version != other.version


def test_the_limits_of_an_account_are_those_of_each_asset_and_shared_by_assets_nobody_names() -> None:
    found = policy(
        tolerance={"default": {"quantity": "1"}, "accounts": {ACCOUNT: {"value_cap": "5"}}},
        severity={"venues": {VENUE: {"assets": {"ETH": {"worth_minor_below": "7"}}}}},
        alerts={"assets": {"DOGE": {"alert_from": "MINOR"}}},
    )
    limits = found.limits(ACCOUNT, VENUE)
    for asset in ("BTC", "ETH", "DOGE", "SHIB"):
        assert limits(asset).tolerance == found.tolerance(ACCOUNT, VENUE, asset)
        assert limits(asset).bands == found.bands(ACCOUNT, VENUE, asset)
    assert limits("BTC") is limits("SHIB")
    assert limits("ETH") is limits("ETH")
    assert limits("ETH").bands.worth_minor_below == 7


def test_a_share_of_the_book_may_be_all_of_it_and_not_more() -> None:
    assert policy(tolerance={"default": {"relative": 1}}).tolerance(ACCOUNT, VENUE, ASSET).relative.value == 1


def test_all_values_that_a_field_has_for_anybody_are_known_with_their_origins() -> None:
    found = policy(
        timing={
            "venues": {VENUE: {"recheck_wait_seconds": 7}, "dydx": {"confirm_in_a_row": 3}},
            "accounts": {ACCOUNT: {"recheck_wait_seconds": 5}},
        }
    )
    assert found.values("timing", "recheck_wait_seconds") == {"default": 10, "venue:coinbase": 7, "account:cb-main": 5}
    found = read_policy({"timing": {"default": {"recheck_wait_seconds": 9}}}, found)
    assert found.values("timing", "recheck_wait_seconds")["default"] == 9
    assert found.values("timing", "stale_book_seconds") == {"default": 900}


def test_what_a_file_does_not_say_stays_as_it_was() -> None:
    base = policy(tolerance={"default": {"relative": "0.5"}, "assets": {"BTC": {"quantity": "3"}}})
    found = read_policy({"tolerance": {"assets": {"BTC": {"value_cap": "7"}}}}, base).tolerance(ACCOUNT, VENUE, "BTC")
    assert (found.relative.value, found.quantity.value, found.value_cap.value) == (Decimal("0.5"), 3, 7)


def test_an_empty_file_changes_nothing_not_even_the_version() -> None:
    assert read_policy({}, default_policy()) == default_policy()
    assert read_policy({"tolerance": None, "alerts": {"default": None}}, default_policy()) == default_policy()


def test_the_version_tells_policies_apart_and_not_the_way_they_are_written() -> None:
    one = policy(tolerance={"default": {"relative": "0.0020", "value_cap": 5}})
    same = policy(tolerance={"default": {"value_cap": "5.0", "relative": "2e-3"}})
    other = policy(tolerance={"default": {"relative": "0.003", "value_cap": "5"}})
    assert one.version == same.version != other.version
    assert len(one.version) == 12


def test_whole_numbers_of_yaml_are_exact_and_taken() -> None:
    found = policy(tolerance={"default": {"value_cap": 500}}, timing={"default": {"stale_book_seconds": "60"}})
    assert found.tolerance(ACCOUNT, VENUE, ASSET).value_cap.value == 500
    assert found.timing(ACCOUNT, VENUE).stale_book_seconds == 60


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "policy: must be an object, not a list"),
        (
            {"tolerence": {}},
            "policy.tolerence: is not a field here; known: alerts, correlate, severity, timing, tolerance",
        ),
        ({"tolerance": []}, "policy.tolerance: must be an object"),
        ({"tolerance": {"relative": "0.1"}}, "policy.tolerance.relative: is not a field here"),
        ({"tolerance": {"default": {"relativ": "1"}}}, "policy.tolerance.default.relativ: is not a field here"),
        ({"tolerance": {"default": "0.1"}}, "policy.tolerance.default: must be an object, not a string"),
        ({"tolerance": {"default": {"relative": 0.1}}}, "policy.tolerance.default.relative: must be a string such as"),
        ({"tolerance": {"default": {"relative": True}}}, "policy.tolerance.default.relative: must be a string"),
        ({"tolerance": {"default": {"relative": "-0.1"}}}, "policy.tolerance.default.relative: must not be negative"),
        ({"tolerance": {"default": {"relative": -1}}}, "policy.tolerance.default.relative: must not be negative"),
        ({"tolerance": {"default": {"relative": "NaN"}}}, "policy.tolerance.default.relative: must be a decimal"),
        ({"tolerance": {"default": {"value_cap": 10**40}}}, "policy.tolerance.default.value_cap: must have at most 40"),
        ({"tolerance": {"default": {"value_cap": 10**5000}}}, "policy.tolerance.default.value_cap: must have at most"),
        ({"tolerance": {"assets": ["BTC"]}}, "policy.tolerance.assets: must be an object, not a list"),
        ({"tolerance": {"assets": {"": {}}}}, "policy.tolerance.assets: must not be empty"),
        (
            {"tolerance": {"venues": {"dydx": {"assets": {"BTC": {"x": 1}}}}}},
            "policy.tolerance.venues.dydx.assets.BTC.x",
        ),
        (
            {"tolerance": {"venues": {"dydx": {"accounts": {}}}}},
            "policy.tolerance.venues.dydx.accounts: is not a field",
        ),
        ({"severity": {"default": {"unpriced_critical": "yes"}}}, "policy.severity.default.unpriced_critical: must be"),
        (
            {"timing": {"default": {"stale_book_seconds": 0}}},
            "policy.timing.default.stale_book_seconds: must be a whole number of seconds from 1 to 604800",
        ),
        ({"timing": {"default": {"stale_book_seconds": 604_801}}}, "policy.timing.default.stale_book_seconds: must be"),
        ({"timing": {"default": {"stale_book_seconds": True}}}, "policy.timing.default.stale_book_seconds: must be"),
        ({"timing": {"default": {"stale_book_seconds": "15 min"}}}, "policy.timing.default.stale_book_seconds: must"),
        ({"timing": {"default": {"stale_book_seconds": "9" * 50}}}, "policy.timing.default.stale_book_seconds: must"),
        (
            {"timing": {"default": {"stale_book_seconds": "0000000060"}}},
            "policy.timing.default.stale_book_seconds: must",
        ),
        ({"timing": {"default": {"confirm_in_a_row": 0}}}, "policy.timing.default.confirm_in_a_row: must be a whole"),
        (
            {"timing": {"default": {"in_motion_in_a_row": 101}}},
            "policy.timing.default.in_motion_in_a_row: must be a whole number from 1 to 100",
        ),
        (
            {"tolerance": {"default": {"relative": "1.0000000001"}}},
            "policy.tolerance.default.relative: must be a share from 0 to 1",
        ),
        ({"tolerance": {"default": {"relative": 5}}}, "policy.tolerance.default.relative: must be a share from 0 to 1"),
        ({"correlate": {"assets": {"BTC": {}}}}, "policy.correlate.assets: is not a field here"),
        (
            {"correlate": {"default": {"fee_fractions": "0.1"}}},
            "policy.correlate.default.fee_fractions: must be a list, not a string",
        ),
        (
            {"correlate": {"default": {"fee_fractions": ["0.1", 0.5]}}},
            "policy.correlate.default.fee_fractions[1]: must be a string",
        ),
        (
            {"correlate": {"default": {"fee_fractions": ["2"]}}},
            "policy.correlate.default.fee_fractions[0]: must be a share",
        ),
        (
            {"correlate": {"default": {"fee_fractions": ["0"]}}},
            "policy.correlate.default.fee_fractions: must hold shares between 0 and 1",
        ),
        (
            {"correlate": {"default": {"fee_fractions": [1]}}},
            "policy.correlate.default.fee_fractions: must hold shares between 0 and 1",
        ),
        (
            {"correlate": {"default": {"fee_fractions": [f"0.{n}1" for n in range(101)]}}},
            "policy.correlate.default.fee_fractions: must have at most 100",
        ),
        (
            {"alerts": {"default": {"explained_from_worth": "-1"}}},
            "policy.alerts.default.explained_from_worth: must not",
        ),
        ({"alerts": {"default": {"alert_from": "OK"}}}, "policy.alerts.default.alert_from: must be one of MINOR"),
        ({"alerts": {"default": {"alert_from": "major"}}}, "policy.alerts.default.alert_from: must be one of MINOR"),
        ({"alerts": {"default": {"alert_from": 2}}}, "policy.alerts.default.alert_from: must be a string"),
    ],
)
def test_a_mistake_in_a_policy_is_named_with_its_place(document: Any, problem: str) -> None:
    assert refusal(document).startswith(problem)


@pytest.mark.parametrize(
    ("severity", "where"),
    [
        ({"default": {"minor_below": "0.21"}}, "default"),
        ({"default": {"major_up_to": "0.049"}}, "default"),
        ({"default": {"worth_minor_below": "1001"}}, "default"),
        ({"default": {"worth_major_from": "10001"}}, "default"),
        ({"assets": {"BTC": {"worth_critical_from": "999"}}}, "asset:BTC"),
        ({"venues": {VENUE: {"minor_below": "0.3"}}}, "venue:coinbase"),
        ({"accounts": {ACCOUNT: {"assets": {"BTC": {"minor_below": "0.3"}}}}}, "account:cb-main/asset:BTC"),
    ],
)
def test_bands_that_overlap_are_refused(severity: dict[str, Any], where: str) -> None:
    place, _, problem = refusal({"severity": severity}).partition(": ")
    assert place == f"policy.severity ({where})"
    assert problem.startswith(("minor_below must not be above", "worth_minor_below, worth_major_from and"))


def test_bands_that_only_overlap_where_two_scopes_meet_are_refused() -> None:
    # Each is fine with the defaults. For BTC at coinbase, MAJOR would begin at 5,000 and CRITICAL at 3,000.
    severity = {"venues": {VENUE: {"worth_major_from": "5000"}}, "assets": {"BTC": {"worth_critical_from": "3000"}}}
    assert refusal({"severity": severity}).startswith("policy.severity (venue:coinbase/asset:BTC): ")


def test_bands_that_touch_are_fine() -> None:
    policy(severity={"default": {"minor_below": "0.2", "worth_minor_below": "1000", "worth_critical_from": "1000"}})


def test_a_field_nobody_defines_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        default_policy().resolve("tolerance", "relativ", ACCOUNT, VENUE, ASSET)
    assert isinstance(default_policy(), Policy)
