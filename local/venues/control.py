"""The control endpoint, ``/_control/``: how another process moves balances and orders misbehaviour.

Loopback only, JSON both ways (POST needs ``Content-Type: application/json``, so that no web page can reach
it). Every venue has::

    GET  /_control/requests       -> {"requests": [{"number", "time", "method", "path", "query", "status",
                                      "caller", "refusal", "fault"}, ...]}
    POST /_control/faults         {"who": "<key name or address, or any>", "kind": "<see faults.BY_NAME>",
                                   "options": {}, "times": 1 | null, "path": null}
    POST /_control/faults/clear   {}          every queued fault is forgotten, what hangs is released
    POST /_control/clock          {"shift_seconds": 300}
    POST /_control/reset          {}          balances and prices as opened, no faults, no log

and its own verbs (see each venue's module). A change answers ``{"ok": true}``; a mistake is status 400 with
``{"error": "<one line naming the field>"}`` and changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from . import fields
from .faults import BY_NAME
from .server import Answer, Request

if TYPE_CHECKING:
    from .simulator import Simulator

PREFIX = "/_control/"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

Verb = Callable[[object], None]
"""Carries out one POST, given its parsed body. Raises `fields.FieldError` before changing anything."""


def respond(venue: Simulator, request: Request) -> Answer:
    """Answer one control request."""
    if request.client != "127.0.0.1" or _name(request.host) not in _LOOPBACK_NAMES:
        return _refused(403, "the control endpoint answers this machine only")
    verb = request.path.removeprefix(PREFIX)
    if request.method == "GET" and verb == "requests":
        return Answer.of_json({"requests": [dataclasses.asdict(logged) for logged in venue.requests]})
    verbs = {**_common_verbs(venue), **venue.control_verbs()}
    if verb not in verbs or request.method != "POST":
        allowed = ", ".join(["GET requests", *(f"POST {name}" for name in sorted(verbs))])
        return _refused(404, f"{request.method} {verb}: unknown (allowed: {allowed})")
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        return _refused(415, "Content-Type: expected application/json")
    try:
        body = fields.parse_json(request.body)
        with venue.lock:  # no reader sees one leg of a trade without the other
            verbs[verb](body)
    except ValueError as error:
        return _refused(400, str(error))
    return Answer.of_json({"ok": True})


def _name(host: str) -> str:
    """The Host header without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _refused(status: int, message: str) -> Answer:
    return Answer.of_json({"error": message}, status=status)


def _common_verbs(venue: Simulator) -> Mapping[str, Verb]:
    def queue_fault(body: object) -> None:
        record = fields.as_record(body, "", required=["who", "kind"], optional=["options", "times", "path"])
        kind = fields.as_text(record["kind"], "kind")
        if kind not in BY_NAME:
            raise fields.FieldError(f"kind: unknown fault {kind} (allowed: {', '.join(BY_NAME)})")
        options = fields.as_object(record.get("options", {}), "options")
        times, path = record.get("times", 1), record.get("path")
        try:
            fault = BY_NAME[kind](**options)
        except (TypeError, ValueError) as error:
            raise fields.FieldError(f"options: {error}") from error
        venue.fail(
            fields.as_text(record["who"], "who"),
            fault,
            times=None if times is None else fields.as_integer(times, "times", minimum=1),
            path=None if path is None else fields.as_text(path, "path"),
        )

    def clear_faults(body: object) -> None:
        fields.as_record(body, "")
        venue.faults.clear()

    def reset(body: object) -> None:
        fields.as_record(body, "")
        venue.reset()

    def set_clock(body: object) -> None:
        record = fields.as_record(body, "", required=["shift_seconds"])
        venue.shift_clock(fields.as_integer(record["shift_seconds"], "shift_seconds", minimum=-(10**9)))

    return {"faults": queue_fault, "faults/clear": clear_faults, "reset": reset, "clock": set_clock}
