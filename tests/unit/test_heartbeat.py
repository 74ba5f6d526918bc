"""The heartbeat: whom it asks, what it never shows, and that nothing about it can fail a run."""

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.venues.server import Answer, Delivery
from tests.leaks.plugin import PRODUCED
from tests.unit.answering import answering
from trueup.heartbeat import MOST_BYTES, MOST_SECONDS, Heartbeat
from trueup.observability import logger
from trueup.wire import pinned

TOKEN = "ping-7f3e9a51c0d84b26a1f09e2d6c5b4a38"
PATH = f"/{TOKEN}"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:heartbeat-AbCdEf"
PRODUCED.canaries.add_secret("the address of a heartbeat", TOKEN)


Put = Callable[[str], None]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Put an address into the secret."""
    return lambda url: monkeypatch.setattr("trueup.secrets.secret_string", {SECRET: url}.__getitem__)


@pytest.fixture
def said() -> Iterator[list[dict[str, Any]]]:
    """What is logged: each line's message and reason."""
    lines: list[dict[str, Any]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append({"message": record.getMessage(), "reason": vars(record).get("reason")})

    listener = Listener()
    log = logging.getLogger(logger.name)
    log.addHandler(listener)
    yield lines
    log.removeHandler(listener)


endpoint = partial(answering, path=PATH)


def heartbeat(put: Put, url: str, *, seconds: float = 5.0, **how: Any) -> Heartbeat:
    put(url)
    return Heartbeat(SECRET, seconds=lambda: seconds, **{"allowed_hosts": {"127.0.0.1"}, **how})


OK = Answer.of_text("OK", status=200, content_type="text/plain")


def test_a_beat_is_one_plain_get_and_says_nothing(put: Put, said: list[Any]) -> None:
    with endpoint(OK) as (url, seen):
        heartbeat(put, url).beat()
    (request,) = seen
    assert (request.method, request.path, request.body) == ("GET", PATH, b"")
    assert said == []


def test_each_beat_reads_the_address_anew_so_that_a_new_one_holds_at_once(put: Put) -> None:
    with endpoint(OK) as (url, seen):
        beating = heartbeat(put, url)
        beating.beat()
        put(f"{url}/2")
        beating.beat()
    assert [request.path for request in seen] == [PATH, f"{PATH}/2"]


@pytest.mark.parametrize("status", [301, 404, 429, 500])
def test_an_answer_that_is_no_yes_is_logged_and_not_followed(put: Put, said: list[Any], status: int) -> None:
    elsewhere = (("Location", "/elsewhere"),)
    with endpoint(Answer(status, TOKEN.encode(), headers=elsewhere)) as (url, seen):
        heartbeat(put, url).beat()
    assert len(seen) == 1
    assert said == [{"message": "no heartbeat", "reason": f"the answer was {status}"}]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(200, b"OK", delivery=Delivery.DROPPED), "there was no proper answer in time"),
        (Answer(200, b"OK" * 9, delivery=Delivery.CUT_SHORT), "there was no proper answer in time"),
        (Answer(200, b"x" * (MOST_BYTES + 1)), "there was no proper answer in time"),
    ],
    ids=["dropped", "cut short", "too long"],
)
def test_no_proper_answer_is_logged(put: Put, said: list[Any], answer: Answer, reason: str) -> None:
    with endpoint(answer) as (url, _):
        heartbeat(put, url).beat()
    assert said == [{"message": "no heartbeat", "reason": reason}]


def test_an_answer_that_drips_does_not_outlive_its_time(put: Put, said: list[Any]) -> None:
    dripping = Answer(200, b"OK" * 500, delivery=Delivery.DRIPPED, drip_seconds=0.05)
    with endpoint(dripping) as (url, _):
        began = time.monotonic()
        heartbeat(put, url, seconds=0.3).beat()
    assert time.monotonic() - began < MOST_SECONDS
    assert [line["reason"] for line in said] == ["there was no proper answer in time"]


@pytest.mark.parametrize(("left", "most"), [(60.0, MOST_SECONDS), (1.5, 1.5)])
def test_a_beat_never_takes_longer_than_its_own_limit_and_what_the_function_has(
    put: Put, monkeypatch: pytest.MonkeyPatch, left: float, most: float
) -> None:
    asked: list[float] = []

    def ask(*_: object, seconds: float, **__: object) -> Any:
        asked.append(seconds)
        raise TimeoutError

    monkeypatch.setattr(pinned, "ask", ask)
    heartbeat(put, "http://127.0.0.1:1/x", seconds=left, monotonic=lambda: 7.0).beat()
    assert asked == [most]


def test_nothing_is_sent_when_no_time_is_left(put: Put, said: list[Any]) -> None:
    with endpoint(OK) as (url, seen):
        heartbeat(put, url, seconds=-0.5).beat()
    assert seen == []
    assert [line["reason"] for line in said] == ["nobody was reached in time"]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["169.254.169.254"], ["10.0.0.7"], ["::1"], ["93.184.216.34", "10.0.0.7"]], ids=str
)
def test_a_name_that_leads_inside_is_not_asked(put: Put, said: list[Any], addresses: list[str]) -> None:
    with endpoint(OK) as (url, seen):
        inside = url.replace("http://127.0.0.1", "https://watch.example.com")
        heartbeat(put, inside, allowed_hosts=(), resolve=lambda host, port: addresses).beat()
    assert seen == []
    assert [line["reason"] for line in said] == ["the address is not on the public internet"]


def test_this_machine_is_inside_unless_a_test_allows_it(put: Put, said: list[Any]) -> None:
    with endpoint(OK) as (url, seen):
        heartbeat(put, url, allowed_hosts=()).beat()
    assert seen == []
    assert [line["reason"] for line in said] == ["the address is not on the public internet"]


@pytest.mark.parametrize(
    "url", ["", "hc-ping.com", "http://hc-ping.com/x", f"https://u:{TOKEN}@hc-ping.com/x", "file:///x"]
)
def test_what_is_no_address_is_said_without_quoting_it(put: Put, said: list[Any], url: str) -> None:
    heartbeat(put, url).beat()
    ((reason),) = [line["reason"] for line in said]
    assert reason == "HeartbeatUrl is not an address such as https://hc-ping.com/…; deploy again with one"


def test_a_secret_that_cannot_be_read_is_said_by_awss_name_for_it(
    monkeypatch: pytest.MonkeyPatch, said: list[Any]
) -> None:
    def refused(name: str) -> str:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": f"not {name}"}}, "GetSecretValue")

    monkeypatch.setattr("trueup.secrets.secret_string", refused)
    Heartbeat(SECRET, seconds=lambda: 5.0).beat()
    assert [line["reason"] for line in said] == ["the address could not be read: AccessDeniedException"]


def test_a_name_nobody_knows_and_an_address_where_nobody_is_are_said_without_their_names(
    put: Put, said: list[Any]
) -> None:
    beating = heartbeat(put, f"https://{TOKEN}.invalid/x")
    beating.beat()
    put(f"http://127.0.0.1:1{PATH}")
    beating.beat()
    assert [line["reason"] for line in said] == ["nobody was reached in time"] * 2


def test_even_what_nobody_thought_of_fails_no_run_and_says_only_its_name(put: Put, said: list[Any]) -> None:
    def broken(host: str, port: int) -> list[str]:
        raise RuntimeError(f"{host} {TOKEN}")

    heartbeat(put, "https://hc-ping.com/x", resolve=broken).beat()
    assert [line["reason"] for line in said] == ["RuntimeError"]
