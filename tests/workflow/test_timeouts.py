"""Whatever hangs is cut off by the next clock outside it: request, function, task, execution.

That a request ends after its own timeout is in test_errors.py.
"""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.venues import faults
from local.venues.credentials import make_address
from tests.workflow.desk import Desk, Killed, Operator
from trueup.store import keys

RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}


@pytest.fixture
def desk_with_two(desk: Desk) -> Desk:
    """One account that something will happen to, one at another venue that nothing must happen to."""
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    return desk


@pytest.fixture
def stuck() -> Iterator[Callable[[dict[str, Any], Callable[[], Any]], Any]]:
    """A function that does nothing until the test is over."""
    over = threading.Event()

    def wait(event: dict[str, Any], work: Callable[[], Any]) -> Any:
        over.wait(20)
        return {}

    yield wait
    over.set()


def failure_of(desk: Desk, account_id: str) -> tuple[str, str]:
    (found,) = [failure for failure in desk.report(RUN)["failures"] if failure["account_id"] == account_id]
    return found["error"], found["message"]


def test_a_request_ends_before_its_function_would_be_killed(desk_with_two: Desk) -> None:
    """2.3 s are left, 1.5 of which are kept back for saying what happened; a request could take 5 s by itself."""
    desk_with_two.redefine(MaxRetries="0")
    desk_with_two.functions.remaining_milliseconds = 2_300
    desk_with_two.coinbase.fail(desk_with_two.key_names["cb-main"], faults.hang())

    desk_with_two.run(SCHEDULED)

    error, message = failure_of(desk_with_two, "cb-main")
    assert error == "VenueUnavailable"
    assert re.search(r"got no whole answer within 0\.[5-8]\d* s$", message), message


KILLED = {
    "Sandbox.Timedout": "RequestId: 1 Error: Task timed out after 26.00 seconds",
    "Runtime.ExitError": "RequestId: 1 Error: Runtime exited with error: signal: killed",
    "Lambda.Unknown": (
        "The cause could not be determined because Lambda did not return an error type. "
        'Returned payload: {"errorMessage":"2026-11-22T12:00:26.000Z 1 Task timed out after 26.00 seconds"}'
    ),
}
"""What AWS reports for a function that could not say anything: newer and older words for the same."""


@pytest.mark.parametrize("error", KILLED)
def test_a_function_that_was_killed_is_tried_again_and_then_said_to_be_that(desk_with_two: Desk, error: str) -> None:
    def killed(event: dict[str, Any], work: Callable[[], Any]) -> Any:
        raise Killed(error, KILLED[error])

    desk_with_two.redefine(MaxRetries="2")
    desk_with_two.functions.disturb("fetch-coinbase", killed)
    desk_with_two.functions.disturb("prices", killed)

    done = desk_with_two.run(SCHEDULED)

    assert done.status == "SUCCEEDED"
    assert done.failed_attempts() == [error] * 6
    assert desk_with_two.functions.attempts("cb-main") == 3
    report = desk_with_two.account_report(RUN, "cb-main")
    assert (report["status"], report["reasons"], report["lines"]) == ("UNVERIFIED", ["missing_observation"], [])
    assert failure_of(desk_with_two, "cb-main") == (error, KILLED[error])
    assert failure_of(desk_with_two, "PRICES") == (error, KILLED[error])
    assert desk_with_two.account_report(RUN, "dydx-main")["status"] == "OK"


def test_a_function_killed_once_is_read_by_the_next_attempt(desk_with_two: Desk) -> None:
    def killed_once(event: dict[str, Any], work: Callable[[], Any]) -> Any:
        if desk_with_two.functions.attempts("cb-main") == 1:
            raise Killed("Sandbox.Timedout", KILLED["Sandbox.Timedout"])
        return work()

    desk_with_two.functions.disturb("fetch-coinbase", killed_once)

    done = desk_with_two.run(SCHEDULED)

    assert done.failed_attempts() == ["Sandbox.Timedout"]
    assert desk_with_two.report(RUN)["verified"] is True
    assert desk_with_two.report(RUN)["failures"] == []


def test_a_function_that_never_answers_is_left_by_its_task(desk_with_two: Desk, stuck: Any) -> None:
    desk_with_two.redefine(MaxRetries="1", FetchTaskTimeoutSeconds="2")
    desk_with_two.functions.disturb("fetch-coinbase", stuck)

    done = desk_with_two.run(SCHEDULED)

    assert done.status == "SUCCEEDED"
    assert done.failed_attempts() == ["States.Timeout"] * 2
    assert desk_with_two.functions.attempts("cb-main") == 2
    report = desk_with_two.account_report(RUN, "cb-main")
    assert (report["status"], report["reasons"], report["lines"]) == ("UNVERIFIED", ["missing_observation"], [])
    error, message = failure_of(desk_with_two, "cb-main")
    assert error == "States.Timeout"
    assert message == "no answer came in the time the state machine allows; see the function's log"
    assert desk_with_two.account_report(RUN, "dydx-main")["status"] == "OK"


def test_an_execution_that_does_not_end_is_stopped_and_not_called_running(
    desk_with_two: Desk, stuck: Any, operator: Operator
) -> None:
    desk_with_two.redefine(ExecutionTimeoutSeconds="2")
    desk_with_two.functions.disturb("fetch-coinbase", stuck)

    done = desk_with_two.run(SCHEDULED)

    assert done.status == "TIMED_OUT"
    row = desk_with_two.runs.get(RUN)
    assert row is not None
    assert row["state"] == "running", "nobody was left to write anything else"
    listed = operator("runs", "list", "--day", "2026-11-22").out
    assert "timed out" in listed
    assert "running" not in listed
    shown = operator("runs", "show", RUN)
    assert (shown.code, shown.err.splitlines()[0]) == (2, f"run {RUN}: timed out, and has no report")
    assert "redrive the execution" in shown.err
    assert desk_with_two.objects.get(keys.report_object(RUN)) is None

    desk_with_two.functions.disturb("fetch-coinbase", None)
    desk_with_two.redefine()
    later = desk_with_two.run({"scheduled_time": "2026-11-22T12:05:00Z"})
    assert later.states_entered()[-1] == "Reported"
    assert desk_with_two.report("20261122T120500Z")["verified"] is True
