"""A whole run as those who watch it see it: its figures in CloudWatch, and a sign of life outside."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from local.venues import faults
from local.venues.credentials import make_address
from tests.leaks.plugin import PRODUCED
from tests.unit.book_server import BookServer
from tests.workflow.desk import Desk
from trueup.wire import pinned

FIRST, SECOND = {"scheduled_time": "2026-11-22T12:00:00Z"}, {"scheduled_time": "2026-11-22T12:05:00Z"}
TOKEN = "ping-0b9c7d2e5f414a639d0e7c1f2a3b4c5d"
PRODUCED.canaries.add_secret("the address of a heartbeat", TOKEN)


def figures(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What CloudWatch was given since the last look: one for each line, its service and its values."""
    found = []
    for line in capsys.readouterr().out.splitlines():
        if line.startswith('{"_aws"'):
            said = json.loads(line)
            (directive,) = said["_aws"]["CloudWatchMetrics"]
            values = {it["Name"]: said[it["Name"]][0] for it in directive["Metrics"]}
            assert (directive["Namespace"], said["stack"]) == ("Trueup", "trueup")
            found.append({"service": said["service"], **values})
    return found


@pytest.fixture
def watcher(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[BookServer]:
    """Somebody outside, at an address that is let pass for a public one."""
    monkeypatch.setattr(pinned, "is_public", lambda address: address == "127.0.0.1")
    with BookServer() as server:
        secret = boto3.client("secretsmanager").create_secret(Name="heartbeat", SecretString=f"{server.url}/{TOKEN}")
        desk.functions.configure("compare", HEARTBEAT_ARN=secret["ARN"])
        yield server


def test_every_attempt_beyond_the_first_is_counted_for_its_venue_and_the_run_once(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_coinbase("cb-fine", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "50"})
    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(503), times=2)

    assert desk.run(FIRST).status == "SUCCEEDED"

    said = figures(capsys)
    assert [it for it in said if "Retries" in it] == [{"service": "fetch-coinbase", "Retries": 1}] * 2
    (run,) = [it for it in said if "Retries" not in it]
    assert run.pop("CycleTime") >= 0
    assert run == {
        "service": "compare",
        "RunsReported": 1,
        "AccountCoverage": 100,
        "LineCoverage": 100,
        "AccountsUnverified": 0,
        "BreaksMinor": 0,
        "BreaksMajor": 0,
        "BreaksCritical": 1,
        "BreaksWorth": 50,
        "BreaksUnpriced": 0,
    }


def test_a_run_that_verified_something_gives_a_sign_of_life_whatever_comes_of_it_and_one_that_did_not_gives_none(
    desk: Desk, watcher: BookServer, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    known = list(PRODUCED.leaks)

    done = desk.run(FIRST)

    assert [request.path for request in watcher.requests] == [f"/{TOKEN}"]
    assert (done.status, done.failed_attempts()) == ("SUCCEEDED", []), "although it was answered with 401"
    assert "no heartbeat" in caplog.messages
    (whole,) = figures(capsys)
    assert (whole["RunsReported"], whole["AccountCoverage"]) == (1, 100)

    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(401))
    assert desk.run(SECOND).status == "FAILED"
    assert len(watcher.requests) == 1
    (dark,) = figures(capsys)
    assert (dark["RunsReported"], dark["AccountCoverage"], dark["AccountsUnverified"]) == (1, 0, 1)
    assert "BreaksCritical" not in dark
    assert list(PRODUCED.leaks) == known
