"""How long a break has been open, and in which step of the morning list it is."""

from datetime import timedelta

import pytest

from tests.unit.domain.test_domain_breaks import agreed, at, life, seen
from trueup.domain.ages import AgeBucket, age_bucket, age_of

MILLISECOND = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("age", "bucket"),
    [
        (timedelta(seconds=-5), "<1h"),
        (timedelta(0), "<1h"),
        (timedelta(hours=1) - MILLISECOND, "<1h"),
        (timedelta(hours=1), "1-4h"),
        (timedelta(hours=4) - MILLISECOND, "1-4h"),
        (timedelta(hours=4), "4-24h"),
        (timedelta(hours=24) - MILLISECOND, "4-24h"),
        (timedelta(hours=24), "1-7d"),
        (timedelta(days=7) - MILLISECOND, "1-7d"),
        (timedelta(days=7), ">7d"),
        (timedelta(days=4000), ">7d"),
    ],
)
def test_every_age_is_in_one_bucket(age: timedelta, bucket: str) -> None:
    assert age_bucket(age) is AgeBucket(bucket)


def test_the_age_of_what_is_open_grows_and_of_what_is_resolved_does_not() -> None:
    assert age_of(life(seen(0), seen(5)), at(7)) == timedelta(minutes=7)
    assert age_of(life(seen(0), agreed(5)), at(7)) == timedelta(minutes=5)


def test_what_came_back_is_as_old_as_its_return() -> None:
    assert age_of(life(seen(0), agreed(5), seen(10)), at(12)) == timedelta(minutes=2)
