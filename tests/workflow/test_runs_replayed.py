"""What real runs leave behind is judged again alike: breaks, second looks, items in flight, books in motion."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from local.venues.credentials import make_address
from tests.workflow.desk import BUCKET, Desk, Operator
from trueup.domain.reading import canonical_json
from trueup.store import keys

RUNS = tuple(f"20261122T12{minute:02}00Z" for minute in (0, 5, 10))


def run(desk: Desk, minute: int) -> None:
    assert desk.run({"scheduled_time": f"2026-11-22T12:{minute:02}:00Z"}).status == "SUCCEEDED"


@pytest.fixture
def judged(desk: Desk) -> Desk:
    """Three runs: all is well; half the bitcoin gone, looked at twice, and one account out of reach; still so."""
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    run(desk, 0)
    desk.write_book("cb-main", "spot", {"BTC": "2"})
    desk.write_book("dydx-main", "perp/0", {"USDC": "101.5"})
    run(desk, 5)
    run(desk, 10)
    return desk


def put(desk: Desk, key: str, change: Callable[[Any], object]) -> None:
    document = desk.objects.get(key)
    change(document)
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=key)
    desk.objects.put_once(key, document)


def test_runs_are_judged_again_alike_and_what_was_tampered_with_is_named(judged: Desk, operator: Operator) -> None:
    for run_id in RUNS:
        ran = operator("runs", "replay", run_id)
        assert (ran.code, ran.out.split(":")[0]) == (0, "identical"), ran
    assert set(judged.report(RUNS[1])["looks"]) == {"cb-main"}
    assert judged.report(RUNS[2])["judged_with"]["accounts"]["cb-main"]["breaks"]

    def loses(document: Any) -> None:
        document["snapshot"]["holdings"][0]["total"] = "0.9"

    for key, change in (
        (keys.second_observation_object(RUNS[1], "cb-main"), loses),
        (keys.prices_object(RUNS[1]), lambda document: document["prices"].update(BTC="97000.6")),
        (keys.manifest_object(RUNS[1]), lambda document: document["wallets"].clear()),
    ):
        before = judged.objects.get(key)
        put(judged, key, change)
        assert canonical_json(judged.objects.get(key)) != canonical_json(before)
        ran = operator("runs", "replay", RUNS[1], "--json")
        document = json.loads(ran.out)
        assert (ran.code, document["verdict"]) == (1, "tampered")
        assert [problem.split(":")[0] for problem in document["problems"]] == [f"object {key}"]
        put(judged, key, lambda document, before=before: (document.clear(), document.update(before)))  # type: ignore[misc]
    assert operator("runs", "replay", RUNS[1]).code == 0
