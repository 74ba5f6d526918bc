"""Rule 9: what one look at an account means after the looks before it.

A difference seen once may be a fill in mid-air. It is confirmed, and said to people, when a later look sees it again; a
critical one is looked at again within the same run. What could not be looked at neither confirms nor resolves anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .amounts import ZERO
from .breaks import Agreed, Explained, Look, Seen, Sides
from .history import History, Track
from .news import news_of, news_of_unconfirmed
from .policy import Alerting, Policy, Timing
from .reasons import Reason, Severity
from .report import (
    UNVERIFIED,
    AccountReport,
    Kind,
    Line,
    News,
    Outcome,
    State,
    break_id,
    is_said_though_explained,
)
from .windows import is_within

MAX_REFERENCES = 20
"""Items in flight that an event of a break names; the report has them all."""


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What came of looking again within the run: a report, or why there is none."""

    report: AccountReport | None
    failure: str | None = None
    """A reason, or why nobody looked."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """An account's report with what history says of it, the tracks that changed, and what the look says of breaks."""

    report: AccountReport
    tracks: tuple[Track, ...]
    looks: Mapping[str, Look] = field(default_factory=dict)
    """By break id."""


def wants_second_look(report: AccountReport, history: History, timing: Timing) -> bool:
    """Tell whether something is to be looked at again before anybody is told."""
    return bool(_in_doubt(report, history.tracks, timing))


def advance(
    first: AccountReport, history: History, policy: Policy, venue: str, second: SecondLook | None = None
) -> Advanced:
    """Place the lines of an account in their history. A look that is not the newest says what it saw, and no more.

    `second` is given when `wants_second_look` said so and somebody tried. Where it shows the lines in doubt, it is
    what counts; where it does not, the first look stands, and what is critical in it is confirmed.
    """
    timing = policy.timing(first.account_id, venue)
    doubts = _in_doubt(first, history.tracks, timing) if second is not None else {}
    again = second.report if second is not None else None
    if again is not None and not all(_was_looked_at(line, again) for line in doubts.values()):
        again = None
    report = first if again is None else again
    if report.observed_at is None:
        return Advanced(report, ())
    steps = _Steps(
        policy,
        venue,
        timing,
        history,
        doubts,
        report,
        report.observed_at,
        looked_again=again is not None,
        shows_nothing=any(line.kind is Kind.ACCOUNT_EMPTY for line in report.lines),
        is_newest=history.looked_at is None or history.looked_at < report.observed_at,
    )
    lines = tuple(steps.of(line) for line in report.lines)
    steps.close_what_is_gone(lines)
    never_still = {Reason.BOOK_IN_MOTION} if any(line.reason is Reason.BOOK_IN_MOTION for line in lines) else set()
    return Advanced(
        replace(
            report,
            lines=lines,
            reasons=tuple(sorted({*report.reasons, *never_still})),
            verified=report.verified and not never_still,
            recheck=_recheck(second, again),
        ),
        tuple(steps.changed.values()),
        steps.looks,
    )


def _recheck(second: SecondLook | None, again: AccountReport | None) -> str | None:
    if second is None:
        return None
    return "read" if again is not None else second.failure or str(Reason.INCOMPLETE)


def _in_doubt(report: AccountReport, tracks: Mapping[str, Track], timing: Timing) -> dict[str, Line]:
    """Return the lines that need a second look: critical ones not known as such, and books that never hold still."""
    doubts = {}
    for line in report.lines:
        key = name_of(report.account_id, line)
        track = tracks.get(key)
        if line.outcome is Outcome.BREAK and line.severity is Severity.CRITICAL:
            known = track is not None and _same(track, line) and track.confirmed and track.severity is Severity.CRITICAL
            if not known:
                doubts[key] = line
        elif line.outcome is Outcome.IN_MOTION:
            before = 0 if track is None else track.in_motion
            if before + 1 >= timing.in_motion_in_a_row:
                doubts[key] = line
    return doubts


def name_of(account_id: str, line: Line) -> str:
    """Return the id under which the history of a line is kept."""
    return break_id(account_id, line.wallet, line.asset, line.field)


def _was_looked_at(line: Line, report: AccountReport) -> bool:
    """Tell whether a report can say anything about a line of another one."""
    if report.status == UNVERIFIED:
        return False
    return line.wallet is None or line.wallet in report.compared


def _sign(line: Line) -> int:
    if line.difference is None or line.difference == 0:
        return 0
    return 1 if line.difference > 0 else -1


def _same(track: Track, line: Line) -> bool:
    return track.open and track.sign == _sign(line)


@dataclass(slots=True)
class _Steps:
    """One look, line by line."""

    policy: Policy
    venue: str
    timing: Timing
    history: History
    doubts: Mapping[str, Line]
    report: AccountReport
    at: datetime
    looked_again: bool
    shows_nothing: bool
    """Whether the account as a whole is a break (rule 1)."""
    is_newest: bool
    """Else a newer look was here before: this one says what it saw, and changes nothing."""
    changed: dict[str, Track] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)

    def of(self, line: Line) -> Line:
        """Return a line with its state, and note what its history is now."""
        key = name_of(self.report.account_id, line)
        track = self.history.tracks.get(key)
        if line.outcome is Outcome.BREAK:
            return self._break(key, track, line)
        if line.outcome is Outcome.IN_MOTION:
            return self._in_motion(key, track, line)
        if line.outcome is Outcome.EXPLAINED:
            return self._explained(key, track, line)
        if line.outcome in (Outcome.EXACT, Outcome.WITHIN_TOLERANCE):
            self._close(track, line)
        return line

    def close_what_is_gone(self, lines: tuple[Line, ...]) -> None:
        """Resolve what neither side shows any more, in wallets that were compared."""
        if self.report.status == UNVERIFIED:
            return
        there = {name_of(self.report.account_id, line) for line in lines}
        places = {(line.wallet, line.asset) for line in lines}
        shows_something = any(line.venue for line in lines if line.outcome is not Outcome.UNVERIFIED)
        for key, track in self.history.tracks.items():
            if key in there:
                continue
            if track.wallet is None:
                # Another wallet that is empty says nothing of the one that could not be read this time.
                is_gone = shows_something or not self.report.reasons
            elif track.field == "held":
                # A side that no longer states what is held has not agreed to anything.
                is_gone = track.wallet in self.report.compared and (track.wallet, track.asset) not in places
            else:
                is_gone = track.wallet in self.report.compared
            if is_gone:
                self._close(track, None)

    def _break(self, key: str, track: Track | None, line: Line) -> Line:
        severity = line.severity or Severity.OK
        if track is None or not _same(track, line):
            grown = replace(
                self._new_track(key, line),
                open=True,
                sign=_sign(line),
                streak=1,
                counted_at=self.at,
                first_seen_at=self.at,
            )
        elif self._counts(track):
            grown = replace(track, streak=track.streak + 1, counted_at=self.at)
        else:
            grown = track
        if not self.is_newest:
            return _with_state(line, grown)
        stood = key in self.doubts and (not self.looked_again or self._stands(self.doubts[key], line))
        confirmed = grown.confirmed or grown.streak >= self.timing.confirm_in_a_row or stood
        alerting = self._alerting(line)
        news, known = None, self.history.breaks.get(key)
        if self._is_of_an_empty_account(line):
            pass
        elif confirmed:
            news = news_of(grown, line, known, alerting, self.at)
        else:
            news = news_of_unconfirmed(line, known, alerting, self.at)
        now = replace(grown, severity=severity, confirmed=confirmed, in_motion=0)
        if news is not None:
            now = replace(now, said=severity, said_at=self.at, said_worth=line.worth)
        self.changed[key] = now
        self.looks[key] = self._seen(line, alerting, news, confirmed=confirmed)
        return replace(_with_state(line, now), news=news)

    def _is_of_an_empty_account(self, line: Line) -> bool:
        """Tell whether people hear of the account as a whole instead: then nothing was said of this line."""
        return line.wallet is not None and self.shows_nothing

    def _seen(self, line: Line, alerting: Alerting, news: News | None, *, confirmed: bool) -> Seen:
        severity, kind = line.severity or Severity.OK, line.kind or Kind.QUANTITY
        return Seen(
            at=self.at,
            run_id=self._run_id,
            kind=kind,
            severity=severity,
            difference=line.difference,
            worth=line.worth,
            sides=self._sides(line),
            confirmed=confirmed,
            due_at=self.at + alerting.due_after(severity),
            told=None if news is None else str(news),
        )

    def _sides(self, line: Line | None) -> Sides:
        """Return what a line states; what neither side has any more is nothing on both."""
        if line is None:
            return Sides(ZERO, ZERO, None, self.report.policy_version)
        return Sides(line.venue, line.book_after, line.price, self.report.policy_version)

    @property
    def _run_id(self) -> str:
        return self.report.run_id or ""

    def _alerting(self, line: Line) -> Alerting:
        return self.policy.alerting(self.report.account_id, self.venue, line.asset)

    def _counts(self, track: Track) -> bool:
        wait = timedelta(seconds=self.timing.confirm_after_seconds)
        return track.counted_at is None or self.at - track.counted_at >= wait

    @staticmethod
    def _stands(before: Line, now: Line) -> bool:
        return now.severity is Severity.CRITICAL and before.outcome is Outcome.BREAK and _sign(before) == _sign(now)

    def _explained(self, key: str, track: Track | None, line: Line) -> Line:
        """Say once for each item in flight that something of great worth is on its way; it changes no streak."""
        if self.is_newest and track is not None and track.open:
            self.looks[key] = Explained(self.at, self._run_id, line.references[:MAX_REFERENCES])
        alerting = self._alerting(line)
        if not is_said_though_explained(line, alerting.explained_from_worth):
            return line
        before = track or self._new_track(key, line)
        told = before.told_in_flight
        if not self.is_newest or self._is_of_an_empty_account(line):
            return line
        if told is not None and set(line.references) <= set(told):
            return line
        if is_within(self.at, alerting.quiet_hours, alerting.maintenance):
            return line
        told = tuple(sorted({*(told or ()), *line.references}))
        self.changed[key] = replace(before, told_in_flight=told)
        return replace(line, news=News.EXPLAINED)

    def _new_track(self, key: str, line: Line) -> Track:
        return Track(key, line.wallet, line.asset, line.field)

    def _in_motion(self, key: str, track: Track | None, line: Line) -> Line:
        before = track or self._new_track(key, line)
        if self.is_newest:
            self.changed[key] = replace(before, in_motion=before.in_motion + 1)
        doubt = self.doubts.get(key)
        if doubt is None or doubt.outcome is not Outcome.IN_MOTION:
            return line
        return replace(
            line,
            outcome=Outcome.UNVERIFIED,
            reason=Reason.BOOK_IN_MOTION,
            severity=None,
            difference=None,
            relative=None,
            price=None,
            worth=None,
        )

    def _close(self, track: Track | None, line: Line | None) -> None:
        if not self.is_newest or track is None or track.is_nothing:
            return
        self.changed[track.break_id] = Track(track.break_id, track.wallet, track.asset, track.field)
        if track.open:
            known = self.history.breaks.get(track.break_id)
            # Told of the other side of it, too; and whatever somebody keeps quiet now: who was told waits for its end.
            told = track.said is not None or (known is not None and known.told_at is not None)
            self.looks[track.break_id] = Agreed(self.at, self._run_id, self._sides(line), adjusted=False, told=told)


def _with_state(line: Line, track: Track) -> Line:
    return replace(line, state=State.CONFIRMED if track.confirmed else State.UNCONFIRMED, streak=track.streak)
