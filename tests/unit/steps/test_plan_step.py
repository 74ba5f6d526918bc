"""Plan: claim the run, and freeze what it has to look at, so that no account can be forgotten later."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import NOON, later, policy
from trueup.domain.models import Account
from trueup.domain.policy import default_policy
from trueup.errors import ConfigInvalid
from trueup.steps.plan import UNRESOLVED, PlanRequest, PlanStep, read_request
from trueup.store import keys
from trueup.store.accounts import Accounts
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.store.policies import Policies
from trueup.store.runs import Runs
from trueup.venues.registry import VENUES

RUN_ID = "20261122T120000Z"
EXECUTION = "arn:aws:states:eu-central-1:111122223333:execution:reconcile:one"
REQUEST = PlanRequest(EXECUTION, NOON, RUN_ID)
BOTH = {"coinbase": "arn:coinbase", "dydx": "arn:dydx"}


@dataclass
class Desk:
    rows: MemoryRows
    objects: MemoryObjects
    accounts: Accounts
    policies: Policies
    runs: Runs

    def step(self, **changes: Any) -> PlanStep:
        step = PlanStep(
            enabled=True,
            interval_seconds=300,
            built_in=default_policy(Decimal("0.002")),
            fetch_functions=BOTH,
            max_concurrency=8,
            accounts=self.accounts,
            policies=self.policies,
            runs=self.runs,
        )
        return replace(step, **changes)

    def put(self, **sections: Any) -> None:
        """Put a policy, as somebody with a threshold of 0.1 % did."""
        self.policies.put(policy(**sections), NOON, "arn:aws:sts::111122223333:user/desk", self.policies.last())


@pytest.fixture
def desk() -> Desk:
    rows, objects = MemoryRows(), MemoryObjects()
    accounts = Accounts(rows, VENUES)
    for account in (
        Account("cb-two", "coinbase"),
        Account("cb-main", "coinbase", wallets=("spot", "earn")),
        Account("dydx-perp", "dydx"),
        Account("cb-off", "coinbase", enabled=False),
    ):
        accounts.put(account)
    return Desk(rows, objects, accounts, Policies(rows, objects), Runs(rows, objects, retention_days=400))


def test_every_enabled_account_is_in_the_manifest_and_goes_to_its_venues_function(desk: Desk) -> None:
    answer = desk.step().run(REQUEST)
    assert answer == {
        "run_id": RUN_ID,
        "expires_at": str(int(NOON.timestamp()) + 400 * 86_400),
        "next": "fetch",
        "venues_at_once": 2,
        "venues": [
            {"venue": "coinbase", "function": "arn:coinbase", "accounts": ["cb-main", "cb-two"], "accounts_at_once": 4},
            {"venue": "dydx", "function": "arn:dydx", "accounts": ["dydx-perp"], "accounts_at_once": 4},
        ],
    }
    manifest = desk.runs.manifest(RUN_ID)
    assert manifest.accounts == {"cb-main": "coinbase", "cb-two": "coinbase", "dydx-perp": "dydx"}
    assert manifest.wallets == {"cb-main": ("spot", "earn")}
    assert manifest.started_at == NOON


def test_an_account_whose_venue_is_not_deployed_is_not_fetched_but_not_forgotten(desk: Desk) -> None:
    answer = desk.step(fetch_functions={"coinbase": "arn:coinbase"}).run(REQUEST)
    assert [venue["venue"] for venue in answer["venues"]] == ["coinbase"]
    assert "dydx-perp" in desk.runs.manifest(RUN_ID).accounts


def test_without_any_deployed_venue_the_run_still_goes_on_to_report(desk: Desk) -> None:
    answer = desk.step(fetch_functions={}).run(REQUEST)
    assert (answer["next"], answer["venues"], answer["venues_at_once"]) == ("fetch", [], 1)
    assert len(desk.runs.manifest(RUN_ID).accounts) == 3


def test_a_switched_off_stack_says_so_in_the_runs_row_and_plans_nothing(desk: Desk) -> None:
    answer = desk.step(enabled=False).run(REQUEST)
    assert (answer["next"], answer["venues"]) == ("disabled", [])
    row = desk.runs.get(RUN_ID)
    assert row is not None
    assert (row["state"], "status" in row) == ("disabled", False)
    assert desk.objects.keys("") == []


def test_switching_off_does_not_touch_a_run_that_is_under_way(desk: Desk) -> None:
    desk.step().run(REQUEST)
    answer = desk.step(enabled=False).run(replace(REQUEST, execution="another"))
    assert answer["next"] == "already_claimed"
    row = desk.runs.get(RUN_ID)
    assert row is not None
    assert row["state"] == "running"


def test_a_run_another_execution_has_is_left_to_it(desk: Desk) -> None:
    desk.step().run(REQUEST)
    before = desk.runs.get(RUN_ID)
    answer = desk.step().run(replace(REQUEST, execution="another"))
    assert (answer["next"], answer["venues"]) == ("already_claimed", [])
    assert desk.runs.get(RUN_ID) == before


def test_a_plan_tried_again_by_its_own_execution_gives_the_same_answer(desk: Desk) -> None:
    assert desk.step().run(REQUEST) == desk.step().run(REQUEST)


def test_an_account_added_between_two_attempts_does_not_change_what_was_frozen(desk: Desk) -> None:
    desk.step().run(REQUEST)
    desk.accounts.put(Account("cb-new", "coinbase"))
    desk.step().run(REQUEST)
    assert "cb-new" not in desk.runs.manifest(RUN_ID).accounts


def test_two_runs_may_be_under_way_at_once(desk: Desk) -> None:
    assert desk.step().run(REQUEST)["next"] == "fetch"
    other = replace(REQUEST, execution="another", run_id="20261122T120500Z")
    assert desk.step().run(other)["next"] == "fetch"
    assert desk.objects.keys("runs/") == [
        keys.manifest_object(RUN_ID),
        keys.manifest_object("20261122T120500Z"),
    ]


@pytest.mark.parametrize(
    ("total", "venues_at_once", "coinbase", "dydx"),
    [(1, 1, 1, 1), (2, 2, 1, 1), (3, 2, 1, 1), (8, 2, 4, 4), (20, 2, 8, 4), (1000, 2, 8, 4)],
)
def test_fetches_at_once_never_exceed_the_total_nor_a_venues_own_limit(
    desk: Desk, total: int, venues_at_once: int, coinbase: int, dydx: int
) -> None:
    answer = desk.step(max_concurrency=total).run(REQUEST)
    assert answer["venues_at_once"] == venues_at_once
    shares = [venue["accounts_at_once"] for venue in answer["venues"]]
    assert shares == [coinbase, dydx]
    assert sum(sorted(shares)[-venues_at_once:]) <= total


def test_one_venue_alone_gets_the_whole_share(desk: Desk) -> None:
    answer = desk.step(fetch_functions={"coinbase": "arn:coinbase"}, max_concurrency=6).run(REQUEST)
    assert answer["venues"][0]["accounts_at_once"] == 6


def test_a_thousand_accounts_travel_as_references_far_under_the_state_machines_limit(desk: Desk) -> None:
    for number in range(1000):
        desk.accounts.put(Account(f"account-{number:04}-{'x' * 40}", "coinbase"))
    answer = desk.step().run(REQUEST)
    assert len(str(answer)) < 128 * 1024


# -- the policy ----------------------------------------------------------------------------------------------------


def relative(desk: Desk, account_id: str, venue: str) -> tuple[Decimal, str]:
    """The relative tolerance that the run judges an account by, and whose it is."""
    found = desk.runs.manifest(RUN_ID).policy.tolerance(account_id, venue, "BTC").relative
    return found.value, found.origin


def test_without_a_policy_the_run_is_judged_by_what_is_built_in_and_the_deployments_threshold(desk: Desk) -> None:
    desk.step().run(REQUEST)
    assert desk.runs.manifest(RUN_ID).policy == default_policy(Decimal("0.002"))


def test_the_policy_in_force_is_frozen_whole_over_the_deployments_threshold(desk: Desk) -> None:
    desk.put(tolerance={"default": {"value_cap": "7"}, "venues": {"dydx": {"relative": "0.0005"}}})
    desk.step().run(REQUEST)
    frozen = desk.runs.manifest(RUN_ID).policy
    assert relative(desk, "cb-main", "coinbase") == (Decimal("0.002"), "default")
    assert relative(desk, "dydx-perp", "dydx") == (Decimal("0.0005"), "venue:dydx")
    assert frozen.tolerance("cb-main", "coinbase", "BTC").value_cap.value == 7
    assert frozen.bands("cb-main", "coinbase", "BTC") == default_policy().bands("cb-main", "coinbase", "BTC")


def test_the_policys_own_default_goes_before_the_deployments_threshold(desk: Desk) -> None:
    desk.put(tolerance={"default": {"relative": "0.001"}})  # what 0.1 % was built in as where it was put
    desk.step().run(REQUEST)
    assert relative(desk, "cb-main", "coinbase") == (Decimal("0.001"), "default")


def test_a_policy_that_is_put_between_two_attempts_changes_nothing_of_the_run(desk: Desk) -> None:
    desk.step().run(REQUEST)
    desk.put(tolerance={"default": {"relative": "0.5"}})
    desk.step().run(REQUEST)
    assert relative(desk, "cb-main", "coinbase") == (Decimal("0.002"), "default")
    desk.step().run(replace(REQUEST, run_id="20261122T120500Z"))
    assert desk.runs.manifest("20261122T120500Z").policy.tolerance("cb-main", "coinbase", "BTC").relative.value == (
        Decimal("0.5")
    )


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (None, "is missing; put it again: `trueup policy put FILE`"),
        ({}, "cannot be read: policy.schema: is missing; put another (`trueup policy put FILE`), or remove"),
        ([], "cannot be read: policy: must be an object"),
    ],
)
def test_a_policy_nobody_can_read_ends_the_run_and_nothing_takes_its_place(
    desk: Desk, broken: object, problem: str
) -> None:
    desk.put(tolerance={"default": {"relative": "0.5"}})
    (key,) = desk.objects.keys("policies/")
    del desk.objects._objects[key]
    if broken is not None:
        desk.objects.put_once(key, broken)
    with pytest.raises(ConfigInvalid) as refused:
        desk.step().run(REQUEST)
    assert problem in str(refused.value)
    assert desk.objects.keys("runs/") == []


@pytest.mark.parametrize(
    ("timing", "whose"),
    [
        ({"default": {"recheck_wait_seconds": 16}}, "default"),
        ({"venues": {"dydx": {"recheck_wait_seconds": 16}}}, "venue:dydx"),
        ({"default": {"recheck_wait_seconds": 1}, "accounts": {"x": {"recheck_wait_seconds": 16}}}, "account:x"),
    ],
)
def test_a_wait_that_does_not_fit_the_interval_is_refused_before_anything_is_read(
    desk: Desk, timing: dict[str, Any], whose: str
) -> None:
    desk.put(timing=timing)
    with pytest.raises(ConfigInvalid) as refused:
        desk.step().run(REQUEST)
    assert str(refused.value).startswith(
        f"policy: timing: recheck_wait_seconds ({whose}) must be from 1 to 15 with "
        "RECONCILIATION_INTERVAL_SECONDS=300, not 16; "
    )
    assert desk.step(interval_seconds=600).run(REQUEST)["next"] == "fetch"


def test_a_switched_off_stack_does_not_even_look_at_the_policy(desk: Desk) -> None:
    desk.put(timing={"default": {"recheck_wait_seconds": 16}})
    assert desk.step(enabled=False).run(REQUEST)["next"] == "disabled"


# -- the event -----------------------------------------------------------------------------------------------------

EVENT: dict[str, Any] = {
    "execution": EXECUTION,
    "started_at": "2026-11-22T12:00:07.5Z",
    "input": {"scheduled_time": "2026-11-22T12:00:00Z"},
}


def test_a_scheduled_run_is_named_by_the_scheduled_time() -> None:
    assert read_request(EVENT, 300) == PlanRequest(EXECUTION, later(NOON, 7.5), RUN_ID)


def test_a_manual_run_brings_its_own_name() -> None:
    run_id = "manual-01KAP2Q000ABCDEFGHJKMNPQRS"
    assert read_request(EVENT | {"input": {"run_id": run_id}}, 300).run_id == run_id


@pytest.mark.parametrize(("interval", "run_id"), [(300, "20261122T120500Z"), (60, "20261122T120700Z")])
def test_a_scheduler_that_does_not_say_the_time_is_taken_at_the_start_of_the_interval(
    interval: int, run_id: str
) -> None:
    event = EVENT | {"started_at": "2026-11-22T12:07:59Z", "input": {"scheduled_time": UNRESOLVED}}
    assert read_request(event, interval).run_id == run_id


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (None, "event: must be an object"),
        ([], "event: must be an object"),
        ({}, "event.execution: is missing"),
        ({"execution": EXECUTION}, "event.started_at: is missing"),
        (EVENT | {"execution": ""}, "event.execution: must not be empty"),
        (EVENT | {"started_at": "now"}, "event.started_at: must be a time"),
        (EVENT | {"more": 1}, "event.more: is not a field here"),
        (EVENT | {"input": "x"}, "event.input: must be an object"),
        (EVENT | {"input": None}, "event.input: must be an object"),
        (EVENT | {"input": {}}, "event.input.run_id: or scheduled_time is needed"),
        (
            EVENT | {"input": {"run_id": RUN_ID, "scheduled_time": "2026-11-22T12:00:00Z"}},
            "event.input.run_id: or sched",
        ),
        (
            EVENT | {"input": {"run_id": "yesterday"}},
            "event.input.run_id: must be like 20261122T120000Z or manual-<ULID>",
        ),
        (EVENT | {"input": {"run_id": "manual-7ZZZZZZZZZZZZZZZZZZZZZZZZZ"}}, "event.input.run_id: must be like"),
        (EVENT | {"input": {"run_id": 5}}, "event.input.run_id: must be a string"),
        (EVENT | {"input": {"scheduled_time": "noon"}}, "event.input.scheduled_time: must be a time"),
        (EVENT | {"input": {"scheduled_time": "2026-11-22T12:00:00Z", "x": 1}}, "event.input.x: is not a field here"),
    ],
)
def test_an_input_nobody_can_run_is_refused_by_its_place(event: object, problem: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        read_request(event, 300)
    assert str(refused.value).startswith(problem)
    assert "\n" not in str(refused.value)
