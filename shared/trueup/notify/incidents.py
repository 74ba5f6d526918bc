"""PagerDuty: what a notice opens, acknowledges and closes, one event for each incident.

An incident is a break, an account that cannot be verified, or an alarm. What opens and closes one carries the same key,
so that a break that grows, or is said twice, is one incident.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trueup.domain.reading import Record, digest, read_plain
from trueup.domain.reasons import Severity
from trueup.notify.endpoints import Endpoint
from trueup.notify.notices import (
    Document,
    Notice,
    Source,
    alarm_key,
    objects,
    reaches,
    severity_of,
    verification_of,
    words,
)
from trueup.notify.text import cut, one_line

Action = Literal["trigger", "acknowledge", "resolve"]
ACTIONS: tuple[Action, ...] = ("trigger", "acknowledge", "resolve")
MAX_KEY = 255
MAX_SUMMARY = 1_024
_PAGERDUTY = {Severity.CRITICAL: "critical", Severity.MAJOR: "error", Severity.MINOR: "warning", Severity.OK: "info"}
_KNOWN_TYPES = {"breaks", "resolved", "in_flight", "acknowledged", "unverified", "verified"}
_SHOWN = ("wallet", "asset", "field", "kind", "news", "book", "venue", "difference", "worth", "break_id")


@dataclass(frozen=True, slots=True)
class Incident:
    """One event: what happens to the incident of a key. `at` is when it was true.

    `severity` is PagerDuty's; it, `summary`, `source`, `group` and `details` matter to a trigger only.
    """

    action: Action
    key: str
    at: str
    summary: str = ""
    severity: str = "info"
    source: str = "Trueup"
    group: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def overtaken_by(self, action: str, at: str) -> bool:
        """Tell whether it is out of date, where this is the latest thing that was said of the same incident.

        Nothing reopens what was closed later, and nothing closes what was opened again later.
        """
        return self.at < at and "resolve" in (self.action, action)


def incidents(notice: Notice, endpoint: Endpoint) -> list[Incident]:
    """Return the events of a notice, as `for_endpoint` made it for this endpoint."""
    if notice.source is Source.ALARM:
        return _of_alarm(notice)
    if notice.source is Source.TEST:
        return [
            Incident("trigger", notice.id, notice.at, notice.subject, details={"text": notice.text}),
            Incident("resolve", notice.id, notice.at),
        ]
    if notice.source is Source.OTHER:
        return []  # nobody is woken by a message that nothing ever closes
    alerts = objects(notice.document, "alerts") if notice.type == "digest" else [notice.document]
    return [event for alert in alerts for event in _of_alert(alert, notice, endpoint)]


def _of_alarm(notice: Notice) -> list[Incident]:
    key = _short(alarm_key(notice.document))
    match words(notice.document, "NewStateValue"):
        case "ALARM":
            return [
                Incident(
                    "trigger",
                    key,
                    notice.at,
                    notice.subject,
                    "critical",
                    "CloudWatch",
                    details={"text": cut(notice.text, 4_000)},
                )
            ]
        case "OK":
            return [Incident("resolve", key, notice.at)]
    return []


def _of_alert(alert: Document, notice: Notice, endpoint: Endpoint) -> Iterator[Incident]:
    account_id, kind = words(alert, "account_id"), words(alert, "type")
    source = f"{account_id} ({words(alert, 'venue')})" if account_id else "Trueup"
    yield from _breaks(alert, notice, endpoint, source)
    for entry in objects(alert, "acknowledged"):
        if break_id := words(entry, "break_id"):
            yield Incident("acknowledge", _short(break_id), words(entry, "at") or notice.at)
    for entry in objects(alert, "resolved"):
        if break_id := words(entry, "break_id"):
            yield Incident("resolve", _short(break_id), notice.at)
    news = verification_of(alert)
    if news == "unverified":
        reasons = alert.get("reasons")
        details = {"reasons": ", ".join(map(str, reasons)) if isinstance(reasons, list) else "", **_where(alert)}
        # The subject is about the most pressing thing, which may be a break.
        summary = words(alert, "subject") if kind == "unverified" else ""
        summary = summary or f"[UNVERIFIED] {source}: {details['reasons']}"
        yield Incident("trigger", f"unverified-{account_id}", notice.at, summary, "error", source, account_id, details)
    elif news == "verified":
        yield Incident("resolve", f"unverified-{account_id}", notice.at)
    elif kind not in _KNOWN_TYPES and severity_of(alert) and reaches(alert, endpoint):
        summary = words(alert, "subject") or notice.subject
        severity = _PAGERDUTY[severity_of(alert) or Severity.OK]
        key = _short(words(alert, "alert_id") or notice.id)
        yield Incident("trigger", key, notice.at, summary, severity, source, account_id, _where(alert))


def _breaks(alert: Document, notice: Notice, endpoint: Endpoint, source: str) -> Iterator[Incident]:
    account_id, base = words(alert, "account_id"), words(alert, "base") or words(notice.document, "base")
    left_out = alert.get("breaks_left_out")
    for line in objects(alert, "breaks"):
        if not reaches({"severity": words(line, "severity")}, endpoint):
            continue
        severity = severity_of(line) or Severity.OK
        worth = words(line, "worth")
        what = " ".join(
            filter(
                None,
                [
                    words(line, "asset") or "the whole account",
                    words(line, "wallet") and f"in {words(line, 'wallet')}",
                    "" if words(line, "field") in ("total", "account", "") else f"({words(line, 'field')})",
                    words(line, "kind").replace("_", " "),
                    words(line, "difference"),
                    worth and f"worth {worth} {base}".rstrip(),
                ],
            )
        )
        yield Incident(
            action="trigger",
            key=_short(
                words(line, "break_id") or f"{account_id}-{digest([words(line, it) for it in _SHOWN[:3]])[:16]}"
            ),
            at=notice.at,
            summary=f"[{severity.name}] {source}: {what}",
            severity=_PAGERDUTY[severity],
            source=source,
            group=account_id,
            details={
                **{name: words(line, name) for name in _SHOWN if words(line, name)},
                **({"more_breaks_in_this_account": left_out} if isinstance(left_out, int) and left_out else {}),
                **_where(alert),
                **({"take_it": f"trueup breaks ack {words(line, 'break_id')}"} if words(line, "break_id") else {}),
            },
        )


def _where(alert: Document) -> dict[str, str]:
    """Say what to type to see it."""
    run_id, account_id = words(alert, "run_id"), words(alert, "account_id")
    return {"next": f"trueup runs show {run_id} --account {account_id}"} if run_id and account_id else {}


def _short(key: str) -> str:
    return key if len(key) <= MAX_KEY else f"{key[: MAX_KEY - 17]}-{digest([key])[:16]}"


def pagerduty(incident: Incident, routing_key: str) -> dict[str, Any]:
    """Return the event as PagerDuty's Events API v2 takes it."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": incident.action,
        "dedup_key": incident.key,
        "client": "Trueup",
    }
    if incident.action == "trigger":
        event["payload"] = {
            "summary": cut(one_line(incident.summary), MAX_SUMMARY) or "Trueup",
            "source": cut(one_line(incident.source), MAX_KEY) or "Trueup",
            "severity": incident.severity,
            "timestamp": incident.at,
            "custom_details": dict(incident.details),
            **({"group": incident.group} if incident.group else {}),
        }
    return event


def incident_document(incident: Incident) -> dict[str, Any]:
    """Write an event for the way from the topic to PagerDuty."""
    return {
        "action": incident.action,
        "key": incident.key,
        "at": incident.at,
        "summary": incident.summary,
        "severity": incident.severity,
        "source": incident.source,
        "group": incident.group,
        "details": dict(incident.details),
    }


def read_incident(record: Record) -> Incident:
    """Read what `incident_document` wrote. Raises Malformed."""
    incident = Incident(
        action=next(action for action in ACTIONS if action == record.choice("action", ACTIONS)),
        key=record.text("key"),
        at=record.text("at"),
        summary=str(record.raw("summary")),
        severity=record.choice("severity", tuple(_PAGERDUTY.values())),
        source=str(record.raw("source")),
        group=str(record.raw("group")),
        details=read_plain(record.raw("details"), record.at("details")),
    )
    record.done()
    return incident
