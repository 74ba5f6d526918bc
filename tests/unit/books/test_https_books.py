"""A book over HTTPS: to whom the token is shown, where the connection goes, and what is believed of the answer."""

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.venues.server import Answer, Delivery, Request
from tests.unit.answering import answering
from tests.unit.book_server import TOKEN
from tests.unit.money_kit import book
from tests.unit.tls_kit import DAY, Authority, trusted_authority
from trueup.books.content import MAX_BOOK_BYTES
from trueup.books.https import HttpsBooks
from trueup.domain.documents import book_document
from trueup.domain.models import HttpsSource
from trueup.errors import BookInvalid, BookUnavailable, ConfigInvalid
from trueup.wire import pinned
from trueup.wire.pinned import look_up

BOOK = book(("BTC", "1.25"))
CONTENT = json.dumps(book_document(BOOK)).encode()
HOST = "books.example.com"


def source(url: str) -> HttpsSource:
    return HttpsSource(url, "coinbase/desk-book")


def books(allowed: str = "127.0.0.1", seconds: float = 5.0, **how: Any) -> HttpsBooks:
    settings = {"token_of": lambda account_id, secret: TOKEN, "allowed_hosts": {allowed}, "seconds": lambda: seconds}
    return HttpsBooks(**{**settings, **how})


# -- the request -----------------------------------------------------------------------------------------------------


def test_a_request_is_a_plain_get_with_the_token() -> None:
    with answering(Answer(200, CONTENT)) as (url, seen):
        assert books().read("cb-main", source(f"{url}/books/cb-main?desk=2")) == BOOK
    (request,) = seen
    assert (request.method, request.path, request.query, request.body) == ("GET", "/books/cb-main", {"desk": "2"}, b"")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.host == url.removeprefix("http://")
    assert request.headers["user-agent"].startswith("trueup/")
    assert "cookie" not in request.headers


def test_an_address_without_a_path_is_asked_for_its_root() -> None:
    with answering(Answer(200, CONTENT)) as (url, seen):
        books().read("cb-main", source(url))
    assert seen[0].path == "/"


def test_the_secret_is_read_once_for_both_readings_of_an_observation() -> None:
    asked: list[tuple[str, str]] = []

    def token_of(account_id: str, secret: str) -> str:
        asked.append((account_id, secret))
        return TOKEN

    with answering(Answer(200, CONTENT)) as (url, seen):
        reader = books(token_of=token_of)
        assert reader.read("cb-main", source(url)) == reader.read("cb-main", source(url)) == BOOK
    assert len(seen) == 2
    assert asked == [("cb-main", "coinbase/desk-book")]


def test_a_token_that_cannot_be_used_ends_before_anything_is_sent() -> None:
    def none(account_id: str, secret: str) -> str:
        raise ConfigInvalid("account cb-main: the secret trueup/coinbase/desk-book does not exist")

    with answering(Answer(200, CONTENT)) as (url, seen), pytest.raises(ConfigInvalid):
        books(token_of=none).read("cb-main", source(url))
    assert seen == []


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(Answer(200, CONTENT)) as (url, _):
        assert books().read("cb-main", source(url)) == BOOK


# -- the address -----------------------------------------------------------------------------------------------------


def nobody_is_asked(account_id: str, secret: str) -> str:
    raise AssertionError("the secret was read for an address that is refused")


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.7"],
        ["100.64.0.1"],
        ["::1"],
        ["fd00:ec2::254"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["2002:a9fe:a9fe::1"],
        ["93.184.216.34", "10.0.0.7"],
        ["10.0.0.7", "93.184.216.34"],
    ],
    ids=str,
)
def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(addresses: list[str]) -> None:
    reader = books(allowed="other.example.com", token_of=nobody_is_asked, resolve=lambda host, port: addresses)
    with pytest.raises(BookInvalid, match=f"is not on the public internet; if {HOST} is meant"):
        reader.read("cb-main", source(f"https://{HOST}/book"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f000001", "127.1", "0", "169.254.169.254"]
)
def test_this_machine_is_inside_however_it_is_spelt(host: str) -> None:
    with pytest.raises((BookInvalid, BookUnavailable)) as refused:
        books(allowed="books.internal", token_of=nobody_is_asked).read("cb-main", source(f"https://{host}/book"))
    assert "public internet" in str(refused.value) or "found no host" in str(refused.value)


def test_in_the_clear_this_machine_is_asked_only_if_it_is_named() -> None:
    with answering(Answer(200, CONTENT)) as (url, seen), pytest.raises(BookInvalid, match="not on the public internet"):
        books(allowed="books.internal").read("cb-main", source(url))
    assert seen == []


def test_a_host_is_allowed_by_its_whole_name_whatever_its_case() -> None:
    def inside(host: str, port: int) -> list[str]:
        return ["10.0.0.7"]

    for name in ("books.internal.example.com", "xbooks.internal", "internal"):
        with pytest.raises(BookInvalid, match="not on the public internet"):
            books(allowed="books.internal", resolve=inside).read("cb-main", source(f"https://{name}/book"))
    reached = books(allowed="localhost", resolve=lambda host, port: look_up("127.0.0.1", port))
    with answering(Answer(200, CONTENT)) as (url, _):
        assert reached.read("cb-main", source(url.replace("127.0.0.1", "LocalHost"))) == BOOK


def test_a_name_is_looked_up_once_and_the_connection_goes_to_that_very_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a name that means another address a moment later (DNS rebinding) leads nowhere else."""
    answers = [["127.0.0.1"], ["127.0.0.99"]]
    monkeypatch.setattr(pinned, "is_public", lambda address: address == "127.0.0.1")
    with answering(Answer(200, CONTENT)) as (url, seen):
        port = int(url.rpartition(":")[2])
        monkeypatch.setattr(socket, "getaddrinfo", no_second_look_up(socket.getaddrinfo))
        found = books(allowed="", resolve=lambda host, port: answers.pop(0)).read(
            "cb-main", source(f"http://{HOST}:{port}/book")
        )
    assert found == BOOK
    assert answers == [["127.0.0.99"]], "one look-up a reading"
    assert seen[0].host == f"{HOST}:{port}"


def no_second_look_up(real: Callable[..., Any]) -> Callable[..., Any]:
    def look(host: Any, *rest: Any, **more: Any) -> Any:
        assert host != HOST, "somebody looked the name up again"
        return real(host, *rest, **more)

    return look


def test_where_nobody_is_at_one_address_the_next_is_asked() -> None:
    with answering(Answer(200, CONTENT)) as (url, _):
        reader = books(resolve=lambda host, port: ["127.0.0.77", "127.0.0.1"])
        assert reader.read("cb-main", source(url)) == BOOK
        nowhere = books(resolve=lambda host, port: ["127.0.0.77", "127.0.0.78"])
        with pytest.raises(BookUnavailable, match=r"found nobody at 127\.0\.0\.1"):
            nowhere.read("cb-main", source(url))


@pytest.mark.parametrize(
    ("delivery", "said"), [(Delivery.DROPPED, "was dropped"), (Delivery.CUT_SHORT, "that was cut short")]
)
def test_an_address_that_answered_badly_is_not_followed_by_the_next(delivery: Delivery, said: str) -> None:
    with answering(Answer(200, CONTENT, delivery=delivery)) as (url, seen):
        with pytest.raises(BookUnavailable, match=said):
            books(resolve=lambda host, port: ["127.0.0.1", "127.0.0.1"]).read("cb-main", source(url))
        assert len(seen) == 1


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example.com"])
def test_a_name_nobody_knows_is_unavailable(host: str) -> None:
    with pytest.raises(BookUnavailable, match="found no host named"):
        books().read("cb-main", source(f"https://{host}/book"))


def test_over_ipv6_it_is_the_same() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with served(listener, CONTENT) as heard:
        port = listener.getsockname()[1]
        assert books(allowed="::1").read("cb-main", source(f"http://[::1]:{port}/book")) == BOOK
    assert f"Host: [::1]:{port}\r\n".encode() in heard[0]


# -- certificates ----------------------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    with trusted_authority(tmp_path) as made:
        yield made


@contextmanager
def served(listener: socket.socket, content: bytes, context: ssl.SSLContext | None = None) -> Iterator[list[bytes]]:
    """Serve a body to whoever asks, over TLS if there is a context; what was heard is kept."""
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with plain:
                try:
                    with context.wrap_socket(plain, server_side=True) if context else plain as talking:
                        heard.append(talking.recv(65536))
                        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                        talking.sendall(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@contextmanager
def tls_endpoint(context: ssl.SSLContext) -> Iterator[tuple[int, list[bytes], list[str | None]]]:
    names: list[str | None] = []
    context.sni_callback = lambda connection, name, context: names.append(name)
    listener = socket.create_server(("127.0.0.1", 0))
    with served(listener, CONTENT, context) as heard:
        yield listener.getsockname()[1], heard, names


def at_home(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_the_certificate_asked_for_and_checked_is_the_names(authority: Authority, tmp_path: Path) -> None:
    context = authority.server(tmp_path, HOST, datetime.now(UTC))
    with tls_endpoint(context) as (port, heard, names):
        url = f"https://{HOST}:{port}/book"
        assert books(allowed=HOST, resolve=at_home).read("cb-main", source(url)) == BOOK
    assert names == [HOST]
    assert f"Host: {HOST}:{port}\r\n".encode() in heard[0]


@pytest.mark.parametrize(
    ("certified", "age", "fault"),
    [
        ("evil.example.com", 0, "Hostname mismatch|doesn't match|not valid for"),
        ("127.0.0.1", 0, "Hostname mismatch|doesn't match|not valid for"),
        (HOST, 9, "expired"),
    ],
)
def test_a_certificate_of_somebody_else_is_refused_before_the_token_is_shown(
    authority: Authority, tmp_path: Path, certified: str, age: int, fault: str
) -> None:
    context = authority.server(tmp_path, certified, datetime.now(UTC) - age * DAY)
    with (
        tls_endpoint(context) as (port, heard, _),
        pytest.raises(BookInvalid, match=rf"certificate is not trusted \(.*({fault})"),
    ):
        books(allowed=HOST, resolve=at_home).read("cb-main", source(f"https://{HOST}:{port}/book"))
    assert heard == []


# -- the answer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (204, BookInvalid, "answered 204"),
        (301, BookInvalid, "was redirected"),
        (400, BookInvalid, "answered 400: no"),
        (401, BookInvalid, r"answered 401: no\. Check the secret"),
        (403, BookInvalid, r"answered 403: no\. Check the secret"),
        (408, BookUnavailable, "answered 408"),
        (410, BookInvalid, "answered 410"),
        (425, BookUnavailable, "answered 425"),
        (429, BookUnavailable, "answered 429"),
        (500, BookUnavailable, "answered 500"),
        (503, BookUnavailable, "answered 503"),
    ],
)
def test_every_other_status_has_one_meaning(status: int, error: type[Exception], said: str) -> None:
    body = b"" if status == 204 else b'{"message": "no"}'
    with answering(Answer(status, body)) as (url, seen), pytest.raises(error, match=said):
        books().read("cb-main", source(url))
    assert len(seen) == 1


def test_a_redirect_is_not_followed() -> None:
    with answering(Answer(302, b"", headers=(("Location", "/elsewhere"),))) as (url, seen):
        with pytest.raises(BookInvalid, match="redirected"):
            books().read("cb-main", source(f"{url}/book"))
        assert [request.path for request in seen] == ["/book"]


def test_a_page_instead_of_json_is_worth_another_try() -> None:
    page = Answer.of_text("<h1>Just a moment</h1>", status=200, content_type="text/html")
    with answering(page) as (url, _), pytest.raises(BookUnavailable, match="answered with text/html instead of JSON"):
        books().read("cb-main", source(url))


@pytest.mark.parametrize("status", [200, 400])
def test_a_token_that_comes_back_is_never_said(status: int) -> None:
    def echo(request: Request) -> Answer:
        said = request.headers["authorization"]
        return Answer.of_json({"message": said, "account_id": said, "version": TOKEN}, status=status)

    with answering(echo) as (url, _), pytest.raises(BookInvalid) as refused:
        books().read("cb-main", source(url))
    assert TOKEN not in str(refused.value)
    assert "[redacted]" in str(refused.value)


def test_gzip_is_read_and_its_limit_counts_what_comes_out() -> None:
    packed = (("Content-Encoding", "gzip"),)
    with answering(Answer(200, gzip.compress(CONTENT), headers=packed)) as (url, _):
        assert books().read("cb-main", source(url)) == BOOK
    bomb = gzip.compress(b" " * (MAX_BOOK_BYTES + 1))
    with (
        answering(Answer(200, bomb, headers=packed)) as (url, _),
        pytest.raises(BookInvalid, match="more than we read"),
    ):
        books().read("cb-main", source(url))


def test_an_answer_that_drips_does_not_outlive_its_time() -> None:
    dripping = Answer(200, CONTENT, delivery=Delivery.DRIPPED, drip_seconds=0.05)
    with answering(dripping) as (url, _):
        began = time.monotonic()
        with pytest.raises(BookUnavailable, match=r"got no whole answer within 0\.3 s"):
            books(seconds=0.3).read("cb-main", source(url))
    assert time.monotonic() - began < 3


def test_nothing_is_sent_when_the_time_is_used_up() -> None:
    with (
        answering(Answer(200, CONTENT)) as (url, seen),
        pytest.raises(BookUnavailable, match=r"the time .* is used up"),
    ):
        books(seconds=0).read("cb-main", source(url))
    assert seen == []
