"""Real runs, counted: the real state machine and handlers on moto, against simulated venues, in this process."""

import io
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from bench.wire import Wire
from local.venues.credentials import make_address
from tests.workflow.conftest import deployed
from tests.workflow.desk import Desk
from trueup.observability import logger

HOLDINGS = {"BTC": "1.25", "ETH": "40", "SOL": "495.5", "USDC": "250000", "EUR": "1200.5", "DOGE": "120000"}
"""What every account holds: six assets, as the book says."""
SCHEDULED = "2026-11-22T12:{:02}:00Z"
LOG_EVENT_OVERHEAD = 26
"""Bytes CloudWatch Logs adds to every log event."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """How many accounts of each venue a run has."""

    coinbase: int
    dydx: int = 0


@contextmanager
def counted_desk() -> Iterator[tuple[Desk, Wire]]:
    """Deploy a Trueup whose every request to AWS is counted."""
    with pytest.MonkeyPatch.context() as patch, deployed(patch) as desk, Wire().watching() as wire:
        yield desk, wire


def count_run(accounts: Accounts) -> dict[str, int]:
    """Count the second of two runs over that many accounts, by what is billed: the first makes what later ones find."""
    with counted_desk() as (desk, wire), _log_lines() as lines:
        _open(desk, accounts)
        _run(desk, SCHEDULED.format(0))
        lines.clear()
        with wire.counting() as units:
            history = _run(desk, SCHEDULED.format(5))
    units["state transitions"] = transitions(history)
    units["bytes logged by us"] = sum(len(line.encode()) + LOG_EVENT_OVERHEAD for line in lines)
    units["bytes of events"] = sum(map(log_event_size, history))
    return dict(units)


def count_book_write() -> dict[str, int]:
    """Count what writing one account's book again costs: whoever knows the holdings does it, run or no run."""
    with counted_desk() as (desk, wire):
        desk.open_coinbase("cb-000", HOLDINGS, HOLDINGS)
        with wire.counting() as units:
            desk.write_book("cb-000", "spot", HOLDINGS)
    return dict(units)


def transitions(history: list[dict[str, Any]]) -> int:
    """Count state transitions: states entered, attempts of tasks beyond the first, and the execution's two ends."""
    types = Counter(event["type"] for event in history)
    entered = sum(count for name, count in types.items() if name.endswith("StateEntered"))
    return entered + types["TaskScheduled"] - types["TaskStateEntered"] + 2


def log_event_size(event: Mapping[str, Any]) -> int:
    """Return the bytes of the log event Step Functions writes for an event of a history, execution data left out."""
    details: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
    kept = {name: str(value) for name, value in details.items() if name not in _DATA}
    text = json.dumps(
        {
            "id": str(event["id"]),
            "type": event["type"],
            "details": kept,
            "redrive_count": "0",
            "previous_event_id": str(event.get("previousEventId", 0)),
            "event_timestamp": "1795348800000",
            "execution_arn": "arn:aws:states:us-east-1:123456789012:execution:ReconcileStateMachine-a1b2c3d4e5f6:"
            "a1b2c3d4-e5f6-a7b8-c9d0-e1f2a3b4c5d6_a1b2c3d4-e5f6-a7b8-c9d0-e1f2a3b4c5d6",
        }
    )
    return len(text.encode()) + LOG_EVENT_OVERHEAD


_DATA = {"input", "inputDetails", "output", "outputDetails", "parameters", "cause", "error"}


def _open(desk: Desk, accounts: Accounts) -> None:
    desk.put_policy(tolerance={"default": {"value_cap": "500"}})
    for number in range(accounts.coinbase):
        desk.open_coinbase(f"cb-{number:03}", HOLDINGS, HOLDINGS)
    for number in range(accounts.dydx):
        cash = {"USDC": HOLDINGS["USDC"]}
        desk.open_dydx(f"dydx-{number:03}", make_address(f"bench-{number}"), cash, {}, cash)


def _run(desk: Desk, scheduled: str) -> list[dict[str, Any]]:
    """Run once and return the whole history. Raises RuntimeError for a run that did not find all as it should be."""
    execution = desk.start({"scheduled_time": scheduled})
    done = desk.finished(execution)
    if done.status != "SUCCEEDED" or done.output["status"] != "OK" or not done.output["verified"]:
        raise RuntimeError(f"the counted run went wrong: {done.status} {done.output}")
    pages = boto3.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution)
    return [dict(event) for page in pages for event in page["events"]]


@contextmanager
def _log_lines() -> Iterator[list[str]]:
    """Collect what our functions log, instead of showing it: log lines, and metrics, which are printed."""
    lines: list[str] = []

    class Printed(io.StringIO):
        def write(self, text: str) -> int:
            lines.extend(line for line in text.splitlines() if line)
            return len(text)

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    collector = Collector()
    collector.setFormatter(logger.registered_formatter)
    log = logging.getLogger(logger.name)
    shown, log.handlers = log.handlers, [collector]
    try:
        with redirect_stdout(Printed()):
            yield lines
    finally:
        log.handlers = shown
