"""Telling an endpoint: where the request goes, what an answer means, and what may be said of it."""

import threading
from functools import partial
from typing import Any

import pytest
from notify_kit import SIGNING_SECRET, endpoint

from local.venues.server import Answer, Delivery
from tests.unit.answering import answering
from trueup.notify.endpoints import Endpoint, Kind
from trueup.notify.parcels import Post
from trueup.notify.send import Outcome, Sender, Told
from trueup.wire import pinned

TOKEN = "t0ken-of-a-channel-4711"
BODY = b'{"text": "1.25 BTC"}'


channel = partial(answering, path=f"/hooks/{TOKEN}?k={TOKEN}")


def tell(url: str, *, to: Endpoint | None = None, allowed: str = "127.0.0.1", **how: Any) -> Told:
    found = to or endpoint(Kind.SLACK, url=url)
    return Sender({allowed}, **how).send(found, Post(url, {"webhook-id": "alr-1"}, BODY))


def test_one_post_goes_out_with_body_and_headers() -> None:
    with channel(Answer.of_text("ok", status=200)) as (url, seen):
        assert tell(url) == Told(Outcome.DELIVERED, "answered 200")

    [request] = seen
    assert (request.method, request.path, request.query) == ("POST", f"/hooks/{TOKEN}", {"k": TOKEN})
    assert request.body == BODY
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "alr-1"
    assert request.headers["user-agent"].startswith("trueup/")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, Outcome.DELIVERED) for status in (200, 201, 202, 204)),
        *((status, Outcome.LATER) for status in (408, 425, 429, 500, 502, 503, 504)),
        *((status, Outcome.REFUSED) for status in (301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422)),
    ],
)
def test_a_status_says_whether_it_was_taken_may_be_taken_later_or_never(status: int, outcome: Outcome) -> None:
    elsewhere = (("Location", "http://127.0.0.1:1/"),)
    with channel(Answer(status, b"", content_type="", headers=elsewhere)) as (url, seen):
        assert tell(url).outcome is outcome

    assert len(seen) == 1, "no second attempt, and no redirect, within a request"


@pytest.mark.parametrize(("stated", "seconds"), [("30", 30), ("1.5", 1.5), ("soon", None), (None, None)])
def test_an_endpoints_own_wait_is_passed_on(stated: str | None, seconds: float | None) -> None:
    headers = () if stated is None else (("Retry-After", stated),)
    with channel(Answer(429, b"", headers=headers)) as (url, _):
        assert tell(url).wait_seconds == seconds


def test_what_a_vendor_says_of_a_refusal_is_passed_on_without_what_is_secret() -> None:
    with channel(Answer.of_text(f"invalid_blocks for {TOKEN}, 1.25 BTC", status=400)) as (url, _):
        words = tell(url).words

    assert words == "answered 400: invalid_blocks for [redacted], [number] BTC"


def test_what_a_webhook_says_is_not_passed_on_since_it_could_be_what_it_was_told() -> None:
    with channel(Answer.of_text("you said 125 BTC", status=400)) as (url, _):
        assert tell(url, to=endpoint(Kind.WEBHOOK, url=url)).words == "answered 400"


# -- connections that fail -------------------------------------------------------------------------------------------


def test_nobody_at_the_address_is_for_later() -> None:
    with channel(Answer(200)) as (url, _):
        pass
    told = tell(url)
    assert told.outcome is Outcome.LATER
    assert told.words.startswith("found nobody at 127.0.0.1:")
    assert TOKEN not in told.words


def test_an_endpoint_that_drops_the_connection_is_for_later() -> None:
    with channel(Answer(200, delivery=Delivery.DROPPED)) as (url, _):
        assert tell(url) == Told(Outcome.LATER, "dropped the connection without an answer")


def test_an_endpoint_that_never_answers_is_left_in_time_and_is_for_later() -> None:
    with channel(Answer(200, held_by=threading.Event())) as (url, _):
        assert tell(url, seconds=0.2) == Told(Outcome.LATER, "got no whole answer within 0.2 s")


@pytest.mark.parametrize("how", [Delivery.CUT_SHORT, Delivery.DRIPPED])
@pytest.mark.parametrize(
    ("status", "outcome"), [(200, Outcome.DELIVERED), (500, Outcome.LATER), (400, Outcome.REFUSED)]
)
def test_an_answer_that_begins_counts_whatever_becomes_of_its_body(
    how: Delivery, status: int, outcome: Outcome
) -> None:
    """Or what was taken would be told again, and again."""
    answer = Answer(status, b"x" * 1_000, delivery=how, drip_seconds=0.05)
    with channel(answer) as (url, _):
        assert tell(url, seconds=0.3).outcome is outcome


def test_an_answer_that_is_too_long_counts() -> None:
    with channel(Answer(200, b"x" * 1_000_000)) as (url, _):
        assert tell(url).outcome is Outcome.DELIVERED


# -- nowhere inside --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["169.254.169.254"], ["10.0.0.7"], ["::1"], ["93.184.216.34", "10.0.0.7"]], ids=str
)
def test_a_name_that_leads_inside_is_told_nothing(addresses: list[str]) -> None:
    told = tell("https://hooks.example.com/x", resolve=lambda host, port: addresses)
    assert told.outcome is Outcome.REFUSED
    assert "not on the public internet" in told.words


def test_this_machine_is_told_only_if_it_is_named() -> None:
    with channel(Answer(200)) as (url, seen):
        assert tell(url, allowed="hooks.internal").outcome is Outcome.REFUSED
    assert seen == []


def test_a_name_is_looked_up_once_and_told_at_that_very_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "is_public", lambda address: address == "127.0.0.1")
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.99"]

    with channel(Answer(200)) as (url, seen):
        assert tell(url.replace("127.0.0.1", "hooks.example.com"), resolve=resolve).outcome is Outcome.DELIVERED
    assert asked == ["hooks.example.com"]
    assert seen[0].host.startswith("hooks.example.com:")


def test_a_name_nobody_knows_is_for_later() -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise OSError

    told = tell("https://hooks.example.com/x", resolve=nobody)
    assert (told.outcome, told.words) == (Outcome.LATER, "found no host named hooks.example.com")


def test_secrets_of_an_endpoint_are_all_of_it_but_the_host() -> None:
    found = endpoint(Kind.WEBHOOK, url=f"https://desk.example/a/{TOKEN}?sig=signature-1234&k=v").secrets
    assert {SIGNING_SECRET, TOKEN, "signature-1234"} <= set(found)
