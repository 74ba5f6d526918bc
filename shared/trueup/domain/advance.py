"""Rule 9: what one look at an account means after the looks before it.

A difference seen once may be a fill in mid-air. It is confirmed, and said to people, when a later look sees it again; a
critical one is looked at again within the same run. What could not be looked at neither confirms nor resolves anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .policy import Policy, Timing
from .reasons import Reason, Severity
from .report import (
    UNVERIFIED,
    AccountReport,
    Line,
    News,
    Outcome,
    State,
    break_id,
    is_said_though_explained,
)


@dataclass(frozen=True, slots=True)
class Track:
    """What is known of one line from all looks so far; one that was never a break has `streak` 0."""

    break_id: str
    wallet: str | None
    asset: str | None
    field: str
    open: bool = False
    sign: int = 0
    streak: int = 0
    """Looks in a row that found it, each long enough after the one before."""
    counted_at: datetime | None = None
    """When the streak last grew."""
    first_seen_at: datetime | None = None
    severity: Severity = Severity.OK
    confirmed: bool = False
    said: Severity | None = None
    """The worst severity people were told."""
    in_motion: int = 0
    """Looks in a row in which the book was moving across it."""
    told_in_flight: tuple[str, ...] | None = None
    """References of the items in flight that people were told explain it, sorted; None if they were told of none."""

    @property
    def is_nothing(self) -> bool:
        """Tell whether there is nothing to remember of the line."""
        return not (self.open or self.in_motion or self.told_in_flight is not None)


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What came of looking again within the run: a report, or why there is none."""

    report: AccountReport | None
    failure: str | None = None
    """A reason, or why nobody looked."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """An account's report with what history says of it, and the tracks that changed."""

    report: AccountReport
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What is known of an account from all looks so far."""

    looked_at: datetime | None = None
    """When the newest look was taken, whatever it showed: an older one changes nothing."""
    tracks: Mapping[str, Track] = field(default_factory=dict)
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
        history.tracks,
        doubts,
        report,
        report.observed_at,
        looked_again=again is not None,
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
    tracks: Mapping[str, Track]
    doubts: Mapping[str, Line]
    report: AccountReport
    at: datetime
    looked_again: bool
    is_newest: bool
    """Else a newer look was here before: this one says what it saw, and changes nothing."""
    changed: dict[str, Track] = field(default_factory=dict)

    def of(self, line: Line) -> Line:
        """Return a line with its state, and note what its history is now."""
        key = name_of(self.report.account_id, line)
        track = self.tracks.get(key)
        if line.outcome is Outcome.BREAK:
            return self._break(key, track, line)
        if line.outcome is Outcome.IN_MOTION:
            return self._in_motion(key, track, line)
        if line.outcome is Outcome.EXPLAINED:
            return self._explained(key, track, line)
        if line.outcome in (Outcome.EXACT, Outcome.WITHIN_TOLERANCE):
            self._close(track)
        return line

    def close_what_is_gone(self, lines: tuple[Line, ...]) -> None:
        """Resolve what neither side shows any more, in wallets that were compared."""
        if self.report.status == UNVERIFIED:
            return
        there = {name_of(self.report.account_id, line) for line in lines}
        for key, track in self.tracks.items():
            if key not in there and (track.wallet is None or track.wallet in self.report.compared):
                self._close(track)

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
        news = self._news(grown, line, severity) if confirmed else None
        now = replace(
            grown,
            severity=severity,
            confirmed=confirmed,
            said=severity if news is not None else grown.said,
            in_motion=0,
        )
        self.changed[key] = now
        return replace(_with_state(line, now), news=news)

    def _counts(self, track: Track) -> bool:
        wait = timedelta(seconds=self.timing.confirm_after_seconds)
        return track.counted_at is None or self.at - track.counted_at >= wait

    @staticmethod
    def _stands(before: Line, now: Line) -> bool:
        return now.severity is Severity.CRITICAL and before.outcome is Outcome.BREAK and _sign(before) == _sign(now)

    def _news(self, track: Track, line: Line, severity: Severity) -> News | None:
        if severity < self.policy.alert_from(self.report.account_id, self.venue, line.asset):
            return None
        if track.said is None:
            return News.CONFIRMED
        return News.RAISED if severity > track.said else None

    def _explained(self, key: str, track: Track | None, line: Line) -> Line:
        """Say once for each item in flight that something of great worth is on its way; it changes no streak."""
        from_worth = self.policy.explained_from_worth(self.report.account_id, self.venue, line.asset)
        if not is_said_though_explained(line, from_worth):
            return line
        before = track or self._new_track(key, line)
        told = before.told_in_flight
        if not self.is_newest or (told is not None and set(line.references) <= set(told)):
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

    def _close(self, track: Track | None) -> None:
        if self.is_newest and track is not None and not track.is_nothing:
            self.changed[track.break_id] = Track(track.break_id, track.wallet, track.asset, track.field)


def _with_state(line: Line, track: Track) -> Line:
    return replace(line, state=State.CONFIRMED if track.confirmed else State.UNCONFIRMED, streak=track.streak)
