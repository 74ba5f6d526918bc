"""What a subscriber of the alert topic received."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Received:
    """One notification: the subject and text SNS delivered, and the message attributes as text by name."""

    subject: str | None
    message: str
    attributes: Mapping[str, str]

    @property
    def alert(self) -> dict[str, Any]:
        """The message as the JSON object an alert is; empty for a message that is none."""
        try:
            content = json.loads(self.message)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


def from_envelope(body: str | bytes) -> Received:
    """Return what is in SNS's own JSON around a notification. Raises ValueError or KeyError if it is none."""
    envelope = json.loads(body)
    if not isinstance(envelope, dict):
        raise ValueError("not a notification")  # noqa: TRY004 - one kind of error for all that is no notification
    attributes = {name: str(value["Value"]) for name, value in envelope.get("MessageAttributes", {}).items()}
    return Received(envelope.get("Subject"), envelope["Message"], attributes)
