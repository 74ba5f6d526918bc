"""What the workflow tests show on one interpreter, on the other: real functions, killed for real, and the alarm."""

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

pytestmark = pytest.mark.slow

FETCH: list[str | int] = ["States", "Observe", "Branches", 0, "States", "Venues", "ItemProcessor"]
FETCH += ["States", "Accounts", "ItemProcessor", "States", "Fetch", "TimeoutSeconds"]


@pytest.fixture(scope="module")
def desk(cloud: LocalCloud) -> Iterator[SmallDesk]:
    with small_desk(cloud, "faults") as desk:
        desk.deploy(ReconciliationMaxRetries="1", ReconciliationTimeoutMilliseconds="1000")
        yield desk


@pytest.fixture
def run(desk: SmallDesk, request: pytest.FixtureRequest) -> tuple[dict[str, str], str]:
    """A scheduled moment of this test's own: the input, and the run's id."""
    desk.coinbase.faults.clear()
    desk.dydx.faults.clear()
    names = [item.name for item in request.session.items if item.path == request.path]
    minute = names.index(request.node.name)
    return {"scheduled_time": f"2026-11-22T10:{minute:02}:00Z"}, f"20261122T10{minute:02}00Z"


def unverified(desk: SmallDesk, run_id: str, account_id: str) -> tuple[str, str, str]:
    """Why an account could not be looked at: the reason, the error, its message."""
    report = desk.account_report(run_id, account_id)
    assert (report["status"], report["lines"]) == ("UNVERIFIED", [])
    (failure,) = [it for it in desk.report(run_id)["failures"] if it["account_id"] == account_id]
    (reason,) = report["reasons"]
    return reason, failure["error"], failure["message"]


def test_a_rate_limit_that_lasts_is_tried_as_often_as_was_said(
    desk: SmallDesk, run: tuple[dict[str, str], str]
) -> None:
    given, run_id = run
    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(429), times=2)

    ended = desk.run(given)

    assert [failure.error for failure in desk.failures(ended)] == ["VenueRateLimited"] * 2
    assert unverified(desk, run_id, "cb-main")[:2] == ("rate_limited", "VenueRateLimited")
    assert desk.account_report(run_id, "cb-off")["verified"] is True
    assert ended["status"] == "SUCCEEDED"


BROKEN = {
    "truncated body": faults.truncated_body(),
    "empty body": faults.empty(),
    "HTML with status 200": faults.html(),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_none_is_no_empty_account(
    desk: SmallDesk, run: tuple[dict[str, str], str], fault: faults.Fault
) -> None:
    given, run_id = run
    desk.dydx.fail(faults.ANY, fault, times=2)

    ended = desk.run(given)

    assert [failure.error for failure in desk.failures(ended)] == ["VenueUnavailable"] * 2
    assert unverified(desk, run_id, "dydx-main")[:2] == ("unreachable", "VenueUnavailable")
    assert desk.account_report(run_id, "cb-main")["status"] == "OK"


def test_a_function_killed_by_its_own_timeout_is_tried_again_and_said_to_be_that(
    desk: SmallDesk, run: tuple[dict[str, str], str]
) -> None:
    given, run_id = run
    with desk.function_replaced("FetchDydxFunction", "time.sleep(20)", timeout=1):
        ended = desk.run(given)

    assert [failure.error for failure in desk.failures(ended)] == ["Sandbox.Timedout"] * 2
    reason, error, message = unverified(desk, run_id, "dydx-main")
    assert (reason, error) == ("missing_observation", "Sandbox.Timedout")
    assert "Task timed out after 1.00 seconds" in message
    assert desk.account_report(run_id, "cb-main")["status"] == "OK"


def test_a_function_that_just_ends_is_tried_again_and_said_to_be_that(
    desk: SmallDesk, run: tuple[dict[str, str], str]
) -> None:
    """As one that needs more memory than it has."""
    given, run_id = run
    with desk.function_replaced("FetchDydxFunction", "os._exit(1)", timeout=5):
        ended = desk.run(given)

    assert [failure.error for failure in desk.failures(ended)] == ["Runtime.ExitError"] * 2
    assert unverified(desk, run_id, "dydx-main")[:2] == ("missing_observation", "Runtime.ExitError")
    assert desk.account_report(run_id, "cb-main")["status"] == "OK"


def test_a_function_that_outlives_its_task_is_left_by_it(desk: SmallDesk, run: tuple[dict[str, str], str]) -> None:
    """The execution's own timeout cannot be shown here: this interpreter ignores it (the other one does not)."""
    given, run_id = run
    with (
        desk.function_replaced("FetchDydxFunction", "time.sleep(4)", timeout=10),
        desk.definition_changed(FETCH, 2),
    ):
        ended = desk.run(given)

    assert [failure.error for failure in desk.failures(ended)] == ["States.Timeout"] * 2
    assert unverified(desk, run_id, "dydx-main")[:2] == ("missing_observation", "States.Timeout")
    assert desk.account_report(run_id, "cb-main")["status"] == "OK"


def test_all_venues_failing_ends_failed_and_the_alarm_on_that_reaches_a_subscriber(
    desk: SmallDesk, run: tuple[dict[str, str], str]
) -> None:
    """The local cloud counts no executions by itself, so the one datapoint AWS would write is written here."""
    given, _ = run
    desk.coinbase.fail(faults.ANY, faults.status(503), times=4)
    desk.dydx.fail(faults.ANY, faults.status(503), times=2)
    mailbox = open_mailbox(desk.cloud.session(), desk.deployment.outputs["TopicArn"], "alarms")

    ended = desk.run(given)

    assert (ended["status"], ended["error"]) == ("FAILED", "NothingVerified")
    alarm = desk.deployment.resources["RunsFailedAlarm"]
    machine = desk.deployment.outputs["StateMachineArn"]
    metrics = client("cloudwatch")
    (watched,) = metrics.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    assert (watched["Namespace"], watched["MetricName"]) == ("AWS/States", "ExecutionsFailed")
    metrics.put_metric_data(
        Namespace="AWS/States",
        MetricData=[
            {
                "MetricName": "ExecutionsFailed",
                "Dimensions": [{"Name": "StateMachineArn", "Value": machine}],
                "Value": 1,
                "Timestamp": time.time(),
            }
        ],
    )
    _until_in_alarm(alarm)
    (told,) = mailbox.wait_for(lambda received: len(received) >= 1)
    message: dict[str, Any] = json.loads(told.message)
    assert (message["AlarmName"], message["NewStateValue"]) == (alarm, "ALARM")
    assert "nothing could be verified, or Trueup itself broke" in message["AlarmDescription"]
    mailbox.close()


def _until_in_alarm(alarm: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        (found,) = client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        if found["StateValue"] == "ALARM":
            return
        assert time.monotonic() < deadline, f"{alarm} is {found['StateValue']}: {found.get('StateReason')}"
        time.sleep(0.2)
