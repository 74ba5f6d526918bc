"""Run by test_leak_scanner.py, in a pytest of its own: each test leaks, in one way, what must not leak."""

import gzip
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from moto import mock_aws

from local.venues import CoinbaseSimulator, make_credential
from tests.leaks.plugin import PRODUCED
from trueup.errors import VenueUnavailable
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.venues.coinbase_key import read_key

BALANCE = "83419.27061553"
WEBHOOK = "https://hooks.test/T0/B0/Zq8vXw2LkT5rYb7NcE1dGh4JmPs9AuKf"
AWS_KEY = "wJalrXUtnFEMI7K7MDENGbPxRfiCYzEXAMPLEKEYabcd"
logger = Logger(service="planted")
CREDENTIAL = make_credential("EdDSA")
ELLIPTIC = make_credential("ES256")
KEY = read_key(json.loads(CREDENTIAL.key_file()))
PRODUCED.canaries.add_secret("a webhook's address", WEBHOOK)
PRODUCED.canaries.add_secret("the credentials of a role", AWS_KEY)


@pytest.fixture(scope="module", autouse=True)
def _account() -> Iterator[None]:
    with CoinbaseSimulator() as venue:
        venue.open_portfolio(CREDENTIAL.name, CREDENTIAL.public_key, {"BTC": BALANCE})
        yield


def token() -> str:
    return KEY.token("GET", "api.coinbase.com", "/", now=1_800_000_000, nonce="n")


def fail(words: str) -> None:
    raise ValueError(words)


def call(handler: Any) -> Any:
    context = SimpleNamespace(function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r")
    return logger.inject_lambda_context(handler)({}, context)


def test_log_message() -> None:
    logger.error("sent %s", token())


def test_log_field() -> None:
    logger.info("observed", extra={"total": BALANCE})


def test_log_error() -> None:
    try:
        fail(CREDENTIAL.private_key)
    except ValueError:
        logging.getLogger("any").exception("failed")


def test_metric() -> None:
    with redirect_stdout(io.StringIO()):
        metrics = EphemeralMetrics(namespace="Planted", service="planted")
        metrics.add_metric(name="Worth", unit="None", value=float(BALANCE))
        metrics.flush_metrics()


def test_error() -> None:
    VenueUnavailable(f"the venue said {BALANCE}")


def test_error_story() -> None:
    def observe() -> None:
        try:
            fail(token())
        except ValueError:
            raise VenueUnavailable("no answer")  # noqa: B904 (the mistake that is meant)

    with pytest.raises(VenueUnavailable):
        observe()


def test_handler_exception() -> None:
    def handler(event: Any, context: Any) -> None:
        raise KeyError(BALANCE)

    with pytest.raises(KeyError):
        call(handler)


def test_handler_answer() -> None:
    call(lambda event, context: {"held": BALANCE})


def test_row() -> None:
    MemoryRows().put({"pk": "P", "sk": "S", "key": ELLIPTIC.private_key})


def test_object() -> None:
    MemoryObjects().put_once("runs/r/observations/a.json.gz", {"headers": token()})


@pytest.fixture
def aws() -> Iterator[boto3.Session]:
    with mock_aws():
        yield boto3.Session("testing", "testing", region_name="eu-central-1")


def test_aws_row(aws: boto3.Session) -> None:
    client = aws.client("dynamodb")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.put_item(TableName="t", Item={"pk": {"S": KEY.private.private_bytes_raw().hex()}})  # type: ignore[union-attr]


def test_aws_object(aws: boto3.Session) -> None:
    client = aws.client("s3")
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_object(Bucket="bucket", Key="evidence.gz", Body=gzip.compress(f'{{"a":"{token()}"}}'.encode()))


def test_aws_message(aws: boto3.Session) -> None:
    client = aws.client("sns")
    client.publish(TopicArn=client.create_topic(Name="t")["TopicArn"], Message=f"see {WEBHOOK}")


def test_aws_queue(aws: boto3.Session) -> None:
    client = aws.client("sqs")
    client.send_message(QueueUrl=client.create_queue(QueueName="q")["QueueUrl"], MessageBody=AWS_KEY)


def test_aws_execution(aws: boto3.Session) -> None:
    client = aws.client("stepfunctions")
    with pytest.raises(client.exceptions.StateMachineDoesNotExist):
        client.start_execution(
            stateMachineArn="arn:aws:states:eu-central-1:123456789012:stateMachine:m",
            input=json.dumps({"holding": BALANCE}),
        )


def test_secret_is_where_it_belongs(aws: boto3.Session) -> None:
    aws.client("secretsmanager").create_secret(Name="s", SecretString=CREDENTIAL.key_file())


def test_balance_is_where_it_belongs() -> None:
    MemoryRows().put({"pk": "P", "sk": "S", "total": BALANCE})


def test_command() -> None:
    with redirect_stdout(io.StringIO()):
        print(CREDENTIAL.key_file())


def test_process() -> None:
    subprocess.run([sys.executable, "-c", f"print({token()!r})"], capture_output=True, text=True, check=True)


def test_printed() -> None:
    print(f"Authorization: Bearer {token()}")


def test_read_by_capsys(capsys: pytest.CaptureFixture[str]) -> None:
    print(ELLIPTIC.private_key.splitlines()[1])
    assert capsys.readouterr().out


def test_file(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(f"a,{token()}\n")
    (tmp_path / "ministack.log").write_text(f"venue holds {BALANCE}\n")
    (tmp_path / "cdp_api_key.json").write_text(CREDENTIAL.key_file())


def test_signed_address() -> None:
    with redirect_stdout(io.StringIO()):
        print("https://bucket.s3.amazonaws.com/k?X-Amz-Algorithm=A&X-Amz-Signature=0011")
