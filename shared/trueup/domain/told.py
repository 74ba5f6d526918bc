"""What people are told of an account besides its lines: since when, what is over, what nobody could verify."""

from collections.abc import Mapping
from typing import Any

from .amounts import plain
from .blindness import Blindness, BlindNews
from .breaks import Acknowledged, Agreed, Break, Look, Place, Seen, Status, fold
from .history import History
from .reading import format_time
from .reasons import Severity


def told_besides(
    history: History, looks: Mapping[str, Look], blindness: Blindness | None, blind_news: BlindNews | None
) -> dict[str, Any]:
    """Write what there is to tell; empty where there is nothing. `looks` are what a look said, by break id.

    `open` says more of the breaks whose lines are news.
    """
    resolved, acknowledged, open_ones = [], [], {}
    for break_id, look in sorted(looks.items()):
        known = history.breaks.get(break_id)
        if isinstance(look, Seen) and look.told is not None:
            open_ones[break_id] = _open(known, look)
        if known is None:
            continue
        if isinstance(look, Agreed) and look.told:
            track = history.tracks.get(break_id)
            told_of = track.said if track is not None and track.said is not None else known.severity
            resolved.append(_resolved(fold(known, look), look, told_of))
        if known.acknowledged is not None and _is_since(known, known.acknowledged):
            by, at = known.acknowledged.by, format_time(known.acknowledged.at)
            acknowledged.append(_about(known.place) | {"severity": known.severity.name, "by": by, "at": at})
    told: dict[str, Any] = {}
    if open_ones:
        told["open"] = open_ones
    if resolved:
        told["resolved"] = resolved
    if acknowledged:
        told["acknowledged"] = acknowledged
    if blind_news is not None and blindness is not None:
        since = history.blindness if blind_news is BlindNews.VERIFIED and history.blindness else blindness
        told["verification"] = {"news": str(blind_news), "since": format_time(since.since), "runs": since.runs}
    return told


def _is_since(known: Break, acknowledged: Acknowledged) -> bool:
    """Tell whether people who know of a break do not know yet that somebody has acknowledged it."""
    return known.told_at is not None and acknowledged.at > known.looked_at


def _open(known: Break | None, look: Seen) -> dict[str, Any]:
    """Write since when a break is open, and whose it is."""
    is_known = known is not None and known.phase is not Status.RESOLVED
    since = known.opened_at if known is not None and is_known else look.at
    return {"since": format_time(since), "owner": None if known is None else known.owner}


def _resolved(over: Break, look: Agreed, told_of: Severity) -> dict[str, Any]:
    """Write what is over; it is as bad as people were told, however small it had become."""
    return _about(over.place) | {
        "kind": str(over.kind),
        "severity": max(over.severity, told_of).name,
        "how": str(over.how),
        "opened_at": format_time(over.opened_at),
        "resolved_at": format_time(look.at),
        "occurrences": over.occurrences,
        "peak_worth": None if over.peak_worth is None else plain(over.peak_worth),
    }


def _about(place: Place) -> dict[str, Any]:
    return {"break_id": place.break_id, "wallet": place.wallet, "asset": place.asset, "field": place.field}
