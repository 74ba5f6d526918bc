"""A deployed stack in moto: the table with the template's own keys, the bucket, the topic, no network."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from cli_kit import ACCOUNT, BOOK, DYDX, JUDGED, PRICES, RUN_ID, SNAPSHOT
from moto import mock_aws

from cli.cloud import Cloud
from local.cloud import template
from trueup import aws
from trueup.alerts.publish import SnsPublisher
from trueup.domain.compare import compare, unverified
from trueup.domain.documents import read_observation, read_prices
from trueup.domain.policy import default_policy
from trueup.domain.reading import canonical_json, digest, format_time, read_time
from trueup.domain.reasons import Reason
from trueup.domain.report import Failure, PricesUsed, RunReport, run_report_document
from trueup.steps.compare import CompareRequest, CompareStep
from trueup.steps.judging import Judging
from trueup.store import keys
from trueup.store.audit import Audit
from trueup.store.histories import Histories
from trueup.store.prices import PriceSets
from trueup.store.runs import Manifest, Runs

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:reconcile"
SESSION = boto3.Session("testing", "testing", region_name="us-east-1")


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "TRUEUP_STACK", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for module in ("audit", "book", "breaks", "policy"):
        monkeypatch.setattr(f"cli.{module}.utc_now", lambda: read_time("2026-11-22T12:01:00Z", "now"))
    yield
    if boto3.DEFAULT_SESSION is not SESSION:
        boto3.DEFAULT_SESSION = None
        aws.client.cache_clear()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with mock_aws():
        # One session for all tests: its clients are slow to make, and have no state.
        if boto3.DEFAULT_SESSION is not SESSION:
            aws.use_session(SESSION)
        made = Cloud("trueup", _resources())
        for module in ("cloud", "doctor"):
            monkeypatch.setattr(f"cli.{module}.use_profile", lambda region, *, local: None)
        # How a stack is found is proved in test_cli_stack.py.
        monkeypatch.setattr("cli.cloud.find_stack", lambda stack_name: replace(made, stack_name=stack_name))
        monkeypatch.setattr("cli.doctor.find_stack", lambda stack_name: replace(made, stack_name=stack_name))
        yield made


@cache
def _table_of_the_template() -> dict[str, Any]:
    properties: dict[str, Any] = template.read(TEMPLATE)["Resources"]["TrueupTable"]["Properties"]
    return properties


def _resources() -> dict[str, str]:
    properties = _table_of_the_template()
    aws.client("dynamodb").create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=properties["AttributeDefinitions"],
        KeySchema=properties["KeySchema"],
        GlobalSecondaryIndexes=properties["GlobalSecondaryIndexes"],
    )
    aws.client("s3").create_bucket(Bucket="bucket")
    topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    return {
        "StateMachineArn": MACHINE,
        "ScheduleName": "schedule",
        "TableName": "table",
        "BucketName": "bucket",
        "TopicArn": topic,
        "KeyArn": "alias/aws/secretsmanager",
        "SecretPrefix": "trueup/",
        "ReconciliationIntervalSeconds": "300",
        "ReconciliationThresholdPercentage": "0.1",
        "RetentionDays": "400",
        "FetchFunctions": '{"coinbase":"arn:c","dydx":"arn:d"}',
    }


@pytest.fixture
def endpoints(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The stack with endpoints for alerts: the queues between the topic and them."""
    monkeypatch.setattr("cli.dead_letters.WAIT_SECONDS", 0)
    fifo = {"Attributes": {"FifoQueue": "true"}}
    sqs = aws.client("sqs")
    queues = {
        "NoticeQueueUrl": sqs.create_queue(QueueName="notices"),
        "NoticeDeadLetterQueueUrl": sqs.create_queue(QueueName="dead-notices"),
        "DeliveryQueueUrl": sqs.create_queue(QueueName="deliveries.fifo", **fifo),
        "DeliveryDeadLetterQueueUrl": sqs.create_queue(QueueName="dead-deliveries.fifo", **fifo),
    }
    outputs = {name: made["QueueUrl"] for name, made in queues.items()} | {"NotifyFunctionArn": "arn:notify"}
    made = replace(cloud, outputs={**cloud.outputs, **outputs})
    monkeypatch.setattr("cli.cloud.find_stack", lambda stack_name: replace(made, stack_name=stack_name))
    return made


@pytest.fixture
def schedule(cloud: Cloud) -> Cloud:
    """The state machine and its schedule, switched off. moto takes its time to make them."""
    role = "arn:aws:iam::123456789012:role/any"
    aws.client("stepfunctions").create_state_machine(
        name="reconcile", roleArn=role, definition='{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}'
    )
    aws.client("scheduler").create_schedule(
        Name="schedule",
        ScheduleExpression="rate(5 minutes)",
        State="DISABLED",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": MACHINE, "RoleArn": role},
    )
    return cloud


@pytest.fixture
def a_run(cloud: Cloud) -> Cloud:
    """One finished run: cb-main short of bitcoin with a wallet unread, dydx-one refused."""
    started, at = read_time("2026-11-22T12:00:00Z", "started"), read_time("2026-11-22T12:00:05Z", "at")
    evidence = {"schema": 1, "run_id": RUN_ID, "account_id": "cb-main", "started_at": "2026-11-22T12:00:00.000Z"}
    evidence |= {"finished_at": "2026-11-22T12:00:01.000Z", "book": BOOK, "snapshot": SNAPSHOT, "book_after": BOOK}
    evidence |= {"answers": []}
    policy, prices = default_policy(), read_prices(PRICES)
    observation = read_observation(evidence)
    reports = (
        compare(observation, policy, prices, run_id=RUN_ID),
        unverified("dydx-one", Reason.GEO_BLOCKED, policy, run_id=RUN_ID),
    )
    failure = Failure("dydx-one", "VenueGeoBlocked", "account dydx-one at dydx: answered 403: GEOBLOCKED")
    report = RunReport(
        run_id=RUN_ID,
        started_at=started,
        compared_at=at,
        policy_version=policy.version,
        prices=PricesUsed("this_run", "USD", "test", prices.as_of, digest(PRICES), keys.prices_object(RUN_ID)),
        accounts=reports,
        venues={"cb-main": "coinbase", "dydx-one": "dydx"},
        failures=(failure,),
    )
    runs = Runs(cloud.rows, cloud.objects, 400)
    runs.claim(RUN_ID, "arn:x", started)
    runs.write_manifest(Manifest(RUN_ID, started, dict(report.venues), {}, policy))
    cloud.objects.put_once(keys.observation_object(RUN_ID, "cb-main"), evidence)
    cloud.objects.put_once(keys.prices_object(RUN_ID), PRICES)
    frozen = {"manifest_sha256": runs.manifest(RUN_ID).sha256, "looks": {}, "audit": {}, "tracks": {}, "breaks": {}}
    cloud.objects.put_once(keys.report_object(RUN_ID), run_report_document(report) | frozen)
    _tell_the_rest(cloud)
    return cloud


@pytest.fixture
def judged_run(cloud: Cloud) -> Cloud:
    """A run of the day before, judged as Compare does: short of bitcoin, too."""
    started, at = read_time("2026-11-21T12:00:00Z", "started"), read_time("2026-11-21T12:00:05Z", "at")
    evidence: dict[str, Any] = {"schema": 1, "run_id": JUDGED, "account_id": "cb-main", "answers": []}
    evidence |= {"started_at": format_time(started), "finished_at": format_time(started)}
    evidence |= {"book": BOOK | {"as_of": format_time(started)}, "book_after": BOOK | {"as_of": format_time(started)}}
    evidence |= {"snapshot": SNAPSHOT | {"observed_at": format_time(started)}}
    cloud.objects.put_once(keys.observation_object(JUDGED, "cb-main"), evidence)
    cloud.objects.put_once(keys.prices_object(JUDGED), PRICES | {"as_of": format_time(started)})
    runs, audit, histories = Runs(cloud.rows, cloud.objects, 400), Audit(cloud.rows, 400), Histories(cloud.rows, 400)
    runs.claim(JUDGED, "arn:x", started)
    runs.write_manifest(Manifest(JUDGED, started, {"cb-main": "coinbase"}, {}, default_policy()))
    sets = PriceSets(cloud.rows, cloud.objects)
    by = runs.manifest(JUDGED).policy
    judging = Judging(cloud.objects, runs, sets, histories, audit, by, "USD", clock=lambda: at)
    cloud.objects.put_once(keys.report_object(JUDGED), judging.report(judging.first_look(runs.manifest(JUDGED)), []))
    _tell_the_rest(cloud, JUDGED)
    return cloud


def _tell_the_rest(cloud: Cloud, run_id: str = RUN_ID) -> None:
    """Do what Compare does once a report is frozen."""
    step = CompareStep(
        judging=None,  # type: ignore[arg-type]  # nothing is judged again
        objects=cloud.objects,
        runs=Runs(cloud.rows, cloud.objects, 400),
        audit=Audit(cloud.rows, 400),
        histories=Histories(cloud.rows, 400),
        publisher=SnsPublisher(cloud.outputs["TopicArn"]),
        fetch_functions={},
        max_concurrency=1,
    )
    with pytest.MonkeyPatch.context() as patch:
        # moto's transactions copy the table, and are no good beside each other.
        patch.setattr("trueup.steps.compare.for_each", lambda call, items: [call(item) for item in items])
        step.run(CompareRequest(run_id, "arn:x"))


@pytest.fixture
def two_accounts(cloud: Cloud) -> Cloud:
    for document in (ACCOUNT, DYDX):
        pk, sk = keys.account(document["account_id"])
        cloud.rows.put({"pk": pk, "sk": sk, "account": canonical_json(document)})
    return cloud
