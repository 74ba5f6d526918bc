"""What happened in a round, and the threads in which it did."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.soak.plan import RoundPlan

_TIMED_OUT = {"States.Timeout", "Sandbox.Timedout", "Runtime.Unknown"}


@dataclass
class Execution:
    """One execution and how it ended. `run_id` is what its input asks for."""

    run_id: str
    day: str
    """The UTC day the run is filed under."""
    arn: str
    begun: float
    status: str = "RUNNING"
    error: str | None = None
    output: dict[str, Any] = field(default_factory=dict)
    failed_attempts: list[str] = field(default_factory=list)


@dataclass
class Round:
    """What happened in a round."""

    plan: RoundPlan
    begin: float
    end: float = 0.0
    executions: list[Execution] = field(default_factory=list)
    fired: list[dict[str, Any]] = field(default_factory=list)
    faulted: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests at the venues by who asked and the fault that answered."""
    kills: int = 0
    trades: int = 0
    errors: list[str] = field(default_factory=list)
    """What went wrong in the soak's own threads."""
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def timed_out(self) -> bool:
        """Whether a function did not end in time: by a fault, or on a machine with too much to do."""
        return any(_TIMED_OUT & set(execution.failed_attempts) for execution in self.executions)

    @property
    def may_fail(self) -> bool:
        """Whether an execution may end FAILED before it has told everything."""
        return self.plan.aws_misbehaves or self.timed_out

    def in_thread(self, call: Callable[[], None], delay: float) -> None:
        """Do something beside everything else, so many seconds from now. `join` waits for it."""

        def run() -> None:
            try:
                time.sleep(delay)
                call()
            except Exception as error:  # noqa: BLE001 (said with the round, which then counts as broken)
                self.errors.append(f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait until nothing runs beside any more; what runs may still begin something."""
        while self._threads:
            self._threads.pop().join()
