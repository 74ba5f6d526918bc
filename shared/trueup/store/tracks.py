"""The history of an account: when it was last looked at, and a row for each line there is something to remember of."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from trueup.domain.history import History, Track
from trueup.domain.reading import format_time, read_time
from trueup.domain.tracks import read_track
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.rows import Condition, Row, Rows

AT_ONCE = 99
"""Tracks in one transaction, beside the row of the look: DynamoDB takes 100 rows."""
FORGET_AFTER = timedelta(days=1)
"""How long a row stays that has nothing left to remember; DynamoDB then removes it."""
_NOT_OF_THE_TRACK = {"pk", "sk", "expires_at"}
_ATTEMPTS = 5


class TrackRows:
    """Histories in the table, each in the partition of its account."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def of_account(self, account_id: str) -> History:
        """Return what is known of an account. Raises Malformed for a row nobody can read."""
        looked_at: datetime | None = None
        tracks: dict[str, Track] = {}
        for row in self._rows.query(keys.audit(account_id), prefix=keys.TRACK):
            if row["sk"] == keys.LAST_LOOK:
                looked_at = read_time(row.get("looked_at"), keys.LAST_LOOK)
            else:
                track = read_track(
                    {name: value for name, value in row.items() if name not in _NOT_OF_THE_TRACK}, row["sk"]
                )
                tracks[track.break_id] = track
        return History(looked_at, tracks)

    def keep(self, account_id: str, looked_at: datetime, documents: Sequence[Mapping[str, Any]]) -> None:
        """Write what a look changed, unless a newer look has been there: repeating it is harmless.

        The time of the look and the tracks are written together, so that no older look comes in between. Raises
        StoreUnavailable when others keep writing at the same moment.
        """
        pk, sk = keys.last_look(account_id)
        look: Row = {"pk": pk, "sk": sk, "looked_at": format_time(looked_at)}
        not_newer = Condition("absent_or_at_most", "looked_at", look["looked_at"])
        tracks = [_row(account_id, looked_at, document) for document in documents]
        for start in range(0, max(len(tracks), 1), AT_ONCE):
            if not self._write(look, not_newer, tracks[start : start + AT_ONCE]):
                return

    def _write(self, look: Row, not_newer: Condition, tracks: Sequence[Row]) -> bool:
        """Write the look with some tracks; False when a newer look has been there."""
        if not tracks:
            return self._rows.put(look, not_newer)
        for _ in range(_ATTEMPTS):
            if self._rows.put_all([(look, not_newer), *((track, None) for track in tracks)]):
                return True
            there = self._rows.get(look["pk"], look["sk"])
            if there is not None and there["looked_at"] > look["looked_at"]:
                return False
        raise StoreUnavailable(f"{look['pk']}: its history is being written by other runs; try again")


def _row(account_id: str, looked_at: datetime, document: Mapping[str, Any]) -> Row:
    pk, sk = keys.track(account_id, document["break_id"])
    forgotten = read_track(document).is_nothing
    expiry = {"expires_at": int((looked_at + FORGET_AFTER).timestamp())} if forgotten else {}
    return {"pk": pk, "sk": sk, **document, **expiry}
