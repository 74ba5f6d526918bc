"""What endpoints were told: so that nobody is told twice, nor something that was overtaken."""

from collections.abc import Callable
from datetime import datetime, timedelta

from trueup.store import keys
from trueup.store.rows import Condition, Rows

KEPT = timedelta(days=30)
"""Longer than a message can wait: 14 days in its queue and 14 among the dead letters."""


class Deliveries:
    """Rows of what was delivered, by endpoint. Every method raises StoreUnavailable."""

    def __init__(self, rows: Rows, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._clock = clock

    def was_told(self, endpoint: str, parcel_id: str) -> bool:
        """Tell whether an endpoint was told this already."""
        return self._rows.get(*keys.sent(endpoint, parcel_id)) is not None

    def last_of(self, endpoint: str, key: str) -> tuple[str, str] | None:
        """Return the last thing an endpoint was told of an incident: the action, and when it was true."""
        row = self._rows.get(*keys.incident(endpoint, key))
        return None if row is None else (str(row["action"]), str(row["at"]))

    def told(self, endpoint: str, parcel_id: str) -> None:
        """Note that an endpoint was told this."""
        pk, sk = keys.sent(endpoint, parcel_id)
        self._rows.put({"pk": pk, "sk": sk, "expires_at": self._expires_at()})

    def told_of(self, endpoint: str, key: str, action: str, at: str) -> None:
        """Note what an endpoint was told of an incident, unless it was told something later."""
        pk, sk = keys.incident(endpoint, key)
        row = {"pk": pk, "sk": sk, "action": action, "at": at, "expires_at": self._expires_at()}
        self._rows.put(row, Condition("absent_or_below", "at", at))

    def _expires_at(self) -> int:
        return int((self._clock() + KEPT).timestamp())
