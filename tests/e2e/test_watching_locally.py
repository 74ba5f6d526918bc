"""What watches a run, on the local cloud: figures in logs, alarms that reach a subscriber, the secret of a heartbeat.

The local cloud takes no metrics out of logs and none from its own services, so the datapoints are written here.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.cloud.mailbox import open_mailbox
from local.cloud.ministack import LocalCloud
from local.venues import faults
from tests.e2e.small_desk import SmallDesk, small_desk
from trueup.aws import client
from trueup.metrics import RUN_SERVICE, Metric
from trueup.observability import NAMESPACE

pytestmark = pytest.mark.slow

STACK = "watching"
TOKEN = "ping-5c2e8f10a7d34b96b0e1f3a4c5d6e7f8"


@pytest.fixture(scope="module")
def desk(cloud: LocalCloud) -> Iterator[SmallDesk]:
    with small_desk(cloud, STACK) as desk:
        desk.deploy(
            ScheduleState="ENABLED",
            ReconciliationIntervalSeconds="3600",
            HeartbeatUrl=f"https://heartbeat.invalid/{TOKEN}",
        )
        yield desk


def put(metric: Metric, value: int) -> None:
    dimensions = [{"Name": "service", "Value": RUN_SERVICE}, {"Name": "stack", "Value": STACK}]
    datum: Any = {"MetricName": str(metric), "Dimensions": dimensions, "Value": value, "Timestamp": time.time()}
    client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[datum])


def until(alarm: str, state: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        (found,) = client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        if found["StateValue"] == state:
            return
        assert time.monotonic() < deadline, f"{alarm} is {found['StateValue']}: {found.get('StateReason')}"
        time.sleep(0.2)


def lines(desk: SmallDesk, service: str) -> list[dict[str, Any]]:
    group = f"/aws/lambda/{desk.deployment.stack_name}/{service}"
    events = client("logs").filter_log_events(logGroupName=group)["events"]
    return [json.loads(line) for it in events for line in it["message"].splitlines() if line.startswith("{")]


@pytest.mark.parametrize(
    ("alarm", "metric", "bad", "good", "words"),
    [
        ("RunsMissingAlarm", Metric.RUNS_REPORTED, 0, 1, "nobody looks at the accounts"),
        ("CoverageLowAlarm", Metric.ACCOUNT_COVERAGE, 94, 95, "less than 95 % of the accounts whole"),
    ],
)
def test_an_alarm_on_a_metric_of_ours_reaches_a_subscriber_and_ends(
    desk: SmallDesk, alarm: str, metric: Metric, bad: int, good: int, words: str
) -> None:
    mailbox = open_mailbox(desk.cloud.session(), desk.deployment.outputs["TopicArn"], alarm)
    name = desk.deployment.resources[alarm]

    put(metric, bad)
    until(name, "ALARM")

    (told,) = mailbox.wait_for(lambda received: len(received) >= 1)
    message: dict[str, Any] = json.loads(told.message)
    assert (message["AlarmName"], message["NewStateValue"]) == (name, "ALARM")
    assert words in " ".join(message["AlarmDescription"].split())
    put(metric, good)
    until(name, "OK")
    mailbox.close()


def test_the_dashboard_is_there_and_names_what_is_deployed(desk: SmallDesk) -> None:
    (found,) = client("cloudwatch").list_dashboards(DashboardNamePrefix=f"{STACK}-")["DashboardEntries"]
    body = client("cloudwatch").get_dashboard(DashboardName=found["DashboardName"])["DashboardBody"]
    assert json.loads(body)["widgets"]
    for name in ("PlanFunction", "FetchDydxFunction", "BookFunction", "RunsMissingAlarm"):
        assert desk.deployment.resources[name] in body


def test_a_run_leaves_its_figures_and_its_retries_in_the_logs_and_reads_the_heartbeats_address(desk: SmallDesk) -> None:
    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(503), times=1)

    ended = desk.run({"scheduled_time": "2026-11-22T15:00:00Z"})

    assert ended["status"] == "SUCCEEDED"
    carrying = [it for it in lines(desk, "fetch-coinbase") if "_aws" in it]
    assert [(it["service"], it["stack"], it["Retries"]) for it in carrying] == [("fetch-coinbase", STACK, [1])]
    said = lines(desk, "compare")
    (run,) = [it for it in said if "_aws" in it]
    assert (run["service"], run["stack"], run["RunsReported"], run["AccountCoverage"]) == ("compare", STACK, [1], [100])
    # Its role may read the secret; nobody is there who could be asked.
    assert [it["reason"] for it in said if it.get("message") == "no heartbeat"] == ["nobody was reached in time"]
    assert TOKEN not in json.dumps(said)
