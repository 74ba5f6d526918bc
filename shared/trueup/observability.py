"""Logs: structured, and never a balance, a secret or a venue's answer in them."""

from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger

from trueup.errors import TrueupError

logger = Logger()


@contextmanager
def logging_failure(**about: str) -> Iterator[None]:
    """Log one of our own errors in a line with its name and message, and let it go on to the state machine."""
    try:
        yield
    except TrueupError as error:
        # No traceback: the name and the message say it all, and source lines help nobody at 3 a.m.
        logger.error("failed", extra={"error": type(error).__name__, "reason": str(error), **about})  # noqa: TRY400
        raise
