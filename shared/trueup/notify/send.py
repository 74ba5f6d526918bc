"""Telling one endpoint: one request, bounded in time, to a public address only, and what its answer means."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from urllib3.connectionpool import HTTPConnectionPool

from trueup.clock import utc_now
from trueup.notify.endpoints import Endpoint, Kind
from trueup.notify.parcels import Post
from trueup.wire.ask import Dropped, NoAnswer, Received, tell
from trueup.wire.pinned import LeadsInside, Resolve, addresses_of, at_first_address, look_up, target_of
from trueup.wire.waits import retry_after_seconds
from trueup.wire.words import own_words, shown

SECONDS = 10.0
"""What telling an endpoint may take in all."""
_PASSING = {408, 425, 429}


class Outcome(StrEnum):
    """What came of telling an endpoint."""

    DELIVERED = "delivered"
    LATER = "later"
    """It did not take it now, and may the next time."""
    REFUSED = "refused"
    """It will not take it, however often it is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it, in words that hold nothing secret; `wait_seconds` is the endpoint's own wish for a wait."""

    outcome: Outcome
    words: str
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """Tells endpoints. `allowed_hosts` may be anywhere, also inside."""

    allowed_hosts: Collection[str]
    seconds: float = SECONDS
    resolve: Resolve = look_up
    monotonic: Callable[[], float] = time.monotonic
    clock: Callable[[], datetime] = utc_now

    def send(self, endpoint: Endpoint, post: Post) -> Told:
        """Post once, and say what came of it; never raises."""
        target = target_of(post.url)
        ends = self.monotonic() + self.seconds
        status: list[int] = []

        def once(pool: HTTPConnectionPool, seconds: float) -> Received:
            return tell(
                pool,
                target.path,
                {"Host": target.netloc, **post.headers},
                post.body,
                secrets=endpoint.secrets,
                host=target.netloc,
                seconds=seconds,
                monotonic=self.monotonic,
                keep=lambda code, content, complete: status.append(code),
            )

        try:
            addresses = addresses_of(target, self.allowed_hosts, self.resolve)
            return self._read(
                endpoint, at_first_address(addresses, target, once, seconds=lambda: ends - self.monotonic())
            )
        except LeadsInside:
            return Told(
                Outcome.REFUSED,
                "was not told: its host leads to an address that is not on the public internet; "
                "if it is meant, name the host in AlertAllowedHosts",
            )
        except NoAnswer as error:
            if status:  # it listened, whatever became of its answer
                return _meaning(status[-1], f"answered {status[-1]}, and no more that could be read", None)
            return Told(Outcome.REFUSED if error.lasting else Outcome.LATER, str(error))
        except Dropped:
            return Told(Outcome.LATER, "dropped the connection without an answer")

    def _read(self, endpoint: Endpoint, received: Received) -> Told:
        words = f"answered {received.status}"
        if endpoint.kind is not Kind.WEBHOOK and not 200 <= received.status < 300:
            # Vendors say what they do not like; a webhook could say back what it was told, amounts and all.
            words = f"{words}: {shown(own_words(received.content))}"
        stated = received.headers.get("Retry-After")
        wait = None if stated is None else retry_after_seconds(stated, self.clock())
        return _meaning(received.status, words, wait)


def _meaning(status: int, words: str, wait: float | None) -> Told:
    if 200 <= status < 300:
        return Told(Outcome.DELIVERED, words)
    if status in _PASSING or status >= 500:
        return Told(Outcome.LATER, words, wait)
    if 300 <= status < 400:
        return Told(Outcome.REFUSED, f"answered {status}, a redirect, which is not followed: give the address it is at")
    return Told(Outcome.REFUSED, words)
