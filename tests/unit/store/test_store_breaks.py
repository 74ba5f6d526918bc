"""Breaks in the table: the current row follows from the events, whoever writes at the same time."""

from dataclasses import replace
from functools import reduce
from typing import Any

import pytest

from tests.unit.domain.test_domain_breaks import ANN, BEN, agreed, at, seen
from tests.unit.money_kit import NOON
from trueup.domain.breaks import (
    Acknowledged,
    Assigned,
    Break,
    Commented,
    Event,
    Impossible,
    Place,
    Status,
    Story,
    Suppressed,
    begin,
    fold,
)
from trueup.domain.reading import Malformed
from trueup.domain.reasons import Severity
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.audit import GENESIS, chain_hash
from trueup.store.breaks import MAX_AT_ONCE, Breaks
from trueup.store.memory import MemoryRows
from trueup.store.rows import Rows


def place(break_id: str) -> Place:
    return Place(break_id, "cb-main", "coinbase", "spot", "ETH", "total")


def tell(rows: Rows, break_id: str, *events: Event) -> Break:
    """Write a story as looks do."""
    breaks = Breaks(rows, 400)
    known = breaks.get(break_id)
    for event in events:
        assert rows.put_all(breaks.puts(known or place(break_id), event))
        known = breaks.get(break_id)
    assert known is not None
    return known


def test_a_break_is_there_as_it_was_left_and_its_story_in_order(rows: Rows) -> None:
    known = tell(rows, "brk-1", seen(0), Commented(at(1), ANN, "hm"), seen(5))
    breaks = Breaks(rows, 400)
    assert breaks.get("brk-1") == known
    assert breaks.of_account("cb-main") == {"brk-1": known}
    assert breaks.story("brk-1") == [seen(0), Commented(at(1), ANN, "hm"), seen(5)]
    assert breaks.get("brk-2") is None
    assert breaks.story("brk-2") == []


def test_the_row_of_a_break_follows_from_its_events_whatever_happens_to_it(rows: Rows) -> None:
    breaks = Breaks(rows, 400)
    tell(rows, "brk-1", seen(0), seen(5, "8", confirmed=True))
    breaks.do("brk-1", Acknowledged(at(6), ANN))
    breaks.do("brk-1", Assigned(at(6), ANN, "ben"))
    tell(rows, "brk-1", agreed(10))
    breaks.do("brk-1", Commented(at(11), BEN, "a fee"))
    tell(rows, "brk-1", seen(15, "5", Severity.CRITICAL, confirmed=True, told="reopened"))
    breaks.do("brk-1", Suppressed(at(16), BEN, at(90), "known"))
    first, *rest = breaks.story("brk-1")
    known = breaks.get("brk-1")
    assert known is not None
    assert replace(known, story=None) == reduce(fold, rest, begin(place("brk-1"), first))


def test_each_event_names_the_one_before_and_the_break_the_newest(rows: Rows) -> None:
    tell(rows, "brk-1", seen(0))
    done = Breaks(rows, 400).do("brk-1", Commented(at(30), ANN, "what is this?"))
    # Kept for a shorter time from now on: no event expires before the one before it.
    Breaks(rows, 1).do("brk-1", Commented(at(40), ANN, "a fee"))
    first, second, third = rows.query(keys.story("brk-1"))
    assert [row["number"] for row in (first, second, third)] == [1, 2, 3]
    assert [row["prev"] for row in (first, second, third)] == [GENESIS, first["hash"], second["hash"]]
    assert [row["hash"] for row in (first, second, third)] == [chain_hash(row) for row in (first, second, third)]
    assert [row["prev_expires_at"] for row in (first, second, third)] == [
        None,
        *[row["expires_at"] for row in (first, second)],
    ]
    assert third["expires_at"] == second["expires_at"] > first["expires_at"]
    assert done.story == Story(second["hash"], second["expires_at"])
    known = Breaks(rows, 1).get("brk-1")
    assert known is not None
    assert known.story == Story(third["hash"], third["expires_at"])


def test_open_breaks_are_listed_the_worst_first_and_of_these_the_oldest(rows: Rows) -> None:
    tell(rows, "brk-new", seen(9))
    tell(rows, "brk-minor", seen(0, severity=Severity.MINOR))
    tell(rows, "brk-old", seen(3))
    tell(rows, "brk-worst", seen(20, severity=Severity.CRITICAL))
    tell(rows, "brk-over", seen(0), agreed(5))
    tell(rows, "brk-grew", seen(1), seen(6, severity=Severity.CRITICAL))
    tell(rows, "brk-back", seen(0), agreed(5), seen(6))
    breaks = Breaks(rows, 400)
    names = [known.place.break_id for known in breaks.open()]
    assert names == ["brk-grew", "brk-worst", "brk-old", "brk-back", "brk-new", "brk-minor"]
    assert [known.place.break_id for known in breaks.open(Severity.MAJOR)] == ["brk-old", "brk-back", "brk-new"]


def test_events_expire_after_the_time_to_keep_them_and_what_is_over_outlives_them(rows: Rows) -> None:
    tell(rows, "brk-1", seen(0))
    open_one = rows.get(*keys.current_break("cb-main", "brk-1"))
    tell(rows, "brk-1", agreed(5))
    over = rows.get(*keys.current_break("cb-main", "brk-1"))
    assert open_one is not None
    assert over is not None
    assert "expires_at" not in open_one
    assert over["expires_at"] == int(at(5).timestamp()) + 430 * 86_400
    assert [row["expires_at"] for row in rows.query(keys.story("brk-1"))] == [
        int(at(minutes).timestamp()) + 400 * 86_400 for minutes in (0, 5)
    ]


def test_a_break_goes_on_counting_when_its_first_events_have_expired(rows: Rows) -> None:
    tell(rows, "brk-1", seen(0), agreed(5))
    rows.delete(*keys.event("brk-1", 1))
    tell(rows, "brk-1", seen(10))
    known = Breaks(rows, 400).get("brk-1")
    assert known is not None
    assert (known.events, known.status(at(10))) == (3, Status.REOPENED)


def test_a_break_whose_row_was_lost_begins_again_behind_the_events_that_are_left(rows: Rows) -> None:
    tell(rows, "brk-1", seen(0), seen(5))
    rows.delete(*keys.current_break("cb-main", "brk-1"))
    known = tell(rows, "brk-1", seen(10))
    assert (known.events, known.occurrences, known.status(at(10))) == (3, 1, Status.OPEN)
    assert Breaks(rows, 400).story("brk-1") == [seen(0), seen(5), seen(10)]


def test_an_open_break_is_found_and_handled_when_all_its_events_have_expired(rows: Rows) -> None:
    known = tell(rows, "brk-1", seen(0), seen(5))
    over = tell(rows, "brk-2", seen(0), agreed(5))
    for number in (1, 2):
        rows.delete(*keys.event("brk-1", number))
        rows.delete(*keys.event("brk-2", number))
    breaks = Breaks(rows, 400)
    assert breaks.get("brk-1") == known
    assert breaks.do("brk-1", Acknowledged(at(9), ANN)).events == 3
    assert breaks.story("brk-1") == [Acknowledged(at(9), ANN)]
    assert breaks.get("brk-2") is None
    assert breaks.of_account("cb-main")["brk-2"] == over


def test_what_cannot_be_done_is_refused_and_leaves_no_trace(rows: Rows) -> None:
    breaks = Breaks(rows, 400)
    with pytest.raises(Impossible, match="there is no such break"):
        breaks.do("brk-1", Commented(NOON, ANN, "x"))
    known = tell(rows, "brk-1", seen(0), agreed(5))
    with pytest.raises(Impossible, match="it is resolved"):
        breaks.do("brk-1", Acknowledged(at(6), ANN))
    assert breaks.get("brk-1") == known
    assert len(breaks.story("brk-1")) == 2


class Contested(MemoryRows):
    """Somebody else is always a moment sooner, so many times."""

    def __init__(self, times: int, deed: Any) -> None:
        super().__init__()
        self.times, self.deed = times, deed

    def put_all(self, puts: Any) -> bool:
        if self.times > 0:
            self.times -= 1
            Contested.__bases__[0].put_all(self, self.others())
        return super().put_all(puts)

    def others(self) -> Any:
        breaks = Breaks(self, 400)
        known = breaks.get("brk-1")
        assert known is not None
        return breaks.puts(known, self.deed)


def test_who_comes_second_is_judged_by_what_the_first_one_did() -> None:
    rows = Contested(0, Acknowledged(at(1), BEN))
    tell(rows, "brk-1", seen(0))
    rows.times = 1
    with pytest.raises(Impossible, match="arn:ben has acknowledged it"):
        Breaks(rows, 400).do("brk-1", Acknowledged(at(1), ANN))
    assert Breaks(rows, 400).story("brk-1") == [seen(0), Acknowledged(at(1), BEN)]


def test_what_both_can_do_both_do() -> None:
    rows = Contested(0, Commented(at(1), BEN, "first"))
    tell(rows, "brk-1", seen(0))
    rows.times = 2
    known = Breaks(rows, 400).do("brk-1", Acknowledged(at(1), ANN))
    assert (known.comments, known.acknowledged) == (2, Acknowledged(at(1), ANN))
    rows.times = 99
    with pytest.raises(StoreUnavailable, match="brk-1: others keep writing at the same moment; try again"):
        Breaks(rows, 400).do("brk-1", Commented(at(2), ANN, "last"))


# -- several at once -----------------------------------------------------------------------------------------------


def test_what_is_done_to_several_is_done_to_all_of_them_in_the_order_given(rows: Rows) -> None:
    for name in ("brk-1", "brk-2"):
        tell(rows, name, seen(0))
    breaks = Breaks(rows, 400)
    deeds = [Acknowledged(at(1), ANN), Commented(at(1), ANN, "mine")]
    after = breaks.do_all({"brk-2": deeds, "brk-1": deeds})
    assert [known.place.break_id for known in after] == ["brk-2", "brk-1"]
    for known in after:
        name = known.place.break_id
        assert breaks.get(name) == known
        assert breaks.story(name) == [seen(0), *deeds]
        assert (known.events, known.comments) == (3, 1)


def test_what_cannot_be_done_to_one_is_done_to_none(rows: Rows) -> None:
    tell(rows, "brk-1", seen(0))
    tell(rows, "brk-2", seen(0), agreed(5))
    breaks = Breaks(rows, 400)
    with pytest.raises(Impossible, match="brk-2: it is resolved"):
        breaks.do_all({"brk-1": [Acknowledged(at(6), ANN)], "brk-2": [Acknowledged(at(6), ANN)]})
    with pytest.raises(Impossible, match="brk-3: there is no such break"):
        breaks.do_all({"brk-1": [Acknowledged(at(6), ANN)], "brk-3": [Acknowledged(at(6), ANN)]})
    with pytest.raises(Impossible, match="brk-1: arn:ann has acknowledged it"):
        breaks.do("brk-1", Acknowledged(at(6), ANN), Acknowledged(at(6), BEN))
    assert breaks.story("brk-1") == [seen(0)]


def test_what_could_not_be_read_again_is_not_written(rows: Rows) -> None:
    tell(rows, "brk-1", seen(0))
    with pytest.raises(Malformed, match=r"brk-1\.text: must be at most 512 characters"):
        Breaks(rows, 400).do("brk-1", Commented(at(1), ANN, "a" * 513))
    assert Breaks(rows, 400).story("brk-1") == [seen(0)]


def test_what_is_judged_is_what_is_kept_in_its_milliseconds(rows: Rows) -> None:
    tell(rows, "brk-1", seen(0))
    moment = at(1).replace(microsecond=100)
    with pytest.raises(Impossible, match="a time to come"):
        Breaks(rows, 400).do("brk-1", Suppressed(moment, ANN, moment.replace(microsecond=900), "x"))
    assert Breaks(rows, 400).do("brk-1", Acknowledged(moment, ANN)).acknowledged == Acknowledged(at(1), ANN)


def test_as_many_breaks_as_are_done_at_once_with_two_deeds_each_fit_into_one_transaction() -> None:
    assert MAX_AT_ONCE * 3 <= 100
