"""A run is judged by the policy that was in force when it began, and a report stays what it was."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.workflow.desk import BUCKET, Desk, Operator, arn
from trueup.domain.policy import default_policy
from trueup.store import keys

RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}
NEXT = {"scheduled_time": "2026-11-22T12:05:00Z"}
LOOSE = {"tolerance": {"venues": {"coinbase": {"relative": "0.5", "value_cap": "1e9"}}}}
STRICT = {
    "tolerance": {"default": {"relative": "0", "value_floor": "0"}},
    "severity": {"default": {"major_up_to": "1"}},
}


@pytest.fixture
def short(desk: Desk) -> Desk:
    """An account that holds a third less than its book says: a break, but for a loose policy."""
    desk.open_coinbase("cb-main", {"BTC": "2"}, book={"BTC": "3"})
    return desk


def line(desk: Desk, run_id: str = RUN) -> dict[str, Any]:
    (found,) = desk.account_report(run_id, "cb-main")["lines"]
    return dict(found)


def put(operator: Operator, folder: Path, document: dict[str, Any]) -> str:
    """Put a policy as the operator does; return its version."""
    (folder / "policy.json").write_text(json.dumps(document))
    ran = operator("policy", "put", str(folder / "policy.json"), "--json")
    assert ran.code == 0, ran.err
    return str(ran.document["put"]["version"])


def stored() -> dict[str, str]:
    """Every object there is, by the hash of its bytes."""
    return {it["Key"]: it["ETag"] for it in boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}


def test_a_policy_that_was_put_judges_the_next_run_which_says_so(
    short: Desk, operator: Operator, tmp_path: Path
) -> None:
    version = put(operator, tmp_path, LOOSE)

    assert short.run(SCHEDULED).status == "SUCCEEDED"

    report = short.report(RUN)
    assert report["policy_version"] == report["accounts"][0]["policy_version"] == version
    assert line(short)["outcome"] == "within_tolerance"
    assert line(short)["rule"] == {
        "field": "relative",
        "limit": "0.5",
        "origin": "venue:coinbase",
        "cap_unchecked": False,
    }
    assert f"policy {version}" in operator("runs", "show", RUN).out.replace("\n", " ")
    shown = operator("policy", "show", "--run", RUN, "--account", "cb-main", "--json").document
    assert shown["policy"]["version"] == version
    (relative,) = [it for it in shown["applies"]["fields"] if it["field"] == "relative"]
    assert relative == {"section": "tolerance", "field": "relative", "value": "0.5", "origin": "venue:coinbase"}


def test_a_policy_that_is_put_during_a_run_is_for_the_next_one(short: Desk) -> None:
    def put_and_fetch(event: dict[str, Any], work: Any) -> Any:
        short.functions.disturb("fetch-coinbase", None)
        short.put_policy(**LOOSE)
        return work()

    short.functions.disturb("fetch-coinbase", put_and_fetch)

    short.run(SCHEDULED)
    short.run(NEXT)

    assert short.report(RUN)["policy_version"] == default_policy().version
    assert line(short)["outcome"] == "break"
    assert line(short, "20261122T120500Z")["outcome"] == "within_tolerance"


def test_another_policy_changes_nothing_of_a_report_there_is(short: Desk, operator: Operator, tmp_path: Path) -> None:
    put(operator, tmp_path, LOOSE)
    short.run(SCHEDULED)
    row = short.runs.get(RUN)
    assert row is not None
    shown = operator("runs", "show", RUN).out, operator("runs", "show", RUN, "--json").out
    policy = operator("policy", "show", "--run", RUN, "--json").document["policy"]
    before = stored()

    put(operator, tmp_path, STRICT)

    again = {"run_id": RUN, "execution": row["execution"], "look": "second"}
    payload, failed = short.functions.invoke(arn("compare"), json.dumps(again))
    assert not failed, payload
    assert (operator("runs", "show", RUN).out, operator("runs", "show", RUN, "--json").out) == shown
    assert operator("policy", "show", "--run", RUN, "--json").document["policy"] == policy
    assert {name: tag for name, tag in stored().items() if name in before} == before
    assert short.runs.get(RUN) == row
    assert short.messages() == []


def test_a_compare_that_comes_late_judges_by_the_policy_the_run_began_with(
    short: Desk, operator: Operator, tmp_path: Path
) -> None:
    """Nothing was frozen yet but the plan: the evidence is judged anew, and comes out as it would have."""
    version = put(operator, tmp_path, LOOSE)
    short.run(SCHEDULED)
    row = short.runs.get(RUN)
    assert row is not None
    first = short.report(RUN)
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=keys.report_object(RUN))
    put(operator, tmp_path, STRICT)
    short.functions.configure("compare", RECONCILIATION_THRESHOLD_PERCENTAGE="0.0001")

    late = {"run_id": RUN, "execution": row["execution"], "look": "second"}
    payload, failed = short.functions.invoke(arn("compare"), json.dumps(late))

    assert not failed, payload
    assert short.report(RUN)["policy_version"] == version
    # Judged later, with what the first judging left behind.
    apart: dict[str, object] = {"compared_at": "", "judged_with": {}}
    assert short.report(RUN) | apart == first | apart


def test_a_policy_nobody_can_read_fails_the_run_before_anybody_is_looked_at(short: Desk) -> None:
    policy = short.put_policy(**LOOSE)
    boto3.client("s3").put_object(Bucket=BUCKET, Key=keys.policy_object(policy.version), Body=b"not what was put")

    done = short.run(SCHEDULED)

    assert (done.status, done.error, done.failed_attempts()) == ("FAILED", "ConfigInvalid", ["ConfigInvalid"])
    assert short.functions.count("fetch-coinbase") == 0
    short.put_policy(**STRICT)
    assert short.run(NEXT).status == "SUCCEEDED"
