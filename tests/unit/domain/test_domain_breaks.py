"""The life of a break: what looks and people do to it, and what cannot be done."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import NOON, later
from trueup.domain.breaks import (
    MAX_SUPPRESSION,
    Acknowledged,
    Agreed,
    Assigned,
    Break,
    Commented,
    Deed,
    Event,
    Explained,
    How,
    Impossible,
    Look,
    Place,
    Seen,
    Sides,
    Status,
    Suppressed,
    Unsuppressed,
    begin,
    fold,
    is_news,
)
from trueup.domain.reasons import Severity
from trueup.domain.report import Kind

PLACE = Place("brk-1", "cb-main", "coinbase", "spot", "ETH", "total")
ANN, BEN = "arn:ann", "arn:ben"
HOUR = timedelta(hours=1)


def at(minutes: float) -> datetime:
    return later(NOON, minutes * 60)


def sides(venue: str = "9", book: str = "10", price: str = "4000", policy_version: str = "p1") -> Sides:
    return Sides(Decimal(venue), Decimal(book), Decimal(price), policy_version)


def seen(minutes: float, venue: str = "9", severity: Severity = Severity.MAJOR, **others: Any) -> Seen:
    difference = Decimal(venue) - 10
    return Seen(
        **{
            "at": at(minutes),
            "run_id": f"run-{minutes}",
            "kind": Kind.QUANTITY,
            "severity": severity,
            "difference": difference,
            "worth": abs(difference) * 4000,
            "sides": sides(venue),
            "confirmed": False,
            "due_at": at(minutes) + HOUR,
        }
        | others
    )


def agreed(minutes: float, now: Sides | None = None, *, adjusted: bool = False) -> Agreed:
    return Agreed(at(minutes), f"run-{minutes}", now or sides("10"), adjusted=adjusted, told=False)


def explained(minutes: float, *references: str) -> Explained:
    return Explained(at(minutes), f"run-{minutes}", references)


def life(*events: Event) -> Break:
    known = begin(PLACE, events[0])
    for event in events[1:]:
        known = fold(known, event)
    return known


def status(known: Break, minutes: float = 0) -> Status:
    return known.status(at(minutes))


def test_first_sight_opens_it() -> None:
    known = life(seen(0))
    assert status(known) is Status.OPEN
    assert (known.first_seen_at, known.opened_at, known.last_seen_at, known.looked_at) == (NOON,) * 4
    assert (known.occurrences, known.reopened, known.events, known.comments) == (1, 0, 1, 0)
    assert (known.difference, known.peak_difference, known.worth, known.peak_worth) == (-1, -1, 4000, 4000)
    assert (known.due_at, known.told_at) == (at(60), None)


def test_a_critical_one_may_be_confirmed_and_told_at_first_sight() -> None:
    known = life(seen(0, "5", Severity.CRITICAL, confirmed=True, told="confirmed"))
    assert (status(known), known.told_at) == (Status.CONFIRMED, NOON)


def test_seen_again_it_is_confirmed_and_has_the_newest_numbers_and_the_largest() -> None:
    known = life(seen(0, "6"), seen(5, "8", confirmed=True))
    assert status(known) is Status.CONFIRMED
    assert (known.first_seen_at, known.opened_at, known.last_seen_at) == (NOON, NOON, at(5))
    assert (known.difference, known.peak_difference) == (-2, -4)
    assert (known.worth, known.peak_worth) == (8000, 16_000)
    assert (known.occurrences, known.events, known.sides) == (2, 2, sides("8"))
    changed = life(seen(0), seen(5, "0", Severity.CRITICAL, kind=Kind.MISSING_AT_VENUE))
    assert (changed.kind, changed.severity) == (Kind.MISSING_AT_VENUE, Severity.CRITICAL)


def test_the_peak_is_the_largest_either_way_and_keeps_its_sign() -> None:
    assert life(seen(0), seen(5, "12")).peak_difference == 2
    assert life(seen(0, "8"), seen(5, "12")).peak_difference == -2, "as large is not larger"


def test_without_a_price_the_peak_is_of_what_had_one() -> None:
    unpriced = seen(5, "5", worth=None)
    assert life(seen(0), unpriced).peak_worth == 4000
    assert life(unpriced, seen(10)).peak_worth == 4000
    assert life(unpriced).peak_worth is None


def test_it_is_due_sooner_when_it_gets_worse_and_never_later() -> None:
    worse = seen(5, "5", Severity.CRITICAL, due_at=at(20))
    assert life(seen(0), worse).due_at == at(20)
    assert life(seen(0), seen(5)).due_at == at(60)
    known = life(seen(0))
    assert (known.is_overdue(at(59.9)), known.is_overdue(at(60))) == (False, True)
    assert not life(seen(0), agreed(5)).is_overdue(at(99))


def test_people_are_told_when_they_were_told_last() -> None:
    known = life(seen(0, told="confirmed", confirmed=True), seen(5, confirmed=True))
    assert known.told_at == NOON
    assert fold(known, seen(10, told="grown", confirmed=True)).told_at == at(10)


# -- resolved, and back --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "adjusted", "how"),
    [
        (sides("10"), False, How.VENUE_MOVED),
        (sides("9", "9"), False, How.BOOK_MOVED),
        (sides("11", "11"), False, How.BOTH_MOVED),
        (sides("9", "9"), True, How.ADJUSTED),
        (sides("11", "11"), True, How.ADJUSTED),
        (sides("10"), True, How.VENUE_MOVED),
        (sides(policy_version="p2"), False, How.POLICY_CHANGED),
        (sides(policy_version="p2", price="1"), False, How.POLICY_CHANGED),
        (sides(price="1"), False, How.PRICE_MOVED),
        (sides(), False, How.IN_FLIGHT),
    ],
)
def test_what_resolved_it_is_what_changed_since_it_was_last_seen(now: Sides, adjusted: bool, how: How) -> None:
    known = life(seen(0, "5"), seen(5), agreed(10, now, adjusted=adjusted))
    assert (status(known), known.resolved_at, known.how) == (Status.RESOLVED, at(10), how)
    assert (known.last_seen_at, known.looked_at, known.occurrences) == (at(5), at(10), 2)


def test_back_again_it_is_reopened_with_its_story_and_not_what_people_did_about_it() -> None:
    known = life(seen(0, "5"), Acknowledged(at(1), ANN), Assigned(at(1), ANN, "ben"), agreed(5))
    back = fold(known, seen(10))
    assert (status(back), back.reopened, back.opened_at, back.first_seen_at) == (Status.REOPENED, 1, at(10), NOON)
    assert (back.resolved_at, back.how, back.acknowledged, back.owner) == (None, None, None, "ben")
    assert (back.occurrences, back.peak_difference, back.due_at) == (2, -5, at(70))


def test_reopened_it_stays_so_until_it_is_confirmed_again() -> None:
    back = life(seen(0), agreed(5), seen(10))
    assert status(fold(back, seen(15))) is Status.REOPENED
    assert status(fold(back, seen(15, confirmed=True))) is Status.CONFIRMED
    assert status(life(seen(0), agreed(5), seen(10, confirmed=True))) is Status.CONFIRMED


def test_people_who_were_told_before_it_was_resolved_were_not_told_that_it_is_back() -> None:
    known = life(seen(0, told="confirmed", confirmed=True), agreed(5), seen(10))
    assert known.told_at is None


# -- explained -----------------------------------------------------------------------------------------------------


def test_explained_by_what_is_in_flight_it_says_by_what_until_it_is_seen_again() -> None:
    known = life(seen(0, confirmed=True), explained(5, "w-1"))
    assert (status(known), known.references, known.looked_at, known.last_seen_at) == (
        Status.EXPLAINED, ("w-1",), at(5), NOON,
    )  # fmt: skip
    again = fold(known, seen(10, confirmed=True))
    assert (status(again), again.references, again.reopened) == (Status.CONFIRMED, (), 0)


def test_what_was_explained_and_arrived_is_resolved() -> None:
    known = life(seen(0), explained(5, "w-1"), agreed(10))
    assert (status(known), known.how, known.references) == (Status.RESOLVED, How.VENUE_MOVED, ())


# -- people --------------------------------------------------------------------------------------------------------


def test_acknowledged_it_stays_so_however_often_it_is_seen_and_whatever_it_grows_to() -> None:
    known = life(seen(0, confirmed=True), Acknowledged(at(1), ANN), seen(5, "5", Severity.CRITICAL, confirmed=True))
    assert (status(known), known.acknowledged) == (Status.ACKNOWLEDGED, Acknowledged(at(1), ANN))


def test_the_other_sign_is_another_problem_that_nobody_acknowledged() -> None:
    known = life(seen(0), Acknowledged(at(1), ANN), seen(5, "11"))
    assert (status(known), known.acknowledged) == (Status.OPEN, None)


def test_it_is_given_to_somebody_and_taken_away() -> None:
    known = life(seen(0), Assigned(at(1), ANN, "ben"))
    assert (known.owner, status(known)) == ("ben", Status.OPEN)
    assert fold(known, Assigned(at(2), ANN, None)).owner is None


def test_comments_are_counted_also_of_what_is_over() -> None:
    known = life(seen(0), Commented(at(1), ANN, "asked the venue"), agreed(5), Commented(at(6), BEN, "they say sorry"))
    assert (known.comments, known.events, status(known)) == (2, 4, Status.RESOLVED)


def test_suppressed_it_is_quiet_until_then() -> None:
    known = life(seen(0, confirmed=True), Suppressed(at(1), ANN, at(60), "migration"))
    assert [status(known, minutes) for minutes in (1, 59.9, 60)] == [
        Status.SUPPRESSED, Status.SUPPRESSED, Status.CONFIRMED,
    ]  # fmt: skip
    assert status(fold(known, seen(5, confirmed=True)), 5) is Status.SUPPRESSED
    assert status(fold(known, Unsuppressed(at(2), BEN)), 3) is Status.CONFIRMED


def test_what_gets_worse_is_quiet_no_more() -> None:
    known = life(seen(0), Suppressed(at(1), ANN, at(60), "dust"), seen(5, "5", Severity.CRITICAL))
    assert (status(known, 6), known.suppression) == (Status.OPEN, None)
    assert status(life(seen(0), Suppressed(at(1), ANN, at(60), "dust"), seen(5, "9.9", Severity.MINOR)), 6) is (
        Status.SUPPRESSED
    )


def test_what_is_resolved_or_explained_is_not_called_suppressed_and_is_quiet_when_it_comes_back() -> None:
    quiet = Suppressed(at(1), ANN, at(60), "migration")
    assert status(life(seen(0), quiet, agreed(5)), 6) is Status.RESOLVED
    assert status(life(seen(0), quiet, explained(5)), 6) is Status.EXPLAINED
    assert status(life(seen(0), quiet, agreed(5), seen(10)), 11) is Status.SUPPRESSED


# -- what cannot be ------------------------------------------------------------------------------------------------

OVER = (seen(0), agreed(5))
TOO_LONG = "it can be suppressed until a time to come, 90 days at most"


@pytest.mark.parametrize(
    ("events", "deed", "why"),
    [
        (OVER, Acknowledged(at(9), ANN), "it is resolved: all one can do is comment on it"),
        (OVER, Assigned(at(9), ANN, "ben"), "it is resolved: all one can do is comment on it"),
        (OVER, Suppressed(at(9), ANN, at(60), "x"), "it is resolved: all one can do is comment on it"),
        (OVER, Unsuppressed(at(9), ANN), "it is resolved: all one can do is comment on it"),
        ((seen(0), Acknowledged(at(1), ANN)), Acknowledged(at(9), BEN), "arn:ann has acknowledged it"),
        ((seen(0),), Assigned(at(9), ANN, None), "it is nobody's"),
        ((seen(0), Assigned(at(1), ANN, "ben")), Assigned(at(9), ANN, "ben"), "it is ben's"),
        ((seen(0),), Unsuppressed(at(9), ANN), "it is not suppressed"),
        ((seen(0), Suppressed(at(1), ANN, at(9), "x")), Unsuppressed(at(9), ANN), "it is not suppressed"),
        ((seen(0),), Suppressed(at(9), ANN, at(9), "x"), TOO_LONG),
        (
            (seen(0),),
            Suppressed(NOON, ANN, NOON + MAX_SUPPRESSION + HOUR, "x"),
            TOO_LONG,
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(events: tuple[Event, ...], deed: Deed, why: str) -> None:
    with pytest.raises(Impossible) as refused:
        fold(life(*events), deed)
    assert str(refused.value) == why


def test_the_longest_suppression_is_taken() -> None:
    assert life(seen(0), Suppressed(NOON, ANN, NOON + MAX_SUPPRESSION, "x")).suppression is not None


@pytest.mark.parametrize("event", [agreed(0), explained(0), Commented(NOON, ANN, "x")])
def test_nothing_can_happen_to_what_nobody_saw(event: Event) -> None:
    with pytest.raises(Impossible, match=r"^there is no such break$"):
        begin(PLACE, event)


@pytest.mark.parametrize("look", [agreed(9), explained(9)])
def test_what_is_over_cannot_end_again(look: Look) -> None:
    with pytest.raises(Impossible, match="it is resolved since"):
        fold(life(*OVER), look)


def test_a_look_is_news_only_if_it_is_newer_and_says_something() -> None:
    known = life(seen(0))
    assert is_news(None, seen(0))
    assert not is_news(None, agreed(0))
    assert not is_news(None, explained(0))
    assert not is_news(known, seen(0))
    assert is_news(known, seen(0.01))
    assert is_news(known, agreed(1))
    assert is_news(known, explained(1))
    over = life(*OVER)
    assert not is_news(over, seen(5)), "of the moment it was resolved"
    assert is_news(over, seen(6))
    assert not is_news(over, agreed(6))
    assert not is_news(over, explained(6))


def test_the_words_of_a_break_are_those_of_its_format() -> None:
    assert [*Status] == ["open", "confirmed", "acknowledged", "explained", "suppressed", "resolved", "reopened"]
    assert [*How] == [
        "venue_moved", "book_moved", "both_moved", "adjusted", "policy_changed", "price_moved", "in_flight",
    ]  # fmt: skip


def test_a_suppression_of_one_side_says_nothing_of_the_other() -> None:
    airdrop = life(seen(0, "15", Severity.CRITICAL), Suppressed(at(1), ANN, at(60), "airdrop"))
    assert fold(airdrop, seen(5, "16", Severity.CRITICAL)).suppression is not None
    assert fold(airdrop, seen(5, "0", Severity.CRITICAL)).suppression is None


def test_an_account_that_shows_something_again_is_resolved_by_its_venue() -> None:
    nothing = Sides(None, None, None, "p1")
    empty = seen(0, kind=Kind.ACCOUNT_EMPTY, difference=None, worth=None, sides=nothing)
    gone = Sides(Decimal(0), Decimal(0), None, "p1")
    assert life(empty, agreed(5, gone)).how is How.VENUE_MOVED
    assert life(empty, agreed(5, gone, adjusted=True)).how is How.ADJUSTED
