"""Every statement of every role is needed: the real stack, deployed without it, is refused in the expected place.

tests/iam/proofs.py says how each statement is proven; docs/iam.md is held to it.
"""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.iam_stack import DENIED, ProofStack, Run, actions, allow_statements, proof_stack
from tests.iam.proofs import Proof, proven_by

pytestmark = pytest.mark.slow

SUBNETS = "FetchSubnetPolicy"
LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
AS_A_WHOLE: dict[str, tuple[str, list[str]]] = {
    "cb": ("OK", []),
    "cb-bucket": ("OK", []),
    "dydx": ("CRITICAL", []),
    "dydx-web": ("OK", []),
}
"""Status and reasons of the accounts when every right is there."""
HOLDERS = {"FetchBookPolicy": ("FetchCoinbaseRole", "FetchDydxRole")}
"""The roles a policy is added to."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProofStack]:
    with proof_stack(tmp_path_factory.mktemp("iam")) as stack:
        # The last good prices are those of this run.
        assert stack.run().status == "SUCCEEDED"
        yield stack


@pytest.fixture(scope="module")
def whole(stack: ProofStack) -> ProofStack:
    """The stack with nothing missing, for the simulations, which leave it so."""
    stack.deploy_whole()
    return stack


def each(proof: Proof) -> list[tuple[str, str, str | None]]:
    """(role, Sid, action) of all that is removed: each statement whole, and where it has several, each action."""
    removed: list[tuple[str, str, str | None]] = []
    for role, sid in proven_by(proof):
        if sid not in allow_statements(role):
            continue  # tests/template/test_iam_table.py says so
        several = actions(allow_statements(role)[sid])
        removed += [(role, sid, None), *((role, sid, action) for action in several if len(several) > 1)]
    return removed


def found(run: Run) -> dict[str, tuple[str, list[str]]]:
    assert run.report is not None
    return {it["account_id"]: (it["status"], it["reasons"]) for it in run.report["accounts"]}


def test_with_every_right_a_run_passes(stack: ProofStack) -> None:
    stack.deploy_whole()

    run = stack.run()

    assert (run.pushed, run.status, run.refusals, found(run)) == (True, "SUCCEEDED", frozenset(), AS_A_WHOLE)
    assert run.report is not None
    assert (run.report["verified"], run.report["prices"]["origin"], run.report["failures"]) == (True, "this_run", [])
    assert run.row is not None
    assert run.row["state"] == "finished"


@pytest.mark.parametrize(("role", "sid", "action"), each(Proof.RUN))
def test_without_it_a_run_is_refused_where_it_is_used(
    stack: ProofStack, role: str, sid: str, action: str | None
) -> None:
    stack.deploy_without(role, sid, action)

    run = stack.run()

    removed = {action} if action else set(actions(allow_statements(role)[sid]))
    assert run.refusals, "nobody missed it"
    for refusal in run.refusals:
        assert refusal.code in DENIED
        assert refusal.role in {stack.deployment.resources[holder] for holder in HOLDERS.get(role, (role,))}
        assert refusal.action in removed
    OUTCOME[role](run, sid)


def nothing_begins(run: Run, _sid: str) -> None:
    """Without Plan there is no run: it fails, which raises the alarm, and reports nothing."""
    assert run.status == "FAILED"
    assert run.report is None


def the_accounts_are_unverified(every: set[str], **some: set[str]) -> Callable[[Run, str], None]:
    """Its accounts are UNVERIFIED, with AWS's own words; the others are as they would be.

    A right that only `some` need is missed by those alone.
    """

    def check(run: Run, sid: str) -> None:
        missed = some.get(sid, every)
        assert run.status == "SUCCEEDED"
        assert found(run) == AS_A_WHOLE | dict.fromkeys(missed, ("UNVERIFIED", ["missing_observation"]))
        assert [run.account(account_id)["lines"] for account_id in missed] == [[]] * len(missed)
        assert run.report is not None
        assert run.report["verified"] is False
        assert {failure["account_id"] for failure in run.report["failures"]} == missed
        assert all("not authorized to perform" in failure["message"] for failure in run.report["failures"])

    return check


def nobody_is_told(run: Run, _sid: str) -> None:
    """The message comes again until it is a dead letter; the run and its report are as always."""
    assert run.pushed is True
    assert run.status == "SUCCEEDED"
    assert found(run) == AS_A_WHOLE


def the_push_is_refused(run: Run, _sid: str) -> None:
    """The book there is stays the current one, and the run compares with it."""
    assert run.pushed is False
    assert run.status == "SUCCEEDED"
    assert found(run) == AS_A_WHOLE


def the_prices_are_told_to_have_failed(run: Run, sid: str) -> None:
    """Prices lower severities, they do not raise them: the run goes on with those it has, and says that they failed."""
    assert run.status == "SUCCEEDED"
    assert found(run) == AS_A_WHOLE
    assert run.report is not None
    # The set of the run is frozen before it becomes the last good one.
    assert run.report["prices"]["origin"] == ("this_run" if sid == "KeepLastGoodPrices" else "last_good")
    [failure] = run.report["failures"]
    assert failure["account_id"] == "PRICES"
    assert "not authorized to perform" in failure["message"]


def the_run_fails(run: Run, _sid: str) -> None:
    """A run that cannot be judged, kept or told has failed, which raises the alarm; it never counts as finished."""
    assert run.status == "FAILED"
    assert run.row is not None
    assert run.row["state"] == "running"


OUTCOME: dict[str, Callable[[Run, str], None]] = {
    "PlanRole": nothing_begins,
    "FetchCoinbaseRole": the_accounts_are_unverified({"cb", "cb-bucket"}, ReadBook={"cb"}),
    "FetchDydxRole": the_accounts_are_unverified({"dydx", "dydx-web"}, ReadBook={"dydx"}, ReadOwnSecrets={"dydx-web"}),
    "FetchBookPolicy": the_accounts_are_unverified({"cb-bucket"}),
    "FetchPricesRole": the_prices_are_told_to_have_failed,
    "CompareRole": the_run_fails,
    "BookRole": the_push_is_refused,
    "NotifyRole": nobody_is_told,
}
ROLES = [role for role in OUTCOME if role not in HOLDERS]


@pytest.mark.parametrize(("role", "sid", "action"), [it for it in each(Proof.SIMULATION) if it[0] != SUBNETS])
def test_without_it_the_role_may_not_in_simulation(whole: ProofStack, role: str, sid: str, action: str | None) -> None:
    """For what the local cloud does by itself, where AWS uses the role: logs, traces, and what its services do."""
    statement = allow_statements(role)[sid]
    assert "Condition" not in statement, "the simulation does not know conditions"
    everything = [(it, resource) for it in actions(statement) for resource in whole.deployed_resources(role, sid)]
    assert everything

    def may() -> list[tuple[str, str]]:
        return [asked for asked in everything if whole.simulate(role, *asked)]

    assert may() == everything
    with whole.simulating_without(role, sid, action):
        assert may() == [asked for asked in everything if action is not None and asked[0] != action]
    assert may() == everything


def test_a_function_writes_to_its_own_log_and_no_other(whole: ProofStack) -> None:
    logs = {role: whole.deployed_resources(role, "WriteOwnLogs") for role in ROLES}

    for role in logs:
        may = [name for name, [stream] in logs.items() for it in LOG_ACTIONS if whole.simulate(role, it, stream)]
        assert may == [role] * len(LOG_ACTIONS)


def test_only_who_reads_venues_may_live_in_subnets_and_only_where_there_are_some(stack: ProofStack) -> None:
    removed = [(sid, action) for name, sid, action in each(Proof.SIMULATION) if name == SUBNETS]
    rights = [action for _, action in removed if action is not None]

    def may(role: str) -> list[str]:
        return [action for action in rights if stack.simulate(role, action, "*")]

    stack.deploy_whole()
    assert [may(role) for role in ROLES] == [[]] * len(ROLES)
    stack.deploy_whole(FetchSubnetIds="subnet-0123456789abcdef0", FetchSecurityGroupIds="sg-0123456789abcdef0")
    try:
        assert {role: may(role) for role in ROLES} == {
            role: rights if role.startswith("Fetch") else [] for role in ROLES
        }
        for sid, action in removed:
            with stack.simulating_without("FetchDydxRole", sid, action):
                assert may("FetchDydxRole") == ([] if action is None else [it for it in rights if it != action])
    finally:
        stack.deploy_whole()


def test_the_state_machine_may_invoke_what_it_invokes_and_nothing_else(whole: ProofStack) -> None:
    states, functions = whole.client("stepfunctions"), whole.client("lambda")
    definition = states.describe_state_machine(stateMachineArn=whole.deployment.outputs["StateMachineArn"])
    named = {
        state["Parameters"]["FunctionName"]
        for state in _tasks(json.loads(definition["definition"]))
        if "FunctionName" in state["Parameters"]
    }
    # Fetch takes its function from Plan, which takes it from its environment.
    venues = json.loads(whole.deployment.outputs["FetchFunctions"]).values()
    whole.try_as("PlanRole", [])  # one function more than the stack has
    everything = {it["FunctionArn"] for it in functions.list_functions(MaxItems=50)["Functions"]}

    may = {arn for arn in everything if whole.simulate("ReconcileRole", "lambda:InvokeFunction", arn)}

    assert may == named | set(venues)
    assert len(everything) > len(may)


def test_the_schedule_may_start_its_state_machine_and_keep_what_did_not_start(whole: ProofStack) -> None:
    name = whole.deployment.outputs["ScheduleName"]
    target = whole.client("scheduler").get_schedule(Name=name)["Target"]
    assert target["RoleArn"] == whole.role_arn("ScheduleRole")

    assert whole.simulate("ScheduleRole", "states:StartExecution", target["Arn"])
    assert whole.simulate("ScheduleRole", "sqs:SendMessage", target["DeadLetterConfig"]["Arn"])
    for action, resource in (
        ("states:StartExecution", target["Arn"] + "-other"),
        ("states:StopExecution", target["Arn"]),
        ("sqs:SendMessage", target["DeadLetterConfig"]["Arn"] + "-other"),
        ("sqs:ReceiveMessage", target["DeadLetterConfig"]["Arn"]),
        ("lambda:InvokeFunction", "*"),
    ):
        assert not whole.simulate("ScheduleRole", action, resource), action


def _tasks(node: object) -> Iterator[dict[str, dict[str, str]]]:
    if isinstance(node, dict):
        if node.get("Type") == "Task":
            yield node
        for inner in node.values():
            yield from _tasks(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _tasks(inner)
