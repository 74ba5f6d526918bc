"""The history of an account: when it was last looked at, what there is to remember of its lines, and its breaks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trueup.domain.blindness import Blindness, read_blindness
from trueup.domain.break_documents import read_look
from trueup.domain.breaks import Break, Place, is_news
from trueup.domain.history import History, Track
from trueup.domain.reading import format_time, read_time
from trueup.domain.tracks import read_track
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.breaks import Breaks, Put
from trueup.store.rows import Condition, Row, Rows

LINES_AT_ONCE = 33
"""Lines in one transaction, with up to three rows each, beside the row of the look: DynamoDB takes 100."""
FORGET_AFTER = timedelta(days=1)
"""How long the row of a track stays that has nothing left to remember; DynamoDB then removes it."""
_NOT_OF_THE_TRACK = {"pk", "sk", "expires_at"}
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look changed, as a frozen report has it."""

    account_id: str
    venue: str
    at: datetime
    tracks: Sequence[Mapping[str, Any]]
    """Documents of tracks."""
    breaks: Mapping[str, Any]
    """What the look says of breaks, as documents of events, by break id."""


class Histories:
    """Histories in the table, each in the partition of its account."""

    def __init__(self, rows: Rows, retention_days: int) -> None:
        self._rows = rows
        self._breaks = Breaks(rows, retention_days)

    def of_account(self, account_id: str, *, with_breaks: bool) -> History:
        """Return what is known of an account; its breaks if wanted, or if any is open. Raises Malformed."""
        looked_at: datetime | None = None
        tracks: dict[str, Track] = {}
        blindness: Blindness | None = None
        for row in self._rows.query(keys.audit(account_id), prefix=keys.TRACK):
            if row["sk"] == keys.LAST_LOOK:
                looked_at = read_time(row.get("looked_at"), keys.LAST_LOOK)
            elif row["sk"] == keys.BLINDNESS:
                blindness = read_blindness(_document(row), keys.BLINDNESS)
            else:
                track = read_track(_document(row), row["sk"])
                tracks[track.break_id] = track
        wanted = with_breaks or any(track.open for track in tracks.values())
        return History(looked_at, tracks, self._breaks.of_account(account_id) if wanted else {}, blindness)

    def adopted(self, account_id: str, start: datetime, end: datetime) -> datetime | None:
        """Return when somebody first adopted the venue's holdings as the book in this time, both ends included."""
        between = tuple(keys.adoption(account_id, moment)[1] for moment in (start, end))
        found = self._rows.query(keys.audit(account_id), between=(between[0], between[1]), limit=1)
        return read_time(found[0]["sk"].removeprefix(keys.ADOPTED), keys.ADOPTED) if found else None

    def keep(self, looked: Looked) -> None:
        """Write what a look changed, unless a newer look has been there: repeating it is harmless.

        The time of the look goes with everything it changed, so that no older look comes in between. Raises
        StoreUnavailable when others keep writing at the same moment.
        """
        pk, sk = keys.last_look(looked.account_id)
        look: Row = {"pk": pk, "sk": sk, "looked_at": format_time(looked.at)}
        tracks = {document["break_id"]: document for document in looked.tracks}
        lines = sorted({*tracks, *looked.breaks})
        for start in range(0, max(len(lines), 1), LINES_AT_ONCE):
            if not self._keep(look, looked, tracks, lines[start : start + LINES_AT_ONCE]):
                return

    def keep_blindness(self, account_id: str, document: Mapping[str, Any]) -> None:
        """Write for how many runs an account could not be verified, unless a newer run has been there."""
        pk, sk = keys.blindness(account_id)
        over = {} if document["runs"] else {"expires_at": _seconds(read_time(document["at"], "at") + FORGET_AFTER)}
        not_newer = Condition("absent_or_at_most", "at", document["at"])
        self._rows.put({"pk": pk, "sk": sk, **document, **over}, not_newer)

    def _keep(self, look: Row, looked: Looked, tracks: Mapping[str, Mapping[str, Any]], lines: Sequence[str]) -> bool:
        """Write the look with some of its lines; False when a newer look has been there."""
        not_newer = Condition("absent_or_at_most", "looked_at", look["looked_at"])
        if not lines:
            return self._rows.put(look, not_newer)
        for _ in range(_ATTEMPTS):
            # Read anew each time: somebody may have done something to a break meanwhile.
            known = self._breaks.of_account(looked.account_id) if looked.breaks else {}
            puts: list[Put] = [(look, not_newer)]
            for line in lines:
                if line in tracks:
                    puts.append((_track_row(looked, tracks[line]), None))
                if line in looked.breaks:
                    puts += self._look_at(looked, tracks, line, known.get(line))
            if self._rows.put_all(puts):
                return True
            there = self._rows.get(look["pk"], look["sk"])
            if there is not None and there["looked_at"] > look["looked_at"]:
                return False
        raise StoreUnavailable(f"account {looked.account_id}: its history is being written by others; try again")

    def _look_at(
        self, looked: Looked, tracks: Mapping[str, Mapping[str, Any]], line: str, known: Break | None
    ) -> list[Put]:
        event = read_look(looked.breaks[line], f"breaks.{line}")
        if not is_news(known, event):
            return []  # an earlier attempt of ours was here
        if known is not None:
            return self._breaks.puts(known, event)
        track = tracks[line]
        place = Place(line, looked.account_id, looked.venue, track["wallet"], track["asset"], track["field"])
        return self._breaks.puts(place, event)


def _document(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _NOT_OF_THE_TRACK}


def _track_row(looked: Looked, document: Mapping[str, Any]) -> Row:
    pk, sk = keys.track(looked.account_id, document["break_id"])
    forgotten = read_track(document).is_nothing
    expiry = {"expires_at": _seconds(looked.at + FORGET_AFTER)} if forgotten else {}
    return {"pk": pk, "sk": sk, **document, **expiry}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
