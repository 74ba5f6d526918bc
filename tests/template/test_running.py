"""Runs start when the operator says so, end in time whatever the venues do, and raise an alarm when they end badly."""

import json
from itertools import pairwise
from typing import Any

import pytest
import yaml
from cfn import ALARM, DEFINITION, FUNCTION, STATE_MACHINE, Deployed, of_type, walk

from trueup.config import INTERVALS, ROOM
from trueup.domain.policy import default_policy
from trueup.steps.fetch import RESERVE_SECONDS

BUILT_IN_WAIT = default_policy().timing("", "").recheck_wait_seconds
ALL_CHOICES = [(interval, retries) for interval in INTERVALS for retries in range(11)]
FETCHES = ("FetchCoinbaseFunction", "FetchDydxFunction", "FetchPricesFunction")


def stack(template: dict[str, Any], interval: int, retries: int = 0) -> Deployed:
    chosen = {"ReconciliationIntervalSeconds": str(interval), "ReconciliationMaxRetries": str(retries)}
    return Deployed(template, **chosen)


def substitutions(deployed: Deployed) -> dict[str, Any]:
    resolved: dict[str, Any] = deployed.resources["ReconcileStateMachine"]["Properties"]["DefinitionSubstitutions"]
    return resolved


def definition(deployed: Deployed) -> dict[str, Any]:
    """The state machine as AWS reads it: substitutions put into the text, then parsed."""
    text = DEFINITION.read_text()
    for name, value in substitutions(deployed).items():
        text = text.replace(f"${{{name}}}", str(value))
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def task(machine: dict[str, Any], name: str) -> dict[str, Any]:
    """A state of the machine by name, wherever it is nested."""
    nested = [it["States"] for it in walk(machine) if isinstance(it, dict) and "States" in it]
    [found] = [states[name] for states in nested if name in states]
    state: dict[str, Any] = found
    return state


def longest_wait(state: dict[str, Any]) -> int:
    """Seconds between attempts at most, over all retries of a state's last retrier (full jitter only shortens)."""
    retry = state["Retry"][-1]
    waits = [retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt for attempt in range(retry["MaxAttempts"])]
    return int(sum(min(wait, retry.get("MaxDelaySeconds", wait)) for wait in waits))


def longest_run(machine: dict[str, Any], recheck_wait: int = BUILT_IN_WAIT) -> int:
    """Seconds until a run has reported although a venue used up every retry, with a recheck of another account."""
    plan, compare = (task(machine, name)["TimeoutSeconds"] for name in ("Plan", "Compare"))
    fetches = []
    for name in ("Fetch", "FetchPrices"):
        fetch = task(machine, name)
        attempts = fetch["Retry"][-1]["MaxAttempts"] + 1
        fetches.append(attempts * fetch["TimeoutSeconds"] + longest_wait(fetch))
    recheck = recheck_wait + task(machine, "Fetch")["TimeoutSeconds"] + compare
    return int(plan + max(fetches) + compare + recheck)


@pytest.mark.parametrize("interval", INTERVALS)
def test_timeouts_nest_so_that_the_inner_one_always_speaks_first(template: dict[str, Any], interval: int) -> None:
    deployed = stack(template, interval)
    request = ROOM[interval].timeout_milliseconds / 1000
    machine = definition(deployed)
    for function, state in [(name, "Fetch") for name in FETCHES] + [
        ("FetchPricesFunction", "FetchPrices"),
        ("PlanFunction", "Plan"),
        ("CompareFunction", "Compare"),
    ]:
        nested = [deployed.timeout(function), task(machine, state)["TimeoutSeconds"], machine["TimeoutSeconds"]]
        if function in FETCHES:
            assert request + RESERVE_SECONDS < deployed.timeout(function), "nobody could say that the request failed"
            nested.insert(0, request)
        assert all(inner < outer for inner, outer in pairwise(nested)), f"{function}: {nested}"
    assert machine["TimeoutSeconds"] <= interval
    assert all(deployed.timeout(name) <= 900 for name in of_type(template, FUNCTION))


@pytest.mark.parametrize(("interval", "retries"), ALL_CHOICES)
def test_a_run_has_room_for_every_retry_the_operator_may_choose(
    template: dict[str, Any], interval: int, retries: int
) -> None:
    deployed = stack(template, interval, retries)
    machine = definition(deployed)
    fits = longest_run(machine) <= machine["TimeoutSeconds"]
    assert fits == (not deployed.refusals()), f"{longest_run(machine)} s in {machine['TimeoutSeconds']} s"


@pytest.mark.parametrize("interval", INTERVALS)
def test_the_longest_wait_a_policy_may_have_is_what_the_most_retries_leave_room_for(
    template: dict[str, Any], interval: int
) -> None:
    room = ROOM[interval]
    machine = definition(stack(template, interval, room.retries))
    assert longest_run(machine, room.recheck_wait_seconds) == machine["TimeoutSeconds"]


def test_a_refused_number_of_retries_is_told_which_numbers_fit(template: dict[str, Any]) -> None:
    [told] = stack(template, 60, 3).refusals()
    assert told == "With ReconciliationIntervalSeconds=60, ReconciliationMaxRetries must be 0 or 1"


def test_a_request_too_long_for_the_interval_is_refused_with_what_fits(template: dict[str, Any]) -> None:
    chosen = {"ReconciliationIntervalSeconds": "60", "ReconciliationTimeoutMilliseconds": "6500"}
    [told] = Deployed(template, **chosen, ReconciliationMaxRetries="1").refusals()
    assert told == (
        "With ReconciliationIntervalSeconds=60, ReconciliationTimeoutMilliseconds must be from 1000 to 6000 in steps "
        "of 500"
    )


def test_the_defaults_are_not_refused(deployed: Deployed) -> None:
    assert deployed.refusals() == []


@pytest.mark.parametrize(
    ("interval", "rate"),
    [
        (60, "1 minute"),
        (120, "2 minutes"),
        (300, "5 minutes"),
        (600, "10 minutes"),
        (900, "15 minutes"),
        (1800, "30 minutes"),
        (3600, "1 hour"),
    ],
)
def test_the_schedule_runs_at_the_interval_chosen(template: dict[str, Any], interval: int, rate: str) -> None:
    schedule = stack(template, interval).resources["ReconcileSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == f"rate({rate})"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}, "the run's id comes from the scheduled time"
    assert int(schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"]) == interval


def test_the_schedule_is_off_until_the_operator_switches_it_on(template: dict[str, Any], deployed: Deployed) -> None:
    assert deployed.resources["ReconcileSchedule"]["Properties"]["State"] == "DISABLED"
    switched_on = Deployed(template, ScheduleState="ENABLED")
    assert switched_on.resources["ReconcileSchedule"]["Properties"]["State"] == "ENABLED"


def test_the_schedule_starts_the_state_machine_with_the_scheduled_time(deployed: Deployed) -> None:
    target = deployed.resources["ReconcileSchedule"]["Properties"]["Target"]
    assert target["Arn"] == "ReconcileStateMachine"
    assert target["RoleArn"] == "arn:ScheduleRole"
    assert json.loads(target["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}


def test_a_run_that_could_not_start_is_kept_and_alarms(deployed: Deployed) -> None:
    target = deployed.resources["ReconcileSchedule"]["Properties"]["Target"]
    assert target["DeadLetterConfig"] == {"Arn": "arn:ScheduleDeadLetterQueue"}
    alarm = deployed.resources["RunsNotStartedAlarm"]["Properties"]
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "ScheduleDeadLetterQueue.QueueName"}]


def test_every_way_a_run_can_end_badly_has_an_alarm(deployed: Deployed) -> None:
    watched = set()
    for resource in deployed.resources.values():
        if resource["Type"] == ALARM and resource["Properties"]["Namespace"] == "AWS/States":
            watched.add(resource["Properties"]["MetricName"])
            dimensions = [{"Name": "StateMachineArn", "Value": "ReconcileStateMachine"}]
            assert resource["Properties"]["Dimensions"] == dimensions
            assert resource["Properties"]["Statistic"] == "Sum"
    assert watched == {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}


def test_an_alarm_on_what_went_wrong_speaks_at_the_first_failure_and_never_for_silence(
    template: dict[str, Any],
) -> None:
    of_aws = {name: it for name, it in of_type(template, ALARM).items() if it["Namespace"].startswith("AWS/")}
    assert of_aws
    assert of_aws.pop("AlertsHeldUpAlarm")["Threshold"] == 900  # a message may wait for its first retries
    for name, alarm in of_aws.items():
        assert (alarm["Threshold"], alarm.get("DatapointsToAlarm", 1)) == (1, 1), name
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold", name
        assert alarm["TreatMissingData"] == "notBreaching", name


@pytest.mark.parametrize("interval", INTERVALS)
def test_runs_that_all_fail_are_one_alarm_and_not_one_a_run(template: dict[str, Any], interval: int) -> None:
    for resource in stack(template, interval).resources.values():
        alarm = resource.get("Properties", {})
        if alarm.get("Namespace") == "AWS/States":
            looks_back = int(alarm["Period"]) * alarm["EvaluationPeriods"]
            assert looks_back >= 2 * interval, "the alarm would recover between two failing runs"
            assert int(alarm["Period"]) % 60 == 0
            assert looks_back <= 86_400, "CloudWatch refuses to look back further"


def test_all_functions_run_on_the_runtime_the_layer_is_built_for(template: dict[str, Any]) -> None:
    common = template["Globals"]["Function"]
    assert (common["Runtime"], common["Architectures"], common["Handler"]) == ("python3.13", ["arm64"], "app.handler")
    assert common["Layers"] == [{"Ref": "SharedLayer"}]
    assert common["Tracing"] == "Active"
    for name, properties in of_type(template, FUNCTION).items():
        assert not {"Runtime", "Architectures", "Handler", "Layers"} & properties.keys(), name
    layer = template["Resources"]["SharedLayer"]
    assert layer["Properties"]["CompatibleRuntimes"] == ["python3.13"]
    assert layer["Properties"]["CompatibleArchitectures"] == ["arm64"]
    assert layer["Metadata"]["BuildMethod"] == "makefile"


def test_the_state_machine_is_a_standard_one(template: dict[str, Any]) -> None:
    [machine] = of_type(template, STATE_MACHINE).values()
    assert machine["Type"] == "STANDARD"
    assert DEFINITION.relative_to(DEFINITION.parents[1]).as_posix() == machine["DefinitionUri"]
