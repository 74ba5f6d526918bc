"""What an operator chooses arrives: at the HTTP client, the state machine, the schedule and the judgement."""

import json
from collections.abc import Iterator

import pytest

from local.cloud.errors import DeployFailed
from local.cloud.ministack import LocalCloud
from local.venues import faults
from tests.e2e.small_desk import SmallDesk, small_desk
from trueup.aws import client

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def desk(cloud: LocalCloud) -> Iterator[SmallDesk]:
    with small_desk(cloud, "parameters") as desk:
        yield desk


CHOICES = [("1000", "1", "0.5", "600", "10 minutes"), ("2000", "2", "0.45", "120", "2 minutes")]


@pytest.mark.parametrize(("timeout", "retries", "threshold", "interval", "rate"), CHOICES)
def test_timeout_retries_threshold_and_interval_arrive_where_they_count(
    desk: SmallDesk, timeout: str, retries: str, threshold: str, interval: str, rate: str
) -> None:
    desk.deploy(
        ReconciliationTimeoutMilliseconds=timeout,
        ReconciliationMaxRetries=retries,
        ReconciliationThresholdPercentage=threshold,
        ReconciliationIntervalSeconds=interval,
    )
    desk.coinbase.fail(desk.key_names["cb-main"], faults.hang(), times=None)
    run_id = f"20261122T1{retries}0000Z"

    ended = desk.run({"scheduled_time": f"2026-11-22T1{retries}:00:00Z"})
    desk.coinbase.faults.clear()

    said = f"account cb-main at coinbase: GET /api/v3/brokerage/accounts got no whole answer within {timeout[0]} s"
    assert [(it.error, it.message) for it in desk.failures(ended)] == [("VenueUnavailable", said)] * (int(retries) + 1)
    report = desk.account_report(run_id, "cb-off")
    (line,) = report["lines"]
    assert (report["status"], line["outcome"], line["relative"]) == ("OK", "within_tolerance", "0.004")
    limit = {"0.5": "0.005", "0.45": "0.0045"}[threshold]
    assert line["rule"] == {"field": "relative", "limit": limit, "origin": "default", "cap_unchecked": False}
    schedule = client("scheduler").get_schedule(Name=desk.deployment.outputs["ScheduleName"])
    assert (schedule["ScheduleExpression"], schedule["State"]) == (f"rate({rate})", "DISABLED")


def test_a_threshold_below_the_difference_makes_it_a_break(desk: SmallDesk) -> None:
    desk.deploy(ReconciliationThresholdPercentage="0.39")

    desk.run({"scheduled_time": "2026-11-22T13:00:00Z"})

    (line,) = desk.account_report("20261122T130000Z", "cb-off")["lines"]
    assert (line["outcome"], line["rule"]) == ("break", None)


def test_switched_off_it_starts_and_reads_nothing(desk: SmallDesk) -> None:
    desk.deploy(ReconciliationEnabled="false")
    before = len(desk.coinbase.requests) + len(desk.dydx.requests)

    ended = desk.run({"scheduled_time": "2026-11-22T14:00:00Z"})

    assert (ended["status"], json.loads(ended["output"])["next"]) == ("SUCCEEDED", "disabled")
    row = desk.runs.get("20261122T140000Z")
    assert row is not None
    assert row["state"] == "disabled"
    assert len(desk.coinbase.requests) + len(desk.dydx.requests) == before


REFUSED = [
    (
        {"ReconciliationIntervalSeconds": "60", "ReconciliationMaxRetries": "2"},
        "With ReconciliationIntervalSeconds=60, ReconciliationMaxRetries must be 0 or 1",
    ),
    (
        {"ReconciliationMaxRetries": "5"},
        "With ReconciliationIntervalSeconds=300, ReconciliationMaxRetries must be from 0 to 4",
    ),
    (
        {"ReconciliationTimeoutMilliseconds": "24500"},
        "With ReconciliationIntervalSeconds=300, ReconciliationTimeoutMilliseconds must be from 1000 to 24000",
    ),
    ({"ReconciliationMaxRetries": "11"}, "must be from 0 to 10"),
    ({"ReconciliationThresholdPercentage": "11"}, "must be a plain decimal from 0.0001 to 10"),
]


@pytest.mark.parametrize(("chosen", "sentence"), REFUSED, ids=lambda it: str(it)[:60])
def test_what_cannot_be_is_refused_at_deployment_in_the_templates_words(
    desk: SmallDesk, chosen: dict[str, str], sentence: str
) -> None:
    with pytest.raises(DeployFailed) as refused:
        desk.deploy(**chosen)
    assert sentence in " ".join(str(refused.value).split())


def test_what_was_made_impossible_by_hand_is_refused_at_the_start_and_not_tried_again(desk: SmallDesk) -> None:
    desk.deploy()
    with desk.environment_changed("PlanFunction", RECONCILIATION_MAX_RETRIES="9"):
        ended = desk.run({"scheduled_time": "2026-11-22T15:00:00Z"})

    assert (ended["status"], ended["error"]) == ("FAILED", "ConfigInvalid")
    (failed,) = desk.failures(ended)
    assert failed.message == (
        "RECONCILIATION_MAX_RETRIES must be from 0 to 4 with RECONCILIATION_INTERVAL_SECONDS=300; not 9"
    )
    assert desk.runs.get("20261122T150000Z") is None


def test_a_lock_on_evidence_arrives_at_a_bucket_that_was_there_before(desk: SmallDesk) -> None:
    """And runs go on: what they write comes as S3 wants it there."""
    desk.deploy()
    bucket = desk.deployment.outputs["BucketName"]
    desk.deploy(EvidenceLockDays="1")
    lock = client("s3").get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 1}
    assert desk.deployment.outputs["BucketName"] == bucket
    desk.run({"scheduled_time": "2026-11-22T16:00:00Z"})
    assert desk.account_report("20261122T160000Z", "cb-off")["lines"]
