"""Prices: freeze one price set for the run."""

import os
from typing import Any

from trueup.config import PricesSettings
from trueup.observability import logger, logging_failure
from trueup.steps.prices import prices_step, read_request


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Fetch prices and return where they are."""
    run_id = read_request(event)
    with logging_failure(run_id=run_id):
        return prices_step(PricesSettings.from_env(os.environ), context.get_remaining_time_in_millis).run(run_id)
