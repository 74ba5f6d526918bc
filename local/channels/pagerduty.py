"""PagerDuty's Events API v2, and what becomes of the incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from local.channels.checks import Refused, is_text, json_of, unknown
from local.venues.server import Answer, Request

MOST_BYTES = 512 * 1024
FIELDS = ("routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url")
PAYLOAD = ("summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details")


class Incidents:
    """The incidents of one integration: `state` of each key, as they are now."""

    def __init__(self, routing_key: str) -> None:
        self.state: dict[str, str] = {}
        self._routing_key = routing_key

    def take(self, request: Request) -> tuple[dict[str, Any], Answer]:
        """Take one event. Raises Refused."""
        document = json_of(request)
        if not isinstance(document, dict) or len(request.body) > MOST_BYTES:
            raise _invalid("the event is not a JSON object of at most 512 KB")
        problems = [
            *_problems(document),
            *([] if document.get("routing_key") == self._routing_key else ["routing_key"]),
        ]
        if problems:
            raise _invalid(*problems)
        key = document.get("dedup_key", "made-up")
        match document["event_action"], self.state.get(key, "resolved"):
            case "trigger", "resolved":
                self.state[key] = "triggered"
            case "acknowledge", "triggered":
                self.state[key] = "acknowledged"
            case "resolve", "triggered" | "acknowledged":
                self.state[key] = "resolved"
        return document, Answer.of_json(
            {"status": "success", "message": "Event processed", "dedup_key": key}, status=202
        )


def _problems(event: dict[str, Any]) -> list[str]:
    problems = [f"'{name}' is not a field" for name in unknown(event, FIELDS)]
    action, key = event.get("event_action"), event.get("dedup_key")
    if action not in ("trigger", "acknowledge", "resolve"):
        problems.append("'event_action' must be trigger, acknowledge or resolve")
    if (key is not None and not is_text(key, 255)) or (key is None and action != "trigger"):
        problems.append("'dedup_key' must be a text of at most 255 characters")
    if action == "trigger":
        problems += _payload_problems(event.get("payload"))
    return problems


def _payload_problems(payload: object) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing"]
    problems = [f"'payload.{name}' is not a field" for name in unknown(payload, PAYLOAD)]
    if not is_text(payload.get("summary"), 1_024):
        problems.append("'payload.summary' must be a text of at most 1024 characters")
    if not is_text(payload.get("source"), 1_024):
        problems.append("'payload.source' is missing or blank")
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        problems.append("'payload.severity' must be critical, error, warning or info")
    if not isinstance(payload.get("custom_details", {}), dict):
        problems.append("'payload.custom_details' must be an object")
    if "timestamp" in payload:
        try:
            datetime.fromisoformat(payload["timestamp"])
        except (TypeError, ValueError):
            problems.append("'payload.timestamp' is not a time")
    return problems


def _invalid(*problems: str) -> Refused:
    document = {"status": "invalid event", "message": "Event object is invalid", "errors": list(problems)}
    return Refused(Answer.of_json(document, status=400))
