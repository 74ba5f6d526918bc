"""The story of a break on the local cloud, IAM enforced: seen, said once, looked after, grown, corrected, and back.

Then the record of it: intact, and wherever one byte of it is changed, that is found.
"""

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.cloud.mailbox import Mailbox, open_mailbox
from local.cloud.ministack import LocalCloud
from local.cloud.session import REGION
from local.venues import faults
from tests.e2e.small_desk import ROOT, SmallDesk, small_desk
from trueup.aws import client
from trueup.clock import utc_now
from trueup.domain.breaks import Break, How, Status
from trueup.domain.report import break_id
from trueup.store import keys
from trueup.store.breaks import Breaks

pytestmark = pytest.mark.slow

STACK = "story"
BREAK_ID = break_id("cb-main", "spot", "BTC", "total")
OUTAGE = faults.status(503)
ATTEMPTS = 4
"""The first one and its retries."""


@dataclass
class Told:
    """The desk, and whoever is told."""

    desk: SmallDesk
    mailbox: Mailbox
    environment: dict[str, str]
    read: int = 0
    runs: list[str] = field(default_factory=list)

    def run(self, *subjects: str) -> list[dict[str, Any]]:
        """Let a run happen, five minutes after the last; it says what has these subjects, which is returned."""
        hours, minutes = divmod(5 * len(self.runs), 60)
        scheduled = f"2026-11-22T{12 + hours:02}:{minutes:02}:00Z"
        self.runs.append(scheduled.replace("-", "").replace(":", ""))
        ended = self.desk.run({"scheduled_time": scheduled})
        assert ended["status"] == "SUCCEEDED", ended
        count = self.read + len(subjects)
        everything = self.mailbox.wait_for(lambda received: len(received) >= count)
        said, self.read = everything[self.read :], len(everything)
        assert [message.subject for message in said] == list(subjects)
        return [message.alert for message in said]

    def holds(self, bitcoin: str) -> None:
        """Let the venue show so much; the book says one."""
        self.desk.coinbase.portfolio(self.desk.key_names["cb-main"]).set("BTC", bitcoin)

    def operator(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Somebody at a terminal, with the verb as it is installed."""
        command = [sys.executable, "-m", "cli", *words, "--stack-name", STACK]
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )

    @property
    def breaks(self) -> Breaks:
        return Breaks(self.desk.rows, 400)

    def known(self, break_id: str) -> Break:
        found = self.breaks.get(break_id)
        assert found is not None
        return found

    def status(self, break_id: str) -> Status:
        return self.known(break_id).status(utc_now())


@pytest.fixture(scope="module")
def told(cloud: LocalCloud) -> Iterator[Told]:
    with small_desk(cloud, STACK) as desk:
        mailbox = open_mailbox(cloud.session(), desk.deployment.outputs["TopicArn"], "story-mailbox")
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "shared")]),
        }
        yield Told(desk, mailbox, environment)
        mailbox.close()


def test_a_break_from_first_sight_to_its_return(told: Told) -> None:
    told.run()

    # It appears, is looked at again at once, and is said.
    told.holds("0.7")
    (alert,) = told.run("[Trueup] CRITICAL cb-main (coinbase): BTC quantity differs")
    (line,) = alert["breaks"]
    assert (line["break_id"], line["news"], line["difference"]) == (BREAK_ID, "confirmed", "-0.3")
    assert told.desk.account_report(told.runs[-1], "cb-main")["recheck"] == "read"
    assert f"    trueup breaks ack {BREAK_ID}\n" in alert["text"]
    assert told.status(BREAK_ID) is Status.CONFIRMED

    # It stands, and nobody is told twice.
    told.run()

    # Somebody takes care; who else was told hears that.
    done = told.operator("breaks", "ack", BREAK_ID)
    assert done.returncode == 0, done
    assert told.status(BREAK_ID) is Status.ACKNOWLEDGED
    again = told.operator("breaks", "ack", BREAK_ID)
    assert again.returncode != 0
    assert "has acknowledged it" in again.stderr
    (alert,) = told.run("[Trueup] ACKNOWLEDGED cb-main (coinbase): BTC by arn:aws:iam::000000000000:root")
    assert alert["acknowledged"][0]["break_id"] == BREAK_ID

    # It grows by more than a tenth: that matters, acknowledged or not.
    told.holds("0.66")
    (alert,) = told.run("[Trueup] CRITICAL cb-main (coinbase): grown: BTC quantity differs")
    assert (alert["breaks"][0]["news"], alert["breaks"][0]["difference"]) == ("grown", "-0.34")
    assert told.status(BREAK_ID) is Status.ACKNOWLEDGED

    # The venue is down: nobody can see anything, and nothing changes.
    before, story = told.known(BREAK_ID), told.breaks.story(BREAK_ID)
    told.desk.coinbase.fail(told.desk.key_names["cb-main"], OUTAGE, times=ATTEMPTS)
    told.run()
    assert told.desk.account_report(told.runs[-1], "cb-main")["reasons"] == ["unreachable"]
    assert (told.known(BREAK_ID), told.breaks.story(BREAK_ID)) == (before, story)

    # It is corrected at the venue, and whoever was told hears that it is over.
    told.holds("1")
    (alert,) = told.run("[Trueup] RESOLVED cb-main (coinbase): BTC: the venue moved")
    assert (alert["resolved"][0]["break_id"], alert["resolved"][0]["how"]) == (BREAK_ID, "venue_moved")
    resolved = told.known(BREAK_ID)
    assert (resolved.phase, resolved.how, resolved.occurrences) == (Status.RESOLVED, How.VENUE_MOVED, 4)

    # The same break returns: it is the same one, with its story.
    told.holds("0.7")
    (alert,) = told.run("[Trueup] CRITICAL cb-main (coinbase): back: BTC quantity differs")
    assert (alert["breaks"][0]["news"], alert["breaks"][0]["break_id"]) == ("reopened", BREAK_ID)
    back = told.known(BREAK_ID)
    assert (back.reopened, back.occurrences, back.acknowledged) == (1, 5, None)
    shown = told.operator("breaks", "show", BREAK_ID)
    assert shown.returncode == 0, shown
    assert "resolved" in shown.stdout


# -- the record of it ----------------------------------------------------------------------------------------------

Change = Callable[[Told], Callable[[], None]]
"""Changes one byte, and returns what puts it back."""


def row_of(pk: str, sk: str, field: str) -> Change:
    """Change the last character of a field of the first row whose keys begin like this."""

    def change(told: Told) -> Callable[[], None]:
        rows = told.desk.rows
        row = rows.query(pk, prefix=sk)[0]
        rows.put(row | {field: spoilt(row[field])})
        return lambda: (rows.put(row), None)[1]

    return change


def object_of(suffix: str) -> Change:
    """Change one digit inside the newest object whose key ends like this."""

    def change(told: Told) -> Callable[[], None]:
        s3, bucket = client("s3"), told.desk.deployment.outputs["BucketName"]
        found = s3.list_objects_v2(Bucket=bucket, Prefix="runs/")["Contents"]
        key = sorted(each["Key"] for each in found if each["Key"].endswith(suffix))[-1]
        stored = s3.get_object(Bucket=bucket, Key=key)
        content = stored["Body"].read()
        kept = {name: stored[name] for name in ("ContentType", "ContentEncoding", "Metadata") if stored.get(name)}
        text = gzip.decompress(content).decode()
        place = text.rindex("7")
        changed = gzip.compress((text[:place] + "8" + text[place + 1 :]).encode(), mtime=0)
        s3.put_object(Bucket=bucket, Key=key, Body=changed, **kept)
        return lambda: (s3.put_object(Bucket=bucket, Key=key, Body=content, **kept), None)[1]

    return change


def spoilt(value: Any) -> Any:
    """Return a value of the same sort that differs by as little as can be."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value[:-1] + ("0" if value[-1] != "0" else "1")


STORES: dict[str, Change] = {
    "an entry of the audit": row_of(keys.audit("cb-main"), keys.REPORT, "status"),
    "the head of the audit": row_of(keys.audit("cb-main"), keys.CHAIN, "hash"),
    "a checkpoint": row_of(keys.audit("cb-main"), keys.CHECKPOINT, "entry_hash"),
    "a break": row_of(keys.audit("cb-main"), keys.BREAK, "occurrences"),
    "what happened to a break": row_of(keys.story(BREAK_ID), keys.EVENT, "difference"),
    "the row of a run": row_of("RUNS#2026-11-22", keys.RUN, "seal"),
    "a report": object_of("/report.json.gz"),
    "the evidence of a look": object_of("/observations/cb-main.json.gz"),
    "the evidence of a second look": object_of("/second/cb-main.json.gz"),
    "a price set": object_of("/prices.json.gz"),
    "a manifest": object_of("/manifest.json.gz"),
}


def verified(told: Told) -> "subprocess.CompletedProcess[str]":
    return told.operator("audit", "verify")


def test_the_record_of_it_is_intact(told: Told) -> None:
    found = verified(told)
    assert (found.returncode, found.stdout.splitlines()[0][:7]) == (0, "intact:"), found


@pytest.mark.parametrize("change", STORES.values(), ids=STORES)
def test_wherever_one_byte_is_changed_that_is_found(told: Told, change: Change) -> None:
    put_back = change(told)
    try:
        found = verified(told)
    finally:
        put_back()
    assert found.returncode == 1, found
