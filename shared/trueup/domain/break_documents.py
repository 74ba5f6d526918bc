"""Breaks and their events as documents: how they are kept, how a frozen report carries them, what `--json` shows."""

from collections.abc import Callable, Mapping
from typing import Any

from .amounts import MAX_PRODUCT_DIGITS, plain
from .breaks import (
    Acknowledged,
    Agreed,
    Assigned,
    Break,
    Commented,
    Event,
    Explained,
    How,
    Look,
    Place,
    Seen,
    Sides,
    Status,
    Story,
    Suppressed,
    Suppression,
    Unsuppressed,
)
from .reading import Malformed, Record, format_time, read_text
from .reasons import SEVERITIES
from .report import Kind

KINDS = tuple(str(kind) for kind in Kind)
PHASES = tuple(str(status) for status in Status)
HOWS = tuple(str(how) for how in How)


def event_document(event: Event) -> dict[str, Any]:
    """Write an event: `event` says which, `at` when, and `run_id` or `by` through what or whom."""
    about = {"event": type(event).__name__.lower(), "at": format_time(event.at)}
    match event:
        case Seen():
            return about | {
                "run_id": event.run_id,
                "kind": str(event.kind),
                "severity": event.severity.name,
                "difference": _amount(event.difference),
                "worth": _amount(event.worth),
                **_sides_document(event.sides),
                "confirmed": event.confirmed,
                "due_at": format_time(event.due_at),
                "told": event.told,
            }
        case Explained():
            return about | {"run_id": event.run_id, "references": list(event.references)}
        case Agreed():
            return about | {
                "run_id": event.run_id,
                **_sides_document(event.sides),
                "adjusted": event.adjusted,
                "told": event.told,
            }
        case Acknowledged() | Unsuppressed():
            return about | {"by": event.by}
        case Assigned():
            return about | {"by": event.by, "owner": event.owner}
        case Commented():
            return about | {"by": event.by, "text": event.text}
        case Suppressed():
            return about | {"by": event.by, "until": format_time(event.until), "reason": event.reason}


def read_event(document: object, place: str = "event") -> Event:
    """Read an event back. Raises Malformed."""
    record = Record(document, place)
    event = _READERS[record.choice("event", _READERS)](record)
    record.done()
    return event


def read_look(document: object, place: str = "event") -> Look:
    """Read what a look said. Raises Malformed, also for what people did."""
    event = read_event(document, place)
    if not isinstance(event, Look):
        raise Malformed(place, "must be what a look said")
    return event


def _read_seen(record: Record) -> Seen:
    return Seen(
        at=record.time("at"),
        run_id=record.text("run_id"),
        kind=Kind(record.choice("kind", KINDS)),
        severity=SEVERITIES[record.choice("severity", SEVERITIES)],
        difference=record.optional_amount("difference", MAX_PRODUCT_DIGITS),
        worth=record.optional_amount("worth", MAX_PRODUCT_DIGITS),
        sides=_read_sides(record),
        confirmed=record.boolean("confirmed"),
        due_at=record.time("due_at"),
        told=record.optional_text("told"),
    )


def _read_explained(record: Record) -> Explained:
    return Explained(record.time("at"), record.text("run_id"), _references(record))


def _read_agreed(record: Record) -> Agreed:
    return Agreed(
        at=record.time("at"),
        run_id=record.text("run_id"),
        sides=_read_sides(record),
        adjusted=record.boolean("adjusted"),
        told=record.boolean("told"),
    )


def _read_suppressed(record: Record) -> Suppressed:
    return Suppressed(record.time("at"), record.text("by"), record.time("until"), record.text("reason"))


_READERS: Mapping[str, Callable[[Record], Event]] = {
    "seen": _read_seen,
    "explained": _read_explained,
    "agreed": _read_agreed,
    "acknowledged": lambda record: Acknowledged(record.time("at"), record.text("by")),
    "assigned": lambda record: Assigned(record.time("at"), record.text("by"), record.optional_text("owner")),
    "commented": lambda record: Commented(record.time("at"), record.text("by"), record.text("text")),
    "suppressed": _read_suppressed,
    "unsuppressed": lambda record: Unsuppressed(record.time("at"), record.text("by")),
}


def break_document(known: Break) -> dict[str, Any]:
    """Write a break. Its status is left out: it depends on when somebody asks."""
    acknowledged, suppression = known.acknowledged, known.suppression
    return {
        "break_id": known.place.break_id,
        "account_id": known.place.account_id,
        "venue_name": known.place.venue,
        "wallet": known.place.wallet,
        "asset": known.place.asset,
        "field": known.place.field,
        "phase": str(known.phase),
        "first_seen_at": format_time(known.first_seen_at),
        "opened_at": format_time(known.opened_at),
        "last_seen_at": format_time(known.last_seen_at),
        "looked_at": format_time(known.looked_at),
        "occurrences": known.occurrences,
        "reopened": known.reopened,
        "kind": str(known.kind),
        "severity": known.severity.name,
        "difference": _amount(known.difference),
        "worth": _amount(known.worth),
        "peak_difference": _amount(known.peak_difference),
        "peak_worth": _amount(known.peak_worth),
        **_sides_document(known.sides),
        "due_at": format_time(known.due_at),
        "told_at": None if known.told_at is None else format_time(known.told_at),
        "acknowledged": None if acknowledged is None else {"at": format_time(acknowledged.at), "by": acknowledged.by},
        "suppression": None
        if suppression is None
        else {
            "by": suppression.by,
            "until": format_time(suppression.until),
            "reason": suppression.reason,
            "severity": suppression.severity.name,
        },
        "owner": known.owner,
        "comments": known.comments,
        "references": list(known.references),
        "resolved_at": None if known.resolved_at is None else format_time(known.resolved_at),
        "how": None if known.how is None else str(known.how),
        "events": known.events,
        "story": None if known.story is None else {"hash": known.story.hash, "expires_at": known.story.expires_at},
    }


def read_break(document: object, place: str = "break") -> Break:
    """Read a break back. Raises Malformed."""
    record = Record(document, place)
    return Break(
        place=Place(
            break_id=record.text("break_id"),
            account_id=record.slug("account_id"),
            venue=record.text("venue_name"),
            wallet=record.optional_text("wallet"),
            asset=record.optional_text("asset"),
            field=record.text("field"),
        ),
        phase=Status(record.choice("phase", PHASES)),
        first_seen_at=record.time("first_seen_at"),
        opened_at=record.time("opened_at"),
        last_seen_at=record.time("last_seen_at"),
        looked_at=record.time("looked_at"),
        occurrences=record.whole("occurrences"),
        reopened=record.whole("reopened"),
        kind=Kind(record.choice("kind", KINDS)),
        severity=SEVERITIES[record.choice("severity", SEVERITIES)],
        difference=record.optional_amount("difference", MAX_PRODUCT_DIGITS),
        worth=record.optional_amount("worth", MAX_PRODUCT_DIGITS),
        peak_difference=record.optional_amount("peak_difference", MAX_PRODUCT_DIGITS),
        peak_worth=record.optional_amount("peak_worth", MAX_PRODUCT_DIGITS),
        sides=_read_sides(record),
        due_at=record.time("due_at"),
        told_at=record.optional_time("told_at"),
        acknowledged=_acknowledged(record.record("acknowledged")) if record.has("acknowledged") else None,
        suppression=_suppression(record.record("suppression")) if record.has("suppression") else None,
        owner=record.optional_text("owner"),
        comments=record.whole("comments"),
        references=_references(record),
        resolved_at=record.optional_time("resolved_at"),
        how=How(record.choice("how", HOWS)) if record.has("how") else None,
        events=record.whole("events"),
        story=_story(record.record("story")) if record.has("story") else None,
    )


def _acknowledged(record: Record) -> Acknowledged:
    return Acknowledged(record.time("at"), record.text("by"))


def _story(record: Record) -> Story:
    return Story(record.text("hash"), record.whole("expires_at"))


def _suppression(record: Record) -> Suppression:
    return Suppression(
        by=record.text("by"),
        until=record.time("until"),
        reason=record.text("reason"),
        severity=SEVERITIES[record.choice("severity", SEVERITIES)],
    )


def _sides_document(sides: Sides) -> dict[str, Any]:
    return {
        "venue": _amount(sides.venue),
        "book": _amount(sides.book),
        "price": _amount(sides.price),
        "policy_version": sides.policy_version,
    }


def _read_sides(record: Record) -> Sides:
    return Sides(
        venue=record.optional_amount("venue"),
        book=record.optional_amount("book"),
        price=record.optional_amount("price"),
        policy_version=record.text("policy_version"),
    )


def _references(record: Record) -> tuple[str, ...]:
    return tuple(read_text(item, at) for at, item in record.items("references"))


def _amount(value: Any) -> str | None:
    return None if value is None else plain(value)
