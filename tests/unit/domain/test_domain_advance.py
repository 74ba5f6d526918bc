"""Rule 9: one look is not a break; two are; and what nobody could see changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.domain.test_domain_breaks import ANN, life, seen
from tests.unit.money_kit import NOON, Held, after, book, holding, item, judge, later, line_of, policy, prices, snapshot
from trueup.domain.advance import SecondLook, advance, wants_second_look
from trueup.domain.breaks import Agreed, Explained, Look, Seen, Sides, Suppressed
from trueup.domain.history import History, Track
from trueup.domain.policy import Policy, default_policy
from trueup.domain.reasons import Reason, Severity
from trueup.domain.report import AccountReport, Kind, Line, News, Outcome, State

GONE = SecondLook(None, Reason.UNREACHABLE)


@dataclass
class Desk:
    """An account that is looked at again and again."""

    by: Policy = field(default_factory=default_policy)
    history: History = field(default_factory=History)
    seconds: float = 0

    def see(
        self, venue: Sequence[Held], believed: Sequence[Held], after: Sequence[Held] | None = None
    ) -> AccountReport:
        """Compare, as of now."""
        now = later(NOON, self.seconds)
        sides = [book(*side, as_of=now) for side in (believed, believed if after is None else after)]
        return judge(snapshot(*venue, observed_at=now), *sides, by=self.by, valued=prices(as_of=now))

    def look(
        self,
        venue: Sequence[Held],
        believed: Sequence[Held],
        after: Sequence[Held] | None = None,
        *,
        wait: float = 300,
        second: SecondLook | None = None,
    ) -> AccountReport:
        self.seconds += wait
        return self.take(self.see(venue, believed, after), second)

    def take(self, report: AccountReport, second: SecondLook | None = None) -> AccountReport:
        advanced = advance(report, self.history, self.by, "coinbase", second)
        self.history = after(self.history, advanced)
        return advanced.report

    @property
    def tracks(self) -> Mapping[str, Track]:
        return self.history.tracks

    def again(self, venue: Sequence[Held], believed: Sequence[Held], after: Sequence[Held] | None = None) -> SecondLook:
        """Look ten seconds later, within the run."""
        self.seconds += 10
        return SecondLook(self.see(venue, believed, after))

    def doubts(self, report: AccountReport) -> bool:
        return wants_second_look(report, self.history, self.by.timing("cb-main", "coinbase"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


TEN, NINE, ELEVEN, HALF = [("ETH", "10")], [("ETH", "9")], [("ETH", "11")], [("ETH", "5")]


def eth(report: AccountReport) -> Line:
    return line_of(report, "ETH")


def said(line: Line) -> tuple[State | None, int | None, News | None]:
    return line.state, line.streak, line.news


def test_a_difference_seen_once_is_not_said(desk: Desk) -> None:
    line = eth(desk.look(NINE, TEN))
    assert (line.severity, *said(line)) == (Severity.MAJOR, State.UNCONFIRMED, 1, None)


def test_seen_twice_it_is_confirmed_and_said_once(desk: Desk) -> None:
    desk.look(NINE, TEN)
    assert said(eth(desk.look(NINE, TEN))) == (State.CONFIRMED, 2, News.CONFIRMED)
    assert said(eth(desk.look(NINE, TEN))) == (State.CONFIRMED, 3, None)


@pytest.mark.parametrize(("wait", "state", "streak"), [(29.999, "unconfirmed", 1), (30, "confirmed", 2)])
def test_two_looks_count_only_half_a_minute_apart(desk: Desk, wait: float, state: str, streak: int) -> None:
    desk.look(NINE, TEN)
    line = eth(desk.look(NINE, TEN, wait=wait))
    assert (line.state, line.streak) == (state, streak)


def test_looks_too_close_together_add_up_to_one_that_counts(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.look(NINE, TEN, wait=20)
    assert said(eth(desk.look(NINE, TEN, wait=20))) == (State.CONFIRMED, 2, News.CONFIRMED)


def test_gone_in_between_it_begins_again(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.look(TEN, TEN)
    assert said(eth(desk.look(NINE, TEN))) == (State.UNCONFIRMED, 1, None)


def test_within_tolerance_is_gone_too(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.look([("ETH", "9.9999")], TEN)
    assert eth(desk.look(NINE, TEN)).streak == 1


def test_a_confirmed_break_that_was_over_is_said_again_when_it_comes_back(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.look(NINE, TEN)
    desk.look(TEN, TEN)
    desk.look(NINE, TEN)
    assert eth(desk.look(NINE, TEN)).news is News.CONFIRMED


def test_the_other_sign_is_another_difference(desk: Desk) -> None:
    desk.look(NINE, TEN)
    assert said(eth(desk.look(ELEVEN, TEN))) == (State.UNCONFIRMED, 1, None)


def test_another_size_is_the_same_difference(desk: Desk) -> None:
    desk.look(NINE, TEN)
    assert said(eth(desk.look([("ETH", "8.9")], TEN))) == (State.CONFIRMED, 2, News.CONFIRMED)


def test_a_surplus_of_another_size_is_the_same_surplus(desk: Desk) -> None:
    desk.look(ELEVEN, TEN)
    assert said(eth(desk.look([("ETH", "12")], TEN))) == (State.CONFIRMED, 2, News.CONFIRMED)


def test_a_track_knows_a_surplus_from_a_shortfall_and_an_account_as_a_whole_has_neither(desk: Desk) -> None:
    desk.look([("ETH", "11"), ("BTC", "9")], [("ETH", "10"), ("BTC", "10")])
    assert {track.asset: track.sign for track in desk.tracks.values()} == {"ETH": 1, "BTC": -1}
    desk.look([], TEN)
    assert {track.sign for track in desk.tracks.values() if track.field == "account"} == {0}


def test_a_minor_break_is_confirmed_and_said_to_nobody(desk: Desk) -> None:
    desk.look([("ETH", "9.9")], TEN)
    line = eth(desk.look([("ETH", "9.9")], TEN))
    assert (line.severity, *said(line)) == (Severity.MINOR, State.CONFIRMED, 2, None)


def test_who_wants_to_hear_of_minor_breaks_does() -> None:
    desk = Desk(policy(alerts={"default": {"alert_from": "MINOR"}}))
    desk.look([("ETH", "9.9")], TEN)
    assert eth(desk.look([("ETH", "9.9")], TEN)).news is News.CONFIRMED


def test_a_break_that_gets_worse_is_said_again_and_one_that_gets_better_is_not(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.look(NINE, TEN)
    assert eth(desk.look(HALF, TEN, second=GONE)).news is News.RAISED
    assert eth(desk.look(HALF, TEN)).news is None
    assert eth(desk.look(NINE, TEN)).news is None
    assert eth(desk.look(HALF, TEN, second=GONE)).news is None


def test_a_minor_break_that_becomes_major_is_said_then(desk: Desk) -> None:
    desk.look([("ETH", "9.9")], TEN)
    desk.look([("ETH", "9.9")], TEN)
    assert eth(desk.look(NINE, TEN)).news is News.CONFIRMED


# -- what nobody could see ------------------------------------------------------------------------------------------


def unread(seconds: float) -> AccountReport:
    report = judge(snapshot(observed_at=later(NOON, seconds)), None)
    assert report.status == "UNVERIFIED"
    return report


def test_an_unverified_look_neither_confirms_nor_resolves(desk: Desk) -> None:
    desk.look(NINE, TEN)
    before = dict(desk.tracks)
    desk.take(unread(desk.seconds + 100))
    assert desk.tracks == before
    assert said(eth(desk.look(NINE, TEN))) == (State.CONFIRMED, 2, News.CONFIRMED)


def test_an_account_that_was_not_observed_at_all_changes_nothing(desk: Desk) -> None:
    desk.look(NINE, TEN)
    before = dict(desk.tracks)
    desk.take(replace(unread(999), observed_at=None, lines=()))
    assert desk.tracks == before


def test_a_fill_in_mid_air_neither_confirms_nor_resolves(desk: Desk) -> None:
    desk.look(NINE, TEN)
    line = eth(desk.look(NINE, TEN, [("ETH", "8")]))
    assert line.outcome is Outcome.IN_MOTION
    assert said(eth(desk.look(NINE, TEN))) == (State.CONFIRMED, 2, News.CONFIRMED)


def test_a_key_that_vanished_on_both_sides_is_resolved(desk: Desk) -> None:
    desk.look([*NINE, ("BTC", "1")], [*TEN, ("BTC", "1")])
    desk.look([("BTC", "1")], [("BTC", "1")])
    assert eth(desk.look([*NINE, ("BTC", "1")], [*TEN, ("BTC", "1")])).streak == 1


def test_a_key_that_vanished_with_its_wallet_is_not_resolved(desk: Desk) -> None:
    desk.look(NINE, TEN)
    before = dict(desk.tracks)
    desk.seconds += 300
    now = later(NOON, desk.seconds)
    other = snapshot(observed_at=now, wallets={"spot": Reason.INCOMPLETE, "earn": None})
    desk.take(judge(other, book(as_of=now, wallets=("spot", "earn"))))
    assert desk.tracks == before


def test_an_older_observation_says_what_it_saw_and_changes_nothing(desk: Desk) -> None:
    desk.look(NINE, TEN)
    old = desk.see(TEN, TEN)
    desk.look(NINE, TEN)
    before = dict(desk.tracks)
    desk.take(replace(old, observed_at=later(NOON, 1)))
    assert desk.tracks == before
    late = desk.take(replace(desk.see(HALF, TEN), observed_at=later(NOON, 1)))
    assert said(eth(late)) == (State.CONFIRMED, 2, None)
    assert desk.tracks == before


def test_a_look_that_is_late_does_not_begin_what_the_look_before_it_saw_agree(desk: Desk) -> None:
    late = desk.see(NINE, TEN)
    desk.look(TEN, TEN, wait=600)
    assert said(eth(desk.take(replace(late, observed_at=later(NOON, 300))))) == (State.UNCONFIRMED, 1, None)
    assert said(eth(desk.look(NINE, TEN))) == (State.UNCONFIRMED, 1, None)


def test_a_late_look_at_what_is_critical_confirms_nothing_though_nobody_answered_again(desk: Desk) -> None:
    late = desk.see(HALF, TEN)
    desk.look(TEN, TEN, wait=600)
    report = desk.take(replace(late, observed_at=later(NOON, 300)), GONE)
    assert said(eth(report)) == (State.UNCONFIRMED, 1, None)
    assert not desk.tracks


def test_a_late_look_whose_second_is_the_newest_counts_by_the_second(desk: Desk) -> None:
    late = desk.see(HALF, TEN)
    desk.look(TEN, TEN, wait=600)
    report = desk.take(replace(late, observed_at=later(NOON, 300)), desk.again(HALF, TEN))
    assert said(eth(report)) == (State.CONFIRMED, 1, News.CONFIRMED)


# -- the second look ------------------------------------------------------------------------------------------------


def test_only_what_is_critical_is_looked_at_again(desk: Desk) -> None:
    assert not desk.doubts(desk.see(NINE, TEN))
    assert desk.doubts(desk.see(HALF, TEN))


def test_a_critical_break_that_stands_is_confirmed_at_once(desk: Desk) -> None:
    first = desk.see(HALF, TEN)
    report = desk.take(first, desk.again(HALF, TEN))
    assert said(eth(report)) == (State.CONFIRMED, 1, News.CONFIRMED)
    assert (report.recheck, report.observed_at) == ("read", later(NOON, 10))


def test_a_critical_break_that_is_gone_ten_seconds_later_was_a_fill(desk: Desk) -> None:
    report = desk.take(desk.see(HALF, TEN), desk.again(HALF, HALF))
    assert (eth(report).outcome, report.status) == (Outcome.EXACT, "OK")
    assert not any(track.open for track in desk.tracks.values())


def test_a_critical_break_that_turned_round_is_another_one(desk: Desk) -> None:
    report = desk.take(desk.see(HALF, TEN), desk.again([("ETH", "20")], TEN))
    assert said(eth(report)) == (State.UNCONFIRMED, 1, None)


def test_a_critical_break_that_shrank_waits_for_the_next_run(desk: Desk) -> None:
    report = desk.take(desk.see(HALF, TEN), desk.again(NINE, TEN))
    assert (eth(report).severity, *said(eth(report))) == (Severity.MAJOR, State.UNCONFIRMED, 1, None)


def test_a_second_look_that_failed_confirms_and_says_so(desk: Desk) -> None:
    report = desk.take(desk.see(HALF, TEN), GONE)
    assert said(eth(report)) == (State.CONFIRMED, 1, News.CONFIRMED)
    assert report.recheck == "unreachable"


def test_a_second_look_that_did_not_see_the_wallet_confirms_too(desk: Desk) -> None:
    first = desk.see(HALF, TEN)
    other = snapshot(observed_at=later(NOON, 10), wallets={"spot": Reason.INCOMPLETE, "earn": None})
    second = SecondLook(judge(other, book(as_of=NOON, wallets=("spot", "earn"))))
    report = desk.take(first, second)
    assert said(eth(report)) == (State.CONFIRMED, 1, News.CONFIRMED)
    assert (report.recheck, report.observed_at) == ("incomplete", NOON)


def test_a_second_look_that_saw_only_some_of_what_is_in_doubt_leaves_all_as_it_was(desk: Desk) -> None:
    wallets: tuple[str, ...] = ("spot", "earn")
    believed = book(("ETH", "10"), holding("BTC", "1", "earn"), wallets=wallets)
    first = judge(snapshot(("ETH", "5"), wallets=dict.fromkeys(wallets)), believed)
    spot_only = snapshot(("ETH", "10"), wallets={"spot": None, "earn": Reason.UNREACHABLE}, observed_at=later(NOON, 10))
    report = desk.take(first, SecondLook(judge(spot_only, believed)))
    assert [(line.asset, line.state) for line in report.lines] == [("BTC", State.CONFIRMED), ("ETH", State.CONFIRMED)]
    assert report.recheck == "incomplete"


def test_nothing_critical_is_confirmed_by_one_look_where_nobody_was_to_look_again(desk: Desk) -> None:
    report = desk.look(HALF, TEN)
    assert said(eth(report)) == (State.UNCONFIRMED, 1, None)
    assert report.recheck is None


def test_what_only_the_second_look_shows_waits(desk: Desk) -> None:
    report = desk.take(desk.see([*HALF, ("BTC", "1")], [*TEN, ("BTC", "1")]), desk.again([*TEN], [*TEN, ("BTC", "1")]))
    assert eth(report).outcome is Outcome.EXACT
    assert said(line_of(report, "BTC")) == (State.UNCONFIRMED, 1, None)


def test_a_critical_break_people_know_of_is_not_looked_at_again(desk: Desk) -> None:
    desk.take(desk.see(HALF, TEN), desk.again(HALF, TEN))
    assert not desk.doubts(desk.see(HALF, TEN))
    assert desk.doubts(desk.see([("ETH", "20")], TEN)), "the other sign is another break"


def test_a_major_break_that_became_critical_is_looked_at_again(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.look(NINE, TEN)
    assert desk.doubts(desk.see(HALF, TEN))


def test_a_second_look_in_mid_air_leaves_the_matter_open(desk: Desk) -> None:
    report = desk.take(desk.see(HALF, TEN), desk.again(HALF, TEN, [("ETH", "4")]))
    assert eth(report).outcome is Outcome.IN_MOTION
    assert desk.doubts(desk.see(HALF, TEN))


def test_an_account_that_shows_nothing_at_all_is_looked_at_again(desk: Desk) -> None:
    first = desk.see([], TEN)
    assert desk.doubts(first)
    report = desk.take(first, desk.again([], TEN))
    whole = line_of(report, None, "account")
    assert said(whole) == (State.CONFIRMED, 1, News.CONFIRMED)


def test_an_account_that_showed_nothing_and_then_could_not_be_read_is_confirmed(desk: Desk) -> None:
    report = desk.take(desk.see([], TEN), SecondLook(unread(10)))
    assert [(line.field, line.state) for line in report.lines] == [
        ("account", State.CONFIRMED),
        ("total", State.CONFIRMED),
    ]
    assert report.recheck == "incomplete"


def test_an_account_that_was_empty_for_a_moment_is_nothing(desk: Desk) -> None:
    report = desk.take(desk.see([], TEN), desk.again(TEN, TEN))
    assert [line.outcome for line in report.lines] == [Outcome.EXACT]
    assert (report.status, report.verified) == ("OK", True)


def test_an_account_that_was_empty_is_over_when_it_shows_something(desk: Desk) -> None:
    desk.take(desk.see([], TEN), desk.again([], TEN))
    desk.look(TEN, TEN)
    assert not any(track.open for track in desk.tracks.values())


def test_an_account_that_was_empty_stays_so_while_none_of_its_wallets_can_be_read(desk: Desk) -> None:
    desk.take(desk.see([], TEN), desk.again([], TEN))
    before = dict(desk.tracks)
    desk.take(unread(600))
    assert desk.tracks == before


# -- a book that never holds still -----------------------------------------------------------------------------------

MOVING: dict[str, Any] = {"venue": NINE, "believed": TEN, "after": [("ETH", "8")]}


def test_in_motion_three_times_in_a_row_is_looked_at_again_and_then_unverified(desk: Desk) -> None:
    desk.look(**MOVING)
    desk.look(**MOVING)
    desk.seconds += 300
    third = desk.see(**MOVING)
    assert desk.doubts(third)
    report = desk.take(third, desk.again(**MOVING))
    line = eth(report)
    assert (line.outcome, line.reason) == (Outcome.UNVERIFIED, Reason.BOOK_IN_MOTION)
    assert (line.difference, line.worth, line.relative, line.price, line.severity) == (None,) * 5
    assert (report.verified, report.reasons, report.status) == (False, (Reason.BOOK_IN_MOTION,), "OK")


def test_one_book_that_never_holds_still_leaves_its_account_unverified_whatever_the_others_do(desk: Desk) -> None:
    still = ("BTC", "1")
    moving: dict[str, Any] = {"venue": [still, *NINE], "believed": [still, *TEN], "after": [still, ("ETH", "8")]}
    desk.look(**moving)
    desk.look(**moving)
    report = desk.look(**moving, second=GONE)
    assert [(line.asset, line.outcome) for line in report.lines] == [
        ("BTC", Outcome.EXACT),
        ("ETH", Outcome.UNVERIFIED),
    ]
    assert (report.verified, report.reasons) == (False, (Reason.BOOK_IN_MOTION,))


def test_a_book_in_motion_is_one_reason_among_others_in_the_order_of_their_names(desk: Desk) -> None:
    wallets: dict[str, Reason | None] = {"spot": None, "earn": Reason.UNREACHABLE, "staking": Reason.AUTH_FAILED}
    covered = tuple(wallets)
    for _ in range(3):
        desk.seconds += 300
        now = later(NOON, desk.seconds)
        sides = [book(("ETH", amount), wallets=covered, as_of=now) for amount in ("10", "8")]
        seen = snapshot(*NINE, wallets=wallets, observed_at=now)
        report = desk.take(judge(seen, *sides, valued=prices(as_of=now)), GONE)
    assert report.reasons == (Reason.AUTH_FAILED, Reason.BOOK_IN_MOTION, Reason.UNREACHABLE)


def test_a_book_in_motion_for_the_first_or_second_time_is_no_reason_to_look_again(desk: Desk) -> None:
    assert not desk.doubts(desk.see(**MOVING))
    desk.look(**MOVING)
    assert not desk.doubts(desk.see(**MOVING))
    desk.look(**MOVING)
    assert desk.doubts(desk.see(**MOVING))


def test_in_motion_for_long_stays_in_motion_where_nobody_was_to_look_again(desk: Desk) -> None:
    for _ in range(3):
        assert eth(desk.look(**MOVING)).outcome is Outcome.IN_MOTION


def test_a_second_look_that_caught_the_book_at_rest_is_what_counts(desk: Desk) -> None:
    desk.look(**MOVING)
    desk.look(**MOVING)
    desk.seconds += 300
    report = desk.take(desk.see(**MOVING), desk.again(NINE, NINE))
    assert (eth(report).outcome, report.verified) == (Outcome.EXACT, True)
    assert not desk.doubts(desk.see(**MOVING)), "the count begins again"


def test_in_motion_three_times_and_nobody_answers_is_unverified(desk: Desk) -> None:
    desk.look(**MOVING)
    desk.look(**MOVING)
    report = desk.look(**MOVING, second=GONE)
    assert (eth(report).reason, report.recheck) == (Reason.BOOK_IN_MOTION, "unreachable")


@pytest.mark.parametrize("between", [(NINE, NINE), (HALF, TEN)], ids=["at rest", "a break"])
def test_anything_else_in_between_begins_the_count_again(
    desk: Desk, between: tuple[Sequence[Held], Sequence[Held]]
) -> None:
    desk.look(**MOVING)
    desk.look(**MOVING)
    desk.look(*between)
    assert not desk.doubts(desk.see(**MOVING))


def test_in_motion_for_the_first_time_is_once() -> None:
    desk = Desk(policy(timing={"default": {"in_motion_in_a_row": 2}}))
    assert not desk.doubts(desk.see(**MOVING))
    desk.look(**MOVING)
    assert desk.doubts(desk.see(**MOVING))


def test_an_older_look_at_a_book_in_motion_does_not_count(desk: Desk) -> None:
    desk.look(**MOVING)
    desk.look(**MOVING)
    desk.look(**MOVING, wait=-150)
    assert [track.in_motion for track in desk.tracks.values()] == [2]


def test_a_known_break_in_between_begins_the_count_again(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.look(**MOVING)
    desk.look(**MOVING)
    desk.look(NINE, TEN)
    desk.look(**MOVING)
    assert not desk.doubts(desk.see(**MOVING))


def test_the_times_and_counts_are_policy() -> None:
    desk = Desk(
        policy(timing={"default": {"confirm_after_seconds": 1, "confirm_in_a_row": 3, "in_motion_in_a_row": 1}})
    )
    for _ in range(2):
        assert eth(desk.look(NINE, TEN, wait=1)).state is State.UNCONFIRMED
    assert eth(desk.look(NINE, TEN, wait=1)).state is State.CONFIRMED
    assert desk.doubts(desk.see(**MOVING))


def test_the_same_look_taken_twice_says_the_same_and_writes_nothing_the_second_time(desk: Desk) -> None:
    for look in (desk.see(NINE, TEN), desk.see(**MOVING), desk.see(TEN, TEN)):
        desk.history = History()
        report = desk.take(look)
        again = advance(look, desk.history, desk.by, "coinbase")
        assert (again.report, again.tracks) == (report, ())


def test_of_two_looks_of_the_same_moment_the_first_one_counts(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.look(TEN, TEN, wait=0)
    assert [track.open for track in desk.tracks.values()] == [True]


def test_nothing_changed_is_nothing_to_write(desk: Desk) -> None:
    assert advance(desk.see(TEN, TEN), History(), desk.by, "coinbase").tracks == ()


def test_times_are_the_observations_own(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.look(NINE, TEN)
    (track,) = desk.tracks.values()
    times: tuple[datetime | None, ...] = (track.first_seen_at, track.counted_at)
    assert times == (later(NOON, 300), later(NOON, 600))


# -- what is in flight, and worth a lot ----------------------------------------------------------------------------

FROM_ONE = policy(alerts={"default": {"explained_from_worth": "4000"}})


def on_its_way(desk: Desk, *references: str, quantity: str = "-1", wait: float = 300) -> Line:
    """Look when the venue holds nine ETH of ten and lists what has left; one ETH is worth 4,000."""
    desk.seconds += wait
    now = later(NOON, desk.seconds)
    items = tuple(item("ETH", quantity, reference, applied=True, since=now) for reference in references)
    venue = snapshot(("ETH", str(10 + len(items) * int(quantity))), observed_at=now, pending=items)
    return eth(desk.take(judge(venue, book(("ETH", "10"), as_of=now), by=desk.by, valued=prices(as_of=now))))


def test_what_is_in_flight_is_said_once_if_it_is_worth_enough() -> None:
    desk = Desk(FROM_ONE)
    line = on_its_way(desk, "w-1")
    assert (line.outcome, line.news, line.state) == (Outcome.EXPLAINED, News.EXPLAINED, None)
    assert on_its_way(desk, "w-1").news is None
    assert on_its_way(Desk(policy(alerts={"default": {"explained_from_worth": "4000.01"}})), "w-1").news is None


def test_another_item_in_flight_is_said_and_one_that_has_arrived_is_not() -> None:
    desk = Desk(FROM_ONE)
    on_its_way(desk, "w-1")
    assert on_its_way(desk, "w-1", "w-2").news is News.EXPLAINED
    assert on_its_way(desk, "w-2").news is None
    assert on_its_way(desk, "w-3").news is News.EXPLAINED
    assert on_its_way(desk, "w-1").news is None


def test_what_was_told_of_what_is_in_flight_is_kept_in_order() -> None:
    desk = Desk(FROM_ONE)
    on_its_way(desk, "w-5")
    on_its_way(desk, "w-4", "w-1", "w-3", "w-2")
    assert [track.told_in_flight for track in desk.tracks.values()] == [("w-1", "w-2", "w-3", "w-4", "w-5")]


def test_what_was_in_flight_and_agreed_since_is_said_when_something_is_on_its_way_again() -> None:
    desk = Desk(FROM_ONE)
    on_its_way(desk, "w-1")
    desk.look(TEN, TEN)
    assert on_its_way(desk, "w-1").news is News.EXPLAINED


def test_being_told_of_what_is_in_flight_is_not_being_told_of_a_break() -> None:
    desk = Desk(FROM_ONE)
    on_its_way(desk, "w-1")
    assert said(eth(desk.look(NINE, TEN))) == (State.UNCONFIRMED, 1, None)
    assert said(eth(desk.look(NINE, TEN))) == (State.CONFIRMED, 2, News.CONFIRMED)


def test_what_is_in_flight_leaves_the_streak_of_a_break_as_it_was() -> None:
    desk = Desk(FROM_ONE)
    desk.look(NINE, TEN)
    on_its_way(desk, "w-1")
    assert said(eth(desk.look(NINE, TEN))) == (State.CONFIRMED, 2, News.CONFIRMED)


def test_an_older_look_says_nothing_of_what_is_in_flight() -> None:
    desk = Desk(FROM_ONE)
    desk.look(NINE, TEN)
    assert on_its_way(desk, "w-1", wait=-100).news is None
    assert on_its_way(desk, "w-1", wait=100).news is None, "nor does one of the same moment"
    assert desk.tracks[eth(desk.look(NINE, TEN)).break_id or ""].told_in_flight is None
    on_its_way(desk, "w-2")
    on_its_way(desk, "w-3")
    assert on_its_way(desk, "w-4", wait=-150).news is None


# -- what a look says of breaks ------------------------------------------------------------------------------------


def looks(desk: Desk, report: AccountReport, second: SecondLook | None = None) -> Mapping[str, Look]:
    """Take a look, and return what it says of breaks, by asset."""
    advanced = advance(report, desk.history, desk.by, "coinbase", second)
    desk.history = after(desk.history, advanced)
    return {track.asset or "": advanced.looks[key] for key, track in desk.tracks.items() if key in advanced.looks}


def test_a_look_that_finds_a_break_says_everything_of_it(desk: Desk) -> None:
    report = replace(desk.see(NINE, TEN), run_id="run-1")
    assert looks(desk, report) == {
        "ETH": Seen(
            at=NOON,
            run_id="run-1",
            kind=Kind.QUANTITY,
            severity=Severity.MAJOR,
            difference=Decimal(-1),
            worth=Decimal(4000),
            sides=Sides(Decimal(9), Decimal(10), Decimal(4000), desk.by.version),
            confirmed=False,
            due_at=later(NOON, 86_400),
            told=None,
        )
    }
    desk.seconds = 300
    again = looks(desk, desk.see(HALF, TEN), GONE)["ETH"]
    assert isinstance(again, Seen)
    assert (again.confirmed, again.told, again.due_at) == (True, "confirmed", later(NOON, 300 + 14_400))


def test_of_the_two_readings_of_the_book_the_later_one_is_what_it_says(desk: Desk) -> None:
    found = looks(desk, desk.see(NINE, TEN, [("ETH", "10.5")]))["ETH"]
    assert isinstance(found, Seen)
    assert found.sides.book == Decimal("10.5")


def test_a_look_that_finds_nothing_any_more_says_what_is_there_now(desk: Desk) -> None:
    desk.look(NINE, TEN)
    desk.seconds += 300
    sides = Sides(Decimal(10), Decimal(10), Decimal(4000), desk.by.version)
    assert looks(desk, desk.see(TEN, TEN)) == {"ETH": Agreed(later(NOON, 600), "", sides, adjusted=False, told=False)}


def test_what_neither_side_has_any_more_is_nothing_on_both(desk: Desk) -> None:
    desk.look([*NINE, ("BTC", "1")], [*TEN, ("BTC", "1")])
    desk.seconds += 300
    over = looks(desk, desk.see([("BTC", "1")], [("BTC", "1")]))["ETH"]
    assert isinstance(over, Agreed)
    assert over.sides == Sides(Decimal(0), Decimal(0), None, desk.by.version)


def test_to_those_who_were_told_its_end_is_told_even_while_it_is_suppressed(desk: Desk) -> None:
    desk.look(NINE, TEN)
    never = desk.history
    desk.look(NINE, TEN)
    known = desk.history
    desk.seconds += 300
    over = looks(desk, desk.see(TEN, TEN))["ETH"]
    assert isinstance(over, Agreed)
    assert over.told
    (key,) = known.tracks
    told = seen(0, confirmed=True, told="confirmed")
    quiet = life(told, Suppressed(told.at, ANN, later(NOON, 9_999), "x"))
    desk.history = replace(known, breaks={key: quiet})
    over = looks(desk, desk.see(TEN, TEN))["ETH"]
    assert isinstance(over, Agreed)
    assert over.told
    desk.history = never
    over = looks(desk, desk.see(TEN, TEN))["ETH"]
    assert isinstance(over, Agreed)
    assert not over.told


def test_to_those_who_were_told_of_its_other_side_its_end_is_told(desk: Desk) -> None:
    desk.look(ELEVEN, TEN)
    (key,) = desk.tracks
    told = life(seen(0, confirmed=True, told="confirmed"), seen(5, "11"))
    desk.history = replace(desk.history, breaks={key: told})
    desk.seconds += 300
    over = looks(desk, desk.see(TEN, TEN))["ETH"]
    assert isinstance(over, Agreed)
    assert over.told


def test_a_line_that_was_never_a_break_leaves_no_trace_in_any_story(desk: Desk) -> None:
    desk.look(**MOVING)
    desk.seconds += 300
    assert looks(desk, desk.see(TEN, TEN)) == {}
    assert looks(desk, desk.see(**MOVING)) == {}


def test_what_is_explained_is_said_of_breaks_alone() -> None:
    desk = Desk()

    def flying() -> AccountReport:
        desk.seconds += 300
        now = later(NOON, desk.seconds)
        seen = snapshot(("ETH", "9"), observed_at=now, pending=(item("ETH", "-1", "w-1", applied=True, since=now),))
        return judge(seen, book(("ETH", "10"), as_of=now), by=desk.by, valued=prices(as_of=now))

    report = flying()
    assert eth(report).outcome is Outcome.EXPLAINED
    assert advance(report, desk.history, desk.by, "coinbase").looks == {}
    desk.look(**MOVING)
    assert advance(flying(), desk.history, desk.by, "coinbase").looks == {}
    desk.look(NINE, TEN)
    assert looks(desk, flying()) == {"ETH": Explained(later(NOON, desk.seconds), "", ("w-1",))}


def test_a_break_of_another_kind_is_said_by_its_kind(desk: Desk) -> None:
    found = looks(desk, desk.see([("BTC", "1")], [("BTC", "1"), *TEN]))["ETH"]
    assert isinstance(found, Seen)
    assert (found.kind, found.severity) == (Kind.MISSING_AT_VENUE, Severity.CRITICAL)


def test_people_are_told_again_when_it_has_grown_by_a_tenth_since_and_reminded_when_time_has_passed_since() -> None:
    desk = Desk(policy(alerts={"default": {"remind_major_seconds": 600}}))
    desk.look(NINE, TEN)
    assert eth(desk.look(NINE, TEN)).news is News.CONFIRMED
    assert eth(desk.look([("ETH", "8.95")], TEN)).news is None
    assert eth(desk.look([("ETH", "8.9")], TEN)).news is News.GROWN
    assert eth(desk.look([("ETH", "8.9")], TEN)).news is None
    assert eth(desk.look([("ETH", "8.9")], TEN)).news is News.REMINDER
    assert eth(desk.look([("ETH", "8.9")], TEN)).news is None


def test_a_late_look_says_nothing_of_breaks(desk: Desk) -> None:
    late = desk.see(NINE, TEN)
    desk.look(NINE, TEN)
    assert looks(desk, late) == {}
    assert looks(desk, replace(desk.see(TEN, TEN), observed_at=NOON)) == {}


def test_what_is_in_flight_is_not_said_in_quiet_hours_and_is_after_them() -> None:
    desk = Desk(policy(alerts={"default": {"explained_from_worth": "4000", "quiet_hours": ["12:00-12:10"]}}))
    assert on_its_way(desk, "w-1").news is None
    assert on_its_way(desk, "w-1").news is News.EXPLAINED


# -- an account that shows nothing, and what it hides ----------------------------------------------------------------

BOTH = [("BTC", "1"), *TEN]


def test_what_was_not_said_because_the_whole_account_was_is_said_once_the_account_shows_something(desk: Desk) -> None:
    report = desk.take(desk.see([], BOTH), desk.again([], BOTH))
    assert [(line.field, line.news) for line in report.news] == [("account", News.CONFIRMED)]
    assert {track.said for track in desk.tracks.values() if track.wallet is not None} == {None}
    back = desk.look([("BTC", "1")], BOTH, second=GONE)
    assert [(line.asset, line.news) for line in back.news] == [("ETH", News.CONFIRMED)]


def test_dust_that_appears_hides_nothing(desk: Desk) -> None:
    desk.take(desk.see([], BOTH), desk.again([], BOTH))
    report = desk.look([("DOGE", "0.00000002")], BOTH, second=GONE)
    assert [line.asset for line in report.news] == ["BTC", "ETH"]


def test_an_account_stays_empty_while_the_wallet_that_was_cannot_be_read(desk: Desk) -> None:
    def see(spot: Reason | None) -> AccountReport:
        desk.seconds += 300
        now = later(NOON, desk.seconds)
        venue = snapshot(observed_at=now, wallets={"spot": spot, "earn": None})
        return judge(venue, book(*TEN, as_of=now, wallets=("spot", "earn")), by=desk.by, valued=prices(as_of=now))

    desk.take(see(None), GONE)
    before = dict(desk.tracks)
    report = see(Reason.INCOMPLETE)
    assert report.status == "OK"
    assert looks(desk, report) == {}
    assert desk.tracks == before


def test_what_is_on_its_way_is_not_said_of_an_account_that_shows_nothing_and_is_once_it_does() -> None:
    desk = Desk(FROM_ONE)

    def see(*held: Held) -> AccountReport:
        desk.seconds += 300
        now = later(NOON, desk.seconds)
        flying = (item("ETH", "-10", "w-1", applied=True, since=now),) if held else ()
        venue = snapshot(*held, observed_at=now, pending=flying)
        return judge(venue, book(*BOTH, as_of=now), by=desk.by, valued=prices(as_of=now))

    assert [line.field for line in desk.take(see(), GONE).news] == ["account"]
    assert {line.news for line in desk.take(see(("BTC", "1"))).news} == {News.EXPLAINED}


def test_a_break_of_what_is_held_is_not_over_because_nobody_states_it_any_more(desk: Desk) -> None:
    def see(held: str | None, *others: Held) -> AccountReport:
        desk.seconds += 300
        now = later(NOON, desk.seconds)
        ours = holding("ETH", "10", held="1") if held else holding("ETH", "10")
        theirs = holding("ETH", "10", held=held) if held else holding("ETH", "10")
        return judge(
            snapshot(theirs, *others, observed_at=now),
            book(ours, *others, as_of=now),
            by=desk.by,
            valued=prices(as_of=now),
        )

    desk.take(see("5"))
    assert [(track.field, track.open) for track in desk.tracks.values()] == [("held", True)]
    desk.take(see(None))
    assert [(track.field, track.open) for track in desk.tracks.values()] == [("held", True)]
    desk.take(see("1"))
    assert not any(track.open for track in desk.tracks.values())
    desk.take(see("5"))
    desk.look([("BTC", "1")], [("BTC", "1")])
    assert not any(track.open for track in desk.tracks.values()), "neither side has the asset any more"


def test_a_break_that_changes_sign_at_every_look_is_not_forgotten_by_those_who_were_told() -> None:
    desk = Desk(policy(alerts={"default": {"remind_major_seconds": 600}}))
    desk.look(NINE, TEN)
    desk.look(NINE, TEN)
    (key,) = desk.tracks
    told = seen(0, confirmed=True, told="confirmed")
    known = {key: life(replace(told, at=later(NOON, 600)))}
    desk.history = replace(desk.history, breaks=known)
    assert eth(desk.look(ELEVEN, TEN)).news is None
    desk.history = replace(desk.history, breaks=known)
    line = eth(desk.look(NINE, TEN))
    assert said(line) == (State.UNCONFIRMED, 1, News.REMINDER)
    assert desk.tracks[key].said_at == later(NOON, 1200)


def two_wallets(desk: Desk, spot: Reason | None, *held: Held) -> AccountReport:
    """Look at an account with a wallet that holds nothing, while its book says ten ETH in the other."""
    desk.seconds += 300
    now = later(NOON, desk.seconds)
    venue = snapshot(*held, observed_at=now, wallets={"spot": spot, "earn": None})
    return judge(venue, book(*TEN, as_of=now, wallets=("spot", "earn")), by=desk.by, valued=prices(as_of=now))


def is_empty(desk: Desk) -> bool:
    return any(track.open for track in desk.tracks.values() if track.wallet is None)


def test_an_account_is_empty_no_more_once_what_was_read_shows_something_though_not_all_was_read(desk: Desk) -> None:
    desk.take(two_wallets(desk, None), GONE)
    assert is_empty(desk)
    desk.take(two_wallets(desk, Reason.INCOMPLETE, holding("DOGE", "5", "earn")), GONE)
    assert not is_empty(desk)


def test_an_account_is_empty_no_more_once_all_of_it_was_read_and_agrees_though_it_holds_nothing(desk: Desk) -> None:
    desk.look([], TEN, second=GONE)
    assert is_empty(desk)
    desk.look([], [])
    assert not is_empty(desk)


def test_what_a_wallet_that_was_not_read_shows_is_no_sign_of_life(desk: Desk) -> None:
    desk.take(two_wallets(desk, None), GONE)
    desk.take(two_wallets(desk, Reason.INCOMPLETE, ("ETH", "10")), GONE)
    assert is_empty(desk)


def test_every_line_that_is_gone_is_closed_whatever_stands_before_it(desk: Desk) -> None:
    three = [("AAVE", "1"), ("BTC", "1"), ("ETH", "1")]
    desk.look([(asset, "0.5") for asset, _ in three], three, second=GONE)
    desk.look([("BTC", "0.5")], [("BTC", "1")], second=GONE)
    assert {track.asset: track.open for track in desk.tracks.values()} == {"AAVE": False, "BTC": True, "ETH": False}


def test_an_event_names_twenty_items_in_flight_at_most() -> None:
    desk = Desk()
    desk.look([("ETH", "70")], [("ETH", "100")], second=GONE)
    desk.seconds += 300
    now = later(NOON, desk.seconds)
    items = [item("ETH", "-1", f"w-{number:02}", applied=False, since=now) for number in range(30)]
    ours = [replace(each, applied=True) for each in items]
    flying = snapshot(("ETH", "100"), observed_at=now, pending=tuple(items))
    believed = book(("ETH", "70"), as_of=now, pending=tuple(ours))
    report = judge(flying, believed, by=desk.by, valued=prices(as_of=now))
    assert (eth(report).outcome, len(eth(report).references)) == (Outcome.EXPLAINED, 30)
    (event,) = looks(desk, report).values()
    assert isinstance(event, Explained)
    assert event.references == eth(report).references[:20]
