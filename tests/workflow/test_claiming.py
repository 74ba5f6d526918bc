"""One scheduled time is one run: whoever asks, how often, and wherever Plan dies."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from local.venues import faults
from local.venues.credentials import make_address
from tests.workflow.desk import Desk, Execution, Operator
from tests.workflow.power import Power
from trueup.store import keys
from trueup.store.audit import GENESIS

RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}
NEXT_RUN = "20261122T120500Z"
NEXT_SCHEDULED = {"scheduled_time": "2026-11-22T12:05:00Z"}
WRITES = ["PutItem", "PutObject"]
"""Plan's: the claim, and the manifest."""


def test_the_same_time_delivered_twice_at_once_is_one_run(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "0.5"}, book={"BTC": "1"})

    started = [desk.start(SCHEDULED) for _ in range(4)]
    ends = sorted(desk.finished(execution).states_entered()[-1] for execution in started)

    assert ends == ["AlreadyClaimed", "AlreadyClaimed", "AlreadyClaimed", "Reported"]
    assert desk.functions.attempts("cb-main") == 2, "one look, and since it is critical a second one"
    assert len(desk.rows.query(keys.audit("cb-main"), prefix=keys.REPORT)) == 1
    assert len(desk.messages()) == 1


def test_the_writes_of_plan_are_the_claim_and_then_the_manifest(desk: Desk) -> None:
    power = Power()
    desk.functions.disturb("plan", power)
    desk.run(SCHEDULED)
    power.off()
    assert power.attempts == [WRITES]


PLACES = [(number, too_late) for number in (1, 2) for too_late in (False, True)]


@pytest.mark.parametrize(("number", "too_late"), PLACES)
def test_a_plan_that_died_is_one_run_all_the_same_even_if_the_time_is_delivered_again_meanwhile(
    desk: Desk, number: int, too_late: bool
) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    power = Power(cut_at=number, too_late=too_late)
    others: list[Execution] = []
    desk.in_the_next_wait = lambda: others.append(desk.run(SCHEDULED))
    desk.functions.disturb("plan", power)

    done = desk.run(SCHEDULED)

    power.off()
    (other,) = others
    assert done.failed_attempts() == ["Runtime.ExitError"]
    # Killed before the claim got out, the first one had nothing: the second delivery may have the run.
    winner, loser = (done, other) if (number, too_late) != (1, False) else (other, done)
    assert (winner.status, winner.states_entered()[-1]) == ("SUCCEEDED", "Reported")
    assert (loser.status, loser.states_entered()[-1]) == ("SUCCEEDED", "AlreadyClaimed")
    assert desk.functions.count("plan") == 3
    assert [desk.functions.attempts(name) for name in ("cb-main", "dydx-main")] == [1, 1]
    report = desk.report(RUN)
    assert ([it["account_id"] for it in report["accounts"]], report["verified"]) == (["cb-main", "dydx-main"], True)
    assert [(run["run_id"], run["state"]) for run in desk.runs.of_day("2026-11-22")] == [(RUN, "finished")]
    for name in ("cb-main", "dydx-main"):
        assert len(desk.rows.query(keys.audit(name), prefix=keys.REPORT)) == 1


def test_a_plan_that_dies_every_time_fails_its_run_and_no_second_delivery_hides_that(
    desk: Desk, operator: Operator
) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    power = Power(cut_at=1, too_late=True, kills=3)
    desk.functions.disturb("plan", power)

    done = desk.run(SCHEDULED)
    power.off()
    desk.functions.disturb("plan", None)
    again = desk.run(SCHEDULED)

    assert (done.status, done.error) == ("FAILED", "Runtime.ExitError")
    assert again.states_entered()[-1] == "AlreadyClaimed"
    assert "failed" in operator("runs", "list", "--day", "2026-11-22").out
    first, second = operator("runs", "show", RUN).err.splitlines()
    assert first == f"run {RUN}: failed, and has no report"
    assert second.startswith("the run ended without a report: Runtime.ExitError")
    assert desk.run(NEXT_SCHEDULED).states_entered()[-1] == "Reported"


def test_a_run_that_overtakes_a_slow_one_leaves_it_its_own_picture(desk: Desk) -> None:
    desk.open_coinbase("cb-slow", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    desk.functions.configure("fetch-coinbase", RECONCILIATION_TIMEOUT_MILLISECONDS="60000")
    desk.functions.remaining_milliseconds = 60_000
    key = desk.key_names["cb-slow"]
    desk.coinbase.fail(key, faults.hang())

    slow = desk.start(SCHEDULED)
    _until(lambda: any(request.fault == "hang" for request in desk.coinbase.requests))
    desk.coinbase.portfolio(key).set("BTC", "0.25")
    fast = desk.run(NEXT_SCHEDULED)
    assert desk.objects.get(keys.report_object(RUN)) is None, "the slow one still hangs"
    desk.coinbase.release_hung()
    slowly = desk.finished(slow)

    assert (slowly.states_entered()[-1], fast.states_entered()[-1]) == ("Reported", "Reported")
    seen = {run: desk.account_report(run, "cb-slow")["lines"][0]["venue"] for run in (RUN, NEXT_RUN)}
    assert seen == {RUN: "1", NEXT_RUN: "0.25"}
    assert [desk.report(run)["status"] for run in (RUN, NEXT_RUN)] == ["OK", "CRITICAL"]
    assert [(run["run_id"], run["status"]) for run in desk.runs.of_day("2026-11-22")] == [
        (RUN, "OK"),
        (NEXT_RUN, "CRITICAL"),
    ]
    for name in ("cb-slow", "dydx-main"):
        first, second = desk.rows.query(keys.audit(name), prefix=keys.REPORT)
        assert (first["run_id"], first["prev"]) == (NEXT_RUN, GENESIS), "chained in the order they were compared"
        assert (second["run_id"], second["prev"]) == (RUN, first["hash"])


def _until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("it never came to that")


def test_a_run_that_is_switched_off_reads_nothing_and_the_command_line_says_so(desk: Desk, operator: Operator) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.functions.configure("plan", RECONCILIATION_ENABLED="false")

    done = desk.run(SCHEDULED)

    assert done.states_entered() == ["Plan", "IsThereSomethingToDo", "Disabled"]
    assert [name for name, _ in desk.functions.invocations] == ["plan"]
    assert desk.coinbase.requests == []
    assert desk.objects.keys("runs/") == []
    assert "disabled" in operator("runs", "list", "--day", "2026-11-22").out
    shown = operator("runs", "show", RUN)
    assert (shown.code, shown.err) == (2, f"run {RUN}: nothing was looked at: ReconciliationEnabled was false\n")


REFUSED: dict[str, tuple[str, str]] = {
    "RECONCILIATION_MAX_RETRIES": ("9", "must be from 0 to 4 with RECONCILIATION_INTERVAL_SECONDS=300; not 9"),
    "RECONCILIATION_TIMEOUT_MILLISECONDS": (
        "30000",
        "must be from 1000 to 24000 with RECONCILIATION_INTERVAL_SECONDS=300; not 30000",
    ),
    "RECONCILIATION_INTERVAL_SECONDS": ("90", "must be one of 60, 120, 300, 600, 900, 1800, 3600; not 90"),
    "RECONCILIATION_THRESHOLD_PERCENTAGE": ("11", "must be from 0.0001 to 10 (per cent); not 11"),
    "RECONCILIATION_ENABLED": ("yes", "must be one of true, false; not 'yes'"),
}


def test_a_setting_that_cannot_be_is_refused_at_the_start_and_not_tried_again(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    honest = {"RECONCILIATION_MAX_RETRIES": "3", "RECONCILIATION_TIMEOUT_MILLISECONDS": "1000"}
    honest |= {"RECONCILIATION_INTERVAL_SECONDS": "300", "RECONCILIATION_THRESHOLD_PERCENTAGE": "0.1"}
    for name, (value, problem) in REFUSED.items():
        desk.functions.configure("plan", **{name: value})

        done = desk.run(SCHEDULED)

        assert (done.status, done.error, done.failed_attempts()) == ("FAILED", "ConfigInvalid", ["ConfigInvalid"]), name
        assert _cause(done) == f"{name} {problem}"
        desk.functions.configure("plan", **honest)
    assert desk.waits == []
    assert desk.functions.count("plan") == len(REFUSED)
    assert desk.coinbase.requests == []
    assert desk.runs.of_day("2026-11-22") == []


def _cause(done: Execution) -> Any:

    (failed,) = [event["taskFailedEventDetails"] for event in done.events if "taskFailedEventDetails" in event]
    return json.loads(failed["cause"])["errorMessage"]
