"""The queue before the endpoints, on SQS as moto plays it: in order for each endpoint, and repeats dropped."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from notify_kit import alert, endpoint, parcels_of

from trueup import aws
from trueup.notify.endpoints import Kind
from trueup.notify.parcels import Parcel, read_parcel
from trueup.notify.queue import SqsQueue

FIFO = {"FifoQueue": "true"}


@pytest.fixture(scope="module")
def queue() -> Iterator[SqsQueue]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        aws.client.cache_clear()
        with mock_aws():
            urls = [
                aws.client("sqs").create_queue(QueueName=f"{name}.fifo", Attributes=FIFO)["QueueUrl"]
                for name in ("deliveries", "dead")
            ]
            yield SqsQueue(*urls)
        aws.client.cache_clear()


def parcel(alert_id: str, kind: Kind = Kind.SLACK) -> Parcel:
    [made] = parcels_of(alert(alert_id=alert_id), endpoint(kind))
    return made


def taken(url: str) -> list[dict[str, Any]]:
    """Take everything there is out of a queue."""
    found: list[dict[str, Any]] = []
    sqs = aws.client("sqs")
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
    ).get("Messages"):
        for message in messages:
            found.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_each_endpoint_has_its_own_place_and_a_repeat_is_dropped(queue: SqsQueue) -> None:
    for kind in (Kind.SLACK, Kind.WEBHOOK, Kind.SLACK):
        queue.put(parcel("alr-one", kind))

    groups = {read_parcel(it["Body"]).endpoint: it["Attributes"]["MessageGroupId"] for it in taken(queue._url)}

    assert groups == {"ops-slack": "ops-slack", "ops-webhook": "ops-webhook"}


def test_while_one_message_of_an_endpoint_is_out_its_next_is_not_and_others_are(queue: SqsQueue) -> None:
    for alert_id, kind in (("alr-1", Kind.SLACK), ("alr-2", Kind.SLACK), ("alr-3", Kind.WEBHOOK)):
        queue.put(parcel(alert_id, kind))
    sqs = aws.client("sqs")

    out = [sqs.receive_message(QueueUrl=queue._url, MaxNumberOfMessages=1)["Messages"][0] for _ in range(2)]

    assert [read_parcel(it["Body"]).id for it in out] == ["alr-1", "alr-3"]
    assert "Messages" not in sqs.receive_message(QueueUrl=queue._url, MaxNumberOfMessages=1)
    for message in out:
        queue.put_off(message["ReceiptHandle"], 0)
    assert [read_parcel(it["Body"]).id for it in taken(queue._url) if "slack" in it["Body"]] == ["alr-1", "alr-2"]


def test_a_dead_letter_carries_the_parcel_and_the_reason_once_for_each_message(queue: SqsQueue) -> None:
    for message_id in ("m-1", "m-1", "m-2"):
        queue.bury(parcel("alr-one"), message_id, "answered 404: " + "x" * 1_000)

    letters = taken(queue._dead_letter_url)

    assert [read_parcel(it["Body"]) for it in letters] == [parcel("alr-one")] * 2
    reason = letters[0]["MessageAttributes"]["reason"]["StringValue"]
    assert reason.startswith("answered 404: x")
    assert len(reason) == 500


def test_a_message_that_is_no_longer_ours_needs_no_putting_off(queue: SqsQueue) -> None:
    queue.put_off("a-receipt-of-yesterday", 15)


def test_a_right_that_is_missing_is_not_passed_over(queue: SqsQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def change_message_visibility(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ChangeMessageVisibility")

    monkeypatch.setattr("trueup.notify.queue.client", lambda service: Refusing())
    with pytest.raises(ClientError):
        queue.put_off("a-receipt", 15)


def test_no_message_in_the_queue_holds_a_key_or_an_address(queue: SqsQueue) -> None:
    """What is sent is written when it is sent."""
    to = endpoint(Kind.PAGERDUTY)
    for made in parcels_of(alert(alert_id="alr-key"), to):
        queue.put(made)
    text = json.dumps(taken(queue._url))
    assert "brk-btc" in text
    assert to.key not in text
    assert to.url not in text
