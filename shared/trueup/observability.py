"""Logs: structured, and never a balance, a secret or a venue's answer in them. Metrics are lines of the log, too."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from trueup.errors import TrueupError

if TYPE_CHECKING:
    from trueup.metrics import Figure

logger = Logger()
NAMESPACE = "Trueup"
"""Of all our metrics."""


@contextmanager
def logging_failure(**about: str) -> Iterator[None]:
    """Log one of our own errors in a line with its name and message, and let it go on to the state machine."""
    try:
        yield
    except TrueupError as error:
        # No traceback: the name and the message say it all, and source lines help nobody at 3 a.m.
        logger.error("failed", extra={"error": type(error).__name__, "reason": str(error), **about})  # noqa: TRY400
        raise


def emit(figures: "Iterable[Figure]", *, service: str, stack: str) -> None:
    """Give figures to CloudWatch: one line in its embedded metric format, from which it takes them. None: no line.

    The two dimensions are all there are: each further value of one would be another metric to pay for.
    """
    if not (figures := tuple(figures)):
        return
    # Imported where it is used: most invocations count nothing.
    from aws_lambda_powertools.metrics import EphemeralMetrics

    metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
    metrics.add_dimension(name="stack", value=stack)
    for figure in figures:
        metrics.add_metric(name=figure.metric, unit=figure.unit, value=figure.value)
    metrics.flush_metrics()
