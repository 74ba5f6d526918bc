"""An HTTP endpoint on loopback that subscribes to the alert topic as a real webhook has to.

SNS sends a confirmation first and nothing else until the address in it was visited.
"""

import http.server
import json
import secrets
import threading
import urllib.request
from collections.abc import Callable, Sequence
from types import TracebackType
from urllib.parse import urlsplit

import boto3

from local.cloud.errors import NothingReceived
from local.cloud.messages import Received, from_envelope

_HOST = "127.0.0.1"
_LIMIT_BYTES = 1_000_000  # SNS sends at most 256 KB
_CONFIRM_SECONDS = 10.0


class Webhook:
    """Listens from its making to `close`, and keeps what it received in the order of arrival."""

    def __init__(self) -> None:
        self._path = f"/{secrets.token_hex(8)}"
        self._changed = threading.Condition()
        self._received: list[Received] = []
        self._confirmed: set[str] = set()
        self._expected: tuple[str, str] | None = None
        self._server = http.server.ThreadingHTTPServer((_HOST, 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens; the path is not to be guessed."""
        return f"http://{_HOST}:{self._server.server_port}{self._path}"

    def subscribe(self, session: boto3.Session, topic_arn: str) -> None:
        """Subscribe to the topic and return when the subscription is confirmed. Raises NothingReceived."""
        sns = session.client("sns")
        with self._changed:
            self._expected = (topic_arn, urlsplit(sns.meta.endpoint_url).netloc)
        sns.subscribe(TopicArn=topic_arn, Protocol="http", Endpoint=self.url)
        self._wait(lambda: topic_arn in self._confirmed, _CONFIRM_SECONDS, "no confirmation of its subscription")

    def wait_for(self, condition: Callable[[Sequence[Received]], bool], seconds: float = 30.0) -> list[Received]:
        """Return everything received as soon as `condition` holds for it. Raises NothingReceived."""
        self._wait(lambda: condition(self._received), seconds, "not what was waited for")
        with self._changed:
            return list(self._received)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "Webhook":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def accept(self, path: str, kind: str | None, body: bytes) -> http.HTTPStatus:
        """Take one request of SNS; `kind` is its x-amz-sns-message-type."""
        if path != self._path:
            return http.HTTPStatus.NOT_FOUND
        try:
            if kind == "SubscriptionConfirmation":
                return self._confirm(json.loads(body))
            if kind == "Notification":
                received = from_envelope(body)
                with self._changed:
                    self._received.append(received)
                    self._changed.notify_all()
                return http.HTTPStatus.OK
        except (ValueError, KeyError, TypeError):
            pass
        return http.HTTPStatus.BAD_REQUEST

    def _confirm(self, message: dict[str, str]) -> http.HTTPStatus:
        """Visit the address of a confirmation, if it is of the topic we asked for and leads back to its cloud."""
        address = urlsplit(message["SubscribeURL"])
        if self._expected != (message["TopicArn"], address.netloc) or address.scheme != "http":
            return http.HTTPStatus.FORBIDDEN
        # Not within this request: SNS waits for our answer first.
        threading.Thread(target=self._visit, args=(address.geturl(), message["TopicArn"]), daemon=True).start()
        return http.HTTPStatus.OK

    def _visit(self, url: str, topic_arn: str) -> None:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, timeout=_CONFIRM_SECONDS) as answer:
            answer.read()
        with self._changed:
            self._confirmed.add(topic_arn)
            self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool], seconds: float, missing: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, seconds):
                raise NothingReceived(f"the webhook has {len(self._received)} messages after {seconds:g} s, {missing}")


def _handler_of(webhook: Webhook) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            if length > _LIMIT_BYTES:
                self._answer(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
            self._answer(webhook.accept(self.path, self.headers.get("x-amz-sns-message-type"), self.rfile.read(length)))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing: the terminal is the operator's."""

        def _answer(self, status: http.HTTPStatus) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
