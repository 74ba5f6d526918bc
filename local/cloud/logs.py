"""What the functions wrote and what failed in an execution, for showing an error where it happened."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

_FRAME = ("START RequestId:", "END RequestId:", "REPORT RequestId:")


@dataclasses.dataclass(frozen=True)
class Failure:
    """One failed task or execution: the error's name and the sentence that came with it."""

    error: str
    message: str


def function_log(session: boto3.Session, log_group: str, lines: int = 20) -> list[str]:
    """Return the last lines a function wrote, oldest first, without Lambda's own; none if it never ran."""
    try:
        events = session.client("logs").filter_log_events(logGroupName=log_group)["events"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return []
        raise
    written = [event["message"].rstrip() for event in sorted(events, key=lambda event: event["timestamp"])]
    return [line for line in written if not line.startswith(_FRAME)][-lines:]


def execution_failures(session: boto3.Session, execution_arn: str) -> list[Failure]:
    """Return what failed in an execution, in order, retried and caught failures included."""
    pages = session.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    failures = []
    for page in pages:
        for event in page["events"]:
            failure = _failure(event)
            if failure is not None:
                failures.append(failure)
    return failures


def _failure(event: Mapping[str, Any]) -> Failure | None:
    """Return the failure an event of an execution's history tells of."""
    for name, details in event.items():
        if name.endswith(("FailedEventDetails", "TimedOutEventDetails")) and "error" in details:
            return Failure(details["error"], _sentence(details.get("cause", "")))
    return None


def _sentence(cause: str) -> str:
    """Return the words of a cause: Lambda's is JSON with the message, a stack trace and more."""
    try:
        content = json.loads(cause)
    except ValueError:
        return cause
    return str(content["errorMessage"]) if isinstance(content, dict) and "errorMessage" in content else cause
