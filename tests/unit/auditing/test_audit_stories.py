"""The stories of breaks: what is found of one that was tampered with, and what only looks like it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from cli.auditing.differences import What
from cli.auditing.verify import Outcome, Verifier, Wanted
from tests.unit.auditing.history import Desk, at, freeze_only
from tests.unit.auditing.second_verifier import own_hash
from tests.unit.money_kit import later
from trueup.domain.breaks import Acknowledged, Commented, Story, Suppressed, begin, fold
from trueup.domain.report import break_id
from trueup.store import keys
from trueup.store.breaks import break_of, break_row, event_of

ANN = "arn:aws:iam::123456789012:user/ann"
BREAK = break_id("cb-main", "spot", "BTC", "total")
ROW = keys.current_break("cb-main", BREAK)
MINUTES = tuple(at(f"22 12:{minute:02}") for minute in range(0, 60, 5))
NOW = at("22 13:00")


def verify(desk: Desk, now: datetime = NOW, **wanted: Any) -> Outcome:
    return Verifier(desk.rows, desk.objects, ("cb-main",), Wanted(**wanted), now).verify()


def found(desk: Desk, now: datetime = NOW, **wanted: Any) -> What | None:
    difference = verify(desk, now, **wanted).difference
    return None if difference is None else difference.what


@pytest.fixture
def desk() -> Desk:
    """Found, acknowledged, found twice more, commented on, over: events 1 to 6."""
    desk = Desk()
    desk.run(MINUTES[0], {"cb-main": "1.5"}, {"cb-main": "1.5"})
    desk.act("cb-main", Acknowledged(later(MINUTES[0], 60), ANN))
    desk.run(MINUTES[1], {"cb-main": "1.5"})
    desk.run(MINUTES[2], {"cb-main": "1.4"})
    desk.act("cb-main", Commented(later(MINUTES[2], 60), ANN, "a withdrawal"))
    desk.run(MINUTES[3], {"cb-main": "2"})
    return desk


def event(desk: Desk, number: int) -> dict[str, Any]:
    return desk.table[keys.event(BREAK, number)]


def rewrite(
    desk: Desk, numbers: Sequence[int], change: Callable[[dict[str, Any]], object] = lambda event: None
) -> None:
    """Keep only these events, change the last of them, and make all hashes and the row fit again."""
    kept = [desk.table.pop(keys.event(BREAK, number)) for number in numbers]
    for pk, sk in [place for place in desk.table if place[0] == keys.story(BREAK)]:
        del desk.table[pk, sk]
    known, before = None, None
    for number, row in enumerate(kept, 1):
        if number == len(kept):
            change(row)
        row["pk"], row["sk"] = keys.event(BREAK, number)
        row |= {"number": number, "prev": "0" * 64, "prev_expires_at": None}
        if before is not None:
            row |= {"prev": before["hash"], "prev_expires_at": before["expires_at"]}
        row["hash"] = own_hash(row)
        desk.table[row["pk"], row["sk"]] = before = row
        place = break_of(desk.table[ROW]).place
        known = begin(place, event_of(row)) if known is None else fold(known, event_of(row))
    assert known is not None
    assert before is not None
    desk.table[ROW] = break_row(replace(known, story=Story(before["hash"], before["expires_at"])))


def test_a_story_that_nobody_touched_is_intact(desk: Desk) -> None:
    outcome = verify(desk)
    assert outcome.difference is None
    seen = outcome.seen_of_breaks
    assert (seen.breaks, seen.events, seen.expired_events) == (1, 6, 0)


@pytest.mark.parametrize("number", range(1, 7))
def test_an_event_that_is_gone_is_missed(desk: Desk, number: int) -> None:
    del desk.table[keys.event(BREAK, number)]
    assert found(desk) is What.EVENT_MISSING


@pytest.mark.parametrize("number", range(1, 7))
def test_an_event_that_was_changed_is_named(desk: Desk, number: int) -> None:
    event(desk, number)["at"] = "2026-11-22T12:00:00.000Z"
    difference = verify(desk).difference
    assert difference is not None
    assert (difference.what, difference.where) == (
        What.EVENT_CHANGED,
        f"row BREAK#{BREAK} EVENT#{number:08}",
    )


def test_an_event_that_was_changed_with_its_hash_does_not_fit_the_next(desk: Desk) -> None:
    event(desk, 2)["by"] = "arn:aws:iam::123456789012:user/ben"
    event(desk, 2)["hash"] = own_hash(event(desk, 2))
    assert found(desk) is What.EVENT_LINK_BROKEN


def test_events_that_changed_places_are_found(desk: Desk) -> None:
    first, second = event(desk, 2), event(desk, 5)
    for row, number in ((first, 5), (second, 2)):
        row["pk"], row["sk"] = keys.event(BREAK, number)
        desk.table[row["pk"], row["sk"]] = row
    assert found(desk) is What.EVENT_ADDED


def test_the_row_follows_from_the_events(desk: Desk) -> None:
    desk.table[ROW]["owner"] = "ben"
    difference = verify(desk).difference
    assert difference is not None
    assert difference.what is What.BREAK_DIFFERS
    assert "owner is ben, but its events make it None" in difference.line


def test_a_row_that_names_another_venue_is_found(desk: Desk) -> None:
    rewrite(desk, (1, 2, 3, 4, 5, 6))
    desk.table[ROW]["venue_name"] = "dydx"
    difference = verify(desk).difference
    assert difference is not None
    assert "it is at dydx, where no report has the account" in difference.line


def test_a_row_that_was_removed_is_missed(desk: Desk) -> None:
    del desk.table[ROW]
    assert found(desk) is What.BREAK_MISSING


def test_a_row_that_was_set_back_is_found(desk: Desk) -> None:
    whole = dict(desk.table)
    rewrite(desk, (1, 2, 3))
    before = desk.table[ROW]
    desk.table.update(whole)
    desk.table[ROW] = before
    assert found(desk) is What.BREAK_DIFFERS


# -- by somebody who makes all hashes fit -------------------------------------------------------------------------


def test_the_end_of_a_story_cannot_be_cut_off(desk: Desk) -> None:
    """As if it had never been resolved."""
    rewrite(desk, (1, 2, 3, 4, 5))
    assert found(desk) is What.EVENT_MISSING


def test_what_people_did_before_a_run_that_looked_cannot_be_left_out(desk: Desk) -> None:
    rewrite(desk, (1, 3, 4, 5, 6))
    assert found(desk) is What.BREAK_DIFFERS


def test_what_a_look_said_cannot_be_rewritten(desk: Desk) -> None:
    rewrite(desk, (1, 2, 3, 4, 5, 6), lambda last: last.update(adjusted=True, book="1"))
    assert found(desk) is What.EVENT_CHANGED


def test_a_story_and_its_row_cannot_be_removed_whole(desk: Desk) -> None:
    for place in [place for place in desk.table if place == ROW or place[0] == keys.story(BREAK)]:
        del desk.table[place]
    assert found(desk) is What.EVENT_MISSING


def test_a_look_that_no_run_took_is_found(desk: Desk) -> None:
    desk.act("cb-main", Commented(at("22 12:40"), ANN, "over"))
    made_up = {name: value for name, value in event(desk, 4).items() if name not in ("text", "by")}
    desk.table[keys.event(BREAK, 7)] = made_up | {"run_id": "20261122T124000Z", "at": "2026-11-22T12:40:00.000Z"}
    rewrite(desk, (1, 2, 3, 4, 5, 6, 7))
    assert found(desk) is What.EVENT_ADDED


def test_what_people_did_after_the_newest_run_is_vouched_for_by_the_row_only(desk: Desk) -> None:
    """docs/audit.md says so: until a run looks at the break again."""
    desk.act("cb-main", Commented(at("22 12:40"), ANN, "it is not over"))
    rewrite(desk, (1, 2, 3, 4, 5, 6, 7), lambda last: last.update(text="it is over"))
    assert found(desk) is None
    desk.run(MINUTES[9], {"cb-main": "1.5"}, {"cb-main": "1.5"})
    assert found(desk) is None
    rewrite(desk, (1, 2, 3, 4, 5, 6, 8))
    assert found(desk) is What.BREAK_DIFFERS


def test_a_break_whose_row_was_lost_does_not_follow_from_its_events(desk: Desk) -> None:
    del desk.table[ROW]
    desk.run(MINUTES[9], {"cb-main": "1.5"}, {"cb-main": "1.5"})
    assert found(desk) is What.BREAK_DIFFERS


# -- what only looks like it ------------------------------------------------------------------------------------------


def test_a_look_that_came_too_late_to_be_written_down_is_not_missed(desk: Desk) -> None:
    slow = desk.plan(MINUTES[5], ["cb-main"])
    desk.observe(slow, "cb-main", "1.5", later(MINUTES[5], 2))
    freeze_only(desk, slow, later(MINUTES[5], 5))
    desk.run(MINUTES[6], {"cb-main": "2"})
    desk.compare(slow, later(MINUTES[6], 60))
    assert len([place for place in desk.table if place[0] == keys.story(BREAK)]) == 6
    assert found(desk) is None


def test_a_run_that_was_frozen_and_has_not_ended_is_not_missed(desk: Desk) -> None:
    begun = desk.plan(MINUTES[5], ["cb-main"])
    desk.observe(begun, "cb-main", "1.5", later(MINUTES[5], 2))
    freeze_only(desk, begun, later(MINUTES[5], 5))
    assert found(desk) is None


def test_a_break_that_only_such_a_run_has_seen_is_not_missed() -> None:
    desk = Desk()
    desk.run(MINUTES[0], {"cb-main": "2"})
    begun = desk.plan(MINUTES[1], ["cb-main"])
    desk.observe(begun, "cb-main", "1.5", later(MINUTES[1], 2))
    freeze_only(desk, begun, later(MINUTES[1], 5))
    assert found(desk) is None


def test_a_period_looks_at_the_stories_of_its_runs(desk: Desk) -> None:
    between = {"start": MINUTES[2], "end": later(MINUTES[2], 60)}
    assert verify(desk, **between).seen_of_breaks.breaks == 1
    assert found(desk, **between) is None
    assert verify(desk, start=at("22 12:50")).seen_of_breaks.breaks == 0
    event(desk, 4)["kind"] = "sign_flip"
    assert found(desk, **between) is What.EVENT_CHANGED


# -- expiry -----------------------------------------------------------------------------------------------------------

LONG_AFTER = at("22 12:00") + timedelta(days=400, minutes=7)
"""Events 1 to 3 are over 400 days old, the fourth is not."""


def expired(desk: Desk, *numbers: int) -> Desk:
    for number in numbers:
        del desk.table[keys.event(BREAK, number)]
    return desk


def test_events_that_expired_are_not_missed(desk: Desk) -> None:
    outcome = verify(expired(desk, 1, 2, 3), LONG_AFTER)
    assert (outcome.difference, outcome.seen_of_breaks.expired_events) == (None, 3)


def test_of_expired_events_any_may_be_left(desk: Desk) -> None:
    assert found(expired(desk, 2), LONG_AFTER) is None


def test_an_event_that_went_with_the_expired_ones_is_missed(desk: Desk) -> None:
    assert found(expired(desk, 1, 2, 3, 4), LONG_AFTER) is What.EVENT_MISSING


def test_a_story_without_its_beginning_is_made_again_from_what_a_report_knew(desk: Desk) -> None:
    expired(desk, 1, 2, 3)
    desk.table[ROW]["occurrences"] = 7
    assert found(desk, LONG_AFTER) is What.BREAK_DIFFERS


def test_nor_does_an_old_one_that_is_left_hide_a_changed_row(desk: Desk) -> None:
    expired(desk, 2, 3)
    desk.table[ROW]["occurrences"] = 7
    assert found(desk, LONG_AFTER) is What.BREAK_DIFFERS


def test_a_row_outlives_its_events(desk: Desk) -> None:
    assert found(expired(desk, 1, 2, 3, 4, 5, 6), at("22 14:00") + timedelta(days=400)) is None


def test_a_comment_long_after_keeps_the_row_as_long_as_itself(desk: Desk) -> None:
    desk.act("cb-main", Commented(at("22 12:00") + timedelta(days=100), ANN, "seen by the auditors"))
    desk.act("cb-main", Commented(at("22 12:01") + timedelta(days=100), ANN, "and filed"))
    assert desk.table[ROW]["expires_at"] == event(desk, 8)["expires_at"] + 30 * 86_400
    assert found(desk, at("22 13:00") + timedelta(days=101)) is None


def test_a_break_that_was_kept_quiet_is_made_again_too(desk: Desk) -> None:
    desk.run(MINUTES[5], {"cb-main": "1.5"}, {"cb-main": "1.5"})
    desk.act("cb-main", Suppressed(later(MINUTES[5], 60), ANN, later(MINUTES[9], 0), "known"))
    desk.run(MINUTES[6], {"cb-main": "1.5"})
    assert found(desk) is None
