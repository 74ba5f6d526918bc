"""Notify: what arrives on the topic becomes one message for each endpoint, and each message one request."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.clock import utc_now
from trueup.config import NotifySettings
from trueup.domain.reading import Malformed, Record, format_time, parse_json
from trueup.errors import ConfigInvalid, StoreUnavailable
from trueup.notify.endpoints import Endpoint
from trueup.notify.incidents import Incident
from trueup.notify.known import KnownEndpoints, known_endpoints
from trueup.notify.notices import Notice, read_notice, trial_notice
from trueup.notify.parcels import Parcel, parcels, post_of, read_parcel
from trueup.notify.queue import Queue, SqsQueue
from trueup.notify.send import Outcome, Sender, Told
from trueup.observability import logger
from trueup.parallel import for_each
from trueup.store.deliveries import Deliveries
from trueup.store.dynamodb import DynamoRows

LONGEST_WAIT_SECONDS = 600
LONGEST_STATED_WAIT_SECONDS = 3_600
"""An endpoint's own Retry-After is waited for up to an hour."""
_TEST_ID = "test-"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A parcel from the queue: which message it came in, and how often it was tried, this time included."""

    parcel: Parcel
    message_id: str
    receipt: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Trial:
    """Tell an endpoint, or all of them, that this is a test."""

    id: str
    endpoint: str | None


Request = Notice | Delivery | Trial


def read_request(event: object) -> Request:
    """Read the event: one message of either queue, or a test that somebody asks for. Raises ConfigInvalid."""
    try:
        record = Record(event, "event")
        if record.has("test"):
            asked = Record(record.raw("test"), "event.test")
            trial = Trial(asked.slug("id"), asked.optional_text("endpoint"))
            asked.done()
            record.done()
            if not trial.id.startswith(_TEST_ID):
                asked.fail("id", f"must begin with {_TEST_ID}")
            return trial
        messages = [Record(item, at) for at, item in record.items("Records")]
        if len(messages) != 1:
            record.fail("Records", f"must be one message, not {len(messages)}: the queues hand out one at a time")
        return _message(messages[0])
    except Malformed as error:
        raise ConfigInvalid(str(error)) from None


def _message(message: Record) -> Notice | Delivery:
    body = message.raw("body")
    if not isinstance(body, str):
        message.fail("body", "must be a string")
    found = parse_json(body, message.at("body"))
    if isinstance(found, dict) and found.get("Type") == "Notification":
        return read_notice(body)
    attributes = Record(message.raw("attributes"), message.at("attributes"))
    attempt = attributes.text("ApproximateReceiveCount")
    if not attempt.isdecimal():
        attributes.fail("ApproximateReceiveCount", "must be a whole number")
    receipt = message.raw("receiptHandle")
    return Delivery(read_parcel(body), message.text("messageId"), str(receipt), int(attempt))


@dataclass(frozen=True, slots=True)
class NotifyStep:
    """Everything Notify works with."""

    endpoints: KnownEndpoints
    queue: Queue
    deliveries: Deliveries
    send: Callable[[Endpoint, Any], Told]
    clock: Callable[[], datetime]
    first_wait_seconds: int
    most_attempts: int

    def run(self, request: Request) -> dict[str, Any]:
        """Do what is asked for. Raises ConfigInvalid and StoreUnavailable, after which the message comes again."""
        match request:
            case Trial():
                return self._try(request)
            case Delivery():
                again = self._deliver(request)
                return {"batchItemFailures": [{"itemIdentifier": request.message_id}] if again else []}
            case _:
                self._hand_out(request)
                return {"batchItemFailures": []}

    # -- from the topic ------------------------------------------------------------------------------------------

    def _hand_out(self, notice: Notice) -> None:
        """Put one message for each endpoint into the queue. Done again, it is the same messages."""
        told = []
        for parcel in parcels(notice, self.endpoints.all()):
            self.queue.put(parcel)
            told.append(parcel.endpoint)
        logger.info("handed out", extra={"notice": notice.id, "endpoints": sorted(set(told))})

    # -- to an endpoint ------------------------------------------------------------------------------------------

    def _deliver(self, delivery: Delivery) -> bool:
        """Tell an endpoint; returns whether the message has to come again."""
        parcel = delivery.parcel
        about = {"endpoint": parcel.endpoint, "parcel": parcel.id, "attempt": delivery.attempt}
        endpoint = self.endpoints.find(parcel.endpoint)
        if endpoint is None:
            logger.warning("dropped: the endpoint is no longer configured", extra=about)
            return False
        if (why := self._in_vain(parcel)) is not None:
            logger.info("not told", extra={**about, "reason": why})
            return False
        told = self._tell(parcel, endpoint)
        about["answer"] = told.words
        if told.outcome is Outcome.DELIVERED:
            self._remember(parcel)
            logger.info("delivered", extra=about)
            return False
        if told.outcome is Outcome.LATER and delivery.attempt < self.most_attempts:
            wait = self.wait_after(delivery.attempt, told.wait_seconds)
            self.queue.put_off(delivery.receipt, wait)
            logger.warning("not delivered, trying again", extra={**about, "wait_seconds": wait})
            return True
        self.queue.bury(parcel, delivery.message_id, told.words)
        logger.error("not delivered, given up: see `trueup alerts list`", extra=about)
        return False

    def wait_after(self, attempt: int, stated: float | None) -> int:
        """Return how many seconds pass before the next attempt: twice as many each time, or what the endpoint asks."""
        own = min(self.first_wait_seconds << min(attempt - 1, 20), LONGEST_WAIT_SECONDS)
        return max(own, min(math.ceil(stated or 0), LONGEST_STATED_WAIT_SECONDS))

    def _tell(self, parcel: Parcel, endpoint: Endpoint) -> Told:
        try:
            post = post_of(parcel, endpoint, self.clock())
        except Malformed as error:
            return Told(Outcome.REFUSED, f"was not told: {error}")
        return self.send(endpoint, post)

    def _in_vain(self, parcel: Parcel) -> str | None:
        """Say why a parcel need not be delivered; None where it must be, or where nobody can tell."""
        try:
            if self.deliveries.was_told(parcel.endpoint, parcel.id):
                return "it was told before"
            if isinstance(parcel.said, Incident):
                last = self.deliveries.last_of(parcel.endpoint, parcel.said.key)
                if last is not None and parcel.said.overtaken_by(*last):
                    return f"overtaken: {last[0]} of {last[1]} was told since"
        except StoreUnavailable as error:
            # Better told twice than not at all: what is to be said may be that the store is down.
            logger.warning("cannot see what was told before", extra={"reason": str(error)})
        return None

    def _remember(self, parcel: Parcel) -> None:
        try:
            if isinstance(parcel.said, Incident):
                said = parcel.said
                self.deliveries.told_of(parcel.endpoint, said.key, said.action, said.at)
            self.deliveries.told(parcel.endpoint, parcel.id)
        except StoreUnavailable as error:
            logger.warning("cannot note what was told", extra={"reason": str(error)})

    # -- a test --------------------------------------------------------------------------------------------------

    def _try(self, trial: Trial) -> dict[str, Any]:
        """Tell endpoints at once, past the queues, and return what each answered."""
        notice = trial_notice(trial.id, format_time(self.clock()))

        def one(endpoint: Endpoint) -> dict[str, str]:
            told = Told(Outcome.DELIVERED, "")
            for parcel in parcels(notice, [endpoint]):
                told = self._tell(parcel, endpoint)
                if told.outcome is not Outcome.DELIVERED:
                    break
            outcome = "delivered" if told.outcome is Outcome.DELIVERED else "not delivered"
            return {"endpoint": endpoint.name, "kind": str(endpoint.kind), "outcome": outcome, "answer": told.words}

        return {"test": trial.id, "endpoints": for_each(one, self.endpoints.wanted(trial.endpoint))}


def notify_step(settings: NotifySettings) -> NotifyStep:
    """Put the step together as the function runs it."""
    return NotifyStep(
        endpoints=known_endpoints(settings.endpoints_secret, settings.allowed_hosts),
        queue=SqsQueue(settings.queue_url, settings.dead_letter_queue_url),
        deliveries=Deliveries(DynamoRows(settings.table_name), utc_now),
        send=Sender(settings.allowed_hosts).send,
        clock=utc_now,
        first_wait_seconds=settings.first_wait_seconds,
        most_attempts=settings.most_attempts,
    )
