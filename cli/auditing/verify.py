"""Verifying: every chain, every run, every object, in the order of time, until something differs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cli.auditing.anchors import Anchor
from cli.auditing.chain import Chain, Gap
from cli.auditing.days import bounds, days_between, not_before, slices
from cli.auditing.differences import Difference, Differs, What, differs
from cli.auditing.evidence import MISSING, Evidence
from cli.auditing.reports import RunFacts
from cli.auditing.rows import place_of
from cli.auditing.runs import Run, RunCheck, Seen
from cli.auditing.stories import Seen as SeenOfBreaks
from cli.auditing.stories import Stories
from trueup.domain.reading import Malformed, format_time, read_time
from trueup.domain.run_ids import day_of
from trueup.parallel import for_each
from trueup.store import keys
from trueup.store.audit import expires_at
from trueup.store.objects import Objects
from trueup.store.rows import Row, Rows

MANY_ACCOUNTS = 50
"""From so many on, what is held at once is an hour's entries instead of a day's."""
SHOWN = 100
"""Things that could not be looked at are named up to so many; all are counted."""
RUNS_END_WITHIN = timedelta(hours=2)
"""A run takes less than its interval, which is an hour at most."""


Name = tuple[str, str]
"""When a run was compared, and its id: in this order they are looked at."""
Runs = dict[Name, dict[str, Row]]
"""What is held at once: entries by the runs they are of, and by account."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at: all accounts or one; the runs compared between two times, both included, or all."""

    account_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    anchors: tuple[Anchor, ...] = ()

    def holds(self, at: str) -> bool:
        """Tell whether a run compared at this time is looked at."""
        return (self.start is None or format_time(self.start) <= at) and (
            self.end is None or at <= format_time(self.end)
        )


@dataclass(slots=True)
class Outcome:
    """What was looked at, and what came of it."""

    difference: Difference | None = None
    not_looked_at: list[tuple[str, str]] = field(default_factory=list)
    """Where, and why; the first of them."""
    not_looked_at_count: int = 0
    accounts: int = 0
    entries: int = 0
    checkpoints: int = 0
    anchors: int = 0
    expired_entries: int = 0
    seen: Seen = field(default_factory=Seen)
    seen_of_breaks: SeenOfBreaks = field(default_factory=SeenOfBreaks)
    tips: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Number and hash of the newest entry of each account whose chain was followed to its end."""

    def skip(self, where: str, why: str) -> None:
        """Note what could not be looked at."""
        self.not_looked_at_count += 1
        if len(self.not_looked_at) < SHOWN:
            self.not_looked_at.append((where, why))


@dataclass(slots=True)
class _Followed:
    """A chain, and which of it is asked for: the places of two segments, and the days their entries are of."""

    chain: Chain
    begin: int
    end: int
    first_day: str
    last_day: str
    stories: Stories


@dataclass(slots=True)
class Verifier:
    """Looks through an audit. It reads, and writes nothing."""

    rows: Rows
    objects: Objects
    accounts: Iterable[str]
    """Those that Trueup looks at now; those it once did are found in the reports."""
    wanted: Wanted
    now: datetime
    tell: Callable[[str], None] = lambda text: None
    outcome: Outcome = field(default_factory=Outcome)
    _followed: dict[str, _Followed] = field(default_factory=dict)
    _unmet: dict[str, Row] = field(default_factory=dict)
    """Rows of runs whose entries have not come up yet."""
    _from: Name = ("", "")
    """The day with which looking at runs began."""
    _reached: str = ""
    """The sort key up to which the entries of all accounts have been collected."""
    _check: RunCheck = field(init=False)

    def verify(self) -> Outcome:
        """Look at everything that is wanted. Raises StoreUnavailable, and AWS's own errors for an unreadable table."""
        self._check = RunCheck(Evidence(self.objects), int(self.now.timestamp()), self.outcome.seen)
        try:
            self._look()
        except Differs as found:
            self.outcome.difference = found.difference
        self._note_refusals()
        return self.outcome

    def _look(self) -> None:
        only = self.wanted.account_id
        named = {anchor.account_id for anchor in self.wanted.anchors}
        for account_id in sorted({only} if only is not None else {*self.accounts, *named}):
            self._follow(account_id)
        for day in self._days():
            self._look_at_day(day)
        self._look_at_runs({(str(row.get("compared_at")), run_id): {} for run_id, row in self._unmet.items()})
        for account_id in sorted(self._followed):
            self._end(self._followed[account_id])
        for account_id in sorted(self._followed):
            self._followed[account_id].stories.check()
        if not self.outcome.entries:
            self.outcome.skip(f"the audit of {only or 'every account'}", "there is no entry to look at")

    # -- chains ----------------------------------------------------------------------------------------------------

    def _follow(self, account_id: str) -> _Followed:
        """Begin with an account: its head first, so that nothing is asked for that is written while we look."""
        pk = keys.audit(account_id)
        head = self.rows.get(pk, keys.CHAIN)
        checkpoints = self.rows.query(pk, prefix=keys.CHECKPOINT)
        anchored = {anchor.seq: anchor.hash for anchor in self.wanted.anchors if anchor.account_id == account_id}
        chain = Chain(account_id, head, checkpoints, wanted=anchored)
        last = max(len(chain.segments) - 1, 0)
        places = [place for seq in anchored if (place := chain.segment_at(seq)) is not None]
        begin = min([chain.segment_of_day(keys.day(self.wanted.start)) if self.wanted.start else 0, *places])
        end = max([chain.segment_of_day(keys.day(self.wanted.end)) if self.wanted.end else last, *places])
        # The first entry after what is asked for vouches for the last one of it.
        last_day = str(chain.segments[end + 1].checkpoint["day"]) if end < last else self._today
        is_whole = self.wanted.start is None and self.wanted.end is None
        stories = Stories(
            self.rows,
            account_id,
            int(self.now.timestamp()),
            is_whole=is_whole,
            has_report=self._has_report,
            seen=self.outcome.seen_of_breaks,
        )
        self._followed[account_id] = _Followed(chain, begin, end, self._first_day(chain, begin), last_day, stories)
        self.outcome.accounts += bool(chain.segments)
        self.outcome.checkpoints += len(chain.segments)
        return self._followed[account_id]

    def _first_day(self, chain: Chain, begin: int) -> str:
        """Return the day to begin with: of a history that is asked for whole, that of the first row there is."""
        if begin > 0:
            return str(chain.segments[begin].checkpoint["day"])
        oldest = self.rows.query(keys.audit(chain.account_id), prefix=keys.REPORT, limit=1)
        if not oldest:
            return self._today
        day: str = oldest[0]["sk"].removeprefix(keys.REPORT)[:10]
        try:
            read_time(f"{day}T00:00:00Z", "day")
        except Malformed:
            differs(What.ENTRY_ADDED, place_of(oldest[0]), "it is of no day", account_id=chain.account_id)
        return min(day, self._today)

    def _end(self, followed: _Followed) -> None:
        """Tell what is missing of a chain, and compare its head and its anchors."""
        chain, now = followed.chain, int(self.now.timestamp())
        gaps = list(chain.gaps(followed.begin, followed.end))
        if gaps and (followed.begin > 0 or followed.last_day != self._today):
            gaps = self._search(followed, gaps)
        for gap in gaps:
            self.outcome.expired_entries += chain.check_missing(gap, now)
        if followed.end >= len(chain.segments) - 1:
            chain.check_head(self.rows.get(keys.audit(chain.account_id), keys.CHAIN))
            if chain.head is not None:
                self.outcome.tips[chain.account_id] = chain.tip, str(chain.head["hash"])
        chain.check_last_verified()
        for why in chain.check_anchors():
            self.outcome.skip("anchor", why)
        self.outcome.anchors += len(chain.wanted)

    def _search(self, followed: _Followed, gaps: Sequence[Gap]) -> list[Gap]:
        """Look for entries on all other days: a slow run is chained with those of a later day."""
        chain = followed.chain
        for day in days_between(self._first_day(chain, 0), self._today):
            if not followed.first_day <= day <= followed.last_day:
                for row in self._entries(chain, *bounds(day)):
                    if isinstance(row.get("seq"), int) and any(gap.first <= row["seq"] <= gap.last for gap in gaps):
                        self.outcome.entries += chain.add(row)
        return list(chain.gaps(followed.begin, followed.end))

    def _entries(self, chain: Chain, lower: str, upper: str) -> list[Row]:
        found: list[Row] = list(self.rows.query(keys.audit(chain.account_id), between=(lower, upper)))
        return found

    # -- days and runs ---------------------------------------------------------------------------------------------

    @property
    def _today(self) -> str:
        return keys.day(self.now)

    def _days(self) -> Iterator[str]:
        first = min((one.first_day for one in self._followed.values()), default=self._today)
        last = max((one.last_day for one in self._followed.values()), default=self._today)
        if self.wanted.start is not None:
            first = min(first, keys.day(not_before(self.wanted.start, self.now)))
        self._from = first, ""
        yield from days_between(first, last)

    def _look_at_day(self, day: str) -> None:
        # Runs first: one that has ended by now has all of its entries, another may get them while we look.
        self._unmet |= {row["sk"].removeprefix(keys.RUN): row for row in self.rows.query(keys.runs_of(day))}
        for lower, upper in slices(day, hourly=len(self._followed) > MANY_ACCOUNTS, is_last=day == self._today):
            self.tell(f"{day}: {self.outcome.entries:,} entries, {self.outcome.seen.evidence:,} observations")
            self._look_at_entries(day, lower, upper)
        left: Runs = {}
        for run_id, row in self._unmet.items():
            compared_at = row.get("compared_at")
            if not isinstance(compared_at, str):
                left["", run_id] = {}
            elif compared_at[:10] <= day or compared_at[:10] > self._today:  # else its entries are another day's
                left[compared_at, run_id] = {}
        self._look_at_runs(left)

    def _look_at_entries(self, day: str, lower: str, upper: str) -> None:
        runs: Runs = {}
        chains = [one.chain for one in self._followed.values() if one.first_day <= day <= one.last_day]
        found = for_each(lambda chain: self._entries(chain, lower, upper), chains)
        for chain, entries in zip(chains, found, strict=True):
            self._collect(chain, entries, runs)
        self._reached = upper
        self._look_at_runs(runs)

    def _collect(
        self,
        chain: Chain,
        entries: Iterable[Row],
        runs: Runs,
        is_open: Callable[[Name], bool] = lambda name: True,
    ) -> None:
        """Add entries to their chain, and put them with their runs, as far as those have not been looked at."""
        for entry in entries:
            self.outcome.entries += chain.add(entry)
            name = entry["at"], entry["run_id"]
            if is_open(name):
                runs.setdefault(name, {})[chain.account_id] = entry

    def _look_at_runs(self, runs: Runs) -> None:
        while runs:
            at, run_id = min(runs)
            row = self._unmet.pop(run_id) if run_id in self._unmet else self._row_of(run_id)
            if at == "" or self.wanted.holds(at):
                self._look_at_run((at, run_id), row, runs)
            del runs[at, run_id]

    def _row_of(self, run_id: str) -> Row | None:
        _check_run_id(run_id)
        return self.rows.get(*keys.run(run_id))

    def _look_at_run(self, name: Name, row: Row | None, runs: Runs) -> None:
        run_id, entries = name[1], runs[name]
        _check_run_id(run_id)
        run = Run(run_id, entries, row, self._retention_of(entries, row), self.wanted.account_id)
        facts = self._check.report_of(run)
        if facts is not None:
            self._meet(facts, runs, name)
            entries |= runs.get((facts.compared_at, run_id), {})
            if self._has_every_entry(run, facts):
                self._check.check(run, facts)
                self._note_without_end(run)
                self._hear_of_breaks(run, facts)
        self._note_refusals()

    def _has_report(self, run_id: str) -> bool:
        return self._check.evidence.content(keys.report_object(run_id)) != MISSING

    def _hear_of_breaks(self, run: Run, facts: RunFacts) -> None:
        for account_id, part in facts.parts.items():
            if account_id in self._followed:
                seq = int(run.entries[account_id]["seq"]) if account_id in run.entries else 0
                self._followed[account_id].stories.add(run.run_id, part, seq, has_ended=run.has_ended)

    def _meet(self, facts: RunFacts, runs: Runs, current: Name) -> None:
        """Follow accounts that only reports name: they are looked at no more, but their history is there."""
        if self.wanted.account_id is not None:
            return
        for account_id in sorted(facts.parts.keys() - self._followed.keys()):
            followed = self._follow(account_id)
            for day in days_between(followed.first_day, self._today):
                lower, upper = bounds(day, is_last=day == self._today)
                if lower < self._reached:
                    entries = self._entries(followed.chain, lower, min(upper, self._reached))
                    self._collect(followed.chain, entries, runs, lambda name: name >= current or name < self._from)

    def _has_every_entry(self, run: Run, facts: RunFacts) -> bool:
        """Check that each account of a report has its entry; False where one was written while we looked."""
        asked = facts.parts.keys() if run.only is None else facts.parts.keys() & {run.only}
        for account_id in sorted(asked - run.entries.keys()) if run.has_ended else ():
            pk, sk = keys.audit(account_id), f"{keys.REPORT}{facts.compared_at}#{run.run_id}"
            if self.rows.get(pk, sk) is not None:
                return False
            if self.now.timestamp() < expires_at(facts.compared_at[:10], run.retention_days):
                said = f"run {run.run_id} has ended, and its report has {account_id}, but there is no entry of it"
                differs(What.ENTRY_MISSING, f"row {pk} {sk}", said, account_id=account_id, run_id=run.run_id)
        return True

    def _retention_of(self, entries: Mapping[str, Row], row: Row | None) -> int:
        """Return for how many days the entries of a run are kept; its row tells where it has none."""
        if entries:
            return max(self._followed[name].chain.retention_of(entry["seq"]) for name, entry in entries.items())
        try:
            began = read_time(row["started_at"], "started_at") if row is not None else self.now
            return 0 if row is None else int(row["expires_at"] - began.timestamp()) // 86_400
        except (KeyError, TypeError, Malformed):
            return 0

    def _note_without_end(self, run: Run) -> None:
        if run.row is None or run.has_ended:
            return
        if self.now - read_time(run.row["started_at"], "started_at") > RUNS_END_WITHIN:
            why = "it never said how the run ended, or was set back: there is no seal to look at"
            self.outcome.skip(run.place, why)

    def _note_refusals(self) -> None:
        refused = self._check.evidence.refused
        for key in sorted(refused):
            self.outcome.skip(f"object {key}", refused[key])
        refused.clear()


def _check_run_id(run_id: str) -> None:
    try:
        day_of(run_id)
    except ValueError:
        differs(What.RUN_DIFFERS, f"run {run_id}", "no run is called so", run_id=run_id)
