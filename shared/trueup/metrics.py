"""What CloudWatch is told: every metric there is, and a figure of one. Light, because every fetch imports it."""

from enum import StrEnum
from typing import NamedTuple

RUN_SERVICE = "compare"
"""The service that counts runs; retries are counted by the fetch function of each venue."""


class Unit(StrEnum):
    """CloudWatch's own names."""

    COUNT = "Count"
    PERCENT = "Percent"
    SECONDS = "Seconds"
    NONE = "None"


class Metric(StrEnum):
    """Every metric there is. Each costs money, so there is none for each account, and none that nobody looks at."""

    RUNS_REPORTED = "RunsReported"
    CYCLE_TIME = "CycleTime"
    ACCOUNT_COVERAGE = "AccountCoverage"
    """Accounts that were verified whole, of all that are enabled."""
    LINE_COVERAGE = "LineCoverage"
    """Lines that were compared, of all in the report."""
    ACCOUNTS_UNVERIFIED = "AccountsUnverified"
    """Accounts of which nothing could be verified."""
    BREAKS_MINOR = "BreaksMinor"
    BREAKS_MAJOR = "BreaksMajor"
    BREAKS_CRITICAL = "BreaksCritical"
    BREAKS_WORTH = "BreaksWorth"
    """In the base currency, gross, to two significant digits."""
    BREAKS_UNPRICED = "BreaksUnpriced"
    RETRIES = "Retries"
    """Attempts to read an account beyond its first in a run."""


class Figure(NamedTuple):
    """One value of one metric."""

    metric: Metric
    unit: Unit
    value: int


def fetch_figures(retry: int) -> tuple[Figure, ...]:
    """Return the figures of one attempt to read an account: none for the first one."""
    return (Figure(Metric.RETRIES, Unit.COUNT, 1),) if retry else ()
