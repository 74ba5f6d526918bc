"""Misbehaviour on demand: what real venues do on a bad day, as values that can be queued.

A fault changes one answer that would otherwise have been honest::

    venue.fail(key_name, faults.status(429), times=2)
    venue.fail(faults.ANY, faults.truncated_body(), path="/v2/exchange-rates")

`BY_NAME` holds the same faults by name, for the control endpoint. A request that is refused for its own
sake (bad signature, reused nonce, over the rate limit) uses up no fault: the refusal is what it gets.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .server import Answer, Delivery, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ANY = "any"
"""Stands for every key or address."""

FIRST_CURSOR = "789100"
"""The cursor that stands for a Coinbase list's beginning; later ones count up from it."""

_HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_MEGABYTE = 1024 * 1024
_QUOTED_NUMBER = re.compile(rb'"(-?(?:0|[1-9]\d*)(?:\.\d+)?)"(?=\s*[,}\]])')


@dataclass(frozen=True)
class Exchange:
    """A request, the honest answer to it, and the venue's own error answer for a status."""

    request: Request
    honest: Answer
    error: Callable[[int], Answer]


@dataclass(frozen=True)
class Fault:
    """One way to misbehave. `kind` is its name in the request log and in the control endpoint."""

    kind: str
    change: Callable[[Exchange], Answer]
    gate: threading.Event | None = None


def status(
    code: int, *, retry_after: str | None = None, body: str | None = None, content_type: str | None = None
) -> Fault:
    """Answer with this status and the venue's own documented body for it, unless `body` is given.

    `retry_after` is the header as the venue would write it: seconds for most, milliseconds for dYdX.
    """

    def change(exchange: Exchange) -> Answer:
        answer = exchange.error(code)
        if body is not None:
            answer = replace(answer, body=body.encode())
        if content_type is not None:
            answer = replace(answer, content_type=content_type)
        others = tuple(pair for pair in answer.headers if pair[0].lower() != "retry-after")
        wait = () if retry_after is None else (("Retry-After", retry_after),)
        return replace(answer, headers=others + wait)

    return Fault("status", change)


def html(code: int = 200) -> Fault:
    """An HTML page instead of data: a captive portal or maintenance page (200), a firewall (403)."""
    title = "Attention Required!" if code == 403 else "Please wait"
    page = Answer.of_text(_HTML.format(title), status=code, content_type="text/html; charset=utf-8")
    return Fault("html", lambda exchange: page)


def empty() -> Fault:
    """Status 200, content type JSON, and not one byte of body."""
    return Fault("empty", lambda exchange: replace(exchange.honest, status=200, body=b""))


def truncated_body() -> Fault:
    """Content-Length promises the whole answer, half of it is sent, then the connection closes."""
    return Fault("truncated_body", lambda exchange: replace(exchange.honest, delivery=Delivery.CUT_SHORT))


def truncated_json() -> Fault:
    """Half of the document, with the right Content-Length for that half: HTTP is content, JSON is broken."""
    return Fault(
        "truncated_json",
        lambda exchange: replace(exchange.honest, body=exchange.honest.body[: len(exchange.honest.body) // 2]),
    )


def wrong_content_type(content_type: str = "text/plain") -> Fault:
    """The honest document under another content type."""
    return Fault("wrong_content_type", lambda exchange: replace(exchange.honest, content_type=content_type))


def hang() -> Fault:
    """Say nothing until released, until the client gives up, or until the venue stops."""
    gate = threading.Event()
    return Fault("hang", lambda exchange: replace(exchange.honest, held_by=gate), gate)


def late(seconds: float = 0.5) -> Fault:
    """The honest answer, whole, this long after the request."""
    return Fault("late", lambda exchange: replace(exchange.honest, delay_seconds=float(seconds)))


def slow_drip(seconds_per_byte: float = 0.05) -> Fault:
    """The honest answer, one byte at a time: every read succeeds, the whole never does in time."""
    return Fault(
        "slow_drip",
        lambda exchange: replace(exchange.honest, delivery=Delivery.DRIPPED, drip_seconds=float(seconds_per_byte)),
    )


def dropped_connection() -> Fault:
    """The connection closes before the first byte of an answer."""
    return Fault("dropped_connection", lambda exchange: replace(exchange.honest, delivery=Delivery.DROPPED))


def redirect(location: str, *, code: int = 302) -> Fault:
    """Send the client elsewhere; a signed request must not follow."""
    answer = Answer(code, b"", "text/html", (("Location", location),))
    return Fault("redirect", lambda exchange: answer)


def oversize(megabytes: int = 32) -> Fault:
    """The honest document behind this many megabytes of blanks (which JSON allows)."""
    return Fault(
        "oversize",
        lambda exchange: replace(exchange.honest, body=b" " * (megabytes * _MEGABYTE) + exchange.honest.body),
    )


def gzip_bomb(megabytes: int = 64) -> Fault:
    """The same, compressed: some kilobytes on the wire, this many megabytes unpacked."""

    def change(exchange: Exchange) -> Answer:
        blanks = gzip.compress(b" " * _MEGABYTE, mtime=0) * megabytes
        body = blanks + gzip.compress(exchange.honest.body, mtime=0)
        return replace(exchange.honest, body=body, headers=(*exchange.honest.headers, ("Content-Encoding", "gzip")))

    return Fault("gzip_bomb", change)


def deep_nesting(depth: int = 100_000) -> Fault:
    """The honest document with one more field: arrays nested deeper than a parser's stack."""

    def change(exchange: Exchange) -> Answer:
        nested = b'{"nested":' + b"[" * depth + b"]" * depth + b","
        return replace(exchange.honest, body=nested + exchange.honest.body.lstrip()[1:])

    return Fault("deep_nesting", change)


def repeated_cursor() -> Fault:
    """More pages are promised for ever, under the cursor the client has just used (Coinbase)."""

    def change(exchange: Exchange) -> Answer:
        page = json.loads(exchange.honest.body)
        cursor = exchange.request.query.get("cursor") or page["cursor"] or FIRST_CURSOR
        return replace(exchange.honest, body=_dump({**page, "has_next": True, "cursor": cursor}))

    return Fault("repeated_cursor", change)


def empty_cursor() -> Fault:
    """More pages are promised, and no cursor to ask for them (Coinbase)."""
    return _edit("empty_cursor", lambda page: {**page, "has_next": True, "cursor": ""})


def numbers_for_strings() -> Fault:
    """Every decimal string becomes a bare JSON number with the same digits."""
    return Fault(
        "numbers_for_strings",
        lambda exchange: replace(exchange.honest, body=_QUOTED_NUMBER.sub(rb"\1", exchange.honest.body)),
    )


def wrong_schema() -> Fault:
    """Valid JSON, status 200, and none of the documented fields."""
    return _edit("wrong_schema", lambda document: {"data": [], "ok": True})


def edited(edit: Callable[[Any], Any]) -> Fault:
    """The honest document after `edit`: a field missing, a null, whatever a test needs."""
    return _edit("edited", edit)


def _edit(kind: str, edit: Callable[[Any], Any]) -> Fault:
    def change(exchange: Exchange) -> Answer:
        return replace(exchange.honest, body=_dump(edit(json.loads(exchange.honest.body))))

    return Fault(kind, change)


def _dump(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


BY_NAME: Mapping[str, Callable[..., Fault]] = {
    builder.__name__: builder
    for builder in (
        status, html, empty, truncated_body, truncated_json, wrong_content_type, hang, late, slow_drip,
        dropped_connection, redirect, oversize, gzip_bomb, deep_nesting, repeated_cursor, empty_cursor,
        numbers_for_strings, wrong_schema,
    )
}  # fmt: skip


@dataclass
class _Queued:
    who: str
    fault: Fault
    path: str | None
    times: int | None


class FaultQueue:
    """Faults waiting for their request, first in, first out among those that match. Thread-safe."""

    def __init__(self) -> None:
        self._queued: list[_Queued] = []
        self._gates: list[threading.Event] = []
        self._lock = threading.Lock()

    def add(self, who: str, fault: Fault, *, times: int | None = 1, path: str | None = None) -> None:
        """Queue `fault` for a key or address (or `ANY`), for so many requests; None: until cleared."""
        if times is not None and times < 1:
            raise ValueError(f"times: expected 1 or more, or None for ever, got {times}")
        with self._lock:
            self._queued.append(_Queued(who, fault, path, times))
            if fault.gate is not None:
                self._gates.append(fault.gate)

    def take(self, who: str | None, path: str, *, reads_account: bool) -> Fault | None:
        """The fault for this request, used up once; None when it is to be answered honestly."""
        with self._lock:
            for queued in self._queued:
                if queued.who not in (ANY, who):
                    continue
                if queued.path != path and not (queued.path is None and reads_account):
                    continue
                if queued.times is not None:
                    queued.times -= 1
                    if queued.times == 0:
                        self._queued.remove(queued)
                return queued.fault
        return None

    def release_hung(self) -> None:
        """Let every held answer go, honestly and late."""
        with self._lock:
            for gate in self._gates:
                gate.set()
            self._gates.clear()

    def clear(self) -> None:
        """Forget every queued fault and release what hangs."""
        with self._lock:
            self._queued.clear()
        self.release_hung()
