"""Whether people are told of a confirmed break in this run, and why: once, and again when it matters."""

from datetime import datetime
from decimal import localcontext

from .amounts import EXACT
from .breaks import Break, Status, is_same_side
from .history import Track
from .policy import Alerting
from .reasons import Severity
from .report import Line, News
from .windows import is_within


def news_of(track: Track, line: Line, known: Break | None, alerting: Alerting, now: datetime) -> News | None:
    """Return why people are told of a confirmed break, or None.

    `track` says what they were told before, `known` what became of the break and what people want of it.
    """
    severity = line.severity or Severity.OK
    if not _may_be_said(line, severity, known, alerting, now):
        return None
    if track.said is None:
        came_back = known is not None and known.phase in (Status.RESOLVED, Status.REOPENED)
        return News.REOPENED if came_back else News.CONFIRMED
    if severity > track.said:
        return News.RAISED
    if (moved := _moved(track, line, alerting)) is not None:
        return moved
    return News.REMINDER if _is_to_be_reminded(track.said_at, severity, known, alerting, now) else None


def news_of_unconfirmed(line: Line, known: Break | None, alerting: Alerting, now: datetime) -> News | None:
    """Return why people are told of a break that is not confirmed, or None.

    They know of it where it was confirmed before: one that changes sign at every look never holds still for long enough
    to be confirmed again, and must not be forgotten for that.
    """
    severity = line.severity or Severity.OK
    if known is None or known.phase is Status.RESOLVED or not _may_be_said(line, severity, known, alerting, now):
        return None
    return News.REMINDER if _is_to_be_reminded(known.told_at, severity, known, alerting, now) else None


def _may_be_said(line: Line, severity: Severity, known: Break | None, alerting: Alerting, now: datetime) -> bool:
    if severity < alerting.alert_from or (known is not None and _is_quiet(known, line, severity, now)):
        return False
    # What is not said now is not kept as said, and so is said after that.
    return severity is Severity.CRITICAL or not is_within(now, alerting.quiet_hours, alerting.maintenance)


def _is_quiet(known: Break, line: Line, severity: Severity, now: datetime) -> bool:
    """Tell whether somebody keeps it quiet, as `breaks` will have it once this look is part of its life."""
    kept = known.suppression
    return (
        kept is not None and known.is_quiet(now) and severity <= kept.severity and is_same_side(known, line.difference)
    )


def _moved(track: Track, line: Line, alerting: Alerting) -> News | None:
    """Tell whether it is worth so much more or less than people were last told; without two prices nobody can say."""
    before, worth = track.said_worth, line.worth
    if before is None or worth is None:
        return None
    with localcontext(EXACT):
        if worth > before and worth - before >= alerting.worth_grown * before:
            return News.GROWN
        shrunk = worth < before and alerting.worth_shrunk < 1 and before - worth >= alerting.worth_shrunk * before
        return News.SHRUNK if shrunk else None


def _is_to_be_reminded(
    said_at: datetime | None, severity: Severity, known: Break | None, alerting: Alerting, now: datetime
) -> bool:
    if known is not None and known.acknowledged is not None and not known.is_overdue(now):
        return False
    return said_at is not None and now - said_at >= alerting.remind_after(severity)
