"""Plan: claim the run, freeze what it has to look at."""

import os
from typing import Any

from trueup.config import PlanSettings
from trueup.observability import logger, logging_failure
from trueup.steps.plan import plan_step, read_request


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return what the state machine needs to go on: references only."""
    settings = PlanSettings.from_env(os.environ)
    request = read_request(event, settings.interval_seconds)
    with logging_failure(run_id=request.run_id):
        answer = plan_step(settings).run(request)
    logger.info("planned", extra={"run_id": answer["run_id"], "next": answer["next"]})
    return answer
