"""Publishing to SNS: one message with a text for people and JSON for machines."""

import json
from typing import Any, Protocol

from trueup.alerts.message import Alert
from trueup.aws import client, raising_store_unavailable
from trueup.domain.reading import canonical_json


class Publisher(Protocol):
    """Where alerts go. Raises StoreUnavailable for a passing fault."""

    def publish(self, alert: Alert) -> None:
        """Send one alert, at least once; consumers drop an `alert_id` they have seen."""
        ...


class SnsPublisher:
    """Alerts to an SNS topic."""

    def __init__(self, topic_arn: str) -> None:
        self._topic = topic_arn

    @raising_store_unavailable
    def publish(self, alert: Alert) -> None:
        """Send one alert with the attributes that filter policies can use."""
        client("sns").publish(TopicArn=self._topic, **message(alert))


def message(alert: Alert) -> dict[str, Any]:
    """Return what SNS is given: people get the text, machines the JSON document.

    The document is the default, not one copy for each protocol: all copies together must stay under SNS's 256 KB.
    """
    people = {"email": alert.text, "sms": alert.subject}
    named = {"type": alert.type, "severity": alert.severity, "venue": alert.venue, "account": alert.account_id}
    return {
        "Subject": alert.subject,
        "MessageStructure": "json",
        "Message": json.dumps({"default": canonical_json(alert.document), **people}, ensure_ascii=False),
        "MessageAttributes": {
            **{name: {"DataType": "String", "StringValue": text} for name, text in named.items() if text is not None},
            "kind": {"DataType": "String.Array", "StringValue": json.dumps(alert.kinds)},
        },
    }
