"""A deployed stack in moto: the table with the template's own keys, the bucket, the topic, no network."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from cli_kit import ACCOUNT, BOOK, DYDX, PRICES, RUN_ID, SNAPSHOT
from moto import mock_aws

from cli.cloud import Cloud
from local.cloud import template
from trueup import aws
from trueup.domain.compare import compare, unverified
from trueup.domain.documents import read_observation, read_prices
from trueup.domain.policy import default_policy
from trueup.domain.reading import canonical_json, digest, read_time
from trueup.domain.reasons import Reason
from trueup.domain.report import Failure, PricesUsed, RunReport, account_report_document, counts, run_report_document
from trueup.store import keys
from trueup.store.audit import Audit, Entry
from trueup.store.runs import Manifest

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
    for module in ("book", "policy"):
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
        "FetchFunctions": '{"coinbase":"arn:c","dydx":"arn:d"}',
    }


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
    at = read_time("2026-11-22T12:00:05Z", "at")
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
        started_at=at,
        compared_at=at,
        policy_version=policy.version,
        prices=PricesUsed("this_run", "USD", "test", prices.as_of, digest(PRICES)),
        accounts=reports,
        venues={"cb-main": "coinbase", "dydx-one": "dydx"},
        failures=(failure,),
    )
    cloud.runs.write_manifest(Manifest(RUN_ID, at, report.venues, {}, policy))
    cloud.objects.put_once(keys.observation_object(RUN_ID, "cb-main"), evidence)
    cloud.objects.put_once(keys.report_object(RUN_ID), run_report_document(report))
    audit = Audit(cloud.rows, 400)
    for account in reports:
        audit.append(
            Entry(
                account.account_id,
                RUN_ID,
                at,
                account.status,
                account.verified,
                tuple(map(str, account.reasons)),
                digest(account_report_document(account)),
                account.evidence_sha256,
                keys.report_object(RUN_ID),
                counts([account]),
            )
        )
    pk, sk = keys.run(RUN_ID)
    row = {"pk": pk, "sk": sk, "run_id": RUN_ID, "execution": "arn:x", "started_at": "2026-11-22T12:00:00.000Z"}
    cloud.rows.put(row | {"state": "finished", "status": report.status, "counts": counts(reports)})
    return cloud


@pytest.fixture
def two_accounts(cloud: Cloud) -> Cloud:
    for document in (ACCOUNT, DYDX):
        pk, sk = keys.account(document["account_id"])
        cloud.rows.put({"pk": pk, "sk": sk, "account": canonical_json(document)})
    return cloud
