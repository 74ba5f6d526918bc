"""Rule 9, whatever was seen in whatever order: what confirms, what is said, and what changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.money_kit import NOON, after, book, item, judge, later, policy, prices, snapshot
from trueup.domain.advance import advance
from trueup.domain.history import History
from trueup.domain.policy import Policy
from trueup.domain.reasons import Reason, Severity
from trueup.domain.report import AccountReport, Line, News, Outcome, State

CHECK = settings(max_examples=120, derandomize=True, deadline=None)
POLICY = policy(alerts={"default": {"alert_from": "MAJOR"}})
SEEN = {
    "minor": "9.9", "major": "9", "critical": "5", "over": "11", "agrees": "10", "nearly agrees": "9.9999",
    "in motion": "9", "explained": "9.5", "unverified": "9", "not observed": "9", "gone": None, "not read": None,
}  # fmt: skip
BREAKS = {"minor": -1, "major": -1, "critical": -1, "over": 1}
"""What is a break, with its sign."""
SAYS_NOTHING = ("in motion", "explained", "unverified", "not observed", "not read")
"""What neither confirms nor ends anything."""


def seen(what: str, seconds: float, *, with_other: bool = False) -> AccountReport:
    """Look at an account whose book says ten ETH, and at another asset beside it that always differs."""
    now, total = later(NOON, seconds), SEEN[what]
    flying = (item("ETH", "-0.5", "w-1", applied=True, since=now),) if what == "explained" else ()
    spot = Reason.INCOMPLETE if what in ("unverified", "not read") else None
    other = [("BTC", "1")] if with_other else []
    venue = snapshot(
        *([] if total is None else [("ETH", total)]),
        *other,
        wallets={"spot": spot, "earn": None},
        observed_at=now,
        pending=flying,
    )
    books = []
    for amount in ("10", "8" if what == "in motion" else "10"):
        believed = [*([] if total is None else [("ETH", amount)]), *(("BTC", "2") for _ in other)]
        books.append(book(*believed, wallets=("spot", "earn"), as_of=now))
    report = judge(venue, *books, by=POLICY, valued=prices(as_of=now))
    return replace(report, observed_at=None, lines=()) if what == "not observed" else report


@dataclass
class Told:
    """What is known of an account, and what came of every look."""

    history: History = field(default_factory=History)
    by: Policy = POLICY

    def take(self, report: AccountReport) -> AccountReport:
        advanced = advance(report, self.history, self.by, "coinbase")
        self.history = after(self.history, advanced)
        return advanced.report


def eth(report: AccountReport) -> Line | None:
    return next((line for line in report.lines if line.asset == "ETH"), None)


@dataclass(frozen=True)
class Look:
    what: str
    at: float


# The usual more often, so that streaks grow, and are interrupted.
OFTEN = st.sampled_from(("major", "major", "major", "critical", "in motion", "agrees"))
GAPS = st.sampled_from((300, 300, 300, 30, 30.001, 29.999, 15, 10, 0.001))
LOOKS = st.lists(st.tuples(OFTEN | st.sampled_from(sorted(SEEN)), GAPS), min_size=1, max_size=12).map(
    lambda found: [Look(what, sum(gap for _, gap in found[: number + 1])) for number, (what, _) in enumerate(found)]
)


def streak_of(looks: Sequence[Look]) -> int:
    """Count, for a history that ends in a break, the looks in a row that found it, each 30 s after the one counted."""
    sign = BREAKS[looks[-1].what]
    in_a_row: list[Look] = []
    for look in reversed(looks):
        if look.what in SAYS_NOTHING:
            continue
        if BREAKS.get(look.what) != sign:
            break
        in_a_row.insert(0, look)
    counted: list[Look] = []
    for look in in_a_row:
        if not counted or timedelta(seconds=look.at) - timedelta(seconds=counted[-1].at) >= timedelta(seconds=30):
            counted.append(look)
    return len(counted)


@CHECK
@given(LOOKS)
def test_a_break_is_confirmed_by_two_looks_in_a_row_half_a_minute_apart_and_by_nothing_else(looks: list[Look]) -> None:
    told = Told()
    for number, look in enumerate(looks):
        line = eth(told.take(seen(look.what, look.at)))
        if look.what in BREAKS:
            assert line is not None
            streak = streak_of(looks[: number + 1])
            state = State.CONFIRMED if streak >= 2 else State.UNCONFIRMED
            assert (line.outcome, line.streak, line.state) == (Outcome.BREAK, streak, state)
        elif line is not None:
            assert (line.streak, line.state, line.news) == (None, None, None)


@CHECK
@given(LOOKS)
def test_what_says_nothing_of_a_break_changes_nothing_of_its_history(looks: list[Look]) -> None:
    told, without = Told(), Told()
    for look in looks:
        report = seen(look.what, look.at)
        line = eth(told.take(report))
        if look.what not in SAYS_NOTHING:
            assert line == eth(without.take(report))


@CHECK
@given(LOOKS)
def test_people_are_told_of_a_break_once_and_again_only_of_worse(looks: list[Look]) -> None:
    desk = Told()
    told: Severity | None = None
    for look in looks:
        line = eth(desk.take(seen(look.what, look.at)))
        if look.what not in SAYS_NOTHING and (line is None or line.streak in (None, 1)):
            told = None  # it is over, or began anew
        if line is not None and line.news is not None:
            assert line.severity is not None
            assert (line.state, line.severity >= Severity.MAJOR) == (State.CONFIRMED, True)
            assert line.news is (News.CONFIRMED if told is None else News.RAISED)
            assert told is None or line.severity > told
            told = line.severity
        elif line is not None and line.state is State.CONFIRMED and line.severity is not None:
            assert line.severity < Severity.MAJOR or (told is not None and line.severity <= told)


@CHECK
@given(LOOKS)
def test_the_same_look_taken_again_changes_nothing_and_tells_nobody(looks: list[Look]) -> None:
    told = Told()
    for look in looks:
        report = seen(look.what, look.at, with_other=True)
        first = told.take(report)
        before = told.history
        again = told.take(report)
        assert told.history == before
        assert not again.news
        assert [(line.state, line.streak) for line in again.lines] == [
            (line.state, line.streak) for line in first.lines
        ]


@CHECK
@given(LOOKS, st.sampled_from(sorted(BREAKS)), st.sampled_from(sorted(SEEN)), st.floats(0, 1))
def test_an_older_look_changes_nothing_of_what_a_newer_one_has_seen(
    looks: list[Look], last: str, late: str, share: float
) -> None:
    told = Told()
    for look in looks:
        told.take(seen(look.what, look.at))
    end = looks[-1].at + 60
    told.take(seen(last, end))
    before = told.history
    report = told.take(seen(late, round(share * end, 3)))
    assert told.history == before
    assert not report.news


@CHECK
@given(LOOKS, st.randoms(use_true_random=False))
def test_the_order_of_lines_and_tracks_changes_nothing(looks: list[Look], order: Random) -> None:
    told, turned = Told(), Told()
    for look in looks:
        report = seen(look.what, look.at, with_other=True)
        lines = tuple(order.sample(report.lines, len(report.lines)))
        tracks = turned.history.tracks
        turned.history = replace(turned.history, tracks=dict(order.sample(sorted(tracks.items()), len(tracks))))
        one, other = told.take(report), turned.take(replace(report, lines=lines))
        assert sorted(one.lines, key=str) == sorted(other.lines, key=str)
        assert told.history == turned.history


@CHECK
@given(LOOKS, st.lists(st.booleans(), min_size=12, max_size=12))
def test_another_break_beside_it_changes_nothing(looks: list[Look], beside: list[bool]) -> None:
    alone, together = Told(), Told()
    for look, with_other in zip(looks, beside, strict=False):
        line = eth(alone.take(seen(look.what, look.at)))
        assert line == eth(together.take(seen(look.what, look.at, with_other=with_other)))
