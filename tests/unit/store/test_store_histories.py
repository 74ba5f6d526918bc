"""The history of an account: one suite, held to in memory and by DynamoDB alike."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.unit.domain.test_domain_breaks import ANN, agreed, at, seen
from tests.unit.money_kit import NOON, later
from trueup.domain.blindness import Blindness, blindness_document
from trueup.domain.break_documents import event_document
from trueup.domain.breaks import Acknowledged, Event, Status
from trueup.domain.history import History, Track
from trueup.domain.reading import Malformed
from trueup.domain.tracks import track_document
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.breaks import Breaks
from trueup.store.histories import LINES_AT_ONCE, Histories, Looked
from trueup.store.memory import MemoryRows
from trueup.store.rows import Rows

OPEN = Track("brk-1", "spot", "BTC", "total", open=True, sign=-1, streak=1, counted_at=NOON, first_seen_at=NOON)
OVER = Track("brk-1", "spot", "BTC", "total")


def keep(histories: Histories, account_id: str, at: datetime, tracks: Sequence[Any], **breaks: Event) -> None:
    said = {break_id.replace("_", "-"): event_document(event) for break_id, event in breaks.items()}
    histories.keep(Looked(account_id, "coinbase", at, tracks, said))


def documents(*tracks: Track) -> list[dict[str, Any]]:
    return [track_document(track) for track in tracks]


def test_an_account_nobody_looked_at_has_no_history(rows: Rows) -> None:
    assert Histories(rows, 400).of_account("cb-main", with_breaks=False) == History(None, {})


def test_a_history_comes_back_as_it_was_kept(rows: Rows) -> None:
    histories = Histories(rows, 400)
    keep(histories, "cb-main", NOON, documents(OPEN))
    keep(histories, "cb-other", later(NOON, 1), [])
    assert histories.of_account("cb-main", with_breaks=False) == History(NOON, {"brk-1": OPEN})
    assert histories.of_account("cb-other", with_breaks=False) == History(later(NOON, 1), {})


def test_a_look_that_found_nothing_is_known_all_the_same(rows: Rows) -> None:
    histories = Histories(rows, 400)
    keep(histories, "cb-main", later(NOON, 600), [])
    keep(histories, "cb-main", later(NOON, 300), documents(OPEN))
    assert histories.of_account("cb-main", with_breaks=False) == History(later(NOON, 600), {})


def test_an_older_look_is_refused_whole_and_the_same_one_again_is_not(rows: Rows) -> None:
    histories = Histories(rows, 400)
    keep(histories, "cb-main", NOON, documents(OPEN))
    keep(histories, "cb-main", later(NOON, -0.001), documents(replace(OPEN, streak=9), replace(OPEN, break_id="brk-2")))
    assert histories.of_account("cb-main", with_breaks=False) == History(NOON, {"brk-1": OPEN})
    keep(histories, "cb-main", NOON, documents(replace(OPEN, streak=2)))
    assert histories.of_account("cb-main", with_breaks=False).tracks["brk-1"].streak == 2


def test_what_has_nothing_left_to_remember_expires_after_a_day_and_what_is_open_stays(rows: Rows) -> None:
    histories = Histories(rows, 400)
    keep(histories, "cb-main", NOON, documents(OVER))
    tomorrow = int(later(NOON, 86_400).timestamp())
    row = rows.get(*keys.track("cb-main", "brk-1"))
    assert row is not None
    assert row["expires_at"] == tomorrow
    assert histories.of_account("cb-main", with_breaks=False).tracks == {"brk-1": OVER}
    keep(histories, "cb-main", later(NOON, 300), documents(OPEN))
    row = rows.get(*keys.track("cb-main", "brk-1"))
    assert row is not None
    assert "expires_at" not in row


@pytest.mark.parametrize("remembered", [{"in_motion": 1}, {"told_in_flight": ()}, {"open": True}])
def test_whatever_there_is_to_remember_keeps_a_row(remembered: dict[str, Any]) -> None:
    assert not replace(OVER, **remembered).is_nothing


def test_more_tracks_than_one_transaction_takes_are_kept_all(rows: Rows) -> None:
    histories = Histories(rows, 400)
    many = [replace(OPEN, break_id=f"brk-{number:03}") for number in range(LINES_AT_ONCE + 1)]
    keep(histories, "cb-main", NOON, documents(*many))
    assert len(histories.of_account("cb-main", with_breaks=False).tracks) == LINES_AT_ONCE + 1


def test_a_history_nobody_can_read_is_said_by_its_place(rows: Rows) -> None:
    pk, sk = keys.last_look("cb-main")
    rows.put({"pk": pk, "sk": sk, "looked_at": "noon"})
    with pytest.raises(Malformed, match=r"^TRACK#LAST_LOOK: must be a time"):
        Histories(rows, 400).of_account("cb-main", with_breaks=False)


def test_others_that_write_at_the_same_moment_are_waited_for_and_in_the_end_said() -> None:
    class Busy(MemoryRows):
        refuses = 4

        def put_all(self, puts: Any) -> bool:
            self.refuses -= 1
            return self.refuses < 0 and super().put_all(puts)

    rows = Busy()
    keep(Histories(rows, 400), "cb-main", NOON, documents(OPEN))
    assert Histories(rows, 400).of_account("cb-main", with_breaks=False).tracks == {"brk-1": OPEN}
    rows.refuses = 5
    with pytest.raises(StoreUnavailable, match=r"^account cb-main: its history is being written by others; try"):
        keep(Histories(rows, 400), "cb-main", later(NOON, 300), documents(OPEN))


# -- breaks --------------------------------------------------------------------------------------------------------

CLOSED = documents(OVER)


def track(**others: Any) -> list[dict[str, Any]]:
    return documents(replace(OPEN, **others))


def test_what_a_look_says_of_a_break_is_an_event_of_its_life(rows: Rows) -> None:
    histories, breaks = Histories(rows, 400), Breaks(rows, 400)
    keep(histories, "cb-main", at(0), track(), brk_1=seen(0))
    keep(histories, "cb-main", at(5), track(streak=2), brk_1=seen(5, confirmed=True))
    keep(histories, "cb-main", at(10), CLOSED, brk_1=agreed(10))
    assert breaks.story("brk-1") == [seen(0), seen(5, confirmed=True), agreed(10)]
    known = breaks.get("brk-1")
    assert known is not None
    assert (known.phase, known.occurrences, known.place.account_id, known.place.venue, known.place.asset) == (
        Status.RESOLVED, 2, "cb-main", "coinbase", "BTC",
    )  # fmt: skip


def test_the_lives_of_breaks_are_read_where_they_are_wanted_or_one_is_open(rows: Rows) -> None:
    histories = Histories(rows, 400)
    keep(histories, "cb-main", at(0), track(), brk_1=seen(0))
    assert histories.of_account("cb-main", with_breaks=False).breaks.keys() == {"brk-1"}
    keep(histories, "cb-main", at(5), CLOSED, brk_1=agreed(5))
    assert histories.of_account("cb-main", with_breaks=False).breaks == {}
    assert histories.of_account("cb-main", with_breaks=True).breaks.keys() == {"brk-1"}


def test_a_look_kept_again_tells_its_story_once(rows: Rows) -> None:
    histories = Histories(rows, 400)
    for _ in range(2):
        keep(histories, "cb-main", at(0), track(), brk_1=seen(0))
    keep(histories, "cb-main", at(5), CLOSED, brk_1=agreed(5))
    keep(histories, "cb-main", at(5), CLOSED, brk_1=agreed(5))
    assert Breaks(rows, 400).story("brk-1") == [seen(0), agreed(5)]


def test_an_older_look_is_no_part_of_any_story(rows: Rows) -> None:
    histories = Histories(rows, 400)
    keep(histories, "cb-main", at(10), [])
    keep(histories, "cb-main", at(5), track(), brk_1=seen(5))
    assert Breaks(rows, 400).story("brk-1") == []


def test_what_somebody_does_in_the_midst_of_it_is_kept_and_so_is_the_look() -> None:
    class Meanwhile(MemoryRows):
        done = False

        def put_all(self, puts: Any) -> bool:
            if not self.done and len(puts) > 3:
                self.done = True
                Breaks(self, 400).do("brk-1", Acknowledged(at(6), ANN))
            return super().put_all(puts)

    rows = Meanwhile()
    rows.done = True
    keep(Histories(rows, 400), "cb-main", at(0), track(), brk_1=seen(0))
    rows.done = False
    keep(Histories(rows, 400), "cb-main", at(5), track(), brk_1=seen(5))
    assert Breaks(rows, 400).story("brk-1") == [seen(0), Acknowledged(at(6), ANN), seen(5)]
    known = Breaks(rows, 400).get("brk-1")
    assert known is not None
    assert (known.status(at(7)), known.occurrences) == (Status.ACKNOWLEDGED, 2)


def test_more_breaks_than_one_transaction_takes_are_kept_all(rows: Rows) -> None:
    names = [f"brk-{number:03}" for number in range(LINES_AT_ONCE + 1)]
    many = documents(*(replace(OPEN, break_id=name) for name in names))
    said = {name: event_document(seen(0)) for name in names}
    Histories(rows, 400).keep(Looked("cb-main", "coinbase", at(0), many, said))
    assert sorted(known.place.break_id for known in Breaks(rows, 400).open()) == names


def test_an_adoption_is_found_in_its_time(rows: Rows) -> None:
    histories = Histories(rows, 400)
    pk, sk = keys.adoption("cb-main", at(5))
    rows.put({"pk": pk, "sk": sk})
    assert histories.adopted("cb-main", at(5), at(5)) == at(5)
    assert histories.adopted("cb-main", at(0), at(9)) == at(5)
    assert histories.adopted("cb-main", at(0), at(4.9)) is None
    assert histories.adopted("cb-main", at(5.1), at(9)) is None
    assert histories.adopted("cb-other", at(0), at(9)) is None


def test_how_long_an_account_was_not_verified_is_part_of_its_history_and_expires_when_it_is_over(rows: Rows) -> None:
    histories = Histories(rows, 400)
    blind = Blindness(at(5), at(0), 2, 2)
    histories.keep_blindness("cb-main", blindness_document(blind))
    histories.keep_blindness("cb-main", blindness_document(Blindness(at(4), at(0), 1, 1)))
    assert histories.of_account("cb-main", with_breaks=False) == History(blindness=blind)
    row = rows.get(*keys.blindness("cb-main"))
    assert row is not None
    assert "expires_at" not in row
    histories.keep_blindness("cb-main", blindness_document(Blindness(at(10), at(10), 0, 0)))
    row = rows.get(*keys.blindness("cb-main"))
    assert row is not None
    assert row["expires_at"] == int(at(10).timestamp()) + 86_400
