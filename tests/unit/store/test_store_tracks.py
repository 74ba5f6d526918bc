"""The history of an account: one suite, held to in memory and by DynamoDB alike."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.money_kit import NOON, later
from trueup.domain.history import History, Track
from trueup.domain.reading import Malformed
from trueup.domain.tracks import track_document
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.memory import MemoryRows
from trueup.store.rows import Rows
from trueup.store.tracks import AT_ONCE, TrackRows

OPEN = Track("brk-1", "spot", "BTC", "total", open=True, sign=-1, streak=1, counted_at=NOON, first_seen_at=NOON)
OVER = Track("brk-1", "spot", "BTC", "total")


def documents(*tracks: Track) -> list[dict[str, Any]]:
    return [track_document(track) for track in tracks]


def test_an_account_nobody_looked_at_has_no_history(rows: Rows) -> None:
    assert TrackRows(rows).of_account("cb-main") == History(None, {})


def test_a_history_comes_back_as_it_was_kept(rows: Rows) -> None:
    tracks = TrackRows(rows)
    tracks.keep("cb-main", NOON, documents(OPEN))
    tracks.keep("cb-other", later(NOON, 1), [])
    assert tracks.of_account("cb-main") == History(NOON, {"brk-1": OPEN})
    assert tracks.of_account("cb-other") == History(later(NOON, 1), {})


def test_a_look_that_found_nothing_is_known_all_the_same(rows: Rows) -> None:
    tracks = TrackRows(rows)
    tracks.keep("cb-main", later(NOON, 600), [])
    tracks.keep("cb-main", later(NOON, 300), documents(OPEN))
    assert tracks.of_account("cb-main") == History(later(NOON, 600), {})


def test_an_older_look_is_refused_whole_and_the_same_one_again_is_not(rows: Rows) -> None:
    tracks = TrackRows(rows)
    tracks.keep("cb-main", NOON, documents(OPEN))
    tracks.keep("cb-main", later(NOON, -0.001), documents(replace(OPEN, streak=9), replace(OPEN, break_id="brk-2")))
    assert tracks.of_account("cb-main") == History(NOON, {"brk-1": OPEN})
    tracks.keep("cb-main", NOON, documents(replace(OPEN, streak=2)))
    assert tracks.of_account("cb-main").tracks["brk-1"].streak == 2


def test_what_has_nothing_left_to_remember_expires_after_a_day_and_what_is_open_stays(rows: Rows) -> None:
    tracks = TrackRows(rows)
    tracks.keep("cb-main", NOON, documents(OVER))
    tomorrow = int(later(NOON, 86_400).timestamp())
    row = rows.get(*keys.track("cb-main", "brk-1"))
    assert row is not None
    assert row["expires_at"] == tomorrow
    assert tracks.of_account("cb-main").tracks == {"brk-1": OVER}
    tracks.keep("cb-main", later(NOON, 300), documents(OPEN))
    row = rows.get(*keys.track("cb-main", "brk-1"))
    assert row is not None
    assert "expires_at" not in row


@pytest.mark.parametrize("remembered", [{"in_motion": 1}, {"told_in_flight": ()}, {"open": True}])
def test_whatever_there_is_to_remember_keeps_a_row(remembered: dict[str, Any]) -> None:
    assert not replace(OVER, **remembered).is_nothing


def test_more_tracks_than_one_transaction_takes_are_kept_all(rows: Rows) -> None:
    tracks = TrackRows(rows)
    many = [replace(OPEN, break_id=f"brk-{number:03}") for number in range(AT_ONCE + 1)]
    tracks.keep("cb-main", NOON, documents(*many))
    assert len(tracks.of_account("cb-main").tracks) == AT_ONCE + 1


def test_a_history_nobody_can_read_is_said_by_its_place(rows: Rows) -> None:
    pk, sk = keys.last_look("cb-main")
    rows.put({"pk": pk, "sk": sk, "looked_at": "noon"})
    with pytest.raises(Malformed, match=r"^TRACK#LAST_LOOK: must be a time"):
        TrackRows(rows).of_account("cb-main")


def test_others_that_write_at_the_same_moment_are_waited_for_and_in_the_end_said() -> None:
    class Busy(MemoryRows):
        refuses = 4

        def put_all(self, puts: Any) -> bool:
            self.refuses -= 1
            return self.refuses < 0 and super().put_all(puts)

    rows = Busy()
    TrackRows(rows).keep("cb-main", NOON, documents(OPEN))
    assert TrackRows(rows).of_account("cb-main").tracks == {"brk-1": OPEN}
    rows.refuses = 5
    with pytest.raises(StoreUnavailable, match=r"^ACCOUNT#cb-main: its history is being written by other runs; try"):
        TrackRows(rows).keep("cb-main", later(NOON, 300), documents(OPEN))
