"""microburst between the functions and the local cloud: AWS's own errors, in AWS's own words."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
_READY_SECONDS = 20.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def through(port: int) -> dict[str, str]:
    """The environment that sends a function's calls to AWS through the proxy.

    The endpoint stays the real one, because rewriting the host breaks signatures. The client for venues ignores
    proxies, and ministack's own runtime API is not spoken by way of HTTP_PROXY.
    """
    return {"HTTP_PROXY": f"http://{HOST}:{port}", "NO_PROXY": ""}


class Proxy:
    """The proxy's control API."""

    def __init__(self, port: int) -> None:
        self._port = port

    def set_rules(self, rules: Sequence[Mapping[str, Any]]) -> list[int]:
        """Replace all rules; return their numbers in order."""
        return [rule["id"] for rule in self._ask("POST", "rules", rules)]

    def fired(self) -> list[dict[str, Any]]:
        """The faults since `forget`, oldest first: rule_id, service, operation, action."""
        events: list[dict[str, Any]] = self._ask("GET", "fired?limit=2000")
        return events

    def forget(self) -> None:
        """Begin a new list of faults."""
        self._ask("DELETE", "fired")

    def healthy(self) -> dict[str, Any]:
        """What the proxy says of itself; how many requests it saw is `requests_seen`."""
        answer: dict[str, Any] = self._ask("GET", "health")
        return answer

    def _ask(self, method: str, verb: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=10)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/_microburst/{verb}", content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read().decode()
            if answer.status != http.HTTPStatus.OK:
                raise RuntimeError(f"microburst refused {method} {verb}: {content}")
            return json.loads(content)
        finally:
            connection.close()


@contextmanager
def proxy(port: int, upstream: str, log: Path) -> Iterator[Proxy]:
    """Run microburst on `port` in front of `upstream`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.proxy_process", str(port), upstream],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        found = Proxy(port)
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                found.healthy()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"microburst does not answer; see {log}") from None
                time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait()
