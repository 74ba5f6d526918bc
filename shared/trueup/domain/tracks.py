"""Tracks as documents: what history knows of a line, as it is kept and as a frozen report carries it."""

from typing import Any

from .amounts import MAX_PRODUCT_DIGITS, plain
from .history import Track
from .reading import Record, format_time, read_text
from .reasons import SEVERITIES


def track_document(track: Track) -> dict[str, Any]:
    """Write a track as a JSON document."""
    return {
        "break_id": track.break_id,
        "wallet": track.wallet,
        "asset": track.asset,
        "field": track.field,
        "open": track.open,
        "sign": track.sign,
        "streak": track.streak,
        "counted_at": None if track.counted_at is None else format_time(track.counted_at),
        "first_seen_at": None if track.first_seen_at is None else format_time(track.first_seen_at),
        "severity": track.severity.name,
        "confirmed": track.confirmed,
        "said": None if track.said is None else track.said.name,
        "said_at": None if track.said_at is None else format_time(track.said_at),
        "said_worth": None if track.said_worth is None else plain(track.said_worth),
        "in_motion": track.in_motion,
        "told_in_flight": None if track.told_in_flight is None else list(track.told_in_flight),
    }


def read_track(document: object, place: str = "track") -> Track:
    """Read a track. Raises Malformed."""
    record = Record(document, place)
    return Track(
        break_id=record.text("break_id"),
        wallet=record.optional_text("wallet"),
        asset=record.optional_text("asset"),
        field=record.text("field"),
        open=record.boolean("open"),
        sign=record.whole("sign"),
        streak=record.whole("streak"),
        counted_at=record.optional_time("counted_at"),
        first_seen_at=record.optional_time("first_seen_at"),
        severity=SEVERITIES[record.choice("severity", SEVERITIES)],
        confirmed=record.boolean("confirmed"),
        said=SEVERITIES[record.choice("said", SEVERITIES)] if record.has("said") else None,
        said_at=record.optional_time("said_at"),
        said_worth=record.optional_amount("said_worth", MAX_PRODUCT_DIGITS),
        in_motion=record.whole("in_motion"),
        told_in_flight=(
            tuple(read_text(item, at) for at, item in record.items("told_in_flight"))
            if record.has("told_in_flight")
            else None
        ),
    )
