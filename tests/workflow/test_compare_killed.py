"""Compare may die anywhere: what is stored and what is said is what an undisturbed run stores and says."""

import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from tests.workflow.desk import ACCOUNT, BUCKET, REGION, TABLE, Desk, Execution, Operator, arn
from tests.workflow.power import Power
from trueup.store import keys
from trueup.store.audit import GENESIS, chain_hash

EARLIER = {"scheduled_time": "2026-11-21T23:55:00Z"}
"""The day before: the run that is killed begins a day, so that each account's entry leaves a checkpoint."""
RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}
ACCOUNTS = ("cb-fine", "cb-long", "cb-short")
ASKING = ["PutObject"]
"""The first time: which accounts to look at again."""
WRITES = ["PutObject", *["Publish"] * 2, "PutItem", *["TransactWriteItems"] * 5, "PutItem"]
"""The second time: the report, what is to be said, the history of two breaks, a row for each account, the run's end."""


@dataclass
class Books:
    """Everything one run left: rows, objects, and alerts by their id."""

    rows: dict[tuple[str, str], dict[str, Any]]
    objects: dict[str, str]
    """The hash of each by its key."""
    alerts: dict[str, dict[str, Any]]


@dataclass
class Bench:
    """One run, planned and read once; compared again and again from there."""

    desk: Desk
    planned: Any = None
    """The table as moto holds it."""
    midnight: datetime = datetime(2026, 11, 21, tzinfo=UTC)
    first_minute: int = 0
    attempts: int = 0

    def now(self) -> datetime:
        """Each attempt of Compare has a minute of its own: a report made again would not be the same."""
        return self.midnight + timedelta(hours=12, minutes=self.first_minute + self.attempts - 1)

    def compare(self, power: Power, *, first_minute: int = 1) -> tuple[Execution, Books]:
        """Run from what was planned and read, with Compare under this power; return what was left."""
        self.first_minute, self.attempts = first_minute, 0

        def counted(event: dict[str, Any], work: Any) -> Any:
            self.attempts += 1
            return power(event, work)

        if self.planned is not None:
            self._back_to_the_plan()
        self.desk.functions.disturb("compare", counted)
        done = self.desk.run(SCHEDULED)
        power.off()
        return done, self.books()

    def books(self) -> Books:
        messages = [json.loads(envelope["Message"]) for envelope in self.desk.messages()]
        alerts: dict[str, dict[str, Any]] = {}
        for message in messages:
            assert alerts.setdefault(message["alert_id"], message) == message, "one id, two alerts"
        found = boto3.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
        rows = [item | {"execution": {"S": "-"}} for item in found]
        contents = boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
        return Books(
            rows={(row["pk"]["S"], row["sk"]["S"]): row for row in rows},
            objects={found["Key"]: found["ETag"] for found in contents},
            alerts=alerts,
        )

    def remember_the_plan(self) -> None:
        """Keep what is there before Compare begins, but for the claim: another execution is to take it."""
        self.planned = copy.deepcopy(_table().items)
        pk, sk = keys.run(RUN)
        del self.planned[DynamoType({"S": pk})][DynamoType({"S": sk})]

    def _back_to_the_plan(self) -> None:
        _table().items = copy.deepcopy(self.planned)
        for key in (keys.recheck_object(RUN), keys.report_object(RUN)):
            boto3.client("s3").delete_object(Bucket=BUCKET, Key=key)


def _table() -> Any:
    return dynamodb_backends[ACCOUNT][REGION].tables[TABLE]


@pytest.fixture
def bench(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A run with one account that matches and two that do not any more, on top of an earlier one."""
    desk.open_coinbase("cb-fine", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_coinbase("cb-short", {"BTC": "0.5"}, book={"BTC": "0.5"})
    desk.open_coinbase("cb-long", {"ETH": "9"}, book={"ETH": "9"})
    bench = Bench(desk)
    monkeypatch.setattr("trueup.steps.compare.utc_now", bench.now)
    desk.run(EARLIER)
    assert desk.messages() == []
    bench.midnight += timedelta(days=1)
    desk.write_book("cb-short", "spot", {"BTC": "1"})
    desk.write_book("cb-long", "spot", {"ETH": "3"})

    def remember(event: dict[str, Any], work: Any) -> Any:
        if event["look"] == "first":
            bench.remember_the_plan()
        return work()

    desk.functions.disturb("compare", remember)
    desk.run(SCHEDULED)
    desk.messages()
    # What was read stands, whoever looks again: nobody needs to.
    for name in ("fetch-coinbase", "prices"):
        desk.functions.disturb(name, lambda event, work: {})
    return bench


def counted(capsys: pytest.CaptureFixture[str]) -> int:
    """How many runs were counted for CloudWatch since the last look."""
    return sum("RunsReported" in line for line in capsys.readouterr().out.splitlines())


@pytest.mark.slow
def test_wherever_compare_is_killed_the_retry_ends_as_if_it_had_not_been(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    counting = Power()
    _, undisturbed = bench.compare(counting)
    assert counting.attempts == [ASKING, WRITES]
    _, a_minute_later = bench.compare(Power(), first_minute=2)
    assert len(undisturbed.alerts) == 2
    assert undisturbed.alerts.keys() == a_minute_later.alerts.keys()
    assert undisturbed.rows != a_minute_later.rows

    assert counted(capsys) > 0

    places = [(0, 1), *((1, number) for number in range(1, len(WRITES) + 1))]
    for spares, number in places:
        for too_late in (False, True):
            power = Power(cut_at=number, too_late=too_late, spares=spares)
            done, left = bench.compare(power)
            place = f"killed {'after' if too_late else 'before'} write {number} of attempt {spares + 1}"
            assert (done.status, done.failed_attempts()) == ("SUCCEEDED", ["Runtime.ExitError"]), place
            # Only where nothing was frozen yet may a later attempt judge anew, by its own clock.
            anew = spares == 0 or (number, too_late) == (1, False)
            assert left == (a_minute_later if anew else undisturbed), place
            assert len(power.attempts) == 3, place
            # Only whoever dies between the run's last row and its figures leaves none; nobody ever leaves two.
            assert counted(capsys) == (0 if (number, too_late) == (len(WRITES), True) else 1), place

    for account_id in ACCOUNTS:
        before, row = bench.desk.rows.query(keys.audit(account_id), prefix=keys.REPORT)
        assert (before["seq"], before["prev"], row["seq"], row["prev"]) == (1, GENESIS, 2, before["hash"])
        assert row["hash"] == chain_hash(row)
        checkpoints = bench.desk.rows.query(keys.audit(account_id), prefix=keys.CHECKPOINT)
        assert [checkpoint["entry_hash"] for checkpoint in checkpoints] == [before["hash"], row["hash"]]


@pytest.mark.slow
def test_a_compare_that_hangs_and_lives_on_beside_its_retry_changes_nothing(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    _, undisturbed = bench.compare(Power())
    _, a_minute_later = bench.compare(Power(), first_minute=2)
    bench.desk.redefine(CompareTaskTimeoutSeconds="2")

    counted(capsys)
    for number, expected in ((1, a_minute_later), (4, undisturbed)):
        slow = Power(cut_at=number, hold=True, spares=1)
        done, early = bench.compare(slow)
        assert (done.status, done.failed_attempts()) == ("SUCCEEDED", ["States.Timeout"])
        slow.released.set()
        for _ in range(3):
            assert slow.ended.acquire(timeout=10)
        left = bench.books()
        assert (left.rows, left.objects) == (expected.rows, expected.objects), number
        assert {**early.alerts, **left.alerts}.keys() == expected.alerts.keys(), "the slow one says the same again"
        assert counted(capsys) == 1, number


def test_a_compare_that_dies_every_time_fails_the_run_and_says_what_stands(bench: Bench, operator: Operator) -> None:
    """Nothing was frozen: there is no report, the alarm on failed executions speaks, and the id stays taken."""
    done, left = bench.compare(Power(cut_at=1, kills=3))

    assert (done.status, done.error) == ("FAILED", "Runtime.ExitError")
    assert done.failed_attempts() == ["Runtime.ExitError"] * 3
    assert left.alerts == {}
    shown = operator("runs", "show", RUN)
    assert (shown.code, shown.err.splitlines()[0]) == (2, f"run {RUN}: failed, and has no report")
    assert "redrive the execution" in shown.err
    assert "failed" in operator("runs", "list", "--day", "2026-11-22").out

    again = bench.desk.run({"run_id": RUN})
    assert again.states_entered()[-1] == "AlreadyClaimed"
    assert operator("runs", "show", RUN).code == 2


@pytest.mark.slow
def test_a_redrive_of_a_run_whose_compare_kept_dying_finishes_it(bench: Bench, operator: Operator) -> None:
    """Step Functions' redrive goes on at the failed state with the same execution; no interpreter here can, so Compare
    is asked as it would be."""
    _, undisturbed = bench.compare(Power())
    done, half = bench.compare(Power(cut_at=5, kills=3, spares=1))
    assert done.status == "FAILED"
    assert half.alerts == undisturbed.alerts, "people come first"
    # What was frozen is shown, although the run never said so.
    assert operator("runs", "show", RUN).code == 1
    execution = bench.desk.rows.get(*keys.run(RUN))
    assert execution is not None

    payload, failed = bench.desk.functions.invoke(
        arn("compare"), json.dumps({"run_id": RUN, "execution": execution["execution"], "look": "second"})
    )

    assert not failed, payload
    left = bench.books()
    assert (left.rows, left.objects) == (undisturbed.rows, undisturbed.objects)
    assert left.alerts.keys() == undisturbed.alerts.keys()
