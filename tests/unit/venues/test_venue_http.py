"""The client that every venue is read with: what it refuses, how long it waits, what it keeps."""

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.venues.server import Answer, Request, VenueServer
from trueup.errors import (
    ConfigInvalid,
    VenueAuthFailed,
    VenueGeoBlocked,
    VenuePermissionDenied,
    VenueRateLimited,
    VenueResponseInvalid,
    VenueUnavailable,
)
from trueup.venues.http import VenueHttp
from trueup.venues.refusals import Dialect
from trueup.wire.waits import retry_after_seconds
from trueup.wire.words import own_words, shown

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PATH = "/v1/thing"


def client(url: str, **how: Any) -> VenueHttp:
    settings = {"timeout_seconds": 2.0, "budget_seconds": 10.0, "clock": lambda: NOON, "sleep": lambda seconds: None}
    return VenueHttp(url, who="account a at nowhere", **{**settings, **how})


@contextmanager
def venue(respond: Callable[[Request], Answer] | Answer) -> Iterator[str]:
    server = VenueServer(respond if callable(respond) else lambda request: respond)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()


def test_a_document_comes_back_exact_with_the_venues_date() -> None:
    body = b'{"amount": 0.123456789012345678, "name": "\xc3\xa9"}'
    with venue(Answer(200, body)) as url:
        reply = client(url).get(PATH)
    assert str(reply.document["amount"]) == "0.123456789012345678"
    assert reply.document["name"] == "é"
    assert reply.date is not None
    assert abs(reply.date - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_request_is_a_plain_get_that_says_who_we_are() -> None:
    seen: list[Request] = []

    def respond(request: Request) -> Answer:
        seen.append(request)
        return Answer.of_json({})

    with venue(respond) as url:
        client(url + "/").get(PATH, {"cursor": "a b&c", "limit": 250}, sign=lambda: {"Authorization": "Bearer abc"})
    (request,) = seen
    assert (request.method, request.path, request.body) == ("GET", PATH, b"")
    assert request.query == {"cursor": "a b&c", "limit": "250"}
    assert request.headers["user-agent"].startswith("trueup/")
    assert request.headers["authorization"] == "Bearer abc"
    assert "content-length" not in request.headers
    assert "cookie" not in request.headers


def test_one_connection_serves_a_whole_reading() -> None:
    with counting_server() as (url, connections):
        http = client(url)
        for _ in range(3):
            http.get(PATH)
        client(url).get(PATH)
    assert len(connections) == 1


@contextmanager
def counting_server() -> Iterator[tuple[str, list[object]]]:
    connections: list[object] = []

    server = VenueServer(lambda request: Answer.of_json({}))
    server.start()
    http: Any = server._http
    real = http.process_request

    def process(request: Any, address: Any) -> None:
        connections.append(address)
        real(request, address)

    http.process_request = process
    try:
        yield f"http://127.0.0.1:{server.port}", connections
    finally:
        server.stop()


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/vnd.x+json", ""]
)
def test_json_under_its_own_name_or_none_is_read(content_type: str) -> None:
    with venue(Answer(200, b"{}", content_type)) as url:
        assert client(url).get(PATH).document == {}


def test_gzip_is_read_also_in_several_members() -> None:
    body = gzip.compress(b'{"a":') + gzip.compress(b' "b"}')
    with venue(Answer(200, body, headers=(("Content-Encoding", "gzip"),))) as url:
        http = client(url)
        assert http.get(PATH).document == {"a": "b"}
    assert http.answers[0].body == '{"a": "b"}'


def test_gzip_cut_short_is_no_answer() -> None:
    body = gzip.compress(b'{"a": "b"}' * 100)[:-4]
    with venue(Answer(200, body, headers=(("Content-Encoding", "gzip"),))) as url:
        http = client(url)
        with pytest.raises(VenueUnavailable, match="cut short"):
            http.get(PATH)
    assert not http.answers[0].complete


def test_what_is_said_to_be_gzip_and_is_not_is_no_answer() -> None:
    with venue(Answer(200, b"{}", headers=(("Content-Encoding", "gzip"),))) as url, pytest.raises(VenueUnavailable):
        client(url).get(PATH)


def test_an_encoding_nobody_asked_for_is_refused() -> None:
    answer = Answer(200, b"{}", headers=(("Content-Encoding", "br"),))
    with venue(answer) as url, pytest.raises(VenueResponseInvalid, match="in br, which we did not ask for"):
        client(url).get(PATH)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
def test_the_size_limit_counts_what_comes_out(packed: bool, size: int, fits: bool) -> None:
    body = b"[" + b" " * (size - 2) + b"]"
    headers = (("Content-Encoding", "gzip"),) if packed else ()
    with venue(Answer(200, gzip.compress(body) if packed else body, headers=headers)) as url:
        http = client(url, max_body_bytes=1000)
        if fits:
            assert http.get(PATH).document == []
        else:
            with pytest.raises(VenueResponseInvalid, match="more than 1000 bytes"):
                http.get(PATH)
            assert not http.answers[0].complete


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", VenueUnavailable),
        (b'{"a":', VenueUnavailable),
        (b'{"a": "\xff"}', VenueUnavailable),
        (b'{"a": NaN}', VenueResponseInvalid),
        (b'{"a": Infinity}', VenueResponseInvalid),
        (b'{"a": 1, "a": 2}', VenueResponseInvalid),
        (b"[" * 100_000, VenueResponseInvalid),
        (b'{"a": ' + b"1" * 10_000 + b"}", VenueResponseInvalid),
    ],
    ids=lambda value: str(value)[:24],
)
def test_broken_json_is_worth_another_try_and_forbidden_json_is_not(body: bytes, error: type[Exception]) -> None:
    with venue(Answer(200, body)) as url, pytest.raises(error, match="account a at nowhere: GET /v1/thing"):
        client(url).get(PATH)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (301, "", VenueResponseInvalid),
        (304, "", VenueResponseInvalid),
        (400, '{"message": "bad"}', VenueResponseInvalid),
        (401, "Unauthorized", VenueAuthFailed),
        (403, '{"message": "no"}', VenuePermissionDenied),
        (403, "<html>no</html>", VenueGeoBlocked),
        (404, "{}", VenueResponseInvalid),
        (408, "", VenueUnavailable),
        (425, "", VenueUnavailable),
        (429, "", VenueRateLimited),
        (451, "", VenueGeoBlocked),
        (500, "", VenueUnavailable),
        (503, "", VenueUnavailable),
        (599, "", VenueUnavailable),
    ],
)
def test_every_status_has_one_meaning(status: int, body: str, error: type[Exception]) -> None:
    with venue(Answer.of_text(body, status=status)) as url, pytest.raises(error) as refused:
        client(url).get(PATH)
    assert type(refused.value) is error
    assert str(status) in str(refused.value)


def test_a_venue_says_no_in_its_own_way() -> None:
    dialect = Dialect(
        classify=lambda status, body: (VenuePermissionDenied, "Ask for it") if body["code"] == 7 else None,
        absent=lambda status, body: status == 404,
    )
    refusing = venue(Answer.of_json({"code": 7, "message": "no"}, status=400))
    with refusing as url, pytest.raises(VenuePermissionDenied, match=r"answered 400: no\. Ask for it$"):
        client(url).get(PATH, dialect=dialect)
    with venue(Answer.of_json({"code": 1}, status=404)) as url:
        assert client(url).get(PATH, dialect=dialect).document is None


def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    def respond(request: Request) -> Answer:
        asked.append(request.path)
        return Answer(302, b"", headers=(("Location", "/elsewhere"),))

    with venue(respond) as url, pytest.raises(VenueResponseInvalid, match="redirected"):
        client(url).get(PATH, sign=lambda: {"Authorization": "Bearer abcdefgh"})
    assert asked == [PATH]


def test_a_secret_that_a_venue_echoes_is_neither_said_nor_kept() -> None:
    def respond(request: Request) -> Answer:
        return Answer.of_json({"message": f"what is {request.headers['authorization']}?"}, status=400)

    with venue(respond) as url:
        http = client(url)
        with pytest.raises(VenueResponseInvalid) as refused:
            http.get(PATH, sign=lambda: {"Authorization": "Bearer eyJtoken.sig"})
    assert "eyJtoken" not in str(refused.value) + http.answers[0].body
    assert "what is [redacted]?" in str(refused.value)


def test_a_venues_words_are_one_short_line() -> None:
    body = {"error": "A\x1b[31m\r\nB", "message": "x" * 1000}
    with venue(Answer.of_json(body, status=400)) as url, pytest.raises(VenueResponseInvalid) as refused:
        client(url).get(PATH)
    said = str(refused.value)
    assert "A [31m B, xxx" in said
    assert said.isprintable()
    assert len(said) < 300


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"errors":[{"msg":"bad","param":"address"}]}', "bad, address"),
        (b'{"error":"X","message":"Y","error_details":"Y"}', "X, Y"),
        (b"<html><h1>Just a\nmoment</h1></html>", "Just a moment"),
        (b"", "(no words)"),
        (b'{"errors":[]}', '{"errors":[]}'),
        (b'{"errors":[7]}', '{"errors":[7]}'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (
            b'{"message":"balance 1,234.5 BTC, -0.25 ETH (2.0) too low"}',
            "balance [number] BTC, -[number] ETH ([number]) too low",
        ),
        (
            b'{"message":"192.0.2.1 is not allowed (code 10004, v1.2.3)"}',
            "192.0.2.1 is not allowed (code 10004, v1.2.3)",
        ),
    ],
)
def test_the_venues_own_words_are_found(content: bytes, words: str) -> None:
    assert own_words(content) == words


def test_a_text_is_shown_without_what_could_change_a_terminal() -> None:
    assert shown("a\u202eb\x00c\nd") == "a b c d"
    assert len(shown("y" * 500)) == 200


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2),
        (" 0 ", 0),
        ("1.5", 1.5),
        ("Sun, 22 Nov 2026 12:00:07 GMT", 7),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("999999999", 86_400),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("1e9", None),
    ],
)
def test_a_stated_wait_is_read_in_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOON) == seconds


def test_a_wait_that_would_leave_no_time_to_ask_again_is_not_taken() -> None:
    answer = Answer(429, b"", headers=(("Retry-After", "1"),))
    slept: list[float] = []
    with venue(answer) as url, pytest.raises(VenueRateLimited) as limited:
        client(url, budget_seconds=1.4, monotonic=lambda: 0.0, sleep=slept.append).get(PATH)
    assert (slept, limited.value.retry_after_seconds) == ([], 1)


def test_every_attempt_is_signed_anew() -> None:
    tokens = iter(["one", "two"])
    seen: list[str] = []

    def respond(request: Request) -> Answer:
        seen.append(request.headers["x-token"])
        return Answer(429, b"", headers=(("Retry-After", "0"),)) if len(seen) == 1 else Answer.of_json({})

    with venue(respond) as url:
        client(url).get(PATH, sign=lambda: {"X-Token": next(tokens)})
    assert seen == ["one", "two"]


@contextmanager
def raw_server(*pieces: bytes, every: float = 0.0) -> Iterator[str]:
    """Sends these bytes to whoever connects, without being HTTP about it."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    if stopping.wait(every):
                        return
                    try:
                        connection.sendall(piece)
                    except OSError:
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_headers_that_drip_do_not_outlive_the_request() -> None:
    pieces = [b"HTTP/1.1 200 OK\r\n", *[b"X"] * 1000]
    with raw_server(*pieces, every=0.01) as url:
        began = time.monotonic()
        with pytest.raises(VenueUnavailable, match=r"within 0\.1 s"):
            client(url, timeout_seconds=0.1).get(PATH)
    assert time.monotonic() - began < 1


def test_a_body_that_drips_does_not_outlive_the_budget() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    with raw_server(head, *[b" "] * 1000, every=0.01) as url:
        http = client(url, timeout_seconds=5, budget_seconds=0.1)
        began = time.monotonic()
        with pytest.raises(VenueUnavailable):
            http.get(PATH)
    assert time.monotonic() - began < 1
    assert not http.answers[0].complete


def test_a_body_that_stops_half_way_does_not_get_the_whole_time_again() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    with raw_server(head, b" ", *[b""] * 1000, every=0.2) as url:  # head and one byte, then silence
        began = time.monotonic()
        with pytest.raises(VenueUnavailable, match=r"within 0\.5 s"):
            client(url, timeout_seconds=0.5).get(PATH)
    assert time.monotonic() - began < 0.75


def test_chunks_are_put_together_and_a_missing_end_is_noticed() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with raw_server(head, b"3\r\n[1,\r\n", b"2\r\n2]\r\n0\r\n\r\n") as url:
        assert client(url).get(PATH).document == [1, 2]
    with raw_server(head, b"6\r\n[1, 2]\r\n") as url, pytest.raises(VenueUnavailable, match="cut short"):
        client(url).get(PATH)


@pytest.mark.parametrize("noise", [b"SSH-2.0-hello\r\n", b"HTTP/1.1 abc\r\n\r\n", b""])
def test_what_is_not_http_is_no_answer(noise: bytes) -> None:
    with raw_server(noise) as url, pytest.raises(VenueUnavailable, match="dropped"):
        client(url).get(PATH)


def test_nobody_at_home_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(VenueUnavailable, match=f"found nobody at 127.0.0.1:{port}"):
        client(f"http://127.0.0.1:{port}").get(PATH)
    with pytest.raises(VenueUnavailable, match=r"no host named no-such-host\.invalid"):
        client("https://no-such-host.invalid").get(PATH)


def test_a_certificate_nobody_vouches_for_is_refused_and_said(tmp_path: Path) -> None:
    with tls_server(tmp_path) as url, pytest.raises(VenueResponseInvalid, match=r"certificate is not trusted \(.*self"):
        client(url).get(PATH, sign=lambda: {"Authorization": "Bearer abcdefgh"})


@contextmanager
def tls_server(folder: Path) -> Iterator[str]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except (OSError, ValueError):
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_a_proxy_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with venue(Answer.of_json({})) as url:
        assert client(url).get(PATH).document == {}


@pytest.mark.parametrize(
    "url",
    [
        "http://api.coinbase.com",
        "ftp://127.0.0.1",
        "https://user:secret@api.coinbase.com",
        "https://api.coinbase.com?a=b",
        "https://api.coinbase.com:99999",
        "api.coinbase.com",
        "",
    ],
)
def test_a_base_url_must_be_https_or_this_machine(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="account a at nowhere: base_url: ") as refused:
        client(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "host", "prefix"),
    [
        ("https://api.coinbase.com", "api.coinbase.com", ""),
        ("https://api.coinbase.com:443/", "api.coinbase.com", ""),
        ("https://api.coinbase.com:8443/proxy", "api.coinbase.com:8443", "/proxy"),
        ("http://127.0.0.1:80", "127.0.0.1", ""),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", ""),
        ("http://[::1]:80", "[::1]", ""),
    ],
)
def test_the_host_has_its_port_only_where_it_is_not_the_usual_one(url: str, host: str, prefix: str) -> None:
    http = client(url)
    assert (http.host, http.prefix) == (host, prefix)


def test_evidence_is_a_document_without_a_host() -> None:
    with venue(Answer.of_json({"a": 1})) as url:
        http = client(url)
        http.get(PATH, {"limit": 1})
    assert json.loads(json.dumps(http.answers[0].document())) == {
        "path": "/v1/thing?limit=1",
        "status": 200,
        "received_at": "2026-11-22T12:00:00.000Z",
        "body": '{"a":1}',
        "complete": True,
    }
