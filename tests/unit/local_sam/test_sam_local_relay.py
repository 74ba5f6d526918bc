"""The way out of the container leads to the ports it was opened for, with the token, and nowhere else."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local.sam import pipe, project
from local.sam import relay as relay_module
from local.sam.errors import NotReady
from local.sam.relay import Relay
from local.venues.dydx import DydxSimulator

# What Lambda's runtime does with a handler. The container's loopback is another than ours; here it is 127.0.0.2.
RUNTIME = """
import sys
sys.path[:0] = sys.argv[1:]
from local.sam import pipe
pipe.LOOPBACK = "127.0.0.2"
from local.sam.inside import handler
print(handler({}, None))
"""
FUNCTION = """
import http.client, os
def handler(event, context):
    connection = http.client.HTTPConnection("127.0.0.2", int(os.environ["SAM_LOCAL_PORTS"]), timeout=10)
    answers = []
    for _ in range(2):  # the second on the same connection
        connection.request("GET", "/v4/height")
        answers.append(connection.getresponse().read().decode())
    return answers
"""


@pytest.fixture(name="venue")
def _venue() -> Iterator[DydxSimulator]:
    with DydxSimulator() as venue:
        yield venue


def ask(relay: Relay, hello: str) -> bytes:
    """The first bytes that come back for a hello and a request."""
    with closing(socket.create_connection(("127.0.0.1", relay.port), timeout=10)) as connection:
        connection.sendall(hello.encode())
        try:
            connection.sendall(b"GET /v4/height HTTP/1.0\r\n\r\n")
            return connection.recv(12)
        except ConnectionError:
            return b""


def test_a_connection_with_the_token_reaches_the_venue(venue: DydxSimulator) -> None:
    with Relay("127.0.0.1", [venue.port]) as relay:
        assert ask(relay, f"{relay.token}{venue.port:05}") == b"HTTP/1.1 200"


def test_another_token_reaches_nothing(venue: DydxSimulator) -> None:
    with Relay("127.0.0.1", [venue.port]) as relay:
        assert ask(relay, f"{'0' * len(relay.token)}{venue.port:05}") == b""


def test_a_port_it_was_not_opened_for_is_not_reached(venue: DydxSimulator) -> None:
    with Relay("127.0.0.1", [1]) as relay:
        assert ask(relay, f"{relay.token}{venue.port:05}") == b""


@pytest.mark.parametrize("hello", ["", "GET / HTTP/1.0\r\n\r\n" * 3, "é" * 40])
def test_anything_else_reaches_nothing(venue: DydxSimulator, hello: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "HELLO_SECONDS", 0.1)
    with Relay("127.0.0.1", [venue.port]) as relay:
        assert ask(relay, hello) == b""


def test_the_end_of_what_one_side_says_reaches_the_other_which_may_still_answer() -> None:
    ours, one = socket.socketpair()
    other, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.settimeout(10)
    joined = threading.Thread(target=pipe.join, args=(one, other))
    joined.start()
    ours.sendall(b"a whole request")
    ours.shutdown(socket.SHUT_WR)
    assert theirs.makefile("rb").read() == b"a whole request"
    theirs.sendall(b"the answer")
    theirs.close()
    assert ours.makefile("rb").read() == b"the answer"
    joined.join(timeout=10)
    assert not joined.is_alive()
    ours.close()


def test_a_venue_that_is_gone_is_a_closed_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with Relay("127.0.0.1", [port]) as relay:
        assert ask(relay, f"{relay.token}{port:05}") == b""


def test_nothing_listens_afterwards() -> None:
    with Relay("127.0.0.1", [1]) as relay:
        port = relay.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_an_address_that_is_not_this_machines_is_one_line() -> None:
    with pytest.raises(NotReady, match=r"find this machine at 192\.0\.2\.1, where nothing can listen"):
        Relay("192.0.2.1", [1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a second loopback address without being asked")
def test_a_handler_reaches_the_venue_through_the_layer_alone(tmp_path: Path, venue: DydxSimulator) -> None:
    project.write_way_out(tmp_path)
    task = tmp_path / "task"
    task.mkdir()
    (task / "app.py").write_text(FUNCTION)
    with Relay("127.0.0.1", [venue.port]) as relay:
        environment = {
            "SAM_LOCAL_HANDLER": "app.handler",
            "SAM_LOCAL_HOST": "127.0.0.1",
            "SAM_LOCAL_PORT": str(relay.port),
            "SAM_LOCAL_PORTS": str(venue.port),
            "SAM_LOCAL_TOKEN": relay.token,
        }
        # -I and -S: nothing but the standard library, the layer and the function's folder, as in Lambda.
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", RUNTIME, str(task), str(tmp_path / "way-out" / "python")],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.stdout.count('"height"') == 2, done.stderr
