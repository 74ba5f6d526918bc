"""Quiet hours and windows of maintenance: in UTC, from then on, until just before."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.money_kit import NOON
from trueup.domain.reading import Malformed
from trueup.domain.windows import MAX_WINDOWS, is_within, read_maintenance, read_quiet_hours

NOW = "2026-11-22T12:00:00Z"


def clock(hour: int, minute: int = 0, second: float = 0) -> datetime:
    return NOON.replace(hour=0) + timedelta(hours=hour, minutes=minute, seconds=second)


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("08:00-17:30", [clock(8), clock(17, 29, 59.999)], [clock(7, 59, 59.999), clock(17, 30)]),
        ("22:00-06:30", [clock(22), clock(0), clock(6, 29, 59)], [clock(6, 30), clock(21, 59, 59), clock(12)]),
        ("00:00-00:01", [clock(0), clock(0, 0, 59)], [clock(0, 1), clock(23, 59)]),
    ],
)
def test_quiet_hours_begin_at_their_minute_and_end_just_before_the_other(
    hours: str, inside: list[datetime], outside: list[datetime]
) -> None:
    assert all(is_within(moment, [hours], ()) for moment in inside)
    assert not any(is_within(moment, [hours], ()) for moment in outside)


def test_a_window_of_maintenance_begins_at_its_time_and_ends_just_before_the_other() -> None:
    windows = read_maintenance(["2026-11-22T12:00:00Z/2026-11-22T14:00:00+01:00"], "here")
    assert windows == ("2026-11-22T12:00:00.000Z/2026-11-22T13:00:00.000Z",)
    assert [is_within(moment, (), windows) for moment in (clock(12), clock(12, 59, 59.999), clock(13))] == [
        True, True, False,
    ]  # fmt: skip
    assert not is_within(clock(11, 59, 59.999), (), windows)


def test_one_of_several_is_enough_and_none_is_never() -> None:
    assert is_within(clock(3), ["12:00-13:00", "02:00-04:00"], ())
    assert is_within(clock(3), ["12:00-13:00"], read_maintenance(["2026-11-22T00:00:00Z/2026-11-22T04:00:00Z"], "here"))
    assert not is_within(clock(3), (), ())


@pytest.mark.parametrize("hours", ["8:00-17:00", "08:00", "24:00-01:00", "08:60-09:00", "08:00-08:00", "night"])
def test_what_are_no_hours_of_the_day_is_refused(hours: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_quiet_hours([hours], "alerts.quiet_hours")
    assert str(refused.value) == (
        'alerts.quiet_hours[0]: must be two different times of the day in UTC, such as "22:00-06:30"'
    )


@pytest.mark.parametrize(
    "window",
    [
        "2026-11-22T12:00:00Z",
        "2026-11-22T12:00:00Z/2026-11-22T12:00:00Z",
        "noon/evening",
        "/",
        "2026-11-22T12:00:00Z/2026-11-22T13:00:00Z/2026-11-22T14:00:00Z",
    ],
)
def test_what_is_no_window_of_time_is_refused(window: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_maintenance([window], "here")
    assert str(refused.value) == 'here[0]: must be two times, such as "2026-11-22T22:00:00Z/2026-11-23T02:00:00Z"'


@pytest.mark.parametrize("read", [read_quiet_hours, read_maintenance])
def test_what_is_no_list_or_too_long_a_one_is_refused(read: Any) -> None:
    with pytest.raises(Malformed, match="here: must be a list"):
        read("22:00-06:30", "here")
    with pytest.raises(Malformed, match=r"here\[0\]: must be a string"):
        read([2200], "here")
    with pytest.raises(Malformed, match=f"here: must have at most {MAX_WINDOWS}"):
        read(["x"] * 101, "here")
    assert read([], "here") == ()


def test_a_hundred_of_them_are_taken() -> None:
    assert len(read_quiet_hours(["22:00-06:30"] * 100, "here")) == MAX_WINDOWS == 100
