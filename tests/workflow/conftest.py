"""The desk every workflow test starts from."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.dynamodb.models import DynamoDBBackend
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

import trueup.aws
from cli.cloud import Cloud
from local.cloud.template import of_type, read
from local.venues.coinbase import CoinbaseSimulator
from local.venues.dydx import DydxSimulator
from tests.unit.cli.cli_kit import trueup as run_trueup
from tests.workflow.desk import (
    BOOK_BUCKET,
    BUCKET,
    REGION,
    ROOT,
    SECRETS,
    TABLE,
    Desk,
    Functions,
    Operator,
    arn,
    definition,
)

FETCHERS = f'{{"coinbase": "{arn("fetch-coinbase")}", "dydx": "{arn("fetch-dydx")}"}}'
PRICES = {"BTC": "97000.5", "ETH": "3400", "USDC": "1", "SOL": "180"}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A deployed Trueup with no accounts yet, its venues open."""
    with deployed(monkeypatch) as desk:
        yield desk


@contextmanager
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Deploy a Trueup with no accounts yet, its venues open; bench/cost.py counts what its runs use."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "POWERTOOLS_TRACE_DISABLED": "1",
    }.items():
        monkeypatch.setenv(name, value)
    trueup.aws.client.cache_clear()
    config = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
    with (
        mock_aws(config=config),
        CoinbaseSimulator(prices=PRICES) as coinbase,
        DydxSimulator(oracle_prices={"BTC-USD": "97000.5"}) as dydx,
    ):
        _make_transactions_atomic(monkeypatch)
        desk = Desk(coinbase, dydx, _deploy_functions(coinbase.url))
        _deploy_stores(desk)
        _connect_state_machine(desk, monkeypatch)
        yield desk
        coinbase.release_hung()
        dydx.release_hung()
    trueup.aws.client.cache_clear()


@pytest.fixture
def operator(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """The command line, connected to the desk."""
    outputs = {
        "StateMachineArn": desk.machine_arn,
        "TableName": TABLE,
        "BucketName": BUCKET,
        "TopicArn": desk.topic_arn,
        "ReconciliationIntervalSeconds": "300",
        "ReconciliationThresholdPercentage": "0.1",
        "RetentionDays": "400",
    }
    monkeypatch.setattr("cli.cloud.use_profile", lambda region, *, local: None)
    monkeypatch.setattr("cli.cloud.find_stack", lambda stack_name: Cloud(stack_name, outputs))
    return run_trueup


def _deploy_functions(prices_url: str) -> Functions:
    functions = Functions(
        {
            "TABLE_NAME": TABLE,
            "BUCKET_NAME": BUCKET,
            "RETENTION_DAYS": "400",
            "BASE_CURRENCY": "USD",
            "RECONCILIATION_ENABLED": "true",
            "RECONCILIATION_INTERVAL_SECONDS": "300",
            "RECONCILIATION_THRESHOLD_PERCENTAGE": "0.1",
            "RECONCILIATION_TIMEOUT_MILLISECONDS": "5000",
            "RECONCILIATION_MAX_RETRIES": "3",
            "STACK_NAME": "trueup",
        }
    )
    functions.deploy("plan", "plan", MAX_CONCURRENCY="8", FETCH_FUNCTIONS=FETCHERS)
    for venue in ("coinbase", "dydx"):
        functions.deploy(f"fetch-{venue}", "fetch", VENUE=venue, SECRET_PREFIX=SECRETS, BOOK_ALLOWED_HOSTS="127.0.0.1")
    functions.deploy("book", "book")
    functions.deploy("prices", "prices", PRICES_BASE_URL=prices_url)
    return functions


def _deploy_stores(desk: Desk) -> None:
    table = _table_of_the_template()
    boto3.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=table["KeySchema"],
        GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"],
        AttributeDefinitions=table["AttributeDefinitions"],
    )
    for bucket in (BUCKET, BOOK_BUCKET):
        boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    desk.topic_arn = sns.create_topic(Name="alerts")["TopicArn"]
    desk.mailbox_url = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=desk.mailbox_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=desk.topic_arn, Protocol="sqs", Endpoint=queue)
    desk.functions.deploy("compare", "compare", TOPIC_ARN=desk.topic_arn, MAX_CONCURRENCY="8", FETCH_FUNCTIONS=FETCHERS)


@cache
def _table_of_the_template() -> Mapping[str, Any]:
    (table,) = of_type(read(ROOT / "template.yaml"), "AWS::DynamoDB::Table").values()
    return table


def _connect_state_machine(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def invoke(
        _self: object, function_name: str, _qualifier: object, body: object, _headers: object, response_headers: dict
    ) -> bytes:
        text = body.decode() if isinstance(body, bytes) else str(body)
        payload, failed = desk.functions.invoke(function_name, text)
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return payload.encode()

    monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)
    # The two places where moto waits: what it would have waited is written down instead.
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=desk.wait))
    monkeypatch.setattr(WaitFunction, "_wait_interval", lambda _self, env, wait_seconds: desk.pause(wait_seconds))
    role = boto3.client("iam").create_role(RoleName="reconcile", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    desk.machine_arn = boto3.client("stepfunctions").create_state_machine(
        name="reconcile", definition=json.dumps(definition()), roleArn=role
    )["stateMachineArn"]


def _make_transactions_atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto undoes a failed transaction by putting the whole table back, other people's writes in between included.

    And it copies the table before each, while whoever reads a row that is not there adds an empty one.
    """
    lock = threading.RLock()

    def one_at_a_time(call: Callable[..., Any]) -> Callable[..., Any]:
        def locked(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return call(*args, **kwargs)

        return locked

    for name in ("get_item", "query", "put_item", "transact_write_items"):
        monkeypatch.setattr(DynamoDBBackend, name, one_at_a_time(getattr(DynamoDBBackend, name)))
