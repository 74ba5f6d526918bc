"""Times (UTC) in which people are told of nothing but what is critical: hours of every day, windows of maintenance."""

import re
from collections.abc import Iterable
from datetime import datetime

from .reading import Malformed, format_time, read_list, read_text, read_time

MAX_WINDOWS = 100
"""In one list."""
_HOURS = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d")


def read_quiet_hours(value: object, place: str) -> tuple[str, ...]:
    """Read hours of every day, such as "22:00-06:30": from then on, until just before. Raises Malformed."""
    return tuple(_hours(item, at) for at, item in _few(value, place))


def read_maintenance(value: object, place: str) -> tuple[str, ...]:
    """Read windows such as "2026-11-22T22:00:00Z/2026-11-23T02:00:00Z": from then on, until just before.

    Returns them with milliseconds. Raises Malformed.
    """
    return tuple(_window(item, at) for at, item in _few(value, place))


def is_within(now: datetime, quiet_hours: Iterable[str], maintenance: Iterable[str]) -> bool:
    """Tell whether a moment is in one of these hours or windows, as they were read."""
    clock, moment = format_time(now)[11:16], format_time(now)
    return any(_is_in_hours(clock, *hours.split("-")) for hours in quiet_hours) or any(
        start <= moment < end for start, end in (window.split("/") for window in maintenance)
    )


def _is_in_hours(clock: str, start: str, end: str) -> bool:
    # Past midnight where they end sooner than they begin.
    return start <= clock < end if start < end else clock >= start or clock < end


def _hours(value: object, place: str) -> str:
    text = read_text(value, place)
    if not _HOURS.fullmatch(text) or text[:5] == text[6:]:
        raise Malformed(place, 'must be two different times of the day in UTC, such as "22:00-06:30"')
    return text


def _window(value: object, place: str) -> str:
    start, _, end = read_text(value, place).partition("/")
    try:
        moments = read_time(start, place), read_time(end, place)
    except Malformed:
        moments = None
    if moments is None or moments[0] >= moments[1]:
        raise Malformed(place, 'must be two times, such as "2026-11-22T22:00:00Z/2026-11-23T02:00:00Z"')
    return "/".join(map(format_time, moments))


def _few(value: object, place: str) -> list[tuple[str, object]]:
    items = list(read_list(value, place))
    if len(items) > MAX_WINDOWS:
        raise Malformed(place, f"must have at most {MAX_WINDOWS}")
    return items
