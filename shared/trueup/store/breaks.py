"""Breaks and their stories.

Everything that happens to a break is an event, a row of its own that stays as it is. The row of the break as it is now
follows from them, and is written with each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from trueup.domain.break_documents import break_document, event_document, read_break, read_event
from trueup.domain.breaks import Break, Deed, Event, Impossible, Place, Status, begin, fold
from trueup.domain.reading import format_time
from trueup.domain.reasons import Severity
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.rows import ABSENT, OPEN_BREAKS, Condition, Row, Rows

OUTLIVES = timedelta(days=30)
"""How long the row of a resolved break outlives its events: back again, it goes on counting where it was."""
MAX_AT_ONCE = 33
"""Breaks to which something can be done in one transaction, with up to two deeds each: DynamoDB takes 100 rows."""
_NOT_OF_THE_BREAK = {"pk", "sk", "expires_at", OPEN_BREAKS.pk, OPEN_BREAKS.sk}
_NOT_OF_THE_EVENT = {"pk", "sk", "expires_at", "account_id"}
_ATTEMPTS = 10

Put = tuple[Row, Condition | None]


class Breaks:
    """Breaks in the table: as they are now with their account, their events in a partition of each break."""

    def __init__(self, rows: Rows, retention_days: int) -> None:
        self._rows = rows
        self._retention = timedelta(days=retention_days)

    def of_account(self, account_id: str) -> dict[str, Break]:
        """Return the breaks of an account by id, with those resolved that are still kept. Raises Malformed."""
        rows = self._rows.query(keys.audit(account_id), prefix=keys.BREAK)
        return {known.place.break_id: known for known in map(_break, rows)}

    def open(self, severity: Severity | None = None) -> list[Break]:
        """Return what is not resolved, the worst first and of these the oldest; a moment behind. Raises Malformed."""
        prefix = "" if severity is None else f"{_rank(severity)}#"
        return [_break(row) for row in self._rows.query(keys.OPEN, prefix=prefix, index=OPEN_BREAKS)]

    def get(self, break_id: str) -> Break | None:
        """Return a break as it is now; None when there is none, or one that is over and has no events left.

        Raises Malformed.
        """
        first = self._rows.query(keys.story(break_id), limit=1)
        if not first:
            # Where nobody looks any more, all events of an open one may have expired: it is listed all the same.
            return next((known for known in self.open() if known.place.break_id == break_id), None)
        row = self._rows.get(*keys.current_break(first[0]["account_id"], break_id))
        return None if row is None else _break(row)

    def story(self, break_id: str) -> list[Event]:
        """Return all that happened to a break, in order, as far as it has not expired. Raises Malformed."""
        return [
            read_event({name: value for name, value in row.items() if name not in _NOT_OF_THE_EVENT}, row["sk"])
            for row in self._rows.query(keys.story(break_id), prefix=keys.EVENT)
        ]

    def do(self, break_id: str, *deeds: Deed) -> Break:
        """Do something to a break, on the record, and return it as it is then (see do_all)."""
        (after,) = self.do_all({break_id: deeds})
        return after

    def do_all(self, deeds: Mapping[str, Sequence[Deed]]) -> list[Break]:
        """Do something to each of these breaks or to none, on the record, and return them as they are then.

        Whoever comes second is judged by what the first one did. Raises Impossible for what cannot be done, also where
        there is no such break, Malformed for what could not be read again, StoreUnavailable when others keep writing.
        """
        # What is judged is what is kept, in its milliseconds: else the row would not follow from its events.
        kept = {
            break_id: [read_event(event_document(deed), break_id) for deed in wanted]
            for break_id, wanted in deeds.items()
        }
        for _ in range(_ATTEMPTS):
            puts: list[Put] = []
            after: list[Break] = []
            for break_id, wanted in kept.items():
                known = self.get(break_id)
                if known is None:
                    raise Impossible(f"{break_id}: there is no such break")
                try:
                    after.append(reduce(fold, wanted, known))
                except Impossible as error:
                    raise Impossible(f"{break_id}: {error}") from None
                puts += self.puts(known, *wanted)
            if self._rows.put_all(puts):
                return after
        raise StoreUnavailable(f"{', '.join(deeds)}: others keep writing at the same moment; try again")

    def puts(self, known: Break | Place, *events: Event) -> list[Put]:
        """Return what writes down events, and the break as it is after them: all or nothing, and nobody in between.

        A break that is not known yet begins at its place, with one event. Raises Impossible.
        """
        if isinstance(known, Place):
            (first,) = events
            # Where only the row of the break was lost, its story goes on behind the events that are left.
            after, condition = replace(begin(known, first), events=self._last_event(known.break_id) + 1), ABSENT
        else:
            after, condition = reduce(fold, events, known), Condition("equals", "events", known.events)
        break_id, account_id = after.place.break_id, after.place.account_id
        puts: list[Put] = []
        for number, event in enumerate(events, after.events - len(events) + 1):
            pk, sk = keys.event(break_id, number)
            expires_at = _seconds(event.at + self._retention)
            happened = {"pk": pk, "sk": sk, "account_id": account_id, **event_document(event), "expires_at": expires_at}
            puts.append((happened, ABSENT))
        pk, sk = keys.current_break(account_id, break_id)
        return [*puts, ({"pk": pk, "sk": sk, **break_document(after), **self._kept(after)}, condition)]

    def _last_event(self, break_id: str) -> int:
        last = self._rows.query(keys.story(break_id), prefix=keys.EVENT, newest_first=True, limit=1)
        return int(last[0]["sk"].removeprefix(keys.EVENT)) if last else 0

    def _kept(self, known: Break) -> Row:
        """Return by what an open break is listed, or until when one that is over is kept."""
        if known.phase is Status.RESOLVED:
            return {"expires_at": _seconds(known.looked_at + self._retention + OUTLIVES)}
        rank = f"{_rank(known.severity)}#{format_time(known.opened_at)}#{known.place.break_id}"
        return {OPEN_BREAKS.pk: keys.OPEN, OPEN_BREAKS.sk: rank}


def _rank(severity: Severity) -> int:
    return Severity.CRITICAL - severity


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _break(row: dict[str, Any]) -> Break:
    return read_break({name: value for name, value in row.items() if name not in _NOT_OF_THE_BREAK}, row["sk"])
