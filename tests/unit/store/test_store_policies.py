"""The policy in force: one after the other, each kept for ever, and nobody overwrites what they did not see."""

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import NOON, STRICT, later, policy
from trueup.domain.policy import Policy, default_policy, policy_document
from trueup.errors import ConfigInvalid, PolicyConflict
from trueup.store import keys
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.store.objects import Objects
from trueup.store.policies import Policies, Put
from trueup.store.rows import Condition, Row, Rows

ME, YOU = "arn:aws:sts::111122223333:user/me", "arn:aws:sts::111122223333:user/you"
LOOSE = policy(tolerance={"default": {"value_cap": "5000"}})
HERE = default_policy(Decimal("0.002"))
Stores = tuple[Rows, Objects]


@pytest.fixture
def policies(stores: Stores) -> Policies:
    return Policies(*stores)


def test_without_any_putting_what_is_built_in_applies(policies: Policies) -> None:
    assert policies.last() is None
    assert policies.history() == []
    assert policies.current(HERE) == HERE


def test_what_was_put_is_in_force_over_what_is_built_in_here(policies: Policies) -> None:
    made = policies.put(LOOSE, NOON, ME, None)
    assert made == policies.last() == Put(1, LOOSE.version, NOON, ME)
    assert policies.current(default_policy()) == LOOSE
    found = policies.current(HERE).tolerance("cb-main", "coinbase", "BTC")
    assert (found.relative.value, found.value_cap.value) == (Decimal("0.002"), 5000)


def test_every_version_that_was_put_is_found_as_it_was_put(policies: Policies) -> None:
    first = policies.put(LOOSE, NOON, ME, None)
    policies.put(STRICT, later(NOON, 60), YOU, first)
    assert policies.version(LOOSE.version) == LOOSE
    assert policies.version(STRICT.version) == STRICT
    assert policies.version(HERE.version) is None


def test_the_history_says_who_put_which_when_in_one_query(stores: Stores) -> None:
    rows, objects = stores
    policies, made = Policies(rows, objects), None
    for number in range(12):
        made = policies.put((LOOSE, STRICT)[number % 2], later(NOON, number), (ME, YOU)[number % 2], made)

    class Counting:
        queries = 0

        def query(self, *given: Any, **how: Any) -> Any:
            self.queries += 1
            return rows.query(*given, **how)

    counting: Any = Counting()
    found = Policies(counting, objects).history()
    assert counting.queries == 1
    assert [each.number for each in found] == list(range(1, 13))
    assert [each.by for each in found] == [ME, YOU] * 6
    assert found[-1] == policies.last()


def test_who_has_not_seen_the_newest_putting_changes_nothing(policies: Policies) -> None:
    first = policies.put(LOOSE, NOON, ME, None)
    with pytest.raises(PolicyConflict, match="no longer the built-in one; somebody put another meanwhile: look with"):
        policies.put(STRICT, NOON, YOU, None)
    second = policies.put(STRICT, NOON, YOU, first)
    with pytest.raises(PolicyConflict, match=f"no longer {LOOSE.version};"):
        policies.put(LOOSE, NOON, ME, first)
    assert policies.last() == second


def test_a_putting_whose_answer_was_lost_is_not_a_conflict_with_oneself() -> None:
    class Forgetful(MemoryRows):
        """Writes, loses its answer, and is asked again by the client of AWS, which then is refused."""

        def put(self, row: Row, condition: Condition | None = None) -> bool:
            super().put(row, condition)
            return super().put(row, condition)

    policies = Policies(Forgetful(), MemoryObjects())
    assert policies.put(LOOSE, NOON, ME, None) == policies.last()


def test_going_back_to_an_earlier_policy_is_another_putting_of_the_same_object(policies: Policies) -> None:
    first = policies.put(LOOSE, NOON, ME, None)
    second = policies.put(STRICT, NOON, ME, first)
    third = policies.put(LOOSE, later(NOON, 5), YOU, second)
    assert (third.number, third.version) == (3, first.version)
    assert policies.current(default_policy()) == LOOSE


def test_a_policy_whose_object_is_missing_is_not_taken_for_none(stores: Stores) -> None:
    rows, objects = stores
    pk, sk = keys.policy_put(1)
    rows.put({"pk": pk, "sk": sk, **Put(1, LOOSE.version, NOON, ME).document()})
    policies = Policies(rows, objects)
    with pytest.raises(ConfigInvalid, match=rf"the policy {LOOSE.version}: policies/.* is missing; put it again: `tru"):
        policies.current(HERE)
    policies.put(LOOSE, NOON, YOU, policies.last())
    assert policies.current(default_policy()) == LOOSE


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "policy.schema: is missing"),
        ([], "policy: must be an object"),
        (policy_document(STRICT), f"it is the policy {STRICT.version}"),
        (policy_document(LOOSE) | {"states": {}}, "policy.version: is"),
    ],
)
def test_a_policy_that_is_not_what_was_put_is_neither_used_nor_put_over(
    stores: Stores, document: Any, why: str
) -> None:
    rows, objects = stores
    objects.put_once(keys.policy_object(LOOSE.version), document)
    pk, sk = keys.policy_put(1)
    rows.put({"pk": pk, "sk": sk, **Put(1, LOOSE.version, NOON, ME).document()})
    policies = Policies(rows, objects)
    for use in (
        lambda: policies.current(HERE),
        lambda: policies.version(LOOSE.version),
        lambda: policies.put(LOOSE, NOON, ME, policies.last()),
    ):
        with pytest.raises(ConfigInvalid) as refused:
            use()
        assert str(refused.value).startswith(f"the policy {LOOSE.version} cannot be read: {why}")
        assert str(refused.value).endswith("from the bucket and put this one again")
    policies.put(STRICT, NOON, ME, policies.last())
    assert policies.current(default_policy()) == STRICT


def test_a_row_nobody_can_read_is_not_passed_over_for_an_older_one(stores: Stores) -> None:
    rows, objects = stores
    policies = Policies(rows, objects)
    policies.put(LOOSE, NOON, ME, None)
    pk, sk = keys.policy_put(2)
    rows.put({"pk": pk, "sk": sk, "number": 2})
    with pytest.raises(ConfigInvalid, match=r"the row of a policy: POLICIES PUT#00000002.version: is missing"):
        policies.current(HERE)


def test_a_policy_whose_bands_no_longer_fit_what_is_built_in_says_so(policies: Policies) -> None:
    policies.put(policy(severity={"default": {"worth_minor_below": "900"}}), NOON, ME, None)
    built_in = {name: dict(values) for name, values in HERE.built_in.items()}
    built_in["severity"]["worth_major_from"] = Decimal(500)
    narrow = Policy(HERE.settings, built_in)
    with pytest.raises(ConfigInvalid, match=r"the policy \w+: policy.severity .* put one that fits"):
        policies.current(narrow)
