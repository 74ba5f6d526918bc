"""An account that cannot be verified, run after run: people are told once it lasts, and when it is over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from .policy import Alerting
from .reading import Record, format_time
from .reasons import Severity
from .report import UNVERIFIED, AccountReport
from .windows import is_within


class Told(StrEnum):
    """What people were told of an account that could not be verified."""

    NOTHING = "nothing"
    PARTLY = "partly"
    """That some of it could not."""
    WHOLE = "whole"
    """That nothing of it could."""


@dataclass(frozen=True, slots=True)
class Blindness:
    """How long an account has not been verified whole, as of the run compared at `at`; `runs` 0 when it has been."""

    at: datetime
    since: datetime
    """When the first run in a row was compared."""
    runs: int
    """Runs in a row that did not verify all of it."""
    whole: int
    """The last runs in a row that verified nothing of it."""
    told: Told = Told.NOTHING
    told_at: datetime | None = None
    """When people last were."""


class BlindNews(StrEnum):
    """Why people hear of it."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"


def looked_for(
    before: Blindness | None, report: AccountReport, alerting: Alerting, now: datetime
) -> tuple[Blindness | None, BlindNews | None]:
    """Return how blind a run compared `now` leaves us to an account, or None where nothing changes; and what is said.

    An older run that comes late changes nothing.
    """
    if before is not None and before.at >= now:
        return None, None
    if report.verified:
        if before is None or not before.runs:
            return None, None
        is_told = before.told is not Told.NOTHING
        return Blindness(now, now, 0, 0), BlindNews.VERIFIED if is_told else None
    begun = before if before is not None and before.runs else Blindness(now, now, 0, 0)
    is_whole = report.status == UNVERIFIED
    grown = replace(begun, at=now, runs=begun.runs + 1, whole=begun.whole + 1 if is_whole else 0)
    if is_within(now, alerting.quiet_hours, alerting.maintenance):
        return grown, None
    if grown.whole >= alerting.unverified_runs and grown.told is not Told.WHOLE:
        return replace(grown, told=Told.WHOLE, told_at=now), BlindNews.UNVERIFIED
    if grown.runs >= alerting.unverified_runs and grown.told is Told.NOTHING:
        return replace(grown, told=Told.PARTLY, told_at=now), BlindNews.UNVERIFIED
    # What cannot be verified today may be more than what could not when people were told.
    if grown.told_at is not None and now - grown.told_at >= alerting.remind_after(Severity.MAJOR):
        return replace(grown, told_at=now), BlindNews.UNVERIFIED
    return grown, None


def blindness_document(blindness: Blindness) -> dict[str, Any]:
    """Write it as a document."""
    return {
        "at": format_time(blindness.at),
        "since": format_time(blindness.since),
        "runs": blindness.runs,
        "whole": blindness.whole,
        "told": str(blindness.told),
        "told_at": None if blindness.told_at is None else format_time(blindness.told_at),
    }


def read_blindness(document: object, place: str = "blindness") -> Blindness:
    """Read it back. Raises Malformed."""
    record = Record(document, place)
    return Blindness(
        at=record.time("at"),
        since=record.time("since"),
        runs=record.whole("runs"),
        whole=record.whole("whole"),
        told=Told(record.choice("told", _TOLD)),
        told_at=record.optional_time("told_at"),
    )


_TOLD: Sequence[str] = tuple(map(str, Told))
