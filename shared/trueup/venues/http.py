"""The one way Trueup talks to a venue: GET over verified TLS, strict JSON back, everything bounded, all of it kept.

One `VenueHttp` serves one reading of one account. It keeps every answer as evidence and turns everything that can go
wrong into an error of `trueup.errors`. Connections are pooled for the life of the process, so a warm Lambda does not
shake hands again. Proxy variables of the environment are ignored, and there is no way to switch TLS verification off.
What a venue may say instead of an answer is in `refusals`.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from trueup.clock import utc_now
from trueup.domain.base_urls import check_base_url
from trueup.domain.reading import Malformed, format_time, parse_json
from trueup.errors import (
    ConfigInvalid,
    TrueupError,
    VenueRateLimited,
    VenueResponseInvalid,
    VenueUnavailable,
)
from trueup.venues.refusals import PLAIN, Dialect, verdict_of_status
from trueup.wire.ask import CHUNK, MAX_BODY_BYTES, Dropped, NoAnswer, Received, ask, wrong_kind
from trueup.wire.connection import pool
from trueup.wire.waits import http_date
from trueup.wire.words import json_or_none, own_words, shown

MAX_READING_BYTES = 4 * MAX_BODY_BYTES
"""Limit of all answers of one reading together, which are kept as evidence until its end."""
MAX_WAITS = 3
"""How often one call waits out a venue's own Retry-After before the state machine is asked to."""
LEAST_SECONDS = 0.5
"""A wait is taken only if at least this much time is left for the request after it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came, for the evidence. `path` has the query but no host; the body is never a request's."""

    path: str
    status: int
    received_at: datetime
    body: str
    complete: bool
    """False when the body was cut: by the venue, by the clock, or by our size limit."""

    def document(self) -> dict[str, Any]:
        """Write the answer as a JSON document."""
        return {
            "path": self.path,
            "status": self.status,
            "received_at": format_time(self.received_at),
            "body": self.body,
            "complete": self.complete,
        }


class Reply(NamedTuple):
    """A proper answer: the parsed JSON (None only where the dialect says "absent"), and the Date if one was sent."""

    document: Any
    date: datetime | None


class VenueHttp:
    """A bounded client for one reading.

    `who` opens every error message ("account cb-main at coinbase"). A request takes at most `timeout_seconds`, all of
    them together at most `budget_seconds`. Raises ConfigInvalid for a base URL that is not https (or loopback).
    """

    def __init__(
        self,
        base_url: str,
        *,
        who: str,
        timeout_seconds: float,
        budget_seconds: float,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        try:
            self._base = check_base_url(base_url)
            parts = urlsplit(self._base)
            default_port = parts.port == {"https": 443, "http": 80}[parts.scheme]
        except ValueError as error:
            raise ConfigInvalid(f"{who}: base_url: {error}") from None
        self.host = parts.netloc.rpartition(":")[0] if default_port else parts.netloc
        """The host as the venue knows it: with its port only where that is not the scheme's own."""
        self.prefix = parts.path
        """What the base URL puts before every path; usually nothing."""
        self.who = who
        self.answers: list[Answer] = []
        """Every answer so far, also the refused and the broken ones."""
        self._timeout = timeout_seconds
        self._deadline = monotonic() + budget_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._max_body = max_body_bytes
        self._kept = 0

    def now(self) -> datetime:
        """Tell the time by our clock, in UTC."""
        return self._clock()

    def remaining(self) -> float:
        """Say how many seconds of the budget are left."""
        return self._deadline - self._monotonic()

    def get(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        sign: Callable[[], Mapping[str, str]] | None = None,
        dialect: Dialect = PLAIN,
    ) -> Reply:
        """Get one JSON document. `sign` makes the headers anew for every attempt: a signature is never sent twice.

        Raises VenueRateLimited, VenueUnavailable, VenueAuthFailed, VenuePermissionDenied, VenueGeoBlocked,
        VenueResponseInvalid, or what the dialect says. A 429 is waited out here if the venue's own wait fits.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        waits = 0
        while True:
            raw = self._ask(path, target, sign or dict)
            if raw.status != 429:
                return self._read(path, raw, dialect)
            stated = raw.headers.get("Retry-After")
            wait = None if stated is None else dialect.retry_after(stated, self._clock())
            if wait is None or waits >= MAX_WAITS or wait + LEAST_SECONDS > self.remaining():
                raise self._rate_limited(path, raw, wait)
            waits += 1
            self._sleep(wait)

    def _ask(self, path: str, target: str, sign: Callable[[], Mapping[str, str]]) -> Received:
        try:
            return self._attempt(path, target, sign())
        except Dropped:
            # Usually a pooled connection which the venue closed while this Lambda was frozen: once more, on a fresh
            # one. Signed anew: the venue may have seen the first request and remember its nonce.
            try:
                return self._attempt(path, target, sign())
            except Dropped:
                raise VenueUnavailable(self.say(path, "was dropped without a proper answer")) from None

    def _attempt(self, path: str, target: str, headers: Mapping[str, str]) -> Received:
        seconds = min(self._timeout, self.remaining())
        if seconds <= 0:
            raise VenueUnavailable(self.say(path, "was not sent: the time for this account is used up"))

        def keep(status: int, content: bytes, complete: bool) -> None:
            if not complete:
                # What could not be used is kept as far as it can explain itself.
                content = content[:CHUNK]
            self._kept += len(content)
            self.answers.append(Answer(target, status, self._clock(), content.decode("utf-8", "replace"), complete))

        try:
            return ask(
                pool(),
                self._base + target,
                headers,
                host=self.host,
                seconds=seconds,
                monotonic=self._monotonic,
                limit=min(self._max_body, max(0, MAX_READING_BYTES - self._kept)),
                keep=keep,
            )
        except NoAnswer as error:
            raise (VenueResponseInvalid if error.lasting else VenueUnavailable)(self.say(path, str(error))) from None

    # -- what an answer means ------------------------------------------------------------------------------------

    def _read(self, path: str, raw: Received, dialect: Dialect) -> Reply:
        """Status first, then the kind of body, then the body: an error page is never read as data."""
        if not 200 <= raw.status < 300:
            body = json_or_none(raw.content)
            if dialect.absent(raw.status, body):
                return Reply(None, http_date(raw.headers.get("Date", "")))
            raise self._refused(path, raw, body, dialect)
        if (kind := wrong_kind(raw)) is not None:
            raise VenueUnavailable(self.say(path, f"answered {raw.status} with {kind} instead of JSON"))
        try:
            document = parse_json(raw.content, "the answer")
        except Malformed as error:
            # Not JSON, or not text, is a broken transfer and worth another try; JSON that is not allowed is not.
            broken = error.problem.startswith("is not ")
            raise (VenueUnavailable if broken else VenueResponseInvalid)(
                self.say(path, f"answered {raw.status}, but {shown(str(error))}")
            ) from None
        if document is None:
            # None is how a reply says that there is no such thing, which only the dialect may decide.
            raise VenueResponseInvalid(self.say(path, f"answered {raw.status}, but the answer is null"))
        return Reply(document, http_date(raw.headers.get("Date", "")))

    def _refused(self, path: str, raw: Received, body: Any, dialect: Dialect) -> TrueupError:
        status = raw.status
        words = own_words(raw.content)
        if 300 <= status < 400:
            return VenueResponseInvalid(self.say(path, f"was redirected ({status}), which is refused: check base_url"))
        verdict = dialect.classify(status, body) if 400 <= status < 500 else None
        error, advice = verdict or verdict_of_status(status, body)
        return error(self.say(path, f"answered {status}: {words}{f'. {advice}' if advice else ''}"))

    def _rate_limited(self, path: str, raw: Received, wait: float | None) -> VenueRateLimited:
        words = own_words(raw.content)
        stated = "states no wait" if wait is None else f"asks to wait {wait:.3g} s"
        return VenueRateLimited(
            self.say(path, f"answered 429: {words}. The venue {stated}"),
            None if wait is None else math.ceil(wait),
        )

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Read an answer inside this: a fault in it becomes VenueResponseInvalid, naming account, path and place."""
        try:
            yield
        except Malformed as error:
            raise VenueResponseInvalid(self.say(path, f"answered, but {shown(str(error))}")) from None

    def say(self, path: str, what: str) -> str:
        """Open a sentence about a request, for an error: who, what was asked, what came of it."""
        return f"{self.who}: GET {path} {what}"
