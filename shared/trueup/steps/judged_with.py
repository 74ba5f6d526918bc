"""What a run was judged with beyond its evidence: it is frozen with the report, so that the run can be judged again."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.domain.blindness import Blindness, blindness_document, read_blindness
from trueup.domain.break_documents import break_document, read_break
from trueup.domain.breaks import Break
from trueup.domain.history import History, Track
from trueup.domain.reading import Malformed, Record, format_time, read_time
from trueup.domain.report import Failure
from trueup.domain.tracks import read_track, track_document


@dataclass(frozen=True, slots=True)
class Earlier:
    """The report before, of an account with breaks: hints at causes look at it."""

    object: str
    sha256: str
    """Of the whole report."""


@dataclass(frozen=True, slots=True)
class JudgedWith:
    """What was known of an account when a run judged it, as far as it mattered."""

    looked_at: datetime | None = None
    tracks: tuple[Track, ...] = ()
    breaks: tuple[Break, ...] = ()
    """Those that the look says something of."""
    blindness: Blindness | None = None
    unreadable: Malformed | None = None
    """Why nothing was known although there was a history."""
    adopted: tuple[datetime, ...] = ()
    """When its book was adopted, as far as a break that ended asked."""
    earlier: Earlier | None = None
    second_failure: Failure | None = None
    """Why a second look showed nothing."""


def what_mattered(history: History, spoken_of: Collection[str]) -> tuple[tuple[Track, ...], tuple[Break, ...]]:
    """Return the tracks that remember something, and the breaks that were known of those a look says something of."""
    tracks = tuple(track for _, track in sorted(history.tracks.items()) if not track.is_nothing)
    breaks = tuple(history.breaks[break_id] for break_id in sorted(spoken_of) if break_id in history.breaks)
    return tracks, breaks


def judged_with_document(known: JudgedWith) -> dict[str, Any]:
    """Write what was known of an account; what there was not is left out."""
    failure, earlier, unreadable = known.second_failure, known.earlier, known.unreadable
    found = {
        "looked_at": None if known.looked_at is None else format_time(known.looked_at),
        "tracks": [track_document(track) for track in known.tracks],
        "breaks": [break_document(one) for one in known.breaks],
        "blindness": None if known.blindness is None else blindness_document(known.blindness),
        "unreadable": None if unreadable is None else {"place": unreadable.place, "problem": unreadable.problem},
        "adopted": [format_time(moment) for moment in known.adopted],
        "earlier": None if earlier is None else {"object": earlier.object, "sha256": earlier.sha256},
        "second_failure": None if failure is None else {"error": failure.error, "message": failure.message},
    }
    return {name: value for name, value in found.items() if value}


def read_judged_with(document: object, account_id: str, place: str = "judged_with") -> JudgedWith:
    """Read what was known of an account. Raises Malformed."""
    record = Record(document, place)
    return JudgedWith(
        looked_at=record.optional_time("looked_at"),
        tracks=tuple(read_track(item, at) for at, item in record.optional_items("tracks")),
        breaks=tuple(read_break(item, at) for at, item in record.optional_items("breaks")),
        blindness=read_blindness(record.raw("blindness"), record.at("blindness")) if record.has("blindness") else None,
        unreadable=_unreadable(record.record("unreadable")) if record.has("unreadable") else None,
        adopted=tuple(read_time(item, at) for at, item in record.optional_items("adopted")),
        earlier=_earlier(record.record("earlier")) if record.has("earlier") else None,
        second_failure=_failure(record.record("second_failure"), account_id) if record.has("second_failure") else None,
    )


def _unreadable(record: Record) -> Malformed:
    return Malformed(str(record.raw("place")), str(record.raw("problem")))


def _earlier(record: Record) -> Earlier:
    return Earlier(record.text("object"), record.text("sha256"))


def _failure(record: Record, account_id: str) -> Failure:
    return Failure(account_id, str(record.raw("error")), str(record.raw("message")))
