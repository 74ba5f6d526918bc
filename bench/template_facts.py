"""What the bill depends on in template.yaml, read from it, so that a change there changes the reckoning."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cloud.template import FUNCTION, STATE_MACHINE, of_type, read
from trueup.metrics import Metric
from trueup.venues.registry import VENUES

ROOT = Path(__file__).parents[1]
NOT_IN_A_RUN = ("BookFunction", "BookLogGroup")
"""What a trading system that pushes its books pays for by the push."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Sizes in MB, times in seconds and days."""

    memory: Mapping[str, int]
    """By the function's own name: plan, prices, fetch-coinbase, fetch-dydx, compare."""
    log_groups: int
    alarms: int
    dashboards: int
    metrics: int
    """Our own, by name and dimensions: each is paid for in every hour in which something is said of it."""
    logs_all_events: bool
    """Whether the state machine logs every event, or only what went wrong."""
    traced: bool
    retention_days: int
    log_retention_days: int
    execution_seconds: Mapping[int, int]
    """How long a run may take, by interval."""
    compare_seconds: Mapping[int, int]
    """How long Compare may take, by interval."""


def facts(path: Path = ROOT / "template.yaml") -> Facts:
    """Read the template. Raises KeyError when it no longer has what is looked for."""
    template = _without(read(path), "AlertsToEndpoints")
    defaults = template["Globals"]["Function"]
    timing = {int(interval): times for interval, times in template["Mappings"]["Timing"].items()}
    (machine,) = of_type(template, STATE_MACHINE).values()
    return Facts(
        memory={
            _name(properties): int(properties.get("MemorySize", defaults["MemorySize"]))
            for name, properties in of_type(template, FUNCTION).items()
            if name not in NOT_IN_A_RUN
        },
        log_groups=len(of_type(template, "AWS::Logs::LogGroup").keys() - set(NOT_IN_A_RUN)),
        alarms=len(of_type(template, "AWS::CloudWatch::Alarm")),
        dashboards=len(of_type(template, "AWS::CloudWatch::Dashboard")),
        metrics=len(Metric) - 1 + len(VENUES),  # retries are counted for each venue, all else for the run
        logs_all_events=machine["Logging"]["Level"] == "ALL",
        traced=bool(machine["Tracing"]["Enabled"]),
        retention_days=int(_default(template, "RetentionDays")),
        log_retention_days=int(_default(template, "LogRetentionDays")),
        execution_seconds={interval: int(times["Execution"]) for interval, times in timing.items()},
        compare_seconds={interval: int(times["CompareLambda"]) for interval, times in timing.items()},
    )


def _without(template: Mapping[str, Any], condition: str) -> dict[str, Any]:
    """Leave out what is deployed only by a choice that costs something of its own (docs/cost.md says what)."""
    resources = {name: it for name, it in template["Resources"].items() if it.get("Condition") != condition}
    return {**template, "Resources": resources}


def _name(function: Mapping[str, Any]) -> str:
    return str(function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"])


def _default(template: Mapping[str, Any], parameter: str) -> Any:
    return template["Parameters"][parameter]["Default"]
