"""The stories of breaks: whether every event is there as it was, and whether the row of a break follows from them.

Reports are the witnesses: what a look said of a break is frozen in the report of its run, and so is the break as it was
known before, with the hash of its story.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from cli.auditing.differences import What, differs, short
from cli.auditing.reports import Part
from cli.auditing.rows import hash_of, place_of
from trueup.domain.break_documents import break_document, event_document, read_break
from trueup.domain.breaks import Break, Impossible, Look, Place, Story, begin, fold
from trueup.domain.reading import Malformed, digest
from trueup.domain.report import break_id as name_of
from trueup.store import keys
from trueup.store.audit import GENESIS
from trueup.store.breaks import break_of, break_row, event_of
from trueup.store.rows import Row, Rows

_OF_EVERY_EVENT = ("account_id", "break_id", "number", "prev", "prev_expires_at", "expires_at", "hash")


class Witness(NamedTuple):
    """What a report says of a break. Many are held at once, so documents are held by their digests."""

    seq: int
    """Of the account's entry of the run: those of later ones were written later, 0 when it has expired."""
    at: str
    """When the look was taken."""
    look: str
    events: int
    """How many were known before; 0 where the break was not."""
    known: str | None
    has_ended: bool


class Looked(NamedTuple):
    """A report of an account: when it was looked at, and the number of its entry."""

    at: str
    seq: int


@dataclass(slots=True)
class Seen:
    """How much was looked at."""

    breaks: int = 0
    events: int = 0
    expired_events: int = 0


@dataclass(slots=True)
class Stories:
    """The breaks of one account. `rows_of_breaks` are those of the moment when looking began."""

    rows: Rows
    account_id: str
    now: int
    is_whole: bool
    """Whether all runs there are are looked at: else an event may be of another one."""
    has_report: Callable[[str], bool]
    """Whether there is a report of a run that was not looked at: it may not be read, or is being told of."""
    seen: Seen = field(default_factory=Seen)
    venues: set[str] = field(default_factory=set)
    """Of the account, in the reports."""
    runs: set[str] = field(default_factory=set)
    """Whose reports were looked at."""
    looked: list[Looked] = field(default_factory=list)
    witnesses: dict[str, dict[str, Witness]] = field(default_factory=dict)
    """By break and run."""
    begun: dict[str, Break] = field(default_factory=dict)
    """Of a story whose beginning has expired: the break as the first report knew it that still can be folded on."""
    _first: dict[str, int] = field(default_factory=dict)
    _at_first: dict[str, Row] = field(init=False)

    def __post_init__(self) -> None:
        found = self.rows.query(keys.audit(self.account_id), prefix=keys.BREAK)
        self._at_first = {row["sk"].removeprefix(keys.BREAK): row for row in found}

    # -- reports as they come ------------------------------------------------------------------------------------------

    def add(self, run_id: str, part: Part, seq: int, *, has_ended: bool) -> None:
        """Hear what a report says of breaks."""
        self.venues.add(part.venue)
        self.runs.add(run_id)
        if part.observed_at is not None:
            self.looked.append(Looked(part.observed_at, seq))
        for break_id, look in part.looks.items():
            known = part.known.get(break_id)
            self.witnesses.setdefault(break_id, {})[run_id] = Witness(
                seq=seq,
                at=str(look.get("at")),
                look=digest(look),
                events=0 if known is None else known["events"],
                known=None if known is None else digest(known),
                has_ended=has_ended,
            )
            if known is not None and break_id not in self.begun and known["events"] >= self._begins(break_id) - 1:
                self.begun[break_id] = read_break(known)

    def _begins(self, break_id: str) -> int:
        """Return from which event on a story is whole; 1 where there is none."""
        if break_id not in self._first:
            events = self.rows.query(keys.story(break_id), prefix=keys.EVENT, limit=1)
            if events and events[0].get("expires_at", 0) <= self.now:
                events = self.rows.query(keys.story(break_id), prefix=keys.EVENT)  # of expired ones any may be left
            self._first[break_id] = _begins(events)
        return self._first[break_id]

    # -- when all have come --------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Look at every story that is asked for. Raises Differs."""
        asked = {*self.witnesses, *(self._at_first if self.is_whole else ())}
        for break_id in sorted(asked):
            self._check(break_id)

    def _check(self, break_id: str) -> None:
        self.seen.breaks += 1
        told = self.witnesses.get(break_id, {})
        events = self.rows.query(keys.story(break_id))
        row = self._at_first.get(break_id) or self.rows.get(*keys.current_break(self.account_id, break_id))
        about = {"account_id": self.account_id}
        known = None if row is None else _break_of(row, break_id, about)
        if row is not None and known is not None and self.venues and known.place.venue not in self.venues:
            said = f"it is at {short(known.place.venue)}, where no report has the account"
            differs(What.BREAK_DIFFERS, place_of(row), said, **about)
        for event in events:
            _check_event(event, self.account_id, break_id, about)
        self.seen.events += len(events)
        if row is None or known is None:
            self._check_without_row(break_id, events, told)
            return
        up_to = [event for event in events if event["number"] <= known.events]
        if len(up_to) < len(events):
            self._check_is_no_older(break_id, events[-1]["number"])
        self.seen.expired_events += _check_links(up_to, known, row, self.now, about)
        if known.story is not None and self.now < known.story.expires_at:
            self._check_looks(break_id, events, told)
        self._check_fold(break_id, up_to, known, row, told)

    def _check_without_row(self, break_id: str, events: Sequence[Row], told: Mapping[str, Witness]) -> None:
        """The row of a break outlives all of its events."""
        if events and self.now < events[-1]["expires_at"]:
            pk, sk = keys.current_break(self.account_id, break_id)
            differs(What.BREAK_MISSING, f"row {pk} {sk}", "it is gone, but its events are there", **self._about)
        self._check_looks(break_id, events, told)

    @property
    def _about(self) -> dict[str, Any]:
        return {"account_id": self.account_id}

    def _check_is_no_older(self, break_id: str, number: int) -> None:
        """A row that is older than an event was set back, unless the event was written while we looked."""
        now = self.rows.get(*keys.current_break(self.account_id, break_id))
        if now is None or now.get("events", 0) < number:
            pk, sk = keys.current_break(self.account_id, break_id)
            said = f"it counts {None if now is None else now.get('events')} events, but there is an event {number}"
            differs(What.BREAK_DIFFERS, f"row {pk} {sk}", said, **self._about)

    def _check_looks(self, break_id: str, events: Sequence[Row], told: Mapping[str, Witness]) -> None:
        """Compare what looks said, as the reports of their runs froze it, with the events."""
        of_runs = {event["run_id"]: event for event in events if "run_id" in event}
        for run_id, event in of_runs.items():
            witness = told.get(run_id)
            about = {**self._about, "run_id": run_id}
            if witness is not None and witness.look != digest(event_document(event_of(event))):
                said = f"it is not what the report of run {run_id} says of the break"
                differs(What.EVENT_CHANGED, place_of(event), said, **about)
            if witness is None and self._has_no_witness(run_id, event):
                said = f"no report of a run {run_id} says so"
                differs(What.EVENT_ADDED, place_of(event), said, **about)
        newest = max((witness.seq for witness in told.values()), default=0)
        begins = min((event["at"] for event in events if event["number"] > 1), default="") if events else ""
        is_cut = not events or events[0]["number"] > 1
        for run_id, witness in sorted(told.items(), key=lambda item: item[1].at):
            if run_id in of_runs or not witness.has_ended or witness.seq < newest:
                continue  # a later report knows the story without it
            if is_cut and witness.at <= begins:
                continue  # it has expired
            if not self._came_too_late(witness):
                said = f"run {run_id} looked at the break, and its event is not there"
                where = f"rows {keys.story(break_id)} {keys.EVENT}…"
                differs(What.EVENT_MISSING, where, said, **self._about, run_id=run_id)

    def _has_no_witness(self, run_id: str, event: Row) -> bool:
        if run_id in self.runs:
            return True
        return self.is_whole and self.now < event["expires_at"] and not self.has_report(run_id)

    def _came_too_late(self, witness: Witness) -> bool:
        """Tell whether a newer look was kept before, so that what this one said was not written down."""
        return any(other.at >= witness.at and 0 < other.seq < witness.seq for other in self.looked)

    def _check_fold(
        self, break_id: str, events: Sequence[Row], known: Break, row: Row, told: Mapping[str, Witness]
    ) -> None:
        """Make the break again from its events, and compare it with what reports knew and with its row."""
        by_events: dict[int, set[str]] = {}
        for witness in told.values():
            if witness.known is not None:
                by_events.setdefault(witness.events, set()).add(witness.known)
        if not events or events[-1]["number"] < known.events:
            return  # the newest have expired, too
        now: Break | None = None
        if (first := _begins(events)) > 1:
            now = self.begun.get(break_id)
            if now is None or now.events < first - 1:
                return  # nobody knows any more how it began
        for event in events:
            if now is not None and event["number"] <= now.events:
                continue
            now = _folded(now, known.place, event, self._about)
            if now.events in by_events and by_events[now.events] != {digest(break_document(now))}:
                said = f"the break that was known after {now.events} events is not what they make it"
                differs(What.BREAK_DIFFERS, place_of(row), said, **self._about)
        should = None if now is None else break_document(now)
        for name, value in break_document(known).items():
            if should is not None and should[name] != value:
                said = f"{name} is {short(value)}, but its events make it {short(should[name])}"
                differs(What.BREAK_DIFFERS, place_of(row), said, **self._about)


def _begins(events: Sequence[Row]) -> int:
    """Return the number from which on no event is missing; 1 where there is none."""
    number = 0
    for event in reversed(events):
        if number and event.get("number") != number - 1:
            break
        number = event["number"] if isinstance(event.get("number"), int) else 0
    return number or 1


def _break_of(row: Row, break_id: str, about: Mapping[str, Any]) -> Break:
    """Read the row of a break, and check that it is in its place and has what belongs to it, and nothing else."""
    try:
        known = break_of(row)
    except (Malformed, LookupError, TypeError) as error:
        differs(What.BREAK_DIFFERS, place_of(row), str(error), **about)
    place = known.place
    named = name_of(place.account_id, place.wallet, place.asset, place.field)
    if (place.account_id, place.break_id, named) != (about["account_id"], break_id, break_id):
        differs(What.BREAK_DIFFERS, place_of(row), f"it is the break {named} of {place.account_id}", **about)
    should = break_row(known)
    for name in sorted(row.keys() | should.keys()):
        if name not in should:
            differs(What.BREAK_DIFFERS, place_of(row), f"has a field {name} that nobody writes", **about)
        if name not in row or row[name] != should[name]:
            differs(What.BREAK_DIFFERS, place_of(row), f"{name} is not what the rest of it makes it", **about)
    if known.story is None:
        differs(What.BREAK_DIFFERS, place_of(row), "it names no story", **about)
    return known


def _check_event(row: Row, account_id: str, break_id: str, about: Mapping[str, Any]) -> None:
    where = place_of(row)
    missing = [name for name in _OF_EVERY_EVENT if name not in row]
    if missing:
        differs(What.EVENT_CHANGED, where, f"has no {missing[0]}", **about)
    counted = hash_of(row)
    if counted != row["hash"]:
        said = f"it says its hash is {short(row['hash'])}, but it hashes to {short(counted)}"
        differs(What.EVENT_CHANGED, where, said, **about)
    number = row["number"]
    if not isinstance(number, int) or (row["pk"], row["sk"]) != keys.event(break_id, number):
        differs(What.EVENT_ADDED, where, f"it says it is event {number}", **about)
    if (row["account_id"], row["break_id"]) != (account_id, break_id):
        differs(What.EVENT_ADDED, where, f"it is of {row['break_id']} of {row['account_id']}", **about)
    try:
        document = event_document(event_of(row))
    except (Malformed, TypeError) as error:
        differs(What.EVENT_CHANGED, where, str(error), **about)
    for name, value in document.items():
        if row[name] != value:
            differs(What.EVENT_CHANGED, where, f"{name} is not as anybody writes it", **about)


def _check_links(events: Sequence[Row], known: Break, row: Row, now: int, about: Mapping[str, Any]) -> int:
    """Check that events follow each other up to the row of the break; return how many have expired."""
    expired, before = 0, None
    for event in events:
        number = 0 if before is None else before["number"]
        prev = GENESIS if before is None else before["hash"]
        if event["number"] > number + 1:
            expired += _check_gone(number + 1, event["number"] - 1, event["prev_expires_at"], event, now, about)
        elif event["prev"] != prev or event["prev_expires_at"] != (None if before is None else before["expires_at"]):
            said = f"it names {short(event['prev'])} before it, but that is {short(prev)}"
            differs(What.EVENT_LINK_BROKEN, place_of(event), said, **about)
        before = event
    story, last = known.story or Story("", 0), 0 if before is None else before["number"]
    if last < known.events:
        expired += _check_gone(last + 1, known.events, story.expires_at, row, now, about)
    elif before is not None and (before["hash"], before["expires_at"]) != (story.hash, story.expires_at):
        said = f"it says that event {last} is {short(story.hash)}, but that is {short(before['hash'])}"
        differs(What.BREAK_DIFFERS, place_of(row), said, **about)
    return expired


def _check_gone(first: int, last: int, expires_at: Any, witness: Row, now: int, about: Mapping[str, Any]) -> int:
    if not isinstance(expires_at, int) or now < expires_at:
        many = f"event {first} is" if first == last else f"events {first} to {last} are"
        pk = keys.story(str(witness["break_id"]))
        said = f"{many} gone, and {place_of(witness)} says that it was not time yet"
        differs(What.EVENT_MISSING, f"rows {pk} {keys.EVENT}…", said, **about)
    return last - first + 1


def _folded(now: Break | None, place: Place, row: Row, about: Mapping[str, Any]) -> Break:
    event = event_of(row)
    try:
        after = begin(place, event) if now is None else fold(now, event)
    except Impossible as error:
        differs(What.EVENT_ADDED, place_of(row), f"this cannot have happened to it: {error}", **about)
    if isinstance(event, Look) and now is not None and event.at <= now.looked_at:
        differs(What.EVENT_ADDED, place_of(row), "a newer look had been there", **about)
    return replace(after, story=Story(row["hash"], row["expires_at"]))
