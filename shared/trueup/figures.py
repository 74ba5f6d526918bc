"""The figures of a run. Each is whole: a percentage is rounded down, a worth is coarse."""

from datetime import timedelta
from decimal import ROUND_UP, Decimal, localcontext

from trueup.domain.amounts import EXACT, ZERO
from trueup.domain.report import UNVERIFIED, RunReport, counts, gross_worth
from trueup.metrics import Figure, Metric, Unit


def run_figures(report: RunReport) -> tuple[Figure, ...]:
    """Return the figures of a run that has reported.

    Of a run that verified nothing, none tells of breaks: a 0 would look like an all-clear.
    """
    counted = counts(report.accounts)
    cycle = report.compared_at - report.started_at
    figures = [
        Figure(Metric.RUNS_REPORTED, Unit.COUNT, 1),
        Figure(Metric.CYCLE_TIME, Unit.SECONDS, -(-cycle // timedelta(seconds=1))),
        Figure(Metric.ACCOUNT_COVERAGE, Unit.PERCENT, _percent(counted["accounts_verified"], counted["accounts"])),
        Figure(Metric.ACCOUNTS_UNVERIFIED, Unit.COUNT, counted["accounts_unverified"]),
    ]
    if counted["lines"]:
        figures.append(
            Figure(Metric.LINE_COVERAGE, Unit.PERCENT, _percent(counted["lines_verified"], counted["lines"]))
        )
    if report.status == UNVERIFIED:
        return tuple(figures)
    with localcontext(EXACT):
        worth = sum(gross_worth(report.accounts).values(), ZERO)
    return (
        *figures,
        Figure(Metric.BREAKS_MINOR, Unit.COUNT, counted["breaks"]["MINOR"]),
        Figure(Metric.BREAKS_MAJOR, Unit.COUNT, counted["breaks"]["MAJOR"]),
        Figure(Metric.BREAKS_CRITICAL, Unit.COUNT, counted["breaks"]["CRITICAL"]),
        Figure(Metric.BREAKS_WORTH, Unit.NONE, coarse(worth)),
        Figure(Metric.BREAKS_UNPRICED, Unit.COUNT, counted["breaks_unpriced"]),
    )


def coarse(worth: Decimal) -> int:
    """Round a worth up to two significant digits and a whole unit.

    A break may be a whole holding, and an amount of those must not stand in a log; this says how big, and no more.
    """
    exponent = max(0, worth.adjusted() - 1)
    return int(worth.scaleb(-exponent, EXACT).to_integral_value(ROUND_UP)) * int(10**exponent)


def _percent(part: int, whole: int) -> int:
    """Return a share in whole percent, rounded down: 100 is said only of everything. Nothing of nothing is 0."""
    return part * 100 // whole if whole else 0
