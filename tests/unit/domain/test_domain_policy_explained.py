"""What applies to whom, and by whose word; and what a file changes."""

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import policy
from trueup.domain.policy import default_policy
from trueup.domain.policy_explained import applied, named, stated
from trueup.domain.policy_fields import BY_ASSET, FIELDS

ACCOUNT, VENUE, ASSET = "cb-main", "coinbase", "BTC"
EVERYWHERE = policy(
    tolerance={
        "default": {"relative": "0.1"},
        "assets": {ASSET: {"relative": "0.2"}},
        "venues": {VENUE: {"relative": "0.3", "assets": {ASSET: {"relative": "0.4"}}}},
        "accounts": {ACCOUNT: {"relative": "0.5", "assets": {ASSET: {"relative": "0.6"}}}},
    }
)


def of(found: list[Any], section: str, field: str) -> Any:
    (one,) = [each for each in found if (each.section, each.field) == (section, field)]
    return one.value, one.origin


def test_every_field_is_explained_in_the_order_of_the_format() -> None:
    found = [(each.section, each.field) for each in applied(default_policy(), None, None, None)]
    assert found == [(section, name) for section, fields in FIELDS.items() for name in fields]


def test_what_nobody_states_is_built_in_but_for_the_deployments_threshold() -> None:
    found = applied(default_policy(Decimal("0.02")), ACCOUNT, VENUE, ASSET)
    assert of(found, "tolerance", "relative") == ("0.02", "threshold")
    assert of(found, "tolerance", "quantity") == ("0.00000001", "built-in")
    assert of(found, "alerts", "alert_from") == ("MAJOR", "built-in")
    assert of(found, "severity", "unpriced_critical") == (False, "built-in")
    assert of(found, "timing", "stale_book_seconds") == (900, "built-in")
    assert {each.origin for each in found} == {"built-in", "threshold"}


@pytest.mark.parametrize(
    ("who", "value", "origin"),
    [
        ((ACCOUNT, VENUE, ASSET), "0.6", "account:cb-main/asset:BTC"),
        ((ACCOUNT, VENUE, None), "0.5", "account:cb-main"),
        ((None, VENUE, ASSET), "0.4", "venue:coinbase/asset:BTC"),
        ((None, VENUE, None), "0.3", "venue:coinbase"),
        ((None, None, ASSET), "0.2", "asset:BTC"),
        ((None, None, None), "0.1", "default"),
        (("cb-other", VENUE, "ETH"), "0.3", "venue:coinbase"),
        (("cb-other", "dydx", ASSET), "0.2", "asset:BTC"),
    ],
)
def test_the_value_that_applies_has_the_name_of_who_states_it(
    who: tuple[str | None, str | None, str | None], value: str, origin: str
) -> None:
    assert of(applied(EVERYWHERE, *who), "tolerance", "relative") == (value, origin)


def test_what_is_explained_is_what_is_judged_by() -> None:
    for section, fields in FIELDS.items():
        for name in fields:
            asset = ASSET if section in BY_ASSET else None
            judged = EVERYWHERE.resolve(section, name, ACCOUNT, VENUE, asset)
            _, origin = of(applied(EVERYWHERE, ACCOUNT, VENUE, ASSET), section, name)
            assert {"built-in": "default", "threshold": "default"}.get(origin, origin) == judged.origin


def test_each_value_a_file_states_comes_with_what_it_takes_the_place_of() -> None:
    found = [(each.origin, each.value, each.otherwise.value, each.otherwise.origin) for each in stated(EVERYWHERE)]
    assert found == [
        ("default", "0.1", "0.001", "threshold"),
        ("asset:BTC", "0.2", "0.1", "default"),
        ("venue:coinbase", "0.3", "0.1", "default"),
        ("venue:coinbase/asset:BTC", "0.4", "0.3", "venue:coinbase"),
        ("account:cb-main", "0.5", "0.1", "default"),
        ("account:cb-main/asset:BTC", "0.6", "0.5", "account:cb-main"),
    ]


def test_an_asset_of_an_account_takes_the_place_of_the_assets_own_where_the_account_says_nothing_else() -> None:
    tolerance = {
        "assets": {ASSET: {"relative": "0.2"}},
        "accounts": {ACCOUNT: {"assets": {ASSET: {"relative": "0.6"}}}},
    }
    assert [each.otherwise.origin for each in stated(policy(tolerance=tolerance))] == ["threshold", "asset:BTC"]


def test_a_file_that_says_nothing_states_nothing() -> None:
    assert stated(policy(tolerance={"default": {}, "venues": {"dydx": {}}})) == []


def test_the_accounts_and_venues_a_policy_names_are_all_found_once() -> None:
    found = policy(
        tolerance={"accounts": {"b": {"assets": {"BTC": {}}}, "a": {}}, "assets": {"ETH": {}}},
        timing={"accounts": {"b": {}}, "venues": {"dydx": {}, "coinbase": {}}},
    )
    assert named(found) == (["a", "b"], ["coinbase", "dydx"])


def test_the_accounts_and_venues_a_policy_names_come_in_order() -> None:
    names = ["d", "b", "e", "a", "c"]
    section: dict[str, Any] = {name: {"relative": "0"} for name in names}
    found = policy(tolerance={"venues": section, "accounts": section})
    assert named(found) == (["a", "b", "c", "d", "e"], ["a", "b", "c", "d", "e"])


def test_what_a_policy_states_comes_by_rank_and_then_by_name() -> None:
    value = {"relative": "0"}
    assets = dict.fromkeys(("F", "H", "E", "G"), value)
    owners = {name: value | {"assets": assets} for name in ("d", "b", "c", "a")}
    found = stated(policy(tolerance={"accounts": owners, "venues": owners, "assets": assets, "default": value}))
    names, inner = "abcd", "EFGH"
    assert [one.origin for one in found] == [
        "default",
        *(f"asset:{asset}" for asset in inner),
        *(f"venue:{name}" for name in names),
        *(f"venue:{name}/asset:{asset}" for name in names for asset in inner),
        *(f"account:{name}" for name in names),
        *(f"account:{name}/asset:{asset}" for name in names for asset in inner),
    ]
