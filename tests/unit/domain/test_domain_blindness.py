"""An account that cannot be verified: said once it lasts, said to be worse, and said to be over."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.test_domain_breaks import at
from tests.unit.money_kit import policy
from trueup.domain.blindness import Blindness, BlindNews, Told, blindness_document, looked_for, read_blindness
from trueup.domain.policy import Policy, default_policy
from trueup.domain.reading import Malformed
from trueup.domain.report import UNVERIFIED, AccountReport

FINE = AccountReport(None, "cb-main", "OK", True, (), "p1", None, ())
PARTLY = replace(FINE, verified=False)
DARK = replace(PARTLY, status=UNVERIFIED)
SAID = BlindNews.UNVERIFIED


def tell(runs: Sequence[AccountReport], by: Policy | None = None) -> list[BlindNews | None]:
    """Return what is said, run by run, five minutes apart."""
    known: Blindness | None = None
    said = []
    for number, report in enumerate(runs):
        now, news = looked_for(known, report, (by or default_policy()).alerting("cb-main", "x", None), at(5 * number))
        known = now or known
        said.append(news)
    return said


def test_three_runs_in_a_row_are_said_once() -> None:
    assert tell([DARK] * 6) == [None, None, SAID, None, None, None]
    assert tell([PARTLY] * 4) == [None, None, SAID, None]


def test_a_run_that_verified_everything_begins_the_count_again() -> None:
    assert tell([DARK, DARK, FINE, DARK, DARK, FINE]) == [None] * 6


def test_that_it_is_over_is_said_to_those_who_were_told() -> None:
    assert tell([DARK, DARK, DARK, DARK, FINE, FINE]) == [None, None, SAID, None, BlindNews.VERIFIED, None]
    assert tell([*[DARK] * 3, FINE, *[DARK] * 3]) == [None, None, SAID, BlindNews.VERIFIED, None, None, SAID]


def test_when_nothing_can_be_verified_any_more_that_is_said_too() -> None:
    assert tell([PARTLY, PARTLY, PARTLY, DARK, DARK, DARK, PARTLY, DARK]) == [
        None, None, SAID, None, None, SAID, None, None,
    ]  # fmt: skip


def test_what_could_be_verified_in_part_in_between_is_not_verified() -> None:
    assert tell([DARK, PARTLY, DARK]) == [None, None, SAID]


def test_how_many_runs_it_takes_is_policy_and_quiet_hours_put_it_off() -> None:
    assert tell([DARK] * 2, policy(alerts={"default": {"unverified_runs": 1}})) == [SAID, None]
    quiet = policy(alerts={"default": {"quiet_hours": ["12:00-12:20"]}})
    assert tell([DARK] * 6, quiet) == [None, None, None, None, SAID, None]


def test_an_account_that_was_always_verified_leaves_nothing_to_keep() -> None:
    alerting = default_policy().alerting("cb-main", "x", None)
    assert looked_for(None, FINE, alerting, at(0)) == (None, None)
    over = Blindness(at(0), at(0), 0, 0)
    assert looked_for(over, FINE, alerting, at(5)) == (None, None)
    assert looked_for(over, DARK, alerting, at(5)) == (Blindness(at(5), at(5), 1, 1), None)


def test_it_is_counted_since_its_first_run() -> None:
    alerting = default_policy().alerting("cb-main", "x", None)
    known, _ = looked_for(Blindness(at(5), at(0), 1, 1), PARTLY, alerting, at(10))
    assert known == Blindness(at(10), at(0), 2, 0)


@pytest.mark.parametrize("minutes", [4, 5])
def test_an_older_run_that_comes_late_changes_nothing(minutes: float) -> None:
    alerting = default_policy().alerting("cb-main", "x", None)
    known = Blindness(at(5), at(0), 2, 2)
    assert looked_for(known, DARK, alerting, at(minutes)) == (None, None)
    assert looked_for(known, FINE, alerting, at(minutes)) == (None, None)


@given(
    st.builds(Blindness, st.just(at(5)), st.just(at(0)), st.integers(0, 9), st.integers(0, 9), st.sampled_from(Told))
)
def test_it_is_read_back_as_it_was_written(known: Blindness) -> None:
    assert read_blindness(blindness_document(known)) == known


@pytest.mark.parametrize(("field", "value"), [("told", "all"), ("runs", "1"), ("at", "noon"), ("since", None)])
def test_what_is_none_is_refused_by_its_place(field: str, value: Any) -> None:
    document = blindness_document(Blindness(at(5), at(0), 1, 1))
    with pytest.raises(Malformed, match=rf"^blindness\.{field}: "):
        read_blindness(document | {field: value})


def test_what_is_kept_of_it_is_in_these_words() -> None:
    assert [*Told] == ["nothing", "partly", "whole"]
    assert [*BlindNews] == ["unverified", "verified"]


def test_what_is_over_counts_nothing_and_was_told_to_nobody() -> None:
    alerting = default_policy().alerting("cb-main", "x", None)
    told = Blindness(at(5), at(0), 4, 2, Told.PARTLY)
    assert looked_for(told, FINE, alerting, at(10)) == (
        Blindness(at(10), at(10), 0, 0, Told.NOTHING),
        BlindNews.VERIFIED,
    )
    assert looked_for(Blindness(at(5), at(0), 2, 0), PARTLY, alerting, at(10)) == (
        Blindness(at(10), at(0), 3, 0, Told.PARTLY, at(10)),
        SAID,
    )


def test_while_it_lasts_people_are_reminded_every_day() -> None:
    hourly = policy(alerts={"default": {"remind_major_seconds": 600}})
    assert tell([DARK] * 8, hourly) == [None, None, SAID, None, SAID, None, SAID, None]
    assert tell([PARTLY] * 5, hourly) == [None, None, SAID, None, SAID]


def test_when_people_were_told_is_kept_with_it() -> None:
    known = Blindness(at(5), at(0), 4, 2, Told.PARTLY, at(3))
    assert blindness_document(known)["told_at"] == "2026-11-22T12:03:00.000Z"
    assert read_blindness(blindness_document(known)) == known
    assert blindness_document(replace(known, told_at=None))["told_at"] is None
