"""What real runs leave behind verifies, the alert they send is a witness, and a record can be taken away."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.venues.credentials import make_address
from tests.unit.auditing.pack_reader import faults_of_pack
from tests.workflow.desk import BUCKET, TABLE, Desk, Operator
from trueup.store import keys

FIRST, SECOND = "20261122T120000Z", "20261122T120500Z"


@pytest.fixture
def audited(desk: Desk) -> dict[str, Any]:
    """Two runs: the second finds half of the bitcoin gone, looks twice, and says so. Returns what it said."""
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    assert desk.run({"scheduled_time": "2026-11-22T12:00:00Z"}).status == "SUCCEEDED"
    desk.write_book("cb-main", "spot", {"BTC": "2"})
    assert desk.run({"scheduled_time": "2026-11-22T12:05:00Z"}).status == "SUCCEEDED"
    (envelope,) = desk.messages()
    alert: dict[str, Any] = json.loads(envelope["Message"])
    return alert


def anchor(alert: dict[str, Any]) -> str:
    """As it stands in the text of the alert."""
    (line,) = [line for line in alert["text"].splitlines() if line.startswith("Audit ")]
    return str(line.removeprefix("Audit "))


def test_what_runs_leave_behind_is_intact_and_takes_an_alert_for_its_witness(
    audited: dict[str, Any], desk: Desk, operator: Operator
) -> None:
    before, _ = desk.rows.query(keys.audit("cb-main"), prefix=keys.REPORT)
    assert audited["audit"] == {"seq": 1, "hash": before["hash"]}
    assert anchor(audited) == f"cb-main:1:{before['hash']}"
    ran = operator("audit", "verify", "--anchor", anchor(audited))
    assert (ran.code, ran.out.splitlines()[0]) == (0, "intact: 4 entries of 2 accounts, 2 runs, 5 observations"), ran


def test_history_set_back_as_a_whole_shows_by_the_alert(
    audited: dict[str, Any], desk: Desk, operator: Operator
) -> None:
    """Everything is removed, then the second run is made again as if the first had never been."""
    table, bucket = boto3.resource("dynamodb").Table(TABLE), boto3.resource("s3").Bucket(BUCKET)
    for row in table.scan()["Items"]:
        if row["pk"].startswith(("ACCOUNT#", "BREAK#", "RUN")):
            table.delete_item(Key={"pk": row["pk"], "sk": row["sk"]})
    bucket.objects.filter(Prefix="runs/").delete()
    assert desk.run({"scheduled_time": "2026-11-22T12:05:00Z"}).status == "SUCCEEDED"
    assert operator("audit", "verify").code == 0
    ran = operator("audit", "verify", "--anchor", anchor(audited))
    assert ran.code == 1
    assert "history was rewritten after the anchor was taken" in ran.out


@pytest.mark.slow
def test_the_record_of_real_runs_adds_up_by_its_own_note(
    audited: dict[str, Any], operator: Operator, tmp_path: Path
) -> None:
    out = tmp_path / "pack"
    ran = operator("audit", "export", "--from", "2000-01-01", "--to", "2999-01-01", "--out", out)
    assert ran.code == 0, ran
    assert list(faults_of_pack(out)) == []
    assert (out / "objects" / "runs" / SECOND / "observations" / "second" / "cb-main.json").exists()
