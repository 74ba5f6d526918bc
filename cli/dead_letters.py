"""What endpoints did not take: looked at without taking it away, and moved back to be tried again."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trueup.aws import client
from trueup.domain.reading import Malformed, format_time
from trueup.notify.incidents import Incident
from trueup.notify.notices import read_notice
from trueup.notify.parcels import read_parcel

_AT_ONCE = 10
_LOOK_SECONDS = 30
"""For so long a message that is looked at is nobody else's."""
WAIT_SECONDS = 1
"""How long SQS looks for more: without, it asks only some of its servers, and may miss what there is."""
MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One of them: for whom (None: nobody yet), since when, what it says, and why it was given up if that is known."""

    endpoint: str | None
    since: str
    said: str
    reason: str | None

    def document(self) -> dict[str, str | None]:
        """Write it for `--json`."""
        return {"endpoint": self.endpoint, "since": self.since, "said": self.said, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A queue of dead letters, and the queue they came from."""

    url: str
    source_url: str

    def look(self) -> Iterator[DeadLetter]:
        """Yield what is there, oldest first: of each endpoint the first ten, as the queue shows them."""
        seen: list[dict[str, Any]] = []
        try:
            while len(seen) < MOST_LISTED and (messages := self._receive()):
                seen += messages
                yield from map(_dead_letter, messages)
        finally:
            for message in seen:
                self._show_again(message)

    def move_back(self) -> int:
        """Move everything back to where it came from, in order, and return how many that were.

        What is given up again meanwhile stays where it is, so that this ends.
        """
        moved: set[str] = set()
        left: list[dict[str, Any]] = []
        count = 0
        while messages := self._receive():
            for message in messages:
                content = hashlib.sha256(message["Body"].encode()).hexdigest()
                if content in moved:
                    left.append(message)
                    continue
                self._send_back(message)
                client("sqs").delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                moved.add(content)
                count += 1
        for message in left:
            self._show_again(message)
        return count

    def counts(self) -> tuple[int, int]:
        """Return about how many dead letters there are, and how many messages are still on their way."""
        return _count(self.url), _count(self.source_url)

    def _receive(self) -> list[dict[str, Any]]:
        answer = client("sqs").receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=_AT_ONCE,
            VisibilityTimeout=_LOOK_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _show_again(self, message: dict[str, Any]) -> None:
        client("sqs").change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )

    def _send_back(self, message: dict[str, Any]) -> None:
        group = message["Attributes"].get("MessageGroupId")
        # By the message's id: once for each dead letter, also where somebody moves them at the same time.
        order = {"MessageGroupId": group, "MessageDeduplicationId": f"back-{message['MessageId']}"} if group else {}
        client("sqs").send_message(QueueUrl=self.source_url, MessageBody=message["Body"], **order)


def _count(url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def _dead_letter(message: dict[str, Any]) -> DeadLetter:
    since = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    reason = message.get("MessageAttributes", {}).get("reason", {}).get("StringValue")
    endpoint, said = _content(message["Body"])
    return DeadLetter(endpoint, format_time(since), said, reason)


def _content(body: str) -> tuple[str | None, str]:
    """Say for whom a message is, and what it says."""
    try:
        parcel = read_parcel(body)
    except (Malformed, ValueError):
        pass
    else:
        said = parcel.said
        return parcel.endpoint, f"{said.action} {said.key}" if isinstance(said, Incident) else said.subject
    try:
        return None, read_notice(body).subject
    except (Malformed, ValueError):
        return None, f"no message of ours: {json.dumps(body[:60])}"
