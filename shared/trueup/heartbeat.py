"""A sign of life for somebody outside: an address that is asked after each run that could verify something.

Whoever watches there notices what no alarm of ours can tell: that all of it is silent, and so are its alarms.
"""

import time
from collections.abc import Callable, Collection

from botocore.exceptions import ClientError

from trueup.aws import code_of
from trueup.errors import TrueupError
from trueup.observability import logger
from trueup.secrets import read_heartbeat
from trueup.wire.ask import Dropped, NoAnswer
from trueup.wire.pinned import LeadsInside, Resolve, addresses_of, ask_at, look_up, target_of

MOST_SECONDS = 3.0
MOST_BYTES = 64 * 1024


class Heartbeat:
    """The address in a secret. `seconds` says how long asking may take; `allowed_hosts` may also be inside."""

    def __init__(
        self,
        secret: str,
        *,
        seconds: Callable[[], float],
        allowed_hosts: Collection[str] = (),
        resolve: Resolve = look_up,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = secret
        self._seconds = seconds
        self._allowed_hosts = allowed_hosts
        self._resolve = resolve
        self._monotonic = monotonic

    def beat(self) -> None:
        """Ask the address, once. What goes wrong is logged without it, and never raised: the run has been reported."""
        try:
            problem = self._ask()
        except Exception as error:  # noqa: BLE001 (nothing here may fail a run)
            problem = _said(error)
        if problem is not None:
            logger.warning("no heartbeat", extra={"reason": problem})

    def _ask(self) -> str | None:
        """Return what was wrong with the answer; None if nothing was."""
        ends = self._monotonic() + min(MOST_SECONDS, self._seconds())
        target = target_of(read_heartbeat(self._secret))
        received = ask_at(
            addresses_of(target, self._allowed_hosts, self._resolve),
            target,
            {},
            seconds=lambda: ends - self._monotonic(),
            limit=MOST_BYTES,
            monotonic=self._monotonic,
        )
        return None if 200 <= received.status < 300 else f"the answer was {received.status}"


def _said(error: Exception) -> str:
    """Say what went wrong. Whoever knows the address can fake the sign of life, so no part of it is shown."""
    match error:
        case LeadsInside():
            return "the address is not on the public internet"
        case NoAnswer(unreached=True):
            return "nobody was reached in time"
        case NoAnswer() | Dropped():
            return "there was no proper answer in time"
        case ClientError():
            return f"the address could not be read: {code_of(error)}"
        case TrueupError():
            return str(error)
        case _:
            return type(error).__name__
