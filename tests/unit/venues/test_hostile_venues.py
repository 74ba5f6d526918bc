"""A venue, or whoever sits in its place, that means harm: every way ends in an error of ours, in bounds."""

import gzip
import itertools
import json
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.venues import CoinbaseSimulator, faults, make_address, make_credential
from local.venues.server import Answer, Request, VenueServer
from tests.unit.tls_kit import DAY, Authority, trusted_authority
from trueup.domain.models import Account
from trueup.errors import TrueupError, VenueRateLimited, VenueResponseInvalid, VenueUnavailable
from trueup.prices import fetch_prices
from trueup.venues.coinbase_transfers import MAX_REQUESTS
from trueup.venues.coinbase_transfers import PAGES as TRANSACTION_PAGES
from trueup.venues.http import MAX_BODY_BYTES, MAX_READING_BYTES, VenueHttp
from trueup.venues.registry import load
from trueup.wire.words import redacted

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = OK + b"Content-Encoding: gzip\r\n\r\n"
TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJrZXkifQ.c2lnbmF0dXJlLW9mLW5vYm9keS1hdC1hbGw"


def client(url: str, **how: Any) -> VenueHttp:
    settings = {"timeout_seconds": 0.3, "budget_seconds": 5.0, "clock": lambda: NOON, "sleep": lambda seconds: None}
    return VenueHttp(url, who="account a at nowhere", **{**settings, **how})


@contextmanager
def saying(pieces: Callable[[], Iterable[bytes]], wrap: Callable[[socket.socket], Any] | None = None) -> Iterator[int]:
    """Says these bytes to whoever connects, for as long as there are any and somebody listens."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with plain:
                try:
                    with wrap(plain) if wrap else plain as talking:
                        talking.settimeout(5)
                        talking.recv(65536)
                        for piece in pieces():
                            talking.sendall(piece)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def said_once(head: bytes, body: bytes = b"{}") -> Callable[[], Iterable[bytes]]:
    return lambda: [head + b"Content-Length: %d\r\n\r\n" % len(body) + body]


ENDLESS = {
    "one header": (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65536),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
    "answers before the answer": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "a chunk's extension": (CHUNKED + b"2;", b"a" * 65536),
    "a chunk's length": (CHUNKED, b"0" * 65536),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n" * 1000),
    "a negative chunk": (CHUNKED + b"-5\r\n", b" " * 65536),
    "a body without a length": (OK + b"\r\n", b" " * 65536),
    "gzip members with nothing in them": (PACKED, gzip.compress(b"", mtime=0) * 3000),
    "gzip blocks with nothing in them": (PACKED + b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\0\0\0\xff\xff" * 13000),
    "a name in a gzip header": (PACKED + b"\x1f\x8b\x08\x08\0\0\0\0\0\xff", b"a" * 65536),
}


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_left_in_time_and_takes_no_memory(begin: bytes, more: bytes) -> None:
    limit = 1024 * 1024
    with saying(lambda: itertools.chain([begin], itertools.repeat(more))) as port, memory() as peak:
        http = client(f"http://127.0.0.1:{port}", max_body_bytes=limit)
        with pytest.raises((VenueUnavailable, VenueResponseInvalid)):
            http.get("/")
        assert peak() < 8 * limit


@contextmanager
def memory() -> Iterator[Callable[[], int]]:
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "value", [b"{}", b"[]", b"1.5", b'{"":0}', b'""'], ids=["objects", "lists", "numbers", "pairs", "texts"]
)
def test_millions_of_tiny_values_are_refused_before_they_are_made(value: bytes) -> None:
    count = MAX_BODY_BYTES // (len(value) + 1)
    body = b"[" + b",".join([value] * (count - 2)) + b"]"
    with saying(said_once(OK, body)) as port, memory() as peak:
        http = client(f"http://127.0.0.1:{port}", timeout_seconds=20, budget_seconds=20)
        with pytest.raises(VenueResponseInvalid, match="values, more than we read"):
            http.get("/")
        assert peak() < 8 * MAX_BODY_BYTES
    assert not http.answers[0].complete
    assert len(http.answers[0].body) <= 65536


def test_a_bomb_is_refused_before_it_has_gone_off() -> None:
    bomb = gzip.compress(b" " * 64 * 1024 * 1024)
    with saying(said_once(OK + b"Content-Encoding: gzip\r\n", bomb)) as port, memory() as peak:
        http = client(f"http://127.0.0.1:{port}", timeout_seconds=20, budget_seconds=20, max_body_bytes=1024 * 1024)
        with pytest.raises(VenueResponseInvalid, match="more than 1048576 bytes"):
            http.get("/")
        assert peak() < 8 * 1024 * 1024


def test_all_answers_of_a_reading_together_are_bounded_too() -> None:
    page = b'["' + b"a" * (MAX_BODY_BYTES - 4) + b'"]'
    with saying(said_once(OK, page)) as port:
        http = client(f"http://127.0.0.1:{port}", timeout_seconds=20, budget_seconds=60)
        for _ in range(MAX_READING_BYTES // MAX_BODY_BYTES):
            http.get("/")
        with pytest.raises(VenueResponseInvalid, match="more than we read"):
            http.get("/")


@pytest.mark.parametrize(
    "body",
    [
        b"[1." + b"1" * 2_000_000 + b"]",
        b"[1e99999999999999999999]",
        b"[" + b"1" * 2_000_000 + b"]",
        b'{"' + b"a" * 2_000_000 + b'": 1}',
        b"[" * 2_000_000,
        b'{"a":' * 400_000,
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'["\\ud800"]',
    ],
    ids=lambda body: repr(body[:8]),
)
def test_monstrous_json_costs_an_error_of_ours_at_most(body: bytes) -> None:
    with saying(said_once(OK, body)) as port:
        http = client(f"http://127.0.0.1:{port}", timeout_seconds=20, budget_seconds=20)
        try:
            http.get("/")
        except TrueupError as error:
            said = str(error)
        else:
            said = ""
    assert len(said) < 400


FAR = b"9" * 30


@pytest.mark.parametrize(
    "date",
    [
        b"Sun, 22 Nov 2026 12:00:00 +" + FAR,
        b"Sun, " + FAR + b" Nov 2026 12:00:00 GMT",
        b"Sun, 22 Nov 2026 12:00:" + FAR + b" GMT",
        b"Sun, 22 Nov " + FAR + b" 12:00:00 GMT",
        b"Fri, 31 Dec 9999 23:59:59 -2359",
        b"1 1 1 1 1 1",
        b"\xff,;:",
        b"",
    ],
)
def test_a_date_that_cannot_be_is_no_date(date: bytes) -> None:
    with saying(said_once(OK + b"Date: " + date + b"\r\n")) as port:
        assert client(f"http://127.0.0.1:{port}").get("/") == ({}, None)
    with saying(said_once(b"HTTP/1.1 429 No\r\nRetry-After: " + date + b"\r\n")) as port:
        with pytest.raises(VenueRateLimited, match="states no wait") as limited:
            client(f"http://127.0.0.1:{port}").get("/")
        assert limited.value.retry_after_seconds is None


STRANGE = {
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "a length of a galaxy": OK + b"Content-Length: 99999999999999999999999999\r\n\r\n{}",
    "a chunk of a galaxy": CHUNKED + b"FFFFFFFFFFFFFFFFFFFFFFFF\r\n{}",
    "a chunk below zero": CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n",
    "packed twice": OK + b"Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\n{}",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    "hints and nothing else": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a status of none": b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a status beyond": b"HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"{}",
    "zeros": b"\0" * 100_000,
    "headers cut short": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-",
}


@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)
def test_what_is_hardly_http_is_no_answer(answer: bytes) -> None:
    with (
        saying(lambda: [answer]) as port,
        pytest.raises((VenueUnavailable, VenueResponseInvalid), match="account a at nowhere: GET / "),
    ):
        client(f"http://127.0.0.1:{port}").get("/")


# -- a venue that always has more ------------------------------------------------------------------------------------


def endless(answer: Callable[[Request, int], object]) -> tuple[VenueServer, list[str]]:
    """A venue that answers everything, and the paths it was asked for."""
    asked: list[str] = []

    def respond(request: Request) -> Answer:
        asked.append(request.path)
        return Answer.of_json(answer(request, len(asked)))

    return VenueServer(respond), asked


def test_endless_transactions_in_endless_accounts_are_asked_for_in_bounds() -> None:
    def answer(request: Request, number: int) -> object:
        if request.path.startswith("/v2/"):
            currency = f"COIN{request.path.split('/')[3]}"
            rows = [
                {"id": f"{number}-{row}", "type": "send", "status": "pending", "created_at": "2026-11-22T11:59:59Z",
                 "amount": {"amount": "-1", "currency": currency}}
                for row in range(int(request.query["limit"]))
            ]  # fmt: skip
            return {"data": rows, "pagination": {"next_uri": "/v2/more"}}
        rows = [
            {"uuid": str(row), "currency": f"COIN{row}", "updated_at": "2026-11-22T11:59:59Z",
             "available_balance": {"value": "1", "currency": f"COIN{row}"},
             "hold": {"value": "0", "currency": f"COIN{row}"}}
            for row in range(250)
        ]  # fmt: skip
        return {"accounts": rows, "has_next": False}

    server, asked = endless(answer)
    server.start()
    try:
        http = client(f"http://127.0.0.1:{server.port}", timeout_seconds=5, budget_seconds=60)
        key = json.loads(make_credential().key_file())
        account = Account("a", "coinbase", secret="coinbase/a")
        snapshot = load("coinbase").observe(account, key, http)
    finally:
        server.stop()
    assert len(asked) == 1 + MAX_REQUESTS
    assert len(snapshot.pending) == MAX_REQUESTS * TRANSACTION_PAGES[0]


def test_endless_transfers_are_refused_after_the_second_page() -> None:
    address = make_address("endless")
    own = {"address": address, "subaccountNumber": 0}

    def answer(request: Request, number: int) -> object:
        if request.path == "/v4/height":
            return {"height": "1000", "time": "2026-11-22T12:00:00Z"}
        if request.path == "/v4/transfers":
            one = {"type": "DEPOSIT", "size": "1", "symbol": "USDC", "createdAt": "2026-11-22T12:00:00Z",
                   "createdAtHeight": "1000", "transactionHash": "AB", "sender": {"address": address},
                   "recipient": own}  # fmt: skip
            return {"transfers": [{**one, "id": str(row)} for row in range(int(request.query["limit"]))]}
        heights = {"latestProcessedBlockHeight": "1000", "updatedAtHeight": "1000"}
        return {"subaccounts": [{**own, **heights, "assetPositions": {}, "openPerpetualPositions": {}}]}

    server, asked = endless(answer)
    server.start()
    try:
        http = client(f"http://127.0.0.1:{server.port}", timeout_seconds=5, budget_seconds=60)
        with pytest.raises(VenueResponseInvalid, match="1000 transfers or more"):
            load("dydx").observe(Account("a", "dydx", address=address), None, http)
    finally:
        server.stop()
    assert asked.count("/v4/transfers") == 2


# -- prices come from a venue, too -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.gzip_bomb(16),
        faults.oversize(5),
        faults.deep_nesting(),
        faults.redirect("http://127.0.0.1:1"),
        faults.slow_drip(0.05),
        faults.html(),
        faults.truncated_body(),
    ],
    ids=lambda fault: fault.kind,
)
def test_the_price_source_is_trusted_no_more_than_a_venue(fault: faults.Fault) -> None:
    with CoinbaseSimulator(prices={"BTC": "97000.5", "ETH": "3400", "USDC": "1"}) as venue:
        venue.fail(faults.ANY, fault, path="/v2/exchange-rates", times=None)
        with memory() as peak, pytest.raises((VenueUnavailable, VenueResponseInvalid)):
            fetch_prices(client(venue.url))
        assert peak() < 16 * MAX_BODY_BYTES


# -- what a venue sends back of what we sent -------------------------------------------------------------------------


def answering(body: Callable[[str], bytes]) -> VenueServer:
    def respond(request: Request) -> Answer:
        return Answer(400, body(request.headers["authorization"].removeprefix("Bearer ")))

    return VenueServer(respond)


@pytest.mark.parametrize(
    "body",
    [
        lambda token: f'{{"message": "bad signature {token.rpartition(".")[2]}"}}'.encode(),
        lambda token: b"x" * 65_500 + token.encode() + b"y" * 100_000,
        lambda token: b"what is " + token.encode()[:-5],
        lambda token: " ".join(token.split(".")).encode(),
    ],
    ids=["the signature alone", "across the cut", "cut short", "in parts"],
)
def test_no_part_of_a_token_that_is_sent_back_is_said_or_kept(body: Callable[[str], bytes]) -> None:
    server = answering(body)
    server.start()
    try:
        http = client(f"http://127.0.0.1:{server.port}", max_body_bytes=120_000)
        with pytest.raises(VenueResponseInvalid) as refused:
            http.get("/", sign=lambda: {"Authorization": f"Bearer {TOKEN}"})
    finally:
        server.stop()
    for part in TOKEN.split("."):
        assert part[:12] not in str(refused.value) + http.answers[0].body
    assert "[redacted]" in str(refused.value) + http.answers[0].body


def test_a_body_without_a_secret_is_kept_as_it_is() -> None:
    assert redacted(bytearray(b'{"a": "eyJhbGci"}'), (b"eyJhbGciOiJFZERTQSJ9",)) == b'{"a": "eyJhbGci"}'


# -- certificates ----------------------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    """An authority this process trusts, and no other."""
    with trusted_authority(tmp_path) as made:
        yield made


@contextmanager
def tls_venue(context: ssl.SSLContext) -> Iterator[tuple[int, list[bytes]]]:
    heard: list[bytes] = []

    def wrap(plain: socket.socket) -> ssl.SSLSocket:
        talking = context.wrap_socket(plain, server_side=True)
        heard.append(b"a request")
        return talking

    with saying(said_once(OK + b"Connection: close\r\n"), wrap) as port:
        yield port, heard


def test_a_certificate_of_a_trusted_authority_for_this_host_is_accepted(authority: Authority, tmp_path: Path) -> None:
    with tls_venue(authority.server(tmp_path, "localhost", datetime.now(UTC))) as (port, _):
        assert client(f"https://localhost:{port}", timeout_seconds=5).get("/").document == {}


@pytest.mark.parametrize(
    ("host", "age", "fault"),
    [
        ("evil.test", timedelta(0), "Hostname mismatch|doesn't match|not valid for 'localhost'"),
        ("localhost", 9 * DAY, "expired"),
        ("localhost", -9 * DAY, "not yet valid"),
    ],
    ids=["another host's", "expired", "of tomorrow"],
)
def test_a_certificate_that_is_not_this_venues_now_is_refused_before_a_key_is_shown(
    authority: Authority, tmp_path: Path, host: str, age: timedelta, fault: str
) -> None:
    with tls_venue(authority.server(tmp_path, host, datetime.now(UTC) - age)) as (port, heard):
        signed: list[str] = []

        def sign() -> dict[str, str]:
            signed.append("once")
            return {"Authorization": f"Bearer {TOKEN}"}

        with pytest.raises(VenueResponseInvalid, match=rf"certificate is not trusted \(.*({fault})"):
            client(f"https://localhost:{port}", timeout_seconds=5).get("/", sign=sign)
        assert signed == ["once"], "an untrusted venue is not asked again"
    assert heard == []


def test_an_authority_nobody_trusts_vouches_for_nothing(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority()
    with (
        tls_venue(stranger.server(tmp_path, "localhost", datetime.now(UTC))) as (port, heard),
        pytest.raises(VenueResponseInvalid, match="certificate is not trusted"),
    ):
        client(f"https://localhost:{port}", timeout_seconds=5).get("/")
    assert heard == []
