"""A whole policy, written and read back: the same numbers by the same words under the same version, for ever."""

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.money_kit import policy
from trueup.domain.policy import Policy, default_policy, policy_document, read_policy, read_policy_document
from trueup.domain.policy_fields import BY_ASSET, FIELDS
from trueup.domain.policy_scopes import Scope
from trueup.domain.reading import Malformed, canonical_json, parse_json

VALUES: dict[str, tuple[Any, ...]] = {
    "relative": (0, "0.0005", "1e-3", 1),
    "quantity": ("0", "1e-18", 5, "1000000"),
    "value_floor": ("1", "0.5"),
    "value_cap": (0, "1e20"),
    "minor_below": ("0", "0.05"),
    "major_up_to": ("0.05", "0.2"),
    "worth_minor_below": ("0", "10"),
    "worth_major_from": ("10", "1000"),
    "worth_critical_from": ("1000", "10000"),
    "unpriced_critical": (True, False),
    "alert_from": ("MINOR", "MAJOR", "CRITICAL"),
    "explained_from_worth": ("0", "10000"),
    "worth_grown": ("0", "1"),
    "worth_shrunk": ("0.5", "1"),
    "quiet_hours": ([], ["22:00-06:30"]),
    "maintenance": ([], ["2026-11-22T22:00:00Z/2026-11-23T02:00:00Z"]),
    "fee_fractions": ([], ["0.001", "0.0001"]),
}
WHOLE = (1, 30, "99")
# Names as files may have them: also such as look like the words around them.
NAMES = st.sampled_from(
    ["BTC", "cb-main", "dydx", "default", "assets", "venues", "accounts", "a/asset:b", "account:x", "Ünï cödé", "0"]
)


def values_of(section: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(VALUES.get(name, WHOLE)) for name in FIELDS[section]}
    )


def section_of(section: str) -> st.SearchStrategy[dict[str, Any]]:
    values = values_of(section)
    scopes: dict[str, Any] = {"default": values}
    owner = values
    if section in BY_ASSET:
        assets = st.dictionaries(NAMES, values, max_size=2)
        scopes["assets"] = assets
        owner = st.tuples(values, st.fixed_dictionaries({}, optional={"assets": assets})).map(lambda it: it[0] | it[1])
    scopes["venues"] = scopes["accounts"] = st.dictionaries(NAMES, owner, max_size=2)
    return st.fixed_dictionaries({}, optional=scopes)


FILES = st.fixed_dictionaries({}, optional={section: section_of(section) for section in FIELDS})
THRESHOLDS = st.decimals("0.000001", "0.1", places=6)
SOME = policy(
    tolerance={
        "default": {"value_cap": "500"},
        "venues": {"dydx": {"relative": "0.0005", "assets": {"USDC": {"value_floor": "5"}}}},
    },
    correlate={"accounts": {"cb-main": {"fee_fractions": ["0.006", "0.004"]}}},
)


def carried(found: Policy) -> Policy:
    """Write a policy as the bucket holds it, and read it back."""
    return read_policy_document(parse_json(canonical_json(policy_document(found)), "policy"))


def everybody(found: Policy) -> list[Scope]:
    """Every account, venue and asset that is named, with every other, and one of each that is not."""
    named = [
        {None, *(scope[part] for scopes in found.settings.values() for scope in scopes)} | {"nobody"}
        for part in range(3)
    ]
    return [(account, venue, asset) for account in named[0] for venue in named[1] for asset in named[2]]


@settings(max_examples=200, deadline=None)
@given(FILES, THRESHOLDS)
def test_what_is_read_back_is_the_same_policy_with_every_value_and_origin(
    file: dict[str, Any], threshold: Decimal
) -> None:
    written = read_policy(file, default_policy(threshold))
    back = carried(written)
    assert back.version == written.version
    assert policy_document(back) == policy_document(written)
    for account, venue, asset in everybody(written):
        for section, fields in FIELDS.items():
            for name in fields:
                where = section, name, account or "", venue or "", asset if section in BY_ASSET else None
                assert back.resolve(*where) == written.resolve(*where)


@settings(max_examples=100, deadline=None)
@given(FILES, FILES)
def test_policies_have_the_same_version_only_if_they_state_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = read_policy(one, default_policy()), read_policy(other, default_policy())
    same = policy_document(first)["states"] == policy_document(second)["states"]
    assert (first.version == second.version) == same


def test_the_document_is_the_file_as_it_was_meant_and_what_is_built_in() -> None:
    document = policy_document(SOME)
    assert document.keys() == {"schema", "version", "built_in", "states"}
    assert document["states"] == {
        "tolerance": {
            "default": {"value_cap": "500"},
            "venues": {"dydx": {"relative": "0.0005", "assets": {"USDC": {"value_floor": "5"}}}},
        },
        "correlate": {"accounts": {"cb-main": {"fee_fractions": ["0.004", "0.006"]}}},
    }
    assert document["built_in"]["tolerance"] == {
        "relative": "0.001",
        "quantity": "0.00000001",
        "value_floor": "1",
        "value_cap": "1000",
    }
    assert document["built_in"]["alerts"] == {
        "alert_from": "MAJOR",
        "explained_from_worth": "10000",
        "worth_grown": "0.1",
        "worth_shrunk": "1",
        "due_minor_seconds": 604_800,
        "due_major_seconds": 86_400,
        "due_critical_seconds": 14_400,
        "remind_minor_seconds": 604_800,
        "remind_major_seconds": 86_400,
        "remind_critical_seconds": 3600,
        "unverified_runs": 3,
        "quiet_hours": [],
        "maintenance": [],
        "digest_above": 10,
    }


def test_what_a_document_states_may_be_put_again_as_a_file() -> None:
    assert read_policy(policy_document(SOME)["states"], default_policy()) == SOME


def test_what_somebody_states_counts_for_more_than_the_same_value_built_in() -> None:
    stated = policy(tolerance={"default": {"relative": "0.001"}})
    assert stated.tolerance("a", "v", "BTC") == default_policy().tolerance("a", "v", "BTC")
    assert stated.version != default_policy().version, "with another threshold they part"


def test_over_another_threshold_a_policy_keeps_what_it_states() -> None:
    found = SOME.over(default_policy(Decimal("0.02")))
    assert found.tolerance("a", "coinbase", "BTC").relative.value == Decimal("0.02")
    assert found.tolerance("a", "dydx", "BTC").relative.value == Decimal("0.0005")
    assert found.version != SOME.version
    assert SOME.over(default_policy()) == SOME


def test_a_policy_does_not_pass_over_built_in_bands_it_would_overlap() -> None:
    built_in = copy.deepcopy({name: dict(values) for name, values in default_policy().built_in.items()})
    built_in["severity"]["worth_major_from"] = Decimal(2)
    narrow = Policy(default_policy().settings, built_in)
    with pytest.raises(Malformed, match=r"^policy\.severity \(default\): worth_minor_below, worth_major_from "):
        policy(severity={"default": {"worth_minor_below": "5"}}).over(narrow)


def test_a_policy_of_before_a_field_existed_keeps_its_version_and_gets_the_value_built_in_now() -> None:
    built_in = {name: dict(values) for name, values in default_policy().built_in.items()}
    del built_in["timing"]["in_motion_in_a_row"], built_in["correlate"]
    older = read_policy({"tolerance": {"default": {"relative": "0.5"}}}, Policy(default_policy().settings, built_in))
    back = carried(older)
    assert back.version == older.version
    assert policy_document(back) == policy_document(older)
    assert back.timing("a", "v").in_motion_in_a_row == 3
    assert back.fee_fractions("a", "v") == default_policy().fee_fractions("a", "v")


def changed(*path: str, to: Any) -> dict[str, Any]:
    document = copy.deepcopy(policy_document(SOME))
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    return document


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "policy: must be an object"),
        ({}, "policy.schema: is missing"),
        (changed("schema", to=2), "policy.schema: must be 1"),
        (changed("schema", to="1"), "policy.schema: must be a whole number"),
        (changed("more", to=1), "policy.more: is not a field here"),
        (changed("version", to=None), "policy.version: must be a string"),
        (changed("version", to="0" * 12), "policy.version: is '000000000000', but what it states is "),
        (changed("built_in", to=[]), "policy.built_in: must be an object"),
        (changed("built_in", "tolerance", "value_cap", to="1001"), "policy.version: is "),
        (changed("built_in", "tolerance", "value_cap", to=1.5), "policy.built_in.tolerance.value_cap: must be a"),
        (changed("built_in", "tolerance", "colour", to="1"), "policy.built_in.tolerance.colour: is not a field"),
        (changed("built_in", "colour", to={}), "policy.built_in.colour: is not a field"),
        (changed("states", to=None), "policy.states: must be an object"),
        (changed("states", "tolerance", "default", "value_cap", to="50"), "policy.version: is "),
        (changed("states", "tolerance", "default", "value_cap", to="x"), "policy.states.tolerance.default.value_cap"),
        (changed("states", "colour", to={}), "policy.states.colour: is not a field"),
    ],
)
def test_a_document_that_is_not_what_was_written_is_refused(document: Any, problem: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_policy_document(document)
    assert str(refused.value).startswith(problem)
