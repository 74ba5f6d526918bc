"""Tracks: what history knows of a line is read back as it was written."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.money_kit import NOON
from trueup.domain.history import Track
from trueup.domain.reading import Malformed
from trueup.domain.reasons import Severity
from trueup.domain.tracks import read_track, track_document

names = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=20)
moments = st.integers(0, 10**9).map(lambda milliseconds: NOON + timedelta(milliseconds=milliseconds))
tracks = st.builds(
    Track,
    break_id=names,
    wallet=st.none() | names,
    asset=st.none() | names,
    field=st.sampled_from(["total", "held", "account"]),
    open=st.booleans(),
    sign=st.sampled_from([-1, 0, 1]),
    streak=st.integers(0, 1000),
    counted_at=st.none() | moments,
    first_seen_at=st.none() | moments,
    severity=st.sampled_from(Severity),
    confirmed=st.booleans(),
    said=st.none() | st.sampled_from(Severity),
    said_at=st.none() | moments,
    said_worth=st.none() | st.decimals(0, 10**80, places=8),
    in_motion=st.integers(0, 1000),
    told_in_flight=st.none() | st.lists(names, max_size=3).map(tuple),
)
PLAIN = track_document(Track("brk-1", "spot", "BTC", "total"))


@given(tracks)
def test_a_track_is_read_back_as_it_was_written(track: Track) -> None:
    assert read_track(track_document(track)) == track


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("break_id", None, "track.break_id: must be a string, not null"),
        ("counted_at", "noon", 'track.counted_at: must be a time such as "2026-11-22T12:00:00Z"'),
        ("open", "yes", "track.open: must be true or false, not a string"),
        ("streak", "1", "track.streak: must be a whole number, not a string"),
        ("severity", "BAD", "track.severity: must be one of CRITICAL, MAJOR, MINOR, OK; not 'BAD'"),
        ("said", "BAD", "track.said: must be one of CRITICAL, MAJOR, MINOR, OK; not 'BAD'"),
        ("told_in_flight", "w-1", "track.told_in_flight: must be a list, not a string"),
        ("told_in_flight", [7], "track.told_in_flight[0]: must be a string, not a number"),
    ],
)
def test_what_is_no_track_is_refused_by_its_place(field: str, value: Any, problem: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_track(PLAIN | {field: value})
    assert str(refused.value) == problem


def test_a_line_that_was_never_a_break_has_nothing_to_tell() -> None:
    assert Track("brk-1", "spot", "BTC", "total") == Track(
        "brk-1", "spot", "BTC", "total", open=False, sign=0, streak=0, counted_at=None, first_seen_at=None,
        severity=Severity.OK, confirmed=False, said=None, said_at=None, said_worth=None, in_motion=0,
        told_in_flight=None,
    )  # fmt: skip


def test_a_track_says_everything_it_is_made_of() -> None:
    told = replace(
        Track("brk-1", "spot", "BTC", "total"), said=Severity.MAJOR, said_at=NOON, said_worth=Decimal("1.50")
    )
    document = track_document(told)
    assert (document["said"], document["said_at"], document["said_worth"]) == (
        "MAJOR",
        "2026-11-22T12:00:00.000Z",
        "1.5",
    )
    assert list(document) == [
        "break_id", "wallet", "asset", "field", "open", "sign", "streak", "counted_at", "first_seen_at", "severity",
        "confirmed", "said", "said_at", "said_worth", "in_motion", "told_in_flight",
    ]  # fmt: skip
