"""The history of an account's lines: one row each, which only a newer look replaces."""

from collections.abc import Mapping, Sequence
from typing import Any

from trueup.domain.advance import Track
from trueup.domain.tracks import read_track
from trueup.store import keys
from trueup.store.rows import Condition, Rows

_KEYS = {"pk", "sk"}


class TrackRows:
    """Tracks in the table, in the partition of their account."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def of_account(self, account_id: str) -> dict[str, Track]:
        """Return what is known of the lines of an account, by break id. Raises Malformed for a row nobody can read."""
        rows = self._rows.query(keys.audit(account_id), prefix=keys.TRACK)
        return {
            track.break_id: track
            for row in rows
            for track in [read_track({name: value for name, value in row.items() if name not in _KEYS}, row["sk"])]
        }

    def keep(self, account_id: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Write tracks, each unless a look as new as this one has been there: repeating it is harmless."""
        for document in documents:
            pk, sk = keys.track(account_id, document["break_id"])
            newer = Condition("absent_or_below", "seen_at", document["seen_at"])
            self._rows.put({"pk": pk, "sk": sk, **document}, newer)
