"""Book: take the book a trading system pushes."""

import os
from typing import Any

from trueup.config import BookSettings
from trueup.observability import logger, logging_failure
from trueup.steps.book import book_step, read_request


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Store the book that is the event, and return its version and digest."""
    with logging_failure():
        book = read_request(event)
    with logging_failure(account_id=book.account_id):
        answer = book_step(BookSettings.from_env(os.environ)).run(book)
    logger.info("taken", extra=answer)
    return answer
