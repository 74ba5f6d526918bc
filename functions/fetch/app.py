"""Fetch: one observation of one account. The same code for every venue; the role and the venue differ."""

import os
from typing import Any

from trueup.config import FetchSettings
from trueup.metrics import fetch_figures
from trueup.observability import emit, logger, logging_failure
from trueup.steps.fetch import fetch_step, read_request


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Observe the account the event names and return where the evidence is."""
    request = read_request(event)
    with logging_failure(run_id=request.run_id, account_id=request.account_id):
        settings = FetchSettings.from_env(os.environ)
        emit(fetch_figures(request.retry), service=f"fetch-{settings.venue}", stack=settings.stack_name)
        return fetch_step(settings, context.get_remaining_time_in_millis).run(request)
