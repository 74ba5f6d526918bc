"""What the template shows and what wakes somebody: our own metrics by the names the code gives them, and no others."""

import json
import re
from typing import Any

import pytest
from cfn import ALARM, FUNCTION, ROOT, Deployed, of_type

from bench.template_facts import facts
from trueup.config import INTERVALS
from trueup.metrics import RUN_SERVICE, Metric
from trueup.observability import NAMESPACE
from trueup.venues.registry import VENUES

DASHBOARD = "AWS::CloudWatch::Dashboard"
RUNBOOK = ROOT / "docs" / "runbook.md"
OWN = {metric for metric in Metric if metric is not Metric.RETRIES}
CloudWatchMetric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""


@pytest.fixture(scope="module")
def on(template: dict[str, Any]) -> Deployed:
    """The stack once its schedule is on."""
    return Deployed(template, ScheduleState="ENABLED")


def emitted() -> set[CloudWatchMetric]:
    """What the code emits, as CloudWatch knows it: each of these is paid for."""
    runs = {(NAMESPACE, str(metric), _dimensions(RUN_SERVICE)) for metric in OWN}
    return runs | {(NAMESPACE, str(Metric.RETRIES), _dimensions(f"fetch-{venue}")) for venue in VENUES}


def _dimensions(service: str) -> frozenset[tuple[str, str]]:
    return frozenset({("service", service), ("stack", "trueup")})


def alarms(deployed: Deployed) -> dict[str, dict[str, Any]]:
    return {name: it["Properties"] for name, it in deployed.resources.items() if it["Type"] == ALARM}


def widgets(deployed: Deployed) -> list[dict[str, Any]]:
    [dashboard] = [it["Properties"] for it in deployed.resources.values() if it["Type"] == DASHBOARD]
    body: dict[str, Any] = json.loads(dashboard["DashboardBody"])
    found: list[dict[str, Any]] = body["widgets"]
    return found


def shown(deployed: Deployed) -> list[CloudWatchMetric]:
    """Every metric on the dashboard; "." stands for what is in the same place of the one before."""
    found = []
    for widget in widgets(deployed):
        before: list[str] = []
        for row in widget["properties"].get("metrics", []):
            before = [before[place] if entry == "." else entry for place, entry in enumerate(row)]
            namespace, name, *rest = before
            found.append((namespace, name, frozenset(zip(rest[::2], rest[1::2], strict=True))))
    return found


def test_the_functions_that_count_are_called_what_the_code_calls_them(template: dict[str, Any]) -> None:
    services = {
        it["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for it in of_type(template, FUNCTION).values()
    }
    assert {dict(dimensions)["service"] for _, _, dimensions in emitted()} <= services


def test_as_many_metrics_are_emitted_as_the_bill_reckons_with() -> None:
    assert len(emitted()) == facts().metrics


def test_the_dashboard_shows_each_of_our_metrics_once_and_none_that_nobody_emits(deployed: Deployed) -> None:
    own = [metric for metric in shown(deployed) if metric[0] == NAMESPACE]
    assert set(own) == emitted()
    assert len(own) == len(set(own))


def test_the_dashboard_shows_what_aws_counts_of_every_function_the_runs_and_the_queue(deployed: Deployed) -> None:
    of_aws = {metric for metric in shown(deployed) if metric[0] != NAMESPACE}
    functions = of_type(deployed.template, FUNCTION)
    assert of_aws == {
        *(
            ("AWS/Lambda", name, frozenset({("FunctionName", function)}))
            for name in ("Errors", "Throttles", "Duration")
            for function in functions
        ),
        *(
            ("AWS/States", name, frozenset({("StateMachineArn", "ReconcileStateMachine")}))
            for name in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
        ),
        (
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            frozenset({("QueueName", "ScheduleDeadLetterQueue.QueueName")}),
        ),
    }


def test_a_venue_that_was_not_chosen_is_not_on_the_dashboard(template: dict[str, Any]) -> None:
    assert "dydx" not in json.dumps(widgets(Deployed(template, Venues="coinbase"))).lower()


@pytest.mark.parametrize("state", ["ENABLED", "DISABLED"])
def test_the_dashboard_shows_every_alarm_there_is(template: dict[str, Any], state: str) -> None:
    deployed = Deployed(template, ScheduleState=state)
    [panel] = [it["properties"]["alarms"] for it in widgets(deployed) if it["type"] == "alarm"]
    assert sorted(panel) == sorted(f"arn:{name}" for name in alarms(deployed))


def test_the_widgets_lie_beside_each_other_and_each_has_a_title(deployed: Deployed) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets(deployed):
        place = {
            (column, row)
            for column in range(widget["x"], widget["x"] + widget["width"])
            for row in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not place & taken
        assert all(column < 24 for column, _ in place)
        taken |= place
        assert widget["properties"]["title"]


def test_the_cycle_time_is_drawn_against_the_interval_and_coverage_against_its_alarm(template: dict[str, Any]) -> None:
    deployed = Deployed(template, ReconciliationIntervalSeconds="600", LeastCoveragePercentage="80")
    lines = {
        row[1]: it["properties"]["annotations"]["horizontal"][0]["value"]
        for it in widgets(deployed)
        if "annotations" in it["properties"]
        for row in it["properties"]["metrics"]
    }
    assert lines == {"CycleTime": 600, "AccountCoverage": 80, "LineCoverage": 80}


# -- alarms ----------------------------------------------------------------------------------------------------------


def test_every_alarm_reaches_the_topic_and_tells_what_to_do(on: Deployed) -> None:
    for name, alarm in alarms(on).items():
        assert alarm["AlarmActions"] == ["AlertTopic"], name
        assert alarm["OKActions"] == ["AlertTopic"], f"{name}: its end closes the incident it opened"
        assert len(alarm["AlarmDescription"]) > 40, f"{name}: what should the person woken up do?"
        assert len(alarm["AlarmDescription"]) <= 1024, "CloudWatch takes no more"


def test_the_runbook_has_an_entry_for_each_alarm_and_none_for_another(template: dict[str, Any]) -> None:
    entries = re.findall(r"^## Alarm: .+ \(`(\w+)`\)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sorted(entries) == sorted(of_type(template, ALARM))


def test_every_alarm_on_a_metric_of_ours_is_on_one_that_is_emitted(on: Deployed) -> None:
    own = {name: it for name, it in alarms(on).items() if it["Namespace"] == NAMESPACE}
    assert own.keys() == {"RunsMissingAlarm", "CoverageLowAlarm"}
    for name, alarm in own.items():
        dimensions = frozenset((it["Name"], it["Value"]) for it in alarm["Dimensions"])
        assert (alarm["Namespace"], alarm["MetricName"], dimensions) in emitted(), name


@pytest.mark.parametrize(
    ("state", "enabled", "expected"),
    [("ENABLED", "true", True), ("ENABLED", "false", False), ("DISABLED", "true", False), ("DISABLED", "false", False)],
)
def test_silence_is_an_alarm_only_where_runs_are_expected(
    template: dict[str, Any], state: str, enabled: str, expected: bool
) -> None:
    deployed = Deployed(template, ScheduleState=state, ReconciliationEnabled=enabled)
    assert ("RunsMissingAlarm" in alarms(deployed)) is expected


@pytest.mark.parametrize("interval", INTERVALS)
def test_no_report_in_two_intervals_is_an_alarm_and_one_that_is_late_is_not(
    template: dict[str, Any], interval: int
) -> None:
    deployed = Deployed(template, ScheduleState="ENABLED", ReconciliationIntervalSeconds=str(interval))
    alarm = alarms(deployed)["RunsMissingAlarm"]
    assert (alarm["TreatMissingData"], alarm["Statistic"]) == ("breaching", "Sum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert "DatapointsToAlarm" not in alarm, "every one of them"
    minutes = alarm["Period"] * alarm["EvaluationPeriods"] / 60
    assert minutes == 2 * interval / 60 + 3


@pytest.mark.parametrize("interval", INTERVALS)
def test_coverage_has_to_be_low_in_six_intervals_before_somebody_is_woken(
    template: dict[str, Any], interval: int
) -> None:
    chosen = {"ReconciliationIntervalSeconds": str(interval), "LeastCoveragePercentage": "80"}
    alarm = alarms(Deployed(template, **chosen))["CoverageLowAlarm"]
    assert (alarm["ComparisonOperator"], int(alarm["Threshold"])) == ("LessThanThreshold", 80)
    assert (int(alarm["Period"]), alarm["EvaluationPeriods"]) == (interval, 6)
    assert 6 * interval <= 86_400, "CloudWatch refuses to look back further"
    assert alarm["TreatMissingData"] == "ignore"
    assert "80 %" in alarm["AlarmDescription"]
