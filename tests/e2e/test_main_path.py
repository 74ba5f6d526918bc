"""The main path, whole: the real template on the local cloud with IAM enforced, official runtime client, real HTTP."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ulid import ULID

from cli.auditing.anchors import read_anchors
from cli.auditing.verify import Verifier, Wanted
from local.cloud.mailbox import Mailbox, open_mailbox
from local.cloud.webhook import Webhook
from local.stage import story
from local.stage.stage import Stage, stage
from trueup.clock import utc_now
from trueup.domain.policy import default_policy, read_policy
from trueup.domain.run_ids import day_of
from trueup.store import keys
from trueup.store.audit import GENESIS, Audit, chain_hash, seal
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.store.policies import Policies
from trueup.store.runs import Runs

pytestmark = pytest.mark.slow

ALERTED = {"cb-algo", "dydx-perps"}
"""What is critical; what is major waits for a second run to see it."""


POLICY = read_policy({"tolerance": {"venues": {"coinbase": {"relative": "0.001"}}}}, default_policy())
"""States what is built in, so that nothing comes out otherwise but by whose word."""


class Machine:
    """The deployed state machine and what its runs leave behind."""

    def __init__(self, staged: Stage) -> None:
        self.staged = staged
        self._states = staged.session().client("stepfunctions")
        self._arn = staged.deployment.outputs["StateMachineArn"]
        self.rows = DynamoRows(staged.deployment.outputs["TableName"])
        self.objects = S3Objects(staged.deployment.outputs["BucketName"])
        self.audit = Audit(self.rows, 400)
        self.runs = Runs(self.rows, self.objects, 400)

    def start(self, given: dict[str, str]) -> str:
        return str(self._states.start_execution(stateMachineArn=self._arn, input=json.dumps(given))["executionArn"])

    def finished(self, execution: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while (described := self._states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
            time.sleep(0.1)
        return dict(described)

    def failed_attempts(self, execution: str) -> list[str]:
        history = self._states.get_execution_history(executionArn=execution, maxResults=1000)
        return [
            event["taskFailedEventDetails"]["error"] for event in history["events"] if event["type"] == "TaskFailed"
        ]

    def report(self, run_id: str) -> dict[str, Any]:
        document = self.objects.get(keys.report_object(run_id))
        assert isinstance(document, dict)
        return document


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("cloud") / "state"
    with stage(folder, port=None, wait_scale=0.05, scheduled=False, progress=lambda _line: None) as staged:
        yield Machine(staged)


@pytest.fixture(scope="module")
def subscribers(machine: Machine) -> Iterator[tuple[Mailbox, Webhook]]:
    session, topic = machine.staged.session(), machine.staged.deployment.outputs["TopicArn"]
    with Webhook() as webhook:
        webhook.subscribe(session, topic)
        mailbox = open_mailbox(session, topic)
        yield mailbox, webhook
        mailbox.close()


@pytest.fixture(scope="module")
def first_run(machine: Machine, subscribers: tuple[Mailbox, Webhook]) -> tuple[str, dict[str, Any], list[str]]:
    """One run over the seeded accounts: its id, its report, and the errors of its failed attempts."""
    machine.staged.trader.trade()
    Policies(machine.rows, machine.objects).put(POLICY, utc_now(), "desk", None)
    run_id = f"manual-{ULID()}"
    execution = machine.start({"run_id": run_id})
    ended = machine.finished(execution)
    assert ended["status"] == "SUCCEEDED", ended
    return run_id, machine.report(run_id), machine.failed_attempts(execution)


def test_every_seeded_account_comes_out_as_seeded(first_run: tuple[str, dict[str, Any], list[str]]) -> None:
    _, report, _ = first_run

    assert {account["account_id"]: account["status"] for account in report["accounts"]} == story.EXPECTED
    assert report["counts"]["accounts_verified"] == 8
    assert report["verified"] is False
    assert report["prices"]["origin"] == "this_run"


def test_the_policy_that_was_put_judged_it_and_is_found_by_its_name(
    machine: Machine, first_run: tuple[str, dict[str, Any], list[str]]
) -> None:
    run_id, report, _ = first_run

    assert report["policy_version"] == POLICY.version != default_policy().version
    assert machine.runs.manifest(run_id).policy == POLICY
    (treasury,) = [account for account in report["accounts"] if account["account_id"] == "cb-treasury"]
    rules = {line["asset"]: line["rule"] for line in treasury["lines"]}
    assert rules["EUR"]["origin"] == "venue:coinbase"


def test_a_withdrawal_on_its_way_is_explained_by_the_venues_own_transaction(
    machine: Machine, first_run: tuple[str, dict[str, Any], list[str]]
) -> None:
    run_id, report, _ = first_run
    (lines,) = [account["lines"] for account in report["accounts"] if account["account_id"] == "cb-payout"]
    (line,) = [line for line in lines if line["asset"] == "USDC"]
    evidence = machine.objects.get(keys.observation_object(run_id, "cb-payout"))
    assert isinstance(evidence, dict)
    (item,) = evidence["snapshot"]["pending"]
    assert (line["outcome"], line["difference"], line["severity_if_unexplained"]) == ("explained", "-7500", "MAJOR")
    assert line["references"] == [item["reference"]]


def test_a_rate_limit_is_retried_and_a_refused_key_is_not(
    first_run: tuple[str, dict[str, Any], list[str]],
) -> None:
    _, report, failed_attempts = first_run

    assert sorted(failed_attempts) == ["VenueAuthFailed", "VenueRateLimited", "VenueRateLimited"]
    (failure,) = report["failures"]
    assert (failure["account_id"], failure["error"]) == ("cb-revoked", "VenueAuthFailed")


def test_what_is_severe_reaches_the_mailbox_and_the_webhook_once_each(
    first_run: tuple[str, dict[str, Any], list[str]], subscribers: tuple[Mailbox, Webhook]
) -> None:
    run_id, _, _ = first_run
    for subscriber in subscribers:
        received = subscriber.wait_for(lambda messages: len(messages) >= len(ALERTED))
        assert {message.alert["account_id"] for message in received} == ALERTED
        assert len(received) == len(ALERTED)
        assert {message.alert["run_id"] for message in received} == {run_id}
        assert all("What to do next" in message.alert["text"] for message in received)


def test_the_audit_is_chained_from_the_first_row_and_sealed(
    machine: Machine, first_run: tuple[str, dict[str, Any], list[str]]
) -> None:
    run_id, _, _ = first_run
    hashes = {}
    for account_id in story.EXPECTED:
        rows = machine.rows.query(keys.audit(account_id), prefix=keys.REPORT)
        assert (rows[0]["seq"], rows[0]["prev"], rows[0]["run_id"]) == (1, GENESIS, run_id)
        assert rows[0]["hash"] == chain_hash(rows[0])
        hashes[account_id] = rows[0]["hash"]
    run = machine.runs.get(run_id)
    assert run is not None
    assert (run["state"], run["status"], run["seal"]) == ("finished", "CRITICAL", seal(hashes))
    assert run_id in [found["run_id"] for found in machine.runs.of_day(day_of(run_id))]


def test_the_evidence_holds_the_raw_answers_and_no_key(
    machine: Machine, first_run: tuple[str, dict[str, Any], list[str]]
) -> None:
    run_id, _, _ = first_run
    evidence = machine.objects.get(keys.observation_object(run_id, "cb-main"))
    assert isinstance(evidence, dict)

    assert json.loads(evidence["answers"][0]["body"])["accounts"]
    written = json.dumps(evidence)
    secret = machine.staged.session().client("secretsmanager").get_secret_value(SecretId="trueup/coinbase/cb-main")
    key = json.loads(secret["SecretString"])
    assert key["privateKey"] not in written
    assert "Bearer" not in written
    assert "eyJ" not in written


def test_the_same_scheduled_time_delivered_twice_is_one_run(
    machine: Machine, first_run: tuple[str, dict[str, Any], list[str]]
) -> None:
    given = {"scheduled_time": "2026-11-22T12:00:00Z"}

    first = machine.finished(machine.start(given))
    again = machine.finished(machine.start(given))

    assert json.loads(first["output"])["accounts"] == len(story.EXPECTED)
    assert json.loads(again["output"])["next"] == "already_claimed"
    assert (first["status"], again["status"]) == ("SUCCEEDED", "SUCCEEDED")


def test_three_concurrent_runs_leave_three_isolated_audit_sets(
    machine: Machine, first_run: tuple[str, dict[str, Any], list[str]]
) -> None:
    times = ["13:00:00", "13:05:00", "13:10:00"]
    executions = [machine.start({"scheduled_time": f"2026-11-22T{time}Z"}) for time in times]

    assert [machine.finished(execution)["status"] for execution in executions] == ["SUCCEEDED"] * 3

    run_ids = [f"20261122T{time.replace(':', '')}Z" for time in times]
    for run_id in run_ids:
        accounts = machine.report(run_id)["accounts"]
        assert [account["account_id"] for account in accounts] == sorted(story.EXPECTED)
    for account_id in story.EXPECTED:
        rows = machine.rows.query(keys.audit(account_id), prefix=keys.REPORT)
        assert {row["run_id"] for row in rows} >= set(run_ids)
        chain = sorted(rows, key=lambda row: row["seq"])
        assert [row["seq"] for row in chain] == list(range(1, len(chain) + 1))
        assert [row["prev"] for row in chain] == [GENESIS, *(row["hash"] for row in chain[:-1])]


def test_the_audit_of_all_of_it_is_intact_and_an_alert_is_its_witness(
    machine: Machine, first_run: tuple[str, dict[str, Any], list[str]], subscribers: tuple[Mailbox, Webhook]
) -> None:
    received = subscribers[0].wait_for(lambda messages: len(messages) >= len(ALERTED))
    assert [message.alert["audit"] for message in received if message.alert["run_id"] == first_run[0]] == [None] * 2
    later_ones = [message.alert for message in received if message.alert["audit"] is not None]
    anchors = read_anchors((alert["text"].splitlines()[-1].removeprefix("Audit ") for alert in later_ones), "alert")

    outcome = Verifier(machine.rows, machine.objects, story.EXPECTED, Wanted(anchors=anchors), utc_now()).verify()

    assert (outcome.difference, outcome.not_looked_at) == (None, [])
    assert outcome.tips.keys() == story.EXPECTED.keys()
    assert outcome.entries == sum(seq for seq, _ in outcome.tips.values())
    assert outcome.seen.evidence >= 7 * outcome.seen.runs


def test_no_balance_and_no_key_is_in_any_log(
    machine: Machine, first_run: tuple[str, dict[str, Any], list[str]]
) -> None:
    logs = machine.staged.session().client("logs")
    written = []
    for group in logs.describe_log_groups()["logGroups"]:
        for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]:
            events = logs.get_log_events(logGroupName=group["logGroupName"], logStreamName=stream["logStreamName"])
            written += [event["message"] for event in events["events"]]
    text = "\n".join(written)

    assert "cb-revoked" in text, "the functions' logs are not where they were looked for"
    assert "1000000.42" not in text
    assert "495.5" not in text
    assert "privateKey" not in text
    assert "eyJ" not in text
