"""Breaks and their stories.

Everything that happens to a break is an event, a row of its own that stays as it is. The row of the break as it is now
follows from them, and is written with each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from trueup.domain.break_documents import break_document, event_document, read_break, read_event
from trueup.domain.breaks import Break, Deed, Event, Impossible, Place, Status, Story, begin, fold
from trueup.domain.reading import format_time
from trueup.domain.reasons import Severity
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.audit import GENESIS, chain_hash
from trueup.store.rows import ABSENT, OPEN_BREAKS, Condition, Row, Rows

OUTLIVES = timedelta(days=30)
"""How long the row of a resolved break outlives its events: back again, it goes on counting where it was."""
MAX_AT_ONCE = 33
"""Breaks to which something can be done in one transaction, with up to two deeds each: DynamoDB takes 100 rows."""
_NOT_OF_THE_BREAK = {"pk", "sk", "expires_at", OPEN_BREAKS.pk, OPEN_BREAKS.sk}
_NOT_OF_THE_EVENT = {"pk", "sk", "account_id", "break_id", "number", "prev", "prev_expires_at", "expires_at", "hash"}
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
        return {known.place.break_id: known for known in map(break_of, rows)}

    def open(self, severity: Severity | None = None) -> list[Break]:
        """Return what is not resolved, the worst first and of these the oldest; a moment behind. Raises Malformed."""
        prefix = "" if severity is None else f"{_rank(severity)}#"
        return [break_of(row) for row in self._rows.query(keys.OPEN, prefix=prefix, index=OPEN_BREAKS)]

    def get(self, break_id: str) -> Break | None:
        """Return a break as it is now; None when there is none, or one that is over and has no events left.

        Raises Malformed.
        """
        first = self._rows.query(keys.story(break_id), limit=1)
        if not first:
            # Where nobody looks any more, all events of an open one may have expired: it is listed all the same.
            return next((known for known in self.open() if known.place.break_id == break_id), None)
        row = self._rows.get(*keys.current_break(first[0]["account_id"], break_id))
        return None if row is None else break_of(row)

    def story(self, break_id: str) -> list[Event]:
        """Return all that happened to a break, in order, as far as it has not expired. Raises Malformed."""
        return [event_of(row) for row in self._rows.query(keys.story(break_id), prefix=keys.EVENT)]

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
                    puts += self.puts(known, *wanted)
                except Impossible as error:
                    raise Impossible(f"{break_id}: {error}") from None
                after.append(break_of(puts[-1][0]))
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
            last = self._last_event(known.break_id)
            number, story = (0, None) if last is None else (last["number"], _story_with(last))
            after, condition = replace(begin(known, first), events=number + 1), ABSENT
            happened = [self._event_row(after, first, story)]
        else:
            after, condition, happened = known, Condition("equals", "events", known.events), []
            for event in events:
                following = fold(after, event)
                happened.append(self._event_row(following, event, after.story))
                after = replace(following, story=_story_with(happened[-1]))
        after = replace(after, story=_story_with(happened[-1]))
        return [*((row, ABSENT) for row in happened), (break_row(after), condition)]

    def _event_row(self, after: Break, event: Event, before: Story | None) -> dict[str, Any]:
        """Return the row of an event. It never expires before the one before it."""
        break_id, account_id = after.place.break_id, after.place.account_id
        pk, sk = keys.event(break_id, after.events)
        expires_at = _seconds(event.at + self._retention)
        row = {
            "pk": pk,
            "sk": sk,
            "account_id": account_id,
            "break_id": break_id,
            "number": after.events,
            "prev": GENESIS if before is None else before.hash,
            "prev_expires_at": None if before is None else before.expires_at,
            **event_document(event),
            "expires_at": expires_at if before is None else max(expires_at, before.expires_at),
        }
        return row | {"hash": chain_hash(row)}

    def _last_event(self, break_id: str) -> dict[str, Any] | None:
        last = self._rows.query(keys.story(break_id), prefix=keys.EVENT, newest_first=True, limit=1)
        return last[0] if last else None


def break_row(known: Break) -> dict[str, Any]:
    """Return the row of a break, with what an open one is listed by, or until when one that is over is kept."""
    pk, sk = keys.current_break(known.place.account_id, known.place.break_id)
    row = {"pk": pk, "sk": sk, **break_document(known)}
    if known.phase is not Status.RESOLVED:
        rank = f"{_rank(known.severity)}#{format_time(known.opened_at)}#{known.place.break_id}"
        return row | {OPEN_BREAKS.pk: keys.OPEN, OPEN_BREAKS.sk: rank}
    if known.story is None:
        return row
    return row | {"expires_at": known.story.expires_at + int(OUTLIVES.total_seconds())}


def event_of(row: Row) -> Event:
    """Read the event of a row. Raises Malformed."""
    return read_event({name: value for name, value in row.items() if name not in _NOT_OF_THE_EVENT}, row["sk"])


def break_of(row: Row) -> Break:
    """Read the break of a row. Raises Malformed."""
    return read_break({name: value for name, value in row.items() if name not in _NOT_OF_THE_BREAK}, row["sk"])


def _story_with(newest: Row) -> Story:
    return Story(newest["hash"], newest["expires_at"])


def _rank(severity: Severity) -> int:
    return Severity.CRITICAL - severity


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
