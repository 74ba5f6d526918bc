"""Starting a run and following it to its report, whatever becomes of it."""

import json
from datetime import UTC, datetime

import pytest
from cli_kit import RUN_ID, trueup

from cli.follow import follow_run
from trueup import aws
from trueup.domain.policy import default_policy
from trueup.domain.run_ids import day_of
from trueup.store import keys
from trueup.store.runs import Manifest

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:reconcile:x"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class StateMachine:
    """A Step Functions client whose executions end after a number of looks."""

    def __init__(self, looks: int = 1, status: str = "SUCCEEDED", **ending: str) -> None:
        self.looks, self.status, self.ending = looks, status, ending
        self.started: dict[str, str] = {}
        self.events: list[dict] = []

    def start_execution(self, **request):
        self.started = request
        return {"executionArn": EXECUTION}

    def describe_execution(self, executionArn):  # noqa: N803
        self.looks -= 1
        if self.looks > 0:
            return {"status": "RUNNING"}
        return {"status": self.status, **self.ending}

    def get_execution_history(self, **request):
        """Two events a page, in the order asked for."""
        events = sorted(self.events, key=lambda event: event["id"], reverse=request.get("reverseOrder", False))
        start = int(request.get("nextToken", 0))
        page = {"events": events[start : start + 2]}
        return page | ({"nextToken": str(start + 2)} if start + 2 < len(events) else {})


@pytest.fixture
def machine(cloud, monkeypatch):
    made = StateMachine()
    real = aws.client
    monkeypatch.setattr("cli.cloud.client", lambda service: made if service == "stepfunctions" else real(service))
    monkeypatch.setattr("cli.follow.time.sleep", lambda seconds: None)
    return made


def follow(cloud, machine, *between):
    told: list[str] = []
    steps = iter(between)
    machine.looks = len(between) + 1
    followed = follow_run(cloud, EXECUTION, RUN_ID, tell=told.append, pause=lambda seconds: next(steps)())
    return followed, told


def test_what_becomes_of_each_account_is_told_once_as_it_happens(a_run, machine):
    def plan():
        a_run.runs.write_manifest(
            Manifest(RUN_ID, NOW, {"cb-main": "coinbase", "dydx-one": "dydx"}, {}, default_policy())
        )

    def retry():
        cause = json.dumps({"errorMessage": "account dydx-one at dydx: answered 429", "errorType": "VenueRateLimited"})
        details = {"error": "VenueRateLimited", "cause": cause}
        for number in range(1, 6):
            event = {"id": number, "type": "TaskScheduled"}
            machine.events.append(event)
        machine.events[2] |= {"type": "TaskFailed", "taskFailedEventDetails": details}

    def fail_again():
        cause = {"error": "States.Timeout", "cause": ""}
        machine.events.append({"id": 6, "type": "TaskTimedOut", "taskTimedOutEventDetails": cause})

    def give_up():
        a_run.rows.put(
            {"pk": f"RUN#{RUN_ID}", "sk": "FAILURE#dydx-one", "failure": '{"Error": "VenueGeoBlocked", "Cause": "no"}'}
        )

    def nothing():
        pass

    a_run.client("s3").delete_object(Bucket="bucket", Key=keys.observation_object(RUN_ID, "cb-main"))

    def observe():
        a_run.objects.put_once(keys.observation_object(RUN_ID, "cb-main"), {})

    followed, told = follow(a_run, machine, plan, retry, nothing, observe, fail_again, give_up, nothing)
    assert told == [
        "reading 2 accounts at coinbase, dydx",
        "VenueRateLimited: account dydx-one at dydx: answered 429",
        "1 of 2 accounts read: cb-main",
        "States.Timeout",
        "dydx-one: given up, VenueGeoBlocked",
    ]
    assert (followed.status, followed.said) == ("SUCCEEDED", None)
    assert followed.report.status == "CRITICAL"


def test_a_run_prints_its_report_and_exits_with_its_verdict(a_run, machine, monkeypatch):
    monkeypatch.setattr("cli.follow.ULID", lambda: "01M82DGVQM33H09W1D0JYQQGQ3")
    run_id = "manual-01M82DGVQM33H09W1D0JYQQGQ3"
    report = a_run.objects.get(keys.report_object(RUN_ID))
    a_run.objects.put_once(keys.report_object(run_id), report)
    ran = trueup("run", "--json")
    assert (ran.code, ran.document) == (1, report)
    assert machine.started["name"] == run_id
    assert json.loads(machine.started["input"]) == {"run_id": run_id}
    assert "gross worth" in trueup("run").out


def test_a_run_started_and_left_prints_its_id(cloud, machine):
    ran = trueup("run", "--no-wait")
    assert ran.code == 0
    assert day_of(ran.out.strip())
    assert trueup("run", "--no-wait", "--json").document["execution"] == EXECUTION


@pytest.mark.parametrize(
    ("status", "ending", "said"),
    [
        ("SUCCEEDED", {"output": '{"next": "disabled"}'}, "ReconciliationEnabled is false"),
        ("SUCCEEDED", {"output": '{"next": "already_claimed"}'}, "another execution"),
        ("SUCCEEDED", {}, "without a report"),
        (
            "FAILED",
            {"error": "ConfigInvalid", "cause": '{"errorMessage": "TABLE_NAME is not set"}'},
            "TABLE_NAME is not",
        ),
        ("TIMED_OUT", {}, "TIMED_OUT"),
        ("ABORTED", {}, "ABORTED"),
    ],
)
def test_a_run_without_a_report_is_never_green(cloud, machine, status, ending, said):
    machine.status, machine.ending = status, ending
    ran = trueup("run")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_run_in_which_nothing_could_be_verified_shows_its_report_and_exits_2(a_run, machine, monkeypatch):
    monkeypatch.setattr("cli.follow.ULID", lambda: "01M82DGVQM33H09W1D0JYQQGQ3")
    machine.status, machine.ending = "FAILED", {"error": "NothingVerified", "cause": "…"}
    report = a_run.objects.get(keys.report_object(RUN_ID))
    report["accounts"] = [account for account in report["accounts"] if account["status"] == "UNVERIFIED"]
    a_run.objects.put_once(keys.report_object("manual-01M82DGVQM33H09W1D0JYQQGQ3"), report)
    ran = trueup("run")
    assert ran.code == 2
    assert "dydx-one at dydx: UNVERIFIED (geo_blocked)" in ran.out
