"""Telling endpoints: what the topic says becomes a message for each, and each is told, put off or given up."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.notify.notify_kit import (
    acknowledged,
    alarm,
    alert,
    endpoint,
    envelope,
    from_queue,
    from_topic,
    line,
    resolved,
)
from trueup.errors import ConfigInvalid, StoreUnavailable
from trueup.notify.endpoints import Endpoint, Kind
from trueup.notify.known import KnownEndpoints
from trueup.notify.notices import read_notice
from trueup.notify.parcels import Parcel, Post, parcels
from trueup.notify.send import Outcome, Told
from trueup.steps.notify import NotifyStep, Trial, read_request
from trueup.store.deliveries import Deliveries
from trueup.store.memory import MemoryRows

NOW = datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC)
CHAT, PAGER = endpoint(Kind.SLACK, name="ops"), endpoint(Kind.PAGERDUTY, name="on-call")
TAKEN = Told(Outcome.DELIVERED, "answered 200")


class FakeQueue:
    """What would be in the queue, put off, and among the dead letters."""

    def __init__(self) -> None:
        self.put_in: list[Parcel] = []
        self.waits: list[tuple[str, int]] = []
        self.buried: list[tuple[Parcel, str, str]] = []

    def put(self, parcel: Parcel) -> None:
        self.put_in.append(parcel)

    def put_off(self, receipt: str, seconds: int) -> None:
        self.waits.append((receipt, seconds))

    def bury(self, parcel: Parcel, message_id: str, reason: str) -> None:
        self.buried.append((parcel, message_id, reason))


class BrokenRows(MemoryRows):
    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        raise StoreUnavailable("GetItem: InternalServerError (500); try again")

    def put(self, *_: Any, **__: Any) -> bool:
        raise StoreUnavailable("PutItem: InternalServerError (500); try again")


class Office:
    """A step with everything around it, and what was told to whom."""

    def __init__(self, *endpoints: Endpoint, rows: MemoryRows | None = None, attempts: int = 5) -> None:
        self.endpoints = endpoints
        self.queue = FakeQueue()
        self.told: list[tuple[str, Post]] = []
        self.answers: dict[str, Told] = {}
        self.step = NotifyStep(
            KnownEndpoints(lambda: self.endpoints, lambda: len(self.told) * 1_000.0),
            self.queue,
            Deliveries(rows or MemoryRows(), lambda: NOW),
            self._send,
            lambda: NOW,
            first_wait_seconds=15,
            most_attempts=attempts,
        )

    def _send(self, to: Endpoint, post: Post) -> Told:
        self.told.append((to.name, post))
        return self.answers.get(to.name, TAKEN)

    def say(self, message: Any) -> list[Parcel]:
        """Let the topic say something; returns what that puts into the queue."""
        before = len(self.queue.put_in)
        assert self.step.run(read_request(from_topic(message))) == {"batchItemFailures": []}
        return self.queue.put_in[before:]

    def deliver(self, parcel: Parcel, attempt: int = 1) -> bool:
        """Let the queue hand a parcel out; returns whether it has to come again."""
        answer = self.step.run(read_request(from_queue(parcel, attempt)))
        return answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def packed(message: Any, *endpoints: Endpoint) -> list[Parcel]:
    return list(parcels(read_notice(envelope(message)), endpoints))


# -- from the topic --------------------------------------------------------------------------------------------------


def test_what_the_topic_says_is_one_message_for_each_endpoint() -> None:
    office = Office(CHAT, PAGER, endpoint(Kind.WEBHOOK))

    assert [parcel.endpoint for parcel in office.say(alert())] == ["ops", "on-call", "ops-webhook"]
    assert office.told == []


def test_at_pagerduty_each_incident_is_a_message_of_its_own() -> None:
    put_in = Office(PAGER).say(alert(breaks=[line("BTC"), line("ETH")]))

    assert len({parcel.key for parcel in put_in}) == 2


def test_said_again_it_is_the_same_messages_so_that_the_queue_drops_them() -> None:
    office = Office(CHAT, PAGER)
    first, again = ([parcel.key for parcel in office.say(alert())] for _ in range(2))
    assert first == again


def test_two_endpoints_never_share_a_message() -> None:
    one, other = Office(CHAT, endpoint(Kind.SLACK, name="other")).say(alert())
    assert one.id == other.id
    assert one.key != other.key


# -- to an endpoint --------------------------------------------------------------------------------------------------


def test_a_message_that_is_taken_is_done_and_noted() -> None:
    office = Office(CHAT)
    [parcel] = packed(alert(), CHAT)

    assert not office.deliver(parcel)
    assert [name for name, _ in office.told] == ["ops"]
    assert (office.queue.waits, office.queue.buried) == ([], [])


def test_a_message_that_comes_again_after_it_was_taken_is_not_told_again() -> None:
    office = Office(CHAT)
    [parcel] = packed(alert(), CHAT)

    assert [office.deliver(parcel) for _ in range(3)] == [False] * 3
    assert len(office.told) == 1


def test_a_message_that_is_not_taken_now_comes_again_later_and_later() -> None:
    office = Office(CHAT, attempts=10)
    office.answers["ops"] = Told(Outcome.LATER, "answered 503")
    [parcel] = packed(alert(), CHAT)

    assert [office.deliver(parcel, attempt) for attempt in range(1, 10)] == [True] * 9
    assert [seconds for _, seconds in office.queue.waits] == [15, 30, 60, 120, 240, 480, 600, 600, 600]
    assert {receipt for receipt, _ in office.queue.waits} == {"r-1"}
    assert office.queue.buried == []


@pytest.mark.parametrize(
    ("attempt", "stated", "waited"), [(1, 40.0, 40), (1, 2.5, 15), (4, 90.0, 120), (1, 86_400.0, 3_600), (1, 61.2, 62)]
)
def test_an_endpoints_own_wait_is_kept_up_to_an_hour(attempt: int, stated: float, waited: int) -> None:
    office = Office(CHAT)
    office.answers["ops"] = Told(Outcome.LATER, "answered 429", stated)
    office.deliver(packed(alert(), CHAT)[0], attempt)
    assert office.queue.waits == [("r-1", waited)]


def test_after_the_last_attempt_it_is_a_dead_letter_with_the_reason() -> None:
    office = Office(CHAT, attempts=3)
    office.answers["ops"] = Told(Outcome.LATER, "answered 503")
    [parcel] = packed(alert(), CHAT)

    assert [office.deliver(parcel, attempt) for attempt in (1, 2, 3)] == [True, True, False]
    assert office.queue.buried == [(parcel, "m-1", "answered 503")]


def test_a_message_that_is_refused_is_a_dead_letter_at_once() -> None:
    office = Office(CHAT)
    office.answers["ops"] = Told(Outcome.REFUSED, "answered 404: no_service")
    [parcel] = packed(alert(), CHAT)

    assert not office.deliver(parcel)
    assert office.queue.buried == [(parcel, "m-1", "answered 404: no_service")]
    assert office.queue.waits == []


def test_a_dead_letter_that_is_moved_back_is_told() -> None:
    """Only what was taken counts as told."""
    office = Office(CHAT)
    [parcel] = packed(alert(), CHAT)
    office.answers["ops"] = Told(Outcome.REFUSED, "answered 404")
    office.deliver(parcel)
    del office.answers["ops"]

    office.deliver(parcel)

    assert len(office.told) == 2


def test_a_message_for_an_endpoint_that_was_taken_off_the_list_is_dropped() -> None:
    office = Office(PAGER)
    assert not office.deliver(packed(alert(), CHAT)[0])
    assert (office.told, office.queue.buried) == ([], [])


def test_a_message_for_an_endpoint_that_became_of_another_kind_is_a_dead_letter() -> None:
    office = Office(endpoint(Kind.PAGERDUTY, name="ops"), endpoint(Kind.SLACK, name="on-call"))
    for parcel in (*packed(alert(), CHAT), *packed(alert(), PAGER)):
        assert not office.deliver(parcel)
    assert office.told == []
    assert len(office.queue.buried) == 2


def test_while_nobody_can_tell_what_was_told_everything_is_told() -> None:
    """Better twice than not at all: the news may be that the store is down."""
    office = Office(CHAT, PAGER, rows=BrokenRows())
    for parcel in packed(alarm(), CHAT, PAGER):
        assert not office.deliver(parcel)
    assert [name for name, _ in office.told] == ["ops", "on-call"]


# -- in order --------------------------------------------------------------------------------------------------------


def actions(office: Office) -> list[str]:
    return [json.loads(post.body)["event_action"] for _, post in office.told]


def test_a_break_that_was_resolved_meanwhile_is_not_opened_again_by_an_old_message() -> None:
    office = Office(PAGER)
    [opened], [closed] = packed(alert(), PAGER), packed(resolved(), PAGER)

    for parcel in (closed, opened):
        assert not office.deliver(parcel)

    assert actions(office) == ["resolve"]


def test_a_break_that_came_back_is_not_closed_by_an_old_message() -> None:
    office = Office(PAGER)
    [opened], [closed] = packed(alert(), PAGER), packed(resolved(), PAGER)
    [reopened] = packed(alert(alert_id="alr-3", compared_at="2026-11-22T12:10:05Z"), PAGER)

    for parcel in (opened, reopened, closed):
        assert not office.deliver(parcel)

    assert actions(office) == ["trigger", "trigger"]


def test_in_order_everything_is_told() -> None:
    office = Office(PAGER)
    for message in (alert(), acknowledged(), resolved()):
        for parcel in packed(message, PAGER):
            office.deliver(parcel)
    assert actions(office) == ["trigger", "acknowledge", "resolve"]


def test_one_break_says_nothing_about_another() -> None:
    office = Office(PAGER)
    for message in (resolved(), alert(breaks=[line("ETH")])):
        for parcel in packed(message, PAGER):
            office.deliver(parcel)
    assert actions(office) == ["resolve", "trigger"]


# -- a test ----------------------------------------------------------------------------------------------------------


def test_a_test_tells_every_endpoint_at_once_and_says_what_each_answered() -> None:
    office = Office(CHAT, PAGER)
    office.answers["ops"] = Told(Outcome.REFUSED, "answered 404: no_service")

    answer = office.step.run(read_request({"test": {"id": "test-1", "endpoint": None}}))

    assert answer == {
        "test": "test-1",
        "endpoints": [
            {"endpoint": "ops", "kind": "slack", "outcome": "not delivered", "answer": "answered 404: no_service"},
            {"endpoint": "on-call", "kind": "pagerduty", "outcome": "delivered", "answer": "answered 200"},
        ],
    }
    assert sorted(name for name, _ in office.told) == ["on-call", "on-call", "ops"]
    assert office.queue.put_in == []


def test_a_test_may_be_for_one_endpoint() -> None:
    office = Office(CHAT, PAGER)
    office.step.run(Trial("test-1", "ops"))
    assert [name for name, _ in office.told] == ["ops"]


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({}, "event.Records: is missing"),
        ([], "event: must be an object"),
        ({"Records": []}, "event.Records: must be one message, not 0"),
        ({"Records": [{}, {}]}, "event.Records: must be one message, not 2"),
        ({"Records": [{"body": 1}]}, "body: must be a string"),
        ({"Records": [{"body": "hello"}]}, "body: is not JSON"),
        ({"Records": [{"body": "{}", "attributes": {}}]}, "ApproximateReceiveCount: is missing"),
        ({"test": {"id": "alr-1"}}, "event.test.id: must begin with test-"),
        ({"test": {"id": "test-1", "url": "https://x"}}, "event.test.url: is not a field here"),
        ({"test": {"id": "test-1"}, "Records": []}, "event.Records: is not a field here"),
    ],
)
def test_an_event_that_is_none_is_refused_by_name_of_the_field(event: Any, told: str) -> None:
    with pytest.raises(ConfigInvalid, match=told):
        read_request(event)


def failing(error: Exception) -> Callable[[], Sequence[Endpoint]]:
    def read() -> Sequence[Endpoint]:
        raise error

    return read


@pytest.mark.parametrize(
    "error", [ConfigInvalid("the secret x: endpoints[0].url: must be https://"), StoreUnavailable("x")]
)
def test_while_the_endpoints_cannot_be_read_messages_come_again(error: Exception) -> None:
    office = Office(CHAT)
    office.step.endpoints._read = failing(error)  # type: ignore[assignment]
    for event in (from_topic(alert()), from_queue(packed(alert(), CHAT)[0])):
        with pytest.raises(type(error)):
            office.step.run(read_request(event))
    assert office.told == []
