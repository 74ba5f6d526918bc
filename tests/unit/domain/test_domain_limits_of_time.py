"""Every limit of time, whatever it is set to: reached exactly it still holds, a microsecond later it does not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.money_kit import NOON, book, item, judge, one, policy, prices, snapshot
from trueup.domain.policy import Policy
from trueup.domain.reasons import Reason, Severity
from trueup.domain.report import Outcome

MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Limit:
    """A field of the policy, and whether something of that moment still counts by it."""

    field: str
    holds: Callable[[datetime, Policy], bool]
    ahead: bool = False


def is_compared(**how: Any) -> Callable[[datetime, Policy], bool]:
    def holds(moment: datetime, by: Policy) -> bool:
        times = dict.fromkeys(how, moment)
        venue_time, before, after = (times.get(name, NOON) for name in ("venue_time", "before", "after"))
        report = judge(
            snapshot(("BTC", "1"), venue_time=venue_time),
            book(("BTC", "2"), as_of=before),
            book(("BTC", "2"), as_of=after),
            by=by,
        )
        reason = next(iter(how.values()))
        assert report.reasons in ((), (reason,))
        return not report.reasons

    return holds


def is_valued(moment: datetime, by: Policy) -> bool:
    # Without usable prices nothing is lowered: five dollars that are missing are critical.
    return one("0", "0.00005", valued=prices(as_of=moment), by=by).severity is Severity.MINOR


def explains(moment: datetime, by: Policy) -> bool:
    venue = snapshot(("ETH", "5"), pending=(item("ETH", "-5", "w-1", applied=True, since=moment),))
    (line,) = judge(venue, [("ETH", "10")], by=by).lines
    return line.outcome is Outcome.EXPLAINED


LIMITS = {
    "an old answer of the venue": Limit("stale_venue_seconds", is_compared(venue_time=Reason.STALE_VENUE)),
    "a venue ahead of us": Limit("clock_skew_seconds", is_compared(venue_time=Reason.CLOCK_SKEW), ahead=True),
    "an old book": Limit("stale_book_seconds", is_compared(after=Reason.STALE_BOOK)),
    "a book ahead of us": Limit("clock_skew_seconds", is_compared(before=Reason.CLOCK_SKEW), ahead=True),
    "a second reading ahead of us": Limit("clock_skew_seconds", is_compared(after=Reason.CLOCK_SKEW), ahead=True),
    "old prices": Limit("prices_max_age_seconds", is_valued),
    "prices ahead of us": Limit("prices_max_age_seconds", is_valued, ahead=True),
}


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
@settings(max_examples=30, derandomize=True, deadline=None)
@given(seconds=st.integers(1, 604_800))
def test_a_limit_of_time_holds_exactly(limit: Limit, seconds: int) -> None:
    by = policy(timing={"default": {limit.field: seconds}})
    away = timedelta(seconds=seconds)
    for age, expected in ((away - MOMENT, True), (away, True), (away + MOMENT, False)):
        assert limit.holds(NOON + age if limit.ahead else NOON - age, by) is expected


@settings(max_examples=30, derandomize=True, deadline=None)
@given(seconds=st.integers(1, 604_800))
def test_an_item_explains_by_itself_only_while_it_is_younger_than_its_limit(seconds: int) -> None:
    by = policy(timing={"default": {"pending_max_age_seconds": seconds}})
    limit = timedelta(seconds=seconds)
    for age, expected in ((limit - MOMENT, True), (limit, False), (limit + MOMENT, False), (-limit, True)):
        assert explains(NOON - age, by) is expected
