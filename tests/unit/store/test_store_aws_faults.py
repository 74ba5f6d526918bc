"""What AWS says when it fails: passing faults are StoreUnavailable, everything else keeps AWS's own name."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
    SSLError,
)
from botocore.stub import Stubber

from trueup import aws
from trueup.errors import ConfigInvalid, StoreUnavailable
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.store.rows import ABSENT

ROW = {"pk": "P", "sk": "S"}
OPERATIONS: dict[str, tuple[str, str, Callable[[], Any]]] = {
    "get": ("dynamodb", "get_item", lambda: DynamoRows("t").get("P", "S")),
    "put": ("dynamodb", "put_item", lambda: DynamoRows("t").put(ROW, ABSENT)),
    "put_all": ("dynamodb", "transact_write_items", lambda: DynamoRows("t").put_all([(ROW, ABSENT)])),
    "delete": ("dynamodb", "delete_item", lambda: DynamoRows("t").delete("P", "S")),
    "query": ("dynamodb", "query", lambda: DynamoRows("t").query("P")),
    "put_once": ("s3", "put_object", lambda: S3Objects("bucket").put_once("k", {})),
    "object": ("s3", "get_object", lambda: S3Objects("bucket").get("k")),
    "keys": ("s3", "list_objects_v2", lambda: S3Objects("bucket").keys("k")),
}


@pytest.fixture(params=OPERATIONS)
def failing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """One operation of a store and the stubber of its client."""
    service, operation, call = OPERATIONS[request.param]
    client = boto3.client(
        service,  # type: ignore[call-overload]
        region_name="eu-central-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}),
    )
    monkeypatch.setattr(aws, "client", lambda _: client)
    monkeypatch.setattr("trueup.store.dynamodb.client", lambda _: client)
    monkeypatch.setattr("trueup.store.objects.client", lambda _: client)
    with Stubber(client) as stubber:
        yield lambda code, status: stubber.add_client_error(operation, code, "words", status), call, client


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("RequestLimitExceeded", 400),
        ("SlowDown", 503),
        ("InternalServerError", 500),
        ("InternalError", 500),
        ("ServiceUnavailable", 503),
        ("TransactionInProgressException", 400),
        ("ConditionalRequestConflict", 409),
        ("RequestTimeout", 400),
        ("SomethingNobodyHeardOf", 502),
    ],
)
def test_a_passing_fault_of_aws_is_store_unavailable(failing: Any, code: str, status: int) -> None:
    fail, call, _ = failing
    fail(code, status)
    with pytest.raises(StoreUnavailable, match=code) as raised:
        call()
    assert "words" not in str(raised.value)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 400),
        ("AccessDenied", 403),
        ("ResourceNotFoundException", 400),
        ("ValidationException", 400),
        ("NoSuchBucket", 404),
        ("UnrecognizedClientException", 400),
    ],
)
def test_a_fault_no_retry_can_mend_keeps_awss_own_name(failing: Any, code: str, status: int) -> None:
    fail, call, _ = failing
    fail(code, status)
    with pytest.raises(ClientError, match=code):
        call()


@pytest.mark.parametrize(
    "fault",
    [
        EndpointConnectionError(endpoint_url="https://x"),
        ConnectTimeoutError(endpoint_url="https://x"),
        ReadTimeoutError(endpoint_url="https://x"),
        ConnectionClosedError(endpoint_url="https://x"),
        SSLError(endpoint_url="https://x", error="handshake"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_no_answer_at_all_is_store_unavailable(failing: Any, fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    _, call, client = failing

    def no_answer(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(client, "_make_api_call", no_answer)
    with pytest.raises(StoreUnavailable, match="AWS did not answer"):
        call()


def cancelled(*codes: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
            "CancellationReasons": [{"Code": code} for code in codes],
            "ResponseMetadata": {"HTTPStatusCode": 400},  # type: ignore[typeddict-item]
        },
        "TransactWriteItems",
    )


@pytest.fixture
def transaction(monkeypatch: pytest.MonkeyPatch) -> Callable[[ClientError], bool]:
    def run(fault: ClientError) -> bool:
        class Client:
            def transact_write_items(self, **_: object) -> None:
                raise fault

        monkeypatch.setattr("trueup.store.dynamodb.client", lambda _: Client())
        return DynamoRows("t").put_all([(ROW, ABSENT), (ROW, None)])

    return run


@pytest.mark.parametrize(
    "codes",
    [
        ("ConditionalCheckFailed", "None"),
        ("None", "TransactionConflict"),
        ("ThrottlingError", "ConditionalCheckFailed"),
    ],
)
def test_a_transaction_that_lost_is_false(transaction: Callable[[ClientError], bool], codes: tuple[str, ...]) -> None:
    assert transaction(cancelled(*codes)) is False


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_was_throttled_is_tried_again_later(
    transaction: Callable[[ClientError], bool], code: str
) -> None:
    with pytest.raises(StoreUnavailable, match=code):
        transaction(cancelled("None", code))


def test_a_transaction_that_is_wrong_keeps_awss_own_name(transaction: Callable[[ClientError], bool]) -> None:
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        transaction(cancelled("None", "ValidationError"))


def test_a_client_is_made_once_and_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(service: str, **_: Any) -> Any:
        made.append(service)
        return SimpleNamespace(meta=SimpleNamespace(endpoint_url=f"https://{service}.test"))

    monkeypatch.setattr("trueup.aws.boto3.client", make)
    aws.client.cache_clear()
    try:
        assert aws.client("s3") is aws.client("s3") is not aws.client("sns")
        assert made == ["s3", "sns"]
    finally:
        aws.client.cache_clear()


@pytest.mark.parametrize("url", ["http://dynamodb.eu-central-1.amazonaws.com", "http://127.0.0.1.evil.test:4566"])
def test_an_endpoint_in_the_clear_is_refused_before_anything_is_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session("testing", "testing", region_name="eu-central-1"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    aws.client.cache_clear()
    with pytest.raises(ConfigInvalid, match=r"AWS_ENDPOINT_URL: must be https \(plain http only to this machine"):
        aws.client("dynamodb")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert aws.client("dynamodb").meta.endpoint_url == "http://127.0.0.1:4566"
    aws.client.cache_clear()
