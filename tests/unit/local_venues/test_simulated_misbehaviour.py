"""Every fault does on the wire what its name says, for as many requests as asked, and never blocks the exit."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from local_venues_kit import Client, Reader

from local.venues import CoinbaseSimulator, DydxSimulator, faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_venues_kit import ManualClock

    from local.venues import Credential

ACCOUNTS = "/api/v3/brokerage/accounts"


@pytest.fixture
def fail(coinbase: CoinbaseSimulator, reader: Reader) -> Any:
    def queue(fault: faults.Fault, **more: Any) -> None:
        coinbase.fail(reader.credential.name, fault, **more)

    return queue


def honest(reader: Reader) -> bytes:
    return reader.accounts().body


@pytest.mark.parametrize(
    ("code", "content_type", "says"),
    [
        (401, "text/plain", b"Unauthorized"),
        (403, "application/json", b"PERMISSION_DENIED"),
        (404, "application/json", b"NOT_FOUND"),
        (429, "application/json", b"RESOURCE_EXHAUSTED"),
        (451, "text/html", b"451"),
        (500, "application/json", b"INTERNAL"),
        (502, "text/html", b"502"),
        (503, "application/json", b"UNAVAILABLE"),
        (520, "application/json", b"UNKNOWN"),
    ],
)
def test_a_status_comes_with_coinbase_words(
    reader: Reader, fail: Any, code: int, content_type: str, says: bytes
) -> None:
    fail(faults.status(code))
    got = reader.accounts()
    assert got.status == code
    assert got.headers["content-type"].startswith(content_type)
    assert says in got.body
    assert "retry-after" not in got.headers


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (403, {"code": "GEOBLOCKED"}),
        (404, {"msg": "No subaccounts found for address {address}"}),
        (429, {"msg": "Too many requests"}),
        (500, {"msg": "Internal Server Error"}),
    ],
)
def test_a_status_comes_with_dydx_words(dydx: DydxSimulator, address: str, code: int, says: dict[str, str]) -> None:
    dydx.open_subaccount(address, assets={"USDC": "1"})
    dydx.fail(address, faults.status(code))
    got = Client(dydx.port).get(f"/v4/addresses/{address}")
    error = got.json["errors"][0]
    assert got.status == code
    assert {name: error[name] for name in says} == {k: v.format(address=address) for k, v in says.items()}


def test_retry_after_is_written_as_asked(dydx: DydxSimulator, address: str) -> None:
    dydx.fail(address, faults.status(429, retry_after="1500"))
    got = Client(dydx.port).get(f"/v4/addresses/{address}")
    assert (got.status, got.headers["retry-after"], got.headers["ratelimit-remaining"]) == (429, "1500", "0")


def test_a_status_can_carry_any_body(reader: Reader, fail: Any) -> None:
    fail(faults.status(403, body="<b>no</b>", content_type="text/html"))
    got = reader.accounts()
    assert (got.status, got.body, got.headers["content-type"]) == (403, b"<b>no</b>", "text/html")


@pytest.mark.parametrize("code", [200, 403])
def test_html_instead_of_data(reader: Reader, fail: Any, code: int) -> None:
    fail(faults.html(code))
    got = reader.accounts()
    assert (got.status, got.headers["content-type"]) == (code, "text/html; charset=utf-8")
    assert got.body.startswith(b"<!DOCTYPE html>")


def test_an_empty_body_claims_success(reader: Reader, fail: Any) -> None:
    fail(faults.empty())
    got = reader.accounts()
    assert (got.status, got.body, got.headers["content-type"]) == (200, b"", "application/json")


def test_a_truncated_body_is_shorter_than_promised(reader: Reader, fail: Any) -> None:
    whole = honest(reader)
    fail(faults.truncated_body())
    with pytest.raises(http.client.IncompleteRead) as caught:
        reader.accounts()
    assert caught.value.partial == whole[: len(whole) // 2]


def test_truncated_json_is_complete_http(reader: Reader, fail: Any) -> None:
    whole = honest(reader)
    fail(faults.truncated_json())
    got = reader.accounts()
    assert (got.status, got.body) == (200, whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(got.body)


def test_the_content_type_can_be_wrong_and_the_data_right(reader: Reader, fail: Any) -> None:
    whole = honest(reader)
    fail(faults.wrong_content_type("application/octet-stream"))
    got = reader.accounts()
    assert (got.body, got.headers["content-type"]) == (whole, "application/octet-stream")


def test_a_dropped_connection_sends_nothing(reader: Reader, fail: Any) -> None:
    fail(faults.dropped_connection())
    with pytest.raises(http.client.RemoteDisconnected):
        reader.accounts()


def test_a_hanging_venue_says_nothing_until_the_client_gives_up(reader: Reader, fail: Any) -> None:
    fail(faults.hang())
    reader.timeout = 0.1
    with pytest.raises(TimeoutError):
        reader.accounts()
    reader.timeout = 5
    assert reader.accounts().status == 200


def test_a_hanging_answer_comes_late_when_released(coinbase: CoinbaseSimulator, reader: Reader, fail: Any) -> None:
    fail(faults.hang())
    threading.Timer(0.1, coinbase.release_hung).start()
    before = time.monotonic()
    assert reader.accounts().status == 200
    assert time.monotonic() - before >= 0.09


def test_stopping_ends_hanging_dripping_and_idle_connections(credential: Credential, clock: ManualClock) -> None:
    threads = threading.active_count()
    with CoinbaseSimulator(clock=clock) as venue:
        venue.open_portfolio(credential.name, credential.public_key, {"BTC": "1"})
        reader = Reader(venue.port, credential, clock)
        connections = {}
        for name, fault in (
            ("hung", faults.hang()),
            ("late", faults.late(60)),
            ("dripping", faults.slow_drip(60)),
            ("idle", None),
        ):
            if fault is not None:
                venue.fail(credential.name, fault)
            connections[name] = socket.create_connection(("127.0.0.1", venue.port), timeout=5)
            head = f"GET {ACCOUNTS} HTTP/1.1\r\nHost: 127.0.0.1:{venue.port}\r\n"
            bearer = reader.bearer()["Authorization"]
            connections[name].sendall(f"{head}Authorization: {bearer}\r\n\r\n".encode())
            wait_until(lambda: len(venue.requests) == len(connections))
        for name, ending in (("dripping", b"\r\n\r\n"), ("idle", b'"size":1}')):
            received = b""
            while not received.endswith(ending):
                received += (chunk := connections[name].recv(1))
                assert chunk
        before = time.monotonic()
    assert time.monotonic() - before < 1
    assert [connection.recv(1) for connection in connections.values()] == [b""] * 4
    for connection in connections.values():
        connection.close()
    wait_until(lambda: threading.active_count() == threads)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_late_answer_is_whole_and_not_early(reader: Reader, fail: Any) -> None:
    whole = honest(reader)
    fail(faults.late(0.05))
    begun = time.monotonic()
    assert reader.accounts().body == whole
    assert time.monotonic() - begun >= 0.05


def test_a_slow_drip_arrives_whole_but_late(reader: Reader, fail: Any) -> None:
    whole = honest(reader)
    fail(faults.slow_drip(0.0002))
    before = time.monotonic()
    assert reader.accounts().body == whole
    assert time.monotonic() - before > 0.0002 * len(whole)


def test_a_redirect_points_elsewhere(reader: Reader, fail: Any) -> None:
    fail(faults.redirect("http://127.0.0.1:1/elsewhere", code=307))
    got = reader.accounts()
    assert (got.status, got.headers["location"]) == (307, "http://127.0.0.1:1/elsewhere")


def test_an_oversize_answer_is_still_valid_json(reader: Reader, fail: Any) -> None:
    whole = honest(reader)
    fail(faults.oversize(2))
    got = reader.accounts()
    assert len(got.body) == 2 * 1024 * 1024 + len(whole)
    assert got.json == json.loads(whole)


def test_a_gzip_bomb_is_small_on_the_wire(reader: Reader, fail: Any) -> None:
    whole = honest(reader)
    fail(faults.gzip_bomb(8))
    got = reader.accounts()
    assert got.headers["content-encoding"] == "gzip"
    assert len(got.body) < 20_000
    assert gzip.decompress(got.body) == b" " * (8 * 1024 * 1024) + whole


def test_deep_nesting_exhausts_a_parser(reader: Reader, fail: Any) -> None:
    fail(faults.deep_nesting())
    with pytest.raises(RecursionError):
        json.loads(reader.accounts().body)


def test_a_repeated_cursor_never_ends(reader: Reader, fail: Any) -> None:
    fail(faults.repeated_cursor(), times=3)
    first = reader.accounts("?limit=1").json
    for _ in range(2):
        page = reader.accounts(f"?limit=1&cursor={first['cursor']}").json
        assert (page["has_next"], page["cursor"]) == (True, first["cursor"])
        assert page["accounts"]
    assert not reader.accounts(f"?limit=1&cursor={first['cursor']}").json["has_next"]


def test_a_next_page_without_a_cursor(reader: Reader, fail: Any) -> None:
    fail(faults.empty_cursor())
    page = reader.accounts().json
    assert (page["has_next"], page["cursor"], page["size"]) == (True, "", 2)


def test_numbers_come_bare_with_every_digit(coinbase: CoinbaseSimulator, reader: Reader, fail: Any) -> None:
    coinbase.portfolio(reader.credential.name).set("ETH", "0.123456789012345678")
    fail(faults.numbers_for_strings())
    got = reader.accounts()
    assert b'"value":0.123456789012345678,' in got.body
    assert b'"value":1.2300000000000000,' in got.body
    assert got.json["accounts"][0]["currency"] == "BTC"


def test_a_wrong_schema_has_no_documented_field(reader: Reader, fail: Any) -> None:
    fail(faults.wrong_schema())
    assert reader.accounts().json == {"data": [], "ok": True}


def test_an_answer_can_be_edited(reader: Reader, fail: Any) -> None:
    fail(faults.edited(lambda page: {**page, "accounts": None}))
    assert reader.accounts().json["accounts"] is None


def test_a_fault_lasts_for_its_times_and_then_honesty_returns(
    coinbase: CoinbaseSimulator, reader: Reader, fail: Any
) -> None:
    fail(faults.status(503), times=2)
    fail(faults.status(429))
    assert [reader.accounts().status for _ in range(4)] == [503, 503, 429, 200]
    assert [logged.fault for logged in coinbase.requests] == ["status", "status", "status", None]


def test_a_fault_without_times_lasts_until_cleared(coinbase: CoinbaseSimulator, reader: Reader, fail: Any) -> None:
    fail(faults.status(500), times=None)
    assert [reader.accounts().status for _ in range(3)] == [500] * 3
    coinbase.faults.clear()
    assert reader.accounts().status == 200


def test_a_fault_meets_only_the_key_it_is_for(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    coinbase.fail("another-key", faults.status(500), times=None)
    assert reader.accounts().status == 200
    coinbase.fail(faults.ANY, faults.status(500))
    assert reader.accounts().status == 500


def test_a_fault_spares_other_endpoints_unless_they_are_named(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    coinbase.fail(faults.ANY, faults.status(500))
    assert reader.get("/v2/exchange-rates").status == 200
    coinbase.fail(faults.ANY, faults.status(503), path="/v2/exchange-rates")
    got = reader.get("/v2/exchange-rates?currency=USD")
    assert (got.status, got.json["errors"][0]["id"]) == (503, "internal_server_error")
    assert reader.accounts().status == 500


def test_zero_times_is_a_mistake(coinbase: CoinbaseSimulator) -> None:
    with pytest.raises(ValueError, match="times"):
        coinbase.fail(faults.ANY, faults.empty(), times=0)
