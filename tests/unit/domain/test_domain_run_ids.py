"""Names of runs: the same moment, the same name; and either form tells its day."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.unit.money_kit import a_machine_in_tokyo
from trueup.domain.run_ids import day_of, round_down, scheduled_run_id

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def test_a_scheduled_run_is_named_by_its_moment_in_utc() -> None:
    assert scheduled_run_id(NOON) == "20261122T120000Z"
    assert scheduled_run_id(NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "20261122T120000Z"
    assert scheduled_run_id(NOON.replace(microsecond=999_999)) == "20261122T120000Z"


def test_the_machine_s_own_time_zone_changes_no_name_and_no_interval() -> None:
    with a_machine_in_tokyo():
        assert scheduled_run_id(NOON) == "20261122T120000Z"
        assert round_down(NOON.replace(hour=23, minute=7), 86_400) == NOON.replace(hour=0)
        assert day_of("20261122T235959Z") == "2026-11-22"
        assert day_of("manual-01ARZ3NDEKTSV4RRFFQ69G5FAV") == "2016-07-30"


def test_a_run_of_the_first_century_still_has_a_day() -> None:
    assert day_of(scheduled_run_id(datetime(1, 2, 3, tzinfo=UTC))) == "0001-02-03"


@pytest.mark.parametrize(
    ("run_id", "day"),
    [
        ("20261122T000000Z", "2026-11-22"),
        ("20261122T235959Z", "2026-11-22"),
        ("manual-01ARZ3NDEKTSV4RRFFQ69G5FAV", "2016-07-30"),
        ("manual-00000000000000000000000000", "1970-01-01"),
    ],
)
def test_a_run_tells_the_day_it_belongs_to(run_id: str, day: str) -> None:
    assert day_of(run_id) == day


@pytest.mark.parametrize(
    "run_id",
    [
        "",
        "20261122",
        "20261122T120000",
        "20261122t120000z",
        "20261122T120000Z\n",
        "20261322T120000Z",
        "20260230T120000Z",
        "20261122T240000Z",
        "20261122T120060Z",
        "２0261122T120000Z",
        "manual-",
        "manual-01arz3ndektsv4rrffq69g5fav",
        "manual-01ARZ3NDEKTSV4RRFFQ69G5FA",
        "manual-01ARZ3NDEKTSV4RRFFQ69G5FAI",
        "manual-8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "manual-7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "../runs/x",
        "x" * 5000,
    ],
)
def test_what_is_no_run_id_is_refused_with_the_two_forms(run_id: str) -> None:
    with pytest.raises(ValueError, match=r"must be like 20261122T120000Z or manual-<ULID>, not ") as refused:
        day_of(run_id)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize(
    ("minute", "second", "interval", "start"),
    [(0, 0, 300, 0), (4, 59, 300, 0), (5, 0, 300, 5), (59, 59, 3600, 0), (31, 2, 1800, 30), (7, 30, 60, 7)],
)
def test_a_moment_is_rounded_down_to_its_interval(minute: int, second: int, interval: int, start: int) -> None:
    moment = NOON.replace(minute=minute, second=second, microsecond=5)
    assert round_down(moment, interval) == NOON.replace(minute=start)


def test_intervals_are_counted_from_midnight_utc() -> None:
    assert round_down(NOON.replace(hour=13, minute=59), 7200) == NOON
    elsewhere = NOON.replace(minute=7).astimezone(timezone(timedelta(minutes=7)))
    assert round_down(elsewhere, 300) == NOON.replace(minute=5)
