"""A queue subscribed to the alert topic, standing for a person's mailbox.

ministack does not show the body of an e-mail subscription, so the demo reads the same alert from this queue.
"""

import json
import time
from collections.abc import Callable, Sequence

import boto3

from local.cloud.errors import NothingReceived
from local.cloud.messages import Received, from_envelope

_LONG_POLL_SECONDS = 1


class Mailbox:
    """Keeps what the topic sent since the mailbox was opened, in the order of arrival."""

    def __init__(self, session: boto3.Session, queue_url: str, subscription_arn: str) -> None:
        self._sqs = session.client("sqs")
        self._sns = session.client("sns")
        self._queue_url = queue_url
        self._subscription_arn = subscription_arn
        self._received: list[Received] = []

    def wait_for(self, condition: Callable[[Sequence[Received]], bool], seconds: float = 30.0) -> list[Received]:
        """Return everything received as soon as `condition` holds for it. Raises NothingReceived."""
        deadline = time.monotonic() + seconds
        self._read(wait_seconds=0)
        while not condition(self._received):
            if time.monotonic() > deadline:
                raise NothingReceived(
                    f"the mailbox has {len(self._received)} messages after {seconds:g} s, not what was waited for"
                )
            self._read(_LONG_POLL_SECONDS)
        return list(self._received)

    def close(self) -> None:
        """Cancel the subscription and throw the queue away."""
        self._sns.unsubscribe(SubscriptionArn=self._subscription_arn)
        self._sqs.delete_queue(QueueUrl=self._queue_url)

    def _read(self, wait_seconds: int) -> None:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
        )
        for message in answer.get("Messages", []):
            self._received.append(from_envelope(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])


def open_mailbox(session: boto3.Session, topic_arn: str, name: str = "trueup-mailbox") -> Mailbox:
    """Make a queue that this topic, and nothing else, may send to, and subscribe it."""
    sqs = session.client("sqs")
    queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": attributes["QueueArn"],
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    subscription = session.client("sns").subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=attributes["QueueArn"], ReturnSubscriptionArn=True
    )
    return Mailbox(session, queue_url, subscription["SubscriptionArn"])
