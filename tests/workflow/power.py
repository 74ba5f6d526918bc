"""A function's power, cut (or held up) at any one of its writes to AWS."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.workflow.desk import Killed
from trueup.aws import client

READS = {"GetItem", "GetObject", "GetSecretValue", "ListObjectsV2", "Query"}
"""Any other request writes something."""
SERVICES = ("dynamodb", "s3", "sns")


@dataclass
class Power:
    """Counts a function's writes; use it as the disturbance of one function at a time.

    `kills` attempts, after the first `spares`, die at the write with the number `cut_at`: before it goes out, or after
    it took effect (`too_late`). A dead attempt writes nothing more, whatever its threads were about to do. An attempt
    told to `hold` waits before that write instead, for `released`.
    """

    cut_at: int | None = None
    too_late: bool = False
    kills: int = 1
    spares: int = 0
    hold: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    attempts: list[list[str]] = field(default_factory=list)
    """What each attempt was about to write."""
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released at the end of each attempt."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _dead: bool = False
    _at_work: int = 0

    def __call__(self, event: dict[str, Any], work: Callable[[], Any]) -> Any:
        """Invoke the function under this power."""
        with self._lock:
            self.attempts.append([])
            self._dead = False
            self._at_work += 1
            first = len(self.attempts) == 1
        if first:
            for service in SERVICES:
                client(service).meta.events.register("before-call", self._before)
                client(service).meta.events.register("after-call", self._after)
        try:
            return work()
        finally:
            with self._lock:
                self._at_work -= 1
            self.ended.release()

    def off(self) -> None:
        """Count no more."""
        for service in SERVICES:
            client(service).meta.events.unregister("before-call", self._before)
            client(service).meta.events.unregister("after-call", self._after)

    def _before(self, model: Any, context: dict[str, Any], **_: Any) -> None:
        if not self._at_work:
            return
        if self._dead:
            raise _the_power_went()
        if model.name in READS:
            return
        with self._lock:
            self.attempts[-1].append(model.name)
            chosen = self.spares < len(self.attempts) <= self.spares + self.kills
            due = chosen and len(self.attempts[-1]) == self.cut_at
            self._dead = due and not self.too_late and not self.hold
        if self._dead:
            raise _the_power_went()
        context["cut"] = due
        if due and self.hold:
            self.released.wait(20)

    def _after(self, context: dict[str, Any], **_: Any) -> None:
        if context.get("cut") and self.too_late:
            self._dead = True
        if self._at_work and self._dead:
            raise _the_power_went()


def _the_power_went() -> Killed:
    return Killed("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed")
