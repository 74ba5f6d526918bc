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
    """Return what SNS is given: e-mail subscribers get the text, all machine protocols the JSON document."""
    document = canonical_json(alert.document)
    machines = dict.fromkeys(("http", "https", "lambda", "sqs", "firehose"), document)
    return {
        "Subject": alert.subject,
        "MessageStructure": "json",
        "Message": json.dumps({"default": alert.text, "email": alert.text, **machines}, ensure_ascii=False),
        "MessageAttributes": {
            "severity": {"DataType": "String", "StringValue": alert.severity.name},
            "venue": {"DataType": "String", "StringValue": alert.venue},
            "account": {"DataType": "String", "StringValue": alert.account_id},
            "kind": {"DataType": "String.Array", "StringValue": json.dumps(alert.kinds)},
        },
    }
