"""Names of runs: from the scheduled time, or `manual-` and a ULID; either tells the day it belongs to."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from .amounts import shorten

_SCHEDULED = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_MANUAL = re.compile(r"manual-([0-7][0-9A-HJKMNP-TV-Z]{25})")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NO_MARKS = str.maketrans("", "", "-:")


def scheduled_run_id(moment: datetime) -> str:
    """Name a scheduled run: 20261122T120000Z. The same moment always gives the same name."""
    # Not strftime: it does not pad the year everywhere.
    return moment.astimezone(UTC).isoformat(timespec="seconds").partition("+")[0].translate(_NO_MARKS) + "Z"


def round_down(moment: datetime, interval_seconds: int) -> datetime:
    """Return the start of the interval a moment falls into, counted from midnight UTC."""
    moment = moment.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // timedelta(seconds=interval_seconds) * timedelta(seconds=interval_seconds)


def day_of(run_id: str) -> str:
    """Return the UTC day of a run, 2026-11-22. Raises ValueError naming the two forms a run id has."""
    with suppress(ValueError, OverflowError):  # the right form, of a moment that is in no calendar
        if _SCHEDULED.fullmatch(run_id):
            return datetime.strptime(run_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).date().isoformat()
        if match := _MANUAL.fullmatch(run_id):
            milliseconds = 0
            for letter in match[1][:10]:
                milliseconds = milliseconds * 32 + _CROCKFORD.index(letter)
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)).date().isoformat()
    raise ValueError(f"must be like 20261122T120000Z or manual-<ULID>, not {shorten(run_id)}")
