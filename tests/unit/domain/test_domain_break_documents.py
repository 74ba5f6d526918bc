"""Breaks and their events as documents: read back as they were written, and refused by the place that is wrong."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.money_kit import NOON
from trueup.domain.break_documents import break_document, event_document, read_break, read_event, read_look
from trueup.domain.breaks import (
    Acknowledged,
    Agreed,
    Assigned,
    Break,
    Commented,
    Event,
    Explained,
    Impossible,
    Place,
    Seen,
    Sides,
    Story,
    Suppressed,
    Unsuppressed,
    begin,
    fold,
)
from trueup.domain.reading import Malformed, canonical_json, parse_json
from trueup.domain.reasons import Severity
from trueup.domain.report import Kind, News

moments = st.integers(0, 10**9).map(lambda milliseconds: NOON + timedelta(milliseconds=milliseconds))
words = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=12)
amounts = st.none() | st.decimals(-1000, 1000, places=8)
sides = st.builds(Sides, amounts, amounts, amounts, words)
looks = st.one_of(
    st.builds(
        Seen, moments, words, st.sampled_from(Kind), st.sampled_from(Severity), amounts, amounts, sides,
        confirmed=st.booleans(), due_at=moments, told=st.none() | st.sampled_from([*map(str, News)]),
    ),
    st.builds(Explained, moments, words, st.lists(words, max_size=3).map(tuple)),
    st.builds(Agreed, moments, words, sides, adjusted=st.booleans(), told=st.booleans()),
)  # fmt: skip
deeds = st.one_of(
    st.builds(Acknowledged, moments, words),
    st.builds(Assigned, moments, words, st.none() | words),
    st.builds(Commented, moments, words, words),
    st.builds(Suppressed, moments, words, moments, words),
    st.builds(Unsuppressed, moments, words),
)
events = looks | deeds
seen = st.builds(
    Seen, moments, words, st.sampled_from(Kind), st.sampled_from(Severity), amounts, amounts, sides,
    confirmed=st.booleans(), due_at=moments,
)  # fmt: skip


def carried(document: dict[str, Any]) -> Any:
    return parse_json(canonical_json(document), "document")


def life(first: Seen, rest: Sequence[Event]) -> Break:
    def after(known: Break, event: Event) -> Break:
        try:
            return fold(known, event)
        except Impossible:
            return known

    return reduce(after, rest, begin(Place("brk-1", "cb-main", "coinbase", "spot", None, "total"), first))


@given(events)
def test_an_event_is_read_back_as_it_was_written(event: Event) -> None:
    assert read_event(carried(event_document(event))) == event


@given(looks)
def test_what_a_look_said_is_read_back_as_such(look: Any) -> None:
    assert read_look(carried(event_document(look))) == look


@given(deeds)
def test_what_people_did_is_not_what_a_look_said(deed: Event) -> None:
    with pytest.raises(Malformed, match=r"^event: must be what a look said"):
        read_look(event_document(deed))


@settings(max_examples=200)
@given(seen, st.lists(events, max_size=6))
def test_a_break_is_read_back_as_it_was_written_whatever_happened_to_it(first: Seen, rest: list[Event]) -> None:
    known = life(first, rest)
    assert read_break(carried(break_document(known))) == known


FIRST = Seen(
    NOON, "run-1", Kind.QUANTITY, Severity.MAJOR, Decimal(-1), Decimal(4000),
    Sides(Decimal(9), Decimal(10), Decimal(4000), "p1"), confirmed=True, due_at=NOON,
)  # fmt: skip
EVENT, BREAK = event_document(FIRST), break_document(life(FIRST, []))


def test_an_event_says_everything_it_is_made_of_in_words_and_strings() -> None:
    assert EVENT == {
        "event": "seen",
        "at": "2026-11-22T12:00:00.000Z",
        "run_id": "run-1",
        "kind": "quantity",
        "severity": "MAJOR",
        "difference": "-1",
        "worth": "4000",
        "venue": "9",
        "book": "10",
        "price": "4000",
        "policy_version": "p1",
        "confirmed": True,
        "due_at": "2026-11-22T12:00:00.000Z",
        "told": None,
    }


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("event", "gone", "event.event: must be one of acknowledged, agreed, assigned, commented, explained"),
        ("at", "noon", "event.at: must be a time"),
        ("kind", "big", "event.kind: must be one of"),
        ("severity", "BAD", "event.severity: must be one of"),
        ("worth", 4000, "event.worth: must be"),
        ("confirmed", "yes", "event.confirmed: must be true or false"),
        ("colour", "red", "event.colour: "),
    ],
)
def test_what_is_no_event_is_refused_by_its_place(field: str, value: Any, problem: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_event(EVENT | {field: value})
    assert str(refused.value).startswith(problem)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("break_id", None, "break.break_id: must be a string"),
        ("phase", "asleep", "break.phase: must be one of"),
        ("occurrences", "1", "break.occurrences: must be a whole number"),
        ("how", "magic", "break.how: must be one of"),
        ("suppression", {"by": "ann"}, "break.suppression.until: "),
        ("acknowledged", {"by": "ann"}, "break.acknowledged.at: "),
        ("references", [1], "break.references[0]: must be a string"),
    ],
)
def test_what_is_no_break_is_refused_by_its_place(field: str, value: Any, problem: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_break(BREAK | {field: value})
    assert str(refused.value).startswith(problem)


def test_what_is_wrong_with_what_a_look_said_is_said_by_its_place() -> None:
    with pytest.raises(Malformed, match=r"^breaks\.brk-1\.at: "):
        read_look(EVENT | {"at": "noon"}, "breaks.brk-1")
    with pytest.raises(Malformed, match=r"^breaks\.brk-1\.event: "):
        read_event(EVENT | {"event": "gone"}, "breaks.brk-1")
    with pytest.raises(Malformed, match=r"^BREAK#brk-1\.phase: "):
        read_break(BREAK | {"phase": "asleep"}, "BREAK#brk-1")


def test_products_of_the_longest_amounts_are_read_back() -> None:
    # A difference times a price has twice the digits that either may have.
    longest = Decimal("9" * 80 + "." + "9" * 80)
    event = replace(FIRST, difference=-longest, worth=longest)
    assert read_event(carried(event_document(event))) == event
    known = life(event, [])
    assert read_break(carried(break_document(known))) == known


def test_a_break_says_everything_it_is_made_of_in_words_and_strings() -> None:
    assert BREAK == {
        "break_id": "brk-1",
        "account_id": "cb-main",
        "venue_name": "coinbase",
        "wallet": "spot",
        "asset": None,
        "field": "total",
        "phase": "confirmed",
        "first_seen_at": "2026-11-22T12:00:00.000Z",
        "opened_at": "2026-11-22T12:00:00.000Z",
        "last_seen_at": "2026-11-22T12:00:00.000Z",
        "looked_at": "2026-11-22T12:00:00.000Z",
        "occurrences": 1,
        "reopened": 0,
        "kind": "quantity",
        "severity": "MAJOR",
        "difference": "-1",
        "worth": "4000",
        "peak_difference": "-1",
        "peak_worth": "4000",
        "venue": "9",
        "book": "10",
        "price": "4000",
        "policy_version": "p1",
        "due_at": "2026-11-22T12:00:00.000Z",
        "told_at": None,
        "acknowledged": None,
        "suppression": None,
        "owner": None,
        "comments": 0,
        "references": [],
        "resolved_at": None,
        "how": None,
        "events": 1,
        "story": None,
    }
    known = life(FIRST, [])
    assert break_document(replace(known, place=replace(known.place, asset="ETH")))["asset"] == "ETH"


@given(first=seen, written=st.builds(Story, words, st.integers(0, 2**40)))
def test_how_far_a_story_is_written_down_is_read_back(first: Seen, written: Story) -> None:
    place = Place("brk-1", "cb-main", "coinbase", "spot", "BTC", "total")
    known = replace(begin(place, first), story=written)
    assert break_document(known)["story"] == {"hash": written.hash, "expires_at": written.expires_at}
    assert read_break(break_document(known)) == known
