"""What people are told of a confirmed break: once, and again when it matters."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.domain.test_domain_breaks import ANN, agreed, at, life, seen
from tests.unit.money_kit import policy
from trueup.domain.breaks import Acknowledged, Break, Suppressed, fold
from trueup.domain.history import Track
from trueup.domain.news import news_of, news_of_unconfirmed
from trueup.domain.reasons import Severity
from trueup.domain.report import Line, News, Outcome

ALERTING = policy(alerts={"default": {"remind_major_seconds": 3600, "remind_critical_seconds": 1800}}).alerting(
    "cb-main", "coinbase", "ETH"
)
UNTOLD = Track("brk-1", "spot", "ETH", "total", open=True, sign=-1, streak=2, confirmed=True)
TOLD = replace(UNTOLD, said=Severity.MAJOR, said_at=at(0), said_worth=Decimal(4000))
OPEN = life(seen(0))


def line(worth: str | None = "4000", severity: Severity = Severity.MAJOR) -> Line:
    return Line(
        "spot", "ETH", "total", Outcome.BREAK, worth=None if worth is None else Decimal(worth), severity=severity
    )


def news(track: Track, said: Line, known: Break | None = OPEN, minutes: float = 5) -> News | None:
    return news_of(track, said, known, ALERTING, at(minutes))


def test_people_are_told_once_it_is_confirmed_and_bad_enough() -> None:
    assert news(UNTOLD, line()) is News.CONFIRMED
    assert news(UNTOLD, line(), known=None) is News.CONFIRMED
    assert news(UNTOLD, line(severity=Severity.MINOR)) is None
    assert news(TOLD, line()) is None


def test_what_was_resolved_and_is_confirmed_again_is_said_to_be_back() -> None:
    assert news(UNTOLD, line(), life(seen(0), agreed(1))) is News.REOPENED
    assert news(UNTOLD, line(), life(seen(0), agreed(1), seen(2))) is News.REOPENED
    assert news(UNTOLD, line(), life(seen(0), agreed(1), seen(2), seen(3, confirmed=True))) is News.CONFIRMED


def test_worse_is_said_and_better_is_not() -> None:
    assert news(TOLD, line(severity=Severity.CRITICAL)) is News.RAISED
    assert news(replace(TOLD, said=Severity.CRITICAL), line()) is None


@pytest.mark.parametrize(
    ("worth", "told"), [("4400", News.GROWN), ("4399.99", None), ("3600", None), ("1", None), (None, None)]
)
def test_a_tenth_more_than_was_said_is_said_and_less_is_not(worth: str | None, told: News | None) -> None:
    assert news(TOLD, line(worth)) is told


def test_what_had_no_price_when_it_was_said_cannot_have_grown() -> None:
    assert news(replace(TOLD, said_worth=None), line("9999")) is None


def test_how_much_more_is_policy_and_never_nothing() -> None:
    never_mind = replace(ALERTING, worth_grown=Decimal(0))
    assert news_of(TOLD, line("4000.01"), OPEN, never_mind, at(5)) is News.GROWN
    assert news_of(TOLD, line("4000"), OPEN, never_mind, at(5)) is None


@pytest.mark.parametrize(
    ("share", "worth", "told"),
    [
        ("0.1", "3600", News.SHRUNK),
        ("0.1", "3600.01", None),
        ("0.1", "4400", News.GROWN),
        ("0", "4000", None),
        ("0", "3999.99", News.SHRUNK),
        ("1", "0.01", None),
        ("1", "0", None),
        ("0.1", None, None),
    ],
)
def test_less_is_said_where_the_policy_says_from_which_share_on(
    share: str, worth: str | None, told: News | None
) -> None:
    both_ways = replace(ALERTING, worth_shrunk=Decimal(share))
    assert news_of(TOLD, line(worth), OPEN, both_ways, at(5)) is told
    assert news_of(replace(TOLD, said_worth=None), line(worth), OPEN, both_ways, at(5)) is None


def test_amounts_of_many_digits_are_compared_exactly() -> None:
    exactly = "1" + "0" * 30 + ".00000000001"
    track = replace(TOLD, said_worth=Decimal(exactly))
    assert news(track, line(str(Decimal("1.1") * 10**30))) is None
    assert news(track, line("11" + "0" * 29 + ".000000000011")) is News.GROWN


@pytest.mark.parametrize(
    ("severity", "minutes", "told"),
    [
        (Severity.MAJOR, 59.9, None),
        (Severity.MAJOR, 60, News.REMINDER),
        (Severity.CRITICAL, 29.9, None),
        (Severity.CRITICAL, 30, News.REMINDER),
    ],
)
def test_people_are_reminded_by_severity(severity: Severity, minutes: float, told: News | None) -> None:
    assert news(replace(TOLD, said=severity), line(severity=severity), minutes=minutes) is told


def test_whoever_acknowledged_it_is_reminded_only_once_it_is_overdue() -> None:
    long = life(seen(0, due_at=at(120)), Acknowledged(at(1), ANN))
    assert news(TOLD, line(), long, minutes=119.9) is None
    assert news(TOLD, line(), long, minutes=120) is News.REMINDER


def test_what_was_acknowledged_and_grows_is_said_all_the_same() -> None:
    acknowledged = life(seen(0), Acknowledged(at(1), ANN))
    assert news(TOLD, line("4400"), acknowledged) is News.GROWN
    assert news(TOLD, line(severity=Severity.CRITICAL), acknowledged) is News.RAISED


@pytest.mark.parametrize("track", [UNTOLD, TOLD], ids=["never told", "told"])
def test_what_is_suppressed_is_quiet_until_then_unless_it_gets_worse(track: Track) -> None:
    quiet = life(seen(0), Suppressed(at(1), ANN, at(1) + timedelta(hours=2), "migration"))
    said: dict[str, Any] = {"worth": "9000"}
    assert news(track, line(**said), quiet, minutes=120) is None
    assert news(track, line(**said), quiet, minutes=121) is not None
    assert news(track, line(**said, severity=Severity.CRITICAL), quiet) is not None


def test_in_quiet_hours_and_in_maintenance_only_what_is_critical_is_said_and_the_rest_after_them() -> None:
    window = "2026-11-22T12:00:00.000Z/2026-11-22T13:00:00.000Z"
    for quiet in (replace(ALERTING, quiet_hours=("12:00-13:00",)), replace(ALERTING, maintenance=(window,))):
        for minutes, told in ((0, None), (59.9, None), (60, News.CONFIRMED)):
            assert news_of(UNTOLD, line(), OPEN, quiet, at(minutes)) is told
        assert news_of(UNTOLD, line(severity=Severity.CRITICAL), OPEN, quiet, at(0)) is News.CONFIRMED


def test_what_is_suppressed_is_said_when_it_turns_to_the_other_side() -> None:
    quiet = life(seen(0, "15", Severity.CRITICAL), Suppressed(at(1), ANN, at(90), "airdrop"))
    said = replace(line(severity=Severity.CRITICAL), difference=Decimal(5))
    assert news(UNTOLD, said, quiet) is None
    assert news(UNTOLD, replace(said, difference=Decimal(-10)), quiet) is News.CONFIRMED


TURNS = life(seen(0, confirmed=True, told="confirmed", due_at=at(120)), seen(5, "11", due_at=at(120)))


@pytest.mark.parametrize(("minutes", "told"), [(59.9, None), (60, News.REMINDER)])
def test_of_a_break_that_never_holds_still_people_are_reminded_too(minutes: float, told: News | None) -> None:
    assert news_of_unconfirmed(line(), TURNS, ALERTING, at(minutes)) is told


def test_of_what_is_not_confirmed_only_those_are_reminded_who_know_of_it() -> None:
    for known in (None, life(seen(0), seen(5, "11")), life(seen(0, told="confirmed"), agreed(5))):
        assert news_of_unconfirmed(line(), known, ALERTING, at(600)) is None
    assert news_of_unconfirmed(line(severity=Severity.MINOR), TURNS, ALERTING, at(600)) is None
    acknowledged = fold(TURNS, Acknowledged(at(6), ANN))
    assert news_of_unconfirmed(line(), acknowledged, ALERTING, at(119)) is None
    assert news_of_unconfirmed(line(), acknowledged, ALERTING, at(120)) is News.REMINDER
    night = replace(ALERTING, quiet_hours=("12:00-14:00",))
    assert news_of_unconfirmed(line(), TURNS, night, at(90)) is None
