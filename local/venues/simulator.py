"""What every simulated venue has: a life, a clock, faults, a request log, a control endpoint."""

from __future__ import annotations

import abc
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Self

from . import control
from .faults import Exchange, Fault, FaultQueue
from .recorded import RecordedAnswers
from .server import Answer, Request, VenueServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

REMEMBERED_REQUESTS = 10_000


@dataclass(frozen=True)
class LoggedRequest:
    """One request, without any header of it. `time` is the venue's own clock, epoch seconds.

    `caller` is the key name or address once known; `refusal` says why the venue refused (our words, for
    tests and debugging); `fault` is the kind of fault that answered.
    """

    number: int
    time: float
    method: str
    path: str
    query: Mapping[str, str]
    status: int
    caller: str | None
    refusal: str | None
    fault: str | None


@dataclass(frozen=True)
class Served:
    """A venue's honest answer and what it knows about who asked. A refused request uses up no fault."""

    answer: Answer
    caller: str | None = None
    reads_account: bool = False
    refusal: str | None = None


class Simulator(abc.ABC):
    """A venue on loopback, alive between `start()` and `stop()`, or inside ``with``.

    `clock` returns epoch seconds. `port` 0 means any free port; a taken one raises `PortTakenError`.
    `recorded` is a folder of recorded answers (see `recorded.py`).
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        port: int = 0,
        recorded: Path | None = None,
    ) -> None:
        self._clock = clock
        self._shift_seconds = 0.0
        self._server = VenueServer(self._respond, port=port)
        self._recorded = RecordedAnswers(recorded) if recorded is not None else None
        self._log: deque[LoggedRequest] = deque(maxlen=REMEMBERED_REQUESTS)
        self._requests_seen = 0
        self.faults = FaultQueue()
        self.lock = threading.RLock()

    def start(self) -> Self:
        """Begin to listen."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop listening and close every connection, hung ones included."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port really listened on."""
        return self._server.port

    @property
    def url(self) -> str:
        """Where to find the venue, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[LoggedRequest]:
        """What was asked so far, oldest first (the last 10,000), control requests apart."""
        with self.lock:
            return list(self._log)

    def now(self) -> float:
        """The venue's own time, epoch seconds."""
        return self._clock() + self._shift_seconds

    def shift_clock(self, seconds: float) -> None:
        """Set the venue's clock ahead (or, negative, behind): it tells that time and judges tokens by it."""
        self._shift_seconds = float(seconds)

    def fail(self, who: str, fault: Fault, *, times: int | None = 1, path: str | None = None) -> None:
        """Misbehave towards a key or address (or `faults.ANY`) for so many requests; None: until cleared.

        Without `path` only requests that read an account are meant; with it, exactly that path.
        """
        self.faults.add(who, fault, times=times, path=path)

    def release_hung(self) -> None:
        """Let every answer that hangs go."""
        self.faults.release_hung()

    def reset(self) -> None:
        """Back to the beginning: balances and prices as opened, no faults, no log, an honest clock."""
        with self.lock:
            self.faults.clear()
            self._log.clear()
            self._shift_seconds = 0.0
            self._restore()

    @abc.abstractmethod
    def error_answer(self, status: int, path: str) -> Answer:
        """The venue's documented answer for this error status on this path."""

    @abc.abstractmethod
    def control_verbs(self) -> Mapping[str, control.Verb]:
        """The venue's own verbs of the control endpoint."""

    @abc.abstractmethod
    def _serve(self, request: Request) -> Served:
        """The honest answer. Called with the lock held."""

    @abc.abstractmethod
    def _restore(self) -> None:
        """Put balances and prices back as they were opened. Called with the lock held."""

    def _respond(self, request: Request) -> Answer:
        if request.path.startswith(control.PREFIX):
            return control.respond(self, request)
        with self.lock:
            now = self.now()
            served = self._serve(request)
            answer, fault = served.answer, None
            if served.refusal is None:
                fault = self.faults.take(served.caller, request.path, reads_account=served.reads_account)
            if fault is not None:
                exchange = Exchange(request, answer, lambda status: self.error_answer(status, request.path))
                answer = fault.change(exchange)
            self._requests_seen += 1
            self._log.append(
                LoggedRequest(
                    number=self._requests_seen,
                    time=now,
                    method=request.method,
                    path=request.path,
                    query=request.query,
                    status=answer.status,
                    caller=served.caller,
                    refusal=served.refusal,
                    fault=fault.kind if fault is not None else None,
                )
            )
        return replace(answer, headers=(*answer.headers, ("Date", formatdate(now, usegmt=True))))

    def _recorded_or(self, request: Request, live: Callable[[], Answer]) -> Answer:
        """The recorded answer in recorded mode (404 where there is none), else the live one."""
        if self._recorded is None:
            return live()
        return self._recorded.find(request) or self.error_answer(404, request.path)

    def _recorded_clock_or(self, request: Request, live: Callable[[], Answer]) -> Answer:
        """As above for the venue's clock, which goes on where nothing was recorded."""
        found = self._recorded.find(request) if self._recorded is not None else None
        return found or live()
