"""Compare: judge the run, write the audit, say what is worth saying."""

import os
from typing import Any

from trueup.config import CompareSettings
from trueup.observability import logger, logging_failure
from trueup.steps.compare import compare_step, read_request


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Report the run and return its verdict."""
    request = read_request(event)
    with logging_failure(run_id=request.run_id):
        verdict = compare_step(CompareSettings.from_env(os.environ), context.get_remaining_time_in_millis).run(request)
    logger.info("compared", extra=verdict)
    return verdict
