"""Everything a run leaves in the table: what goes after RetentionDays, what goes sooner, and what stays."""

from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from local.venues import faults
from local.venues.credentials import make_address
from tests.workflow.desk import TABLE, Desk, Operator
from trueup.domain.report import break_id
from trueup.store import keys

BTC, SOL = (break_id("cb-main", "spot", asset, "total") for asset in ("BTC", "SOL"))
KEPT = timedelta(days=400)
ADDRESS = make_address("desk")


FOREVER = (
    ("ACCOUNTS", "ACCOUNT#"),
    ("BOOK#", keys.HEAD),
    ("PRICES", keys.LAST_GOOD),
    ("ACCOUNT#", keys.CHAIN),
    ("ACCOUNT#", keys.CHECKPOINT),
    ("ACCOUNT#", keys.LAST_LOOK),
    ("ACCOUNT#", f"{keys.TRACK}{BTC}"),
    ("ACCOUNT#", f"{keys.BREAK}{BTC}"),
    ("ACCOUNT#dydx-main", keys.BLINDNESS),
)
"""What is true now, however old it is, and what the audit needs when all else has expired."""


@pytest.fixture
def rows(desk: Desk, operator: Operator) -> list[dict[str, Any]]:
    """Two runs: a break that is looked at twice in vain, one that is over then, an account out of reach; a deed."""
    desk.open_coinbase("cb-main", {"BTC": "1", "SOL": "10"}, book={"BTC": "2", "SOL": "10.5"})
    desk.open_dydx("dydx-main", ADDRESS, {"USDC": "100"}, {}, book={"USDC": "100"})
    desk.before_the_second_look = lambda: desk.coinbase.fail(desk.key_names["cb-main"], faults.status(401))
    assert desk.run({"scheduled_time": "2026-11-22T12:00:00Z"}).status == "SUCCEEDED"
    desk.dydx.fail(ADDRESS, faults.status(403), times=None)
    desk.write_book("cb-main", "spot", {"BTC": "2", "SOL": "10"})
    assert desk.run({"scheduled_time": "2026-11-22T12:05:00Z"}).status == "SUCCEEDED"
    assert operator("breaks", "ack", BTC).code == 0
    found: list[dict[str, Any]] = boto3.resource("dynamodb").Table(TABLE).scan()["Items"]
    return found


def after(moment: str, kept: timedelta) -> int:
    return int((datetime.fromisoformat(moment) + kept).timestamp())


def due(row: dict[str, Any], started: dict[str, str]) -> int:
    """When a row of a run may go."""
    pk, sk = row["pk"], row["sk"]
    if pk.startswith("RUNS#"):
        return after(row["started_at"], KEPT)
    if pk.startswith("RUN#"):  # what failed in it
        return after(started[pk.removeprefix("RUN#")], KEPT)
    if sk.startswith(keys.REPORT):  # with all of its day
        return after(f"{row['at'][:10]}T00:00:00+00:00", KEPT + timedelta(days=1))
    if pk.startswith(keys.BREAK):
        return after(row["at"], KEPT)
    if sk == f"{keys.BREAK}{SOL}":  # over: a while longer than its events
        return after(row["resolved_at"], KEPT + timedelta(days=30))
    assert sk == f"{keys.TRACK}{SOL}", f"{pk} {sk}: does it expire?"
    return int(row["expires_at"])  # a day after there was nothing left to remember


def test_every_row_of_a_run_expires_in_its_time_or_is_needed_for_ever(rows: list[dict[str, Any]]) -> None:
    started = {row["run_id"]: row["started_at"] for row in rows if row["pk"].startswith("RUNS#")}
    kinds = set()
    for row in rows:
        pk, sk = row["pk"], row["sk"]
        stays = any(pk.startswith(owner) and sk.startswith(name) for owner, name in FOREVER)
        kinds.add(f"{pk.partition('#')[0]} {sk.partition('#')[0]}")
        if stays:
            assert "expires_at" not in row, (pk, sk)
        else:
            assert int(row["expires_at"]) == due(row, started), (pk, sk)
    assert kinds == {
        "ACCOUNTS ACCOUNT",
        "ACCOUNT BREAK",
        "ACCOUNT CHAIN",
        "ACCOUNT CHECKPOINT",
        "ACCOUNT REPORT",
        "ACCOUNT TRACK",
        "BOOK HEAD",
        "BREAK EVENT",
        "PRICES LAST_GOOD",
        "RUN FAILURE",
        "RUN RECHECK",
        "RUNS RUN",
    }
