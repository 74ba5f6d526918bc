"""Alerts as they arrive on the topic, and endpoints to tell them to."""

import json
from typing import Any

from trueup.notify.endpoints import Endpoint, Kind
from trueup.notify.notices import Notice, read_notice
from trueup.notify.parcels import Parcel, parcels, write_parcel

AT = "2026-11-22T12:00:05.000Z"
LATER = "2026-11-22T12:05:05.000Z"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALARM_ARN = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:trueup-RunsFailedAlarm-1"


def line(asset: str = "BTC", **changes: Any) -> dict[str, Any]:
    return {
        "wallet": "spot",
        "asset": asset,
        "field": "total",
        "book": "1.25",
        "venue": "1.1",
        "difference": "-0.15",
        "worth": "14550.075",
        "kind": "quantity",
        "severity": "CRITICAL",
        "break_id": f"brk-{asset.lower()}",
        "news": "confirmed",
        **changes,
    }


def alert(kind: str = "breaks", **changes: Any) -> dict[str, Any]:
    document = {
        "schema": 1,
        "alert_id": "alr-0a1b2c3d4e5f6071",
        "type": kind,
        "run_id": "20261122T120000Z",
        "account_id": "cb-main",
        "venue": "coinbase",
        "severity": "CRITICAL",
        "base": "USD",
        "compared_at": AT,
        "subject": "[Trueup] CRITICAL cb-main (coinbase): BTC quantity differs",
        "text": "CRITICAL: 1 break in account cb-main at coinbase.\n\n  book        1.25\n  venue       1.1\n",
        **({"breaks": [line()]} if kind == "breaks" else {}),
    }
    return document | changes


def resolved(**changes: Any) -> dict[str, Any]:
    entry = {"break_id": "brk-btc", "wallet": "spot", "asset": "BTC", "field": "total", "severity": "CRITICAL"}
    document = alert("resolved", alert_id="alr-1111111111111111", compared_at=LATER, severity="OK")
    return document | {"resolved": [{**entry, "how": "venue_moved", "resolved_at": LATER}]} | changes


def acknowledged() -> dict[str, Any]:
    entry = {"break_id": "brk-btc", "wallet": "spot", "asset": "BTC", "field": "total", "by": "ops", "at": LATER}
    return alert("acknowledged", alert_id="alr-2222222222222222", acknowledged=[entry])


def alarm(state: str = "ALARM", at: str = "2026-11-22T12:00:05.000+0000") -> dict[str, Any]:
    return {
        "AlarmName": "trueup-RunsFailedAlarm-1",
        "AlarmDescription": "A run of trueup failed.",
        "AWSAccountId": "111122223333",
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 1 datapoint [1.0] was greater than or equal to the threshold (1.0).",
        "StateChangeTime": at,
        "Region": "EU (Frankfurt)",
        "AlarmArn": ALARM_ARN,
        "OldStateValue": "OK",
        "Trigger": {"MetricName": "ExecutionsFailed", "Threshold": 1.5},
    }


def envelope(message: Any, subject: str | None = "Subject", message_id: str = "5f2e-1") -> str:
    """What a queue receives of SNS."""
    text = message if isinstance(message, str) else json.dumps(message)
    body = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": "arn:aws:sns:eu-central-1:111122223333:alerts",
        "Message": text,
        "Timestamp": "2026-11-22T12:00:06.000Z",
    }
    return json.dumps(body if subject is None else body | {"Subject": subject})


def notice(message: Any, **how: Any) -> Notice:
    return read_notice(envelope(message, **how))


def endpoint(kind: Kind = Kind.SLACK, **changes: Any) -> Endpoint:
    keys = {Kind.PAGERDUTY: ROUTING_KEY, Kind.WEBHOOK: SIGNING_SECRET}
    given = {"name": f"ops-{kind}", "kind": kind, "url": f"https://{kind}.example/token", "key": keys.get(kind, "")}
    return Endpoint(**{**given, **changes})


def parcels_of(message: Any, to: Endpoint) -> list[Parcel]:
    return list(parcels(notice(message), [to]))


def from_topic(message: Any) -> dict[str, Any]:
    """The event of a message that the topic put into its queue."""
    return {"Records": [{"messageId": "m-0", "body": envelope(message), "receiptHandle": "r", "attributes": {}}]}


def from_queue(parcel: Parcel, attempt: int = 1) -> dict[str, Any]:
    """The event of a message that is on its way to an endpoint."""
    attributes = {"ApproximateReceiveCount": str(attempt), "MessageGroupId": parcel.endpoint}
    record = {"messageId": "m-1", "body": write_parcel(parcel), "receiptHandle": "r-1", "attributes": attributes}
    return {"Records": [record]}
