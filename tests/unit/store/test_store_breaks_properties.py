"""Whatever is seen and done in whatever order, the row of a break follows from its events, and only from them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.domain.test_domain_breaks import ANN
from tests.unit.domain.test_domain_history_properties import POLICY, SEEN
from tests.unit.domain.test_domain_history_properties import seen as report_of
from tests.unit.money_kit import NOON, later
from trueup.domain.advance import advance
from trueup.domain.break_documents import event_document
from trueup.domain.breaks import (
    Acknowledged,
    Assigned,
    Commented,
    Deed,
    Impossible,
    Seen,
    Status,
    Suppressed,
    Unsuppressed,
    begin,
    fold,
)
from trueup.domain.tracks import track_document
from trueup.store import keys
from trueup.store.breaks import Breaks
from trueup.store.histories import Histories, Looked
from trueup.store.memory import MemoryRows

SAYS_NOTHING_OF_BREAKS = ("in motion", "unverified", "not observed", "not read")
DEEDS: dict[str, Callable[[datetime], list[Deed]]] = {
    "acknowledge": lambda at: [Acknowledged(at, ANN), Commented(at, ANN, "mine")],
    "assign": lambda at: [Assigned(at, ANN, "ben")],
    "take away": lambda at: [Assigned(at, ANN, None)],
    "comment": lambda at: [Commented(at, ANN, "hm")],
    "suppress": lambda at: [Suppressed(at, ANN, at + timedelta(minutes=12, microseconds=7), "known")],
    "suppress for ever": lambda at: [Suppressed(at, ANN, at + timedelta(days=91), "known")],
    "suppress for no time": lambda at: [Suppressed(at, ANN, at + timedelta(microseconds=1), "known")],
    "unsuppress": lambda at: [Unsuppressed(at, ANN)],
}


@dataclass(frozen=True)
class Step:
    """Somebody looks and sees this, or does this, so many seconds after noon."""

    what: str
    at: float
    """In whole milliseconds for looks, as evidence has it; people act at any time."""


OFTEN = st.sampled_from(("major", "major", "critical", "agrees", "over"))
WHAT = OFTEN | st.sampled_from(sorted(SEEN)) | st.sampled_from(sorted(DEEDS))
GAPS = st.sampled_from((300, 300, 30, 10, 0.001, 0.0004, -300))
STEPS = st.lists(st.tuples(WHAT, GAPS), min_size=2, max_size=14).map(
    lambda found: [
        Step(what, round(3600 + sum(gap for _, gap in found[: number + 1]), 4 if what in DEEDS else 3))
        for number, (what, _) in enumerate(found)
    ]
)


class Table:
    """What is kept of the account's breaks."""

    def __init__(self) -> None:
        self.rows = MemoryRows()
        self.breaks, self.histories = Breaks(self.rows, 400), Histories(self.rows, 400)

    def look(self, step: Step) -> None:
        """Look at the account as a run does, and keep what it says."""
        report = replace(report_of(step.what, step.at), run_id=f"run-{step.at}")
        history = self.histories.of_account("cb-main", with_breaks=bool(report.breaks))
        advanced = advance(report, history, POLICY, "coinbase")
        if report.observed_at is not None:
            tracks = [track_document(track) for track in advanced.tracks]
            looks = {name: event_document(look) for name, look in advanced.looks.items()}
            looked = Looked("cb-main", "coinbase", report.observed_at, tracks, looks)
            self.histories.keep(looked)
            once = self.kept()
            self.histories.keep(looked)  # as an attempt does that comes after one that was cut off
            assert self.kept() == once

    def do(self, step: Step) -> bool:
        """Do something to every break there is, if it can be done."""
        names = list(self.breaks.of_account("cb-main"))
        try:
            self.breaks.do_all({name: DEEDS[step.what](later(NOON, step.at)) for name in names})
        except Impossible:
            return False
        return bool(names)

    def kept(self) -> list[Any]:
        rows = self.rows.query(keys.audit("cb-main"), prefix=keys.BREAK)
        return [rows, *(self.rows.query(keys.story(row["break_id"])) for row in rows)]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(STEPS)
def test_the_row_of_a_break_is_the_fold_of_its_events_and_what_says_nothing_changes_nothing(steps: list[Step]) -> None:
    table = Table()
    newest = 0.0
    for step in steps:
        before = table.kept()
        if step.what in DEEDS:
            done = table.do(step)
            assert (table.kept() != before) is done
        else:
            table.look(step)
            if step.what in SAYS_NOTHING_OF_BREAKS or step.at < newest:
                assert table.kept() == before
            if step.what != "not observed":
                newest = max(newest, step.at)
        known = table.breaks.of_account("cb-main")
        for name, current in known.items():
            first, *rest = table.breaks.story(name)
            assert isinstance(first, Seen)
            assert replace(current, story=None) == reduce(fold, rest, begin(current.place, first))
            numbers = [row["sk"] for row in table.rows.query(keys.story(name))]
            assert numbers == [keys.event(name, number)[1] for number in range(1, current.events + 1)]
        still = [each for each in known.values() if each.phase is not Status.RESOLVED]
        assert table.breaks.open() == still
