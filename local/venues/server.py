"""The wire: an HTTP server on loopback that delivers answers well or, when told so, badly.

Nothing here knows a venue. A simulator hands in one function, ``Request -> Answer``; this module listens,
reads requests, and puts each answer on the socket in the way the answer's `Delivery` says.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import http.client
import json
import select
import socket
import socketserver
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOOPBACK = "127.0.0.1"
MAX_REQUEST_BODY = 1024 * 1024
POLL_SECONDS = 0.02


class PortTakenError(Exception):
    """The port asked for already belongs to another process (or to another simulator)."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} on {LOOPBACK} is taken: choose another, or 0 for any free one")
        self.port = port


@dataclass(frozen=True)
class Request:
    """One request as it arrived. Header names are lower-cased; `host` is as the client addressed us."""

    method: str
    path: str
    query: Mapping[str, str]
    host: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""
    client: str = LOOPBACK


class Delivery(enum.Enum):
    """How an answer is put on the wire."""

    WHOLE = "whole"
    CUT_SHORT = "cut short"  # Content-Length promises everything, half is sent, then the connection closes
    DRIPPED = "dripped"  # one byte at a time
    DROPPED = "dropped"  # the connection closes before the first byte


@dataclass(frozen=True)
class Answer:
    """What is sent back, after `delay_seconds`.

    `held_by` keeps the answer until it is set, the client leaves, or the server stops.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE
    drip_seconds: float = 0.0
    delay_seconds: float = 0.0
    held_by: threading.Event | None = None

    @classmethod
    def of_json(cls, document: object, *, status: int = 200) -> Answer:
        """An answer whose body is `document` as compact JSON."""
        return cls(status, json.dumps(document, separators=(",", ":")).encode())

    @classmethod
    def of_text(cls, text: str, *, status: int, content_type: str = "text/plain; charset=utf-8") -> Answer:
        """An answer whose body is plain text (or HTML, by its content type)."""
        return cls(status, text.encode(), content_type)


class VenueServer:
    """Listens on 127.0.0.1 from `start()` to `stop()`; port 0 means any free one."""

    def __init__(self, respond: Callable[[Request], Answer], *, port: int = 0) -> None:
        self._respond = respond
        self._wanted_port = port
        self._http: _HttpServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind and serve in a background thread. Raises `PortTakenError`."""
        try:
            self._http = _HttpServer((LOOPBACK, self._wanted_port), self._respond)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(self._wanted_port) from error
            raise
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": POLL_SECONDS}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection, hung ones included. Safe to call twice."""
        if self._http is None or self._thread is None:
            return
        self._http.stopping.set()
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join(timeout=5)
        self._http = self._thread = None

    @property
    def port(self) -> int:
        """The port really listened on."""
        if self._http is None:
            raise RuntimeError("the venue is not running: use it as a context manager, or call start() first")
        return int(self._http.server_address[1])


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], respond: Callable[[Request], Answer]) -> None:
        self.respond = respond
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind looks its own name up in DNS, which can take seconds and answers nothing we use.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._connections_lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error; anything else is a bug of ours and is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HttpServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Nothing: request lines could carry what must not be logged."""

    def _handle(self) -> None:
        body = self._read_body()
        if body is None:
            self._deliver(Answer.of_text("Bad Request", status=400))
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            host=self.headers.get("Host", ""),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            client=str(self.client_address[0]),
        )
        self._deliver(self.server.respond(request))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815 (the base class's names)

    def _read_body(self) -> bytes | None:
        """The request's body; None where its length is missing, absurd or not a number."""
        if "Transfer-Encoding" in self.headers:
            return None
        text = self.headers.get("Content-Length", "0")
        if not text.isascii() or not text.isdigit() or int(text) > MAX_REQUEST_BODY:
            return None
        return self.rfile.read(int(text))

    def _deliver(self, answer: Answer) -> None:
        if answer.held_by is not None and not self._wait_for(answer.held_by):
            self.close_connection = True
            return
        if self.server.stopping.wait(answer.delay_seconds) or answer.delivery is Delivery.DROPPED:
            self.close_connection = True
            return
        head = self._head(answer)
        if answer.delivery is Delivery.CUT_SHORT:
            self.wfile.write(head + answer.body[: len(answer.body) // 2])
            self.close_connection = True
        elif answer.delivery is Delivery.DRIPPED:
            self.wfile.write(head)
            self._drip(answer)
        else:
            self.wfile.write(head + answer.body)

    def _head(self, answer: Answer) -> bytes:
        phrase = http.client.responses.get(answer.status, "Unknown")
        lines = [f"HTTP/1.1 {answer.status} {phrase}"]
        if not any(name == "Date" for name, _ in answer.headers):
            lines.append(f"Date: {self.date_time_string()}")
        if answer.content_type:
            lines.append(f"Content-Type: {answer.content_type}")
        lines.append(f"Content-Length: {len(answer.body)}")
        lines.extend(f"{name}: {value}" for name, value in answer.headers)
        if self.close_connection or answer.delivery is not Delivery.WHOLE:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _drip(self, answer: Answer) -> None:
        self.close_connection = True
        for position in range(len(answer.body)):
            if self.server.stopping.wait(answer.drip_seconds):
                return
            self.wfile.write(answer.body[position : position + 1])

    def _wait_for(self, gate: threading.Event) -> bool:
        """Wait until the gate opens. False when the client left or the server stops first."""
        while not gate.wait(POLL_SECONDS):
            if self.server.stopping.is_set() or self._client_left():
                return False
        return True

    def _client_left(self) -> bool:
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True
