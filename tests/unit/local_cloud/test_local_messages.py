"""A subscriber confirms what it asked for, and keeps what it is sent."""

import http.client
import json
from collections.abc import Iterator

import pytest

from local.cloud.errors import NothingReceived
from local.cloud.messages import from_envelope
from local.cloud.webhook import Webhook

TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"


@pytest.fixture(name="webhook")
def _webhook() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


def post(url: str, kind: str, body: bytes) -> int:
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=5)
    connection.request("POST", f"/{path}", body, {"x-amz-sns-message-type": kind})
    status = connection.getresponse().status
    connection.close()
    return status


def envelope(message: str) -> bytes:
    return json.dumps(
        {
            "Type": "Notification",
            "Subject": "CRITICAL",
            "Message": message,
            "MessageAttributes": {"severity": {"Type": "String", "Value": "CRITICAL"}},
        }
    ).encode()


def test_a_notification_is_kept_with_its_attributes(webhook: Webhook) -> None:
    assert post(webhook.url, "Notification", envelope('{"subject": "s", "text": "t"}')) == 200
    (received,) = webhook.wait_for(lambda messages: len(messages) == 1, seconds=5)
    assert received.alert == {"subject": "s", "text": "t"}
    assert received.attributes == {"severity": "CRITICAL"}


def test_a_message_that_is_no_json_object_is_no_alert() -> None:
    assert from_envelope(envelope("hello")).alert == {}
    assert from_envelope(envelope("[1]")).alert == {}


def test_only_the_secret_path_is_answered(webhook: Webhook) -> None:
    assert post(webhook.url + "x", "Notification", envelope("{}")) == 404


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'"x"'])
def test_nonsense_is_refused_and_the_webhook_goes_on(webhook: Webhook, body: bytes) -> None:
    assert post(webhook.url, "Notification", body) == 400
    assert post(webhook.url, "Notification", envelope("{}")) == 200


@pytest.mark.parametrize("url", ["http://169.254.169.254/?Action=x", "file:///etc/passwd"])
def test_an_address_the_webhook_did_not_ask_for_is_not_visited(webhook: Webhook, url: str) -> None:
    body = json.dumps({"TopicArn": TOPIC, "SubscribeURL": url}).encode()
    assert post(webhook.url, "SubscriptionConfirmation", body) == 403


def test_waiting_in_vain_ends_with_what_was_missing(webhook: Webhook) -> None:
    with pytest.raises(NothingReceived, match="0 messages after 0 s"):
        webhook.wait_for(lambda messages: bool(messages), seconds=0)
