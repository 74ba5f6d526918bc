"""Notify: tell chat channels, PagerDuty and webhooks what arrives on the alert topic."""

import os
from typing import Any

from trueup.config import NotifySettings
from trueup.observability import logger, logging_failure
from trueup.steps.notify import notify_step, read_request


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return which messages have to come again, or what a test was answered."""
    with logging_failure():
        return notify_step(NotifySettings.from_env(os.environ)).run(read_request(event))
