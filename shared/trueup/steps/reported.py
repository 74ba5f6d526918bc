"""What follows when a run has reported: its figures go to CloudWatch, and a sign of life to whoever watches outside."""

from collections.abc import Callable
from dataclasses import dataclass

from trueup.domain.report import UNVERIFIED, RunReport
from trueup.figures import run_figures
from trueup.metrics import RUN_SERVICE
from trueup.observability import emit


@dataclass(frozen=True, slots=True)
class Reported:
    """Called at most once a run. Nothing it does can fail one."""

    stack_name: str
    heartbeat: str | None
    """The secret that has its address; None where nobody watches."""
    seconds: Callable[[], float]
    """How long the heartbeat may take."""

    def __call__(self, report: RunReport) -> None:
        """Count the run. One that verified nothing gives no sign of life: that must not look like success."""
        emit(run_figures(report), service=RUN_SERVICE, stack=self.stack_name)
        if self.heartbeat is not None and report.status != UNVERIFIED:
            from trueup.heartbeat import Heartbeat  # most desks have none

            Heartbeat(self.heartbeat, seconds=self.seconds).beat()
