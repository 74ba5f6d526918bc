"""A function that tries calls with the credentials of its role, and tells how AWS answered each."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ONCE = Config(retries={"total_max_attempts": 1})


def handler(event: list[dict[str, Any]], _context: object) -> list[str | None]:
    """Return, for each call, AWS's name for its refusal; None where it did as asked."""
    return [_try(call["service"], call["operation"], call["arguments"]) for call in event]


def _try(service: str, operation: str, arguments: dict[str, Any]) -> str | None:
    try:
        client: Any = boto3.client(service, config=ONCE)  # type: ignore[call-overload]  # not a literal name
        getattr(client, operation)(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None
