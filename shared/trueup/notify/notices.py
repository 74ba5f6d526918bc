"""What arrives on the alert topic: our own alerts, CloudWatch's alarms, and whatever else somebody publishes there.

Documents of ours are read loosely: a list or a type that is not known here is absent, and still said by its subject and
text. What is said must never depend on this code being as new as the one that said it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from trueup.domain.reading import Malformed, Record, digest, format_time, parse_json, read_time
from trueup.domain.reasons import SEVERITIES, Severity
from trueup.notify.endpoints import Endpoint, Kind
from trueup.notify.text import one_line

Document = Mapping[str, Any]
VERIFICATION = ("unverified", "verified")
"""News that have no severity: whether anybody is looking is for everybody who looks after the account."""


class Source(StrEnum):
    """Who said it."""

    ALERT = "alert"
    ALARM = "alarm"
    OTHER = "other"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to say. `id` is the same however often it arrives; `at` is when it was true, as format_time has it.

    `document` is what the machine-readable message was: an alert, an alarm; empty for anything else.
    """

    id: str
    at: str
    source: Source
    subject: str
    text: str
    severity: Severity | None = None
    document: Document = field(default_factory=dict)

    @property
    def type(self) -> str:
        """What sort of alert it is; empty for what is none."""
        return words(self.document, "type") if self.source is Source.ALERT else ""


def words(document: Document, name: str) -> str:
    """Return a text of a document; empty where there is none."""
    value = document.get(name)
    return value if isinstance(value, str) else ""


def objects(document: Document, name: str) -> list[Document]:
    """Return the objects of a list of a document; none where there is no list."""
    value = document.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def severity_of(document: Document) -> Severity | None:
    """Return the severity a document states; None where it states none."""
    return SEVERITIES.get(words(document, "severity"))


def verification_of(alert: Document) -> str:
    """Return the news of an account's verification, whatever else the alert says; empty where there is none."""
    stated = alert.get("verification")
    news = words(stated if isinstance(stated, dict) else {}, "news") or words(alert, "type")
    return news if news in VERIFICATION else ""


def read_notice(body: str) -> Notice:
    """Read SNS's own JSON around a message, as a queue receives it. Raises Malformed for anything else."""
    envelope = Record(parse_json(body, "body"), "body")
    message_id = envelope.text("MessageId")
    sent_at = format_time(envelope.time("Timestamp"))
    message, subject = envelope.raw("Message"), envelope.optional_raw("Subject")
    if not isinstance(message, str):
        envelope.fail("Message", "must be a string")
    try:
        document = parse_json(message, "message")
    except Malformed:
        document = None
    if isinstance(document, dict):
        if words(document, "alert_id"):
            return _alert(document, sent_at)
        if words(document, "AlarmName") and words(document, "NewStateValue"):
            return _alarm(document, sent_at)
    subject = (one_line(subject) if isinstance(subject, str) else "") or "A message on the alert topic"
    return Notice(f"sns-{message_id}", sent_at, Source.OTHER, subject, message)


def _alert(document: Document, sent_at: str) -> Notice:
    alert_id = words(document, "alert_id")
    subject = one_line(words(document, "subject")) or f"[Trueup] {words(document, 'type') or 'alert'} {alert_id}"
    return Notice(
        id=alert_id,
        at=_moment(words(document, "compared_at"), sent_at),
        source=Source.ALERT,
        subject=subject,
        text=words(document, "text") or subject,
        severity=severity_of(document),
        document=document,
    )


def _alarm(document: Document, sent_at: str) -> Notice:
    name, state = words(document, "AlarmName"), words(document, "NewStateValue")
    at = _moment(words(document, "StateChangeTime"), sent_at)
    why = [words(document, "AlarmDescription"), words(document, "NewStateReason")]
    return Notice(
        id=f"alarm-{digest([alarm_key(document), state, at])[:16]}",
        at=at,
        source=Source.ALARM,
        subject=f"[Trueup] {state} {name}",
        text="\n\n".join(filter(None, [*why, f"CloudWatch, {words(document, 'Region')}, {at}"])) + "\n",
        severity=Severity.CRITICAL if state == "ALARM" else Severity.OK,
        document=document,
    )


def alarm_key(document: Document) -> str:
    """Name an alarm: its ARN; its name where there is none."""
    return words(document, "AlarmArn") or words(document, "AlarmName")


def _moment(text: str, otherwise: str) -> str:
    """Read a time of ours, or CloudWatch's with its offset as +0000."""
    if text[-5:-4] in ("+", "-"):
        text = f"{text[:-2]}:{text[-2:]}"
    try:
        return format_time(read_time(text, "time"))
    except Malformed:
        return otherwise


def trial_notice(test_id: str, at: str) -> Notice:
    """Make a notice that says it is a test."""
    text = (
        "This is a test of Trueup's alerts. Nothing is wrong.\n\n"
        "An alert would say here what differs, how bad it is, and what to do next.\n"
    )
    return Notice(test_id, at, Source.TEST, "[Trueup] TEST: nothing is wrong", text, Severity.OK)


# -- for whom ----------------------------------------------------------------------------------------------------------


def for_endpoint(notice: Notice, endpoint: Endpoint) -> Notice | None:
    """Return what an endpoint is told of a notice: all of it, its accounts' part of a digest, or nothing (None).

    Alarms, tests and what is no alert of ours go to everybody: they are about whether anybody is looking at all.
    """
    if notice.source is Source.ALARM and _was_never_on(notice.document) and endpoint.kind is not Kind.PAGERDUTY:
        return None
    if notice.source is not Source.ALERT:
        return notice
    if notice.type != "digest":
        return notice if _concerns(notice.document, endpoint) else None
    alerts = objects(notice.document, "alerts")
    wanted = [alert for alert in alerts if _concerns(alert, endpoint)]
    if not alerts or len(wanted) == len(alerts):
        return notice
    if not wanted:
        return None
    text = "\n".join(words(alert, "subject") or words(alert, "account_id") for alert in wanted)
    return replace(notice, text=f"{text}\n", document={**notice.document, "alerts": wanted})


def _was_never_on(alarm: Document) -> bool:
    """Tell an alarm that is OK as soon as it knows anything, as each is when it is deployed: that is no news.

    It may have been on before it knew nothing, so an incident of it is closed all the same.
    """
    return words(alarm, "NewStateValue") == "OK" and words(alarm, "OldStateValue") == "INSUFFICIENT_DATA"


def _concerns(alert: Document, endpoint: Endpoint) -> bool:
    account_id = words(alert, "account_id")
    if endpoint.accounts is not None and account_id and account_id not in endpoint.accounts:
        return False
    # Incidents are weighed one by one: the end of one is told, however small what was left of it.
    return endpoint.kind is Kind.PAGERDUTY or reaches(alert, endpoint)


def reaches(alert: Document, endpoint: Endpoint) -> bool:
    """Tell whether an alert is bad enough for an endpoint; what ends is as bad as what it ends."""
    if endpoint.severity_from is None or verification_of(alert):
        return True
    lines = [line for name in ("breaks", "resolved", "acknowledged") for line in objects(alert, name)]
    stated = [severity_of(each) for each in (alert, *lines)]
    known = [severity for severity in stated if severity is not None]
    return not known or max(known) >= endpoint.severity_from


# -- on its way --------------------------------------------------------------------------------------------------------


def notice_document(notice: Notice) -> dict[str, Any]:
    """Write a notice for the way from the topic to an endpoint."""
    return {
        "id": notice.id,
        "at": notice.at,
        "source": str(notice.source),
        "subject": notice.subject,
        "text": notice.text,
        "severity": None if notice.severity is None else notice.severity.name,
        "document": to_json(notice.document),
    }


def read_notice_document(record: Record) -> Notice:
    """Read what `notice_document` wrote. Raises Malformed."""
    severity = record.optional_raw("severity")
    notice = Notice(
        id=record.text("id"),
        at=record.text("at"),
        source=Source(record.choice("source", tuple(Source))),
        subject=str(record.raw("subject")),
        text=str(record.raw("text")),
        severity=None if severity is None else SEVERITIES[record.choice("severity", tuple(SEVERITIES))],
        document=parse_json(str(record.raw("document")), record.at("document")),
    )
    record.done()
    return notice


def to_json(document: object) -> str:
    """Write JSON that may hold what others wrote: their numbers with a point are not amounts, and stay numbers."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=_number)


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} does not belong in a document")
