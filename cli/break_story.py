"""The story of a break for people: what happened to it, in order; looks that say the same are one line."""

from collections.abc import Sequence
from decimal import Decimal

from rich.console import RenderableType

from cli.tables import amount, money, plain_table
from trueup.alerts.words import BREAK_WORDS
from trueup.domain.breaks import (
    Acknowledged,
    Agreed,
    Assigned,
    Commented,
    Event,
    Explained,
    Seen,
    Suppressed,
    Unsuppressed,
)
from trueup.domain.reading import format_time

MAX_LINES = 100
"""Lines of a story that people are shown; `--json` has every event."""


def story_table(story: Sequence[Event]) -> RenderableType:
    """Show what happened, the newest last; of a very long story, its end."""
    rows = [(format_time(group[0].at), _words(group)) for group in _groups(story)]
    left_out = len(rows) - MAX_LINES
    if left_out > 0:
        rows = [("…", f"{left_out} lines before this are left out; --json has every event"), *rows[left_out:]]
    return plain_table(("!when", "what"), rows)


def _groups(story: Sequence[Event]) -> list[list[Event]]:
    groups: list[list[Event]] = []
    for event in story:
        if groups and _says_the_same(groups[-1][-1], event):
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups


def _says_the_same(before: Event, event: Event) -> bool:
    """Tell whether an event adds nothing for people but that it was so again, be it at other numbers."""
    match before, event:
        case Seen(told=None), Seen(told=None):
            return _character(before) == _character(event)
        case Explained(), Explained():
            return before.references == event.references
    return False


def _character(look: Seen) -> tuple[object, ...]:
    return look.kind, look.severity, look.confirmed, (look.difference or 0) > 0


def _words(group: Sequence[Event]) -> str:
    last = group[-1]
    match last:
        case Seen():
            told = "" if last.told is None else f"; people are told: {last.told}"
            return f"{_times('seen', group)}: {_seen([look for look in group if isinstance(look, Seen)])}{told}"
        case Explained():
            return f"{_times('explained', group)}: by {', '.join(last.references) or 'an item without a reference'}"
        case Agreed():
            adopted = "; the venue's holdings were adopted as the book" if last.adjusted else ""
            told = "; people are told" if last.told else ""
            return f"resolved: venue {amount(last.sides.venue)}, book {amount(last.sides.book)}{adopted}{told}"
        case Acknowledged():
            return f"acknowledged by {last.by}"
        case Assigned():
            return f"assigned to {last.owner} by {last.by}" if last.owner else f"taken from its owner by {last.by}"
        case Commented():
            return f"{last.by}: {last.text}"
        case Suppressed():
            return f"suppressed until {format_time(last.until)} by {last.by}: {last.reason}"
        case Unsuppressed():
            return f"no longer suppressed, by {last.by}"


def _times(word: str, group: Sequence[Event]) -> str:
    return word if len(group) == 1 else f"{word} {len(group)} times until {format_time(group[-1].at)}"


def _seen(looks: Sequence[Seen]) -> str:
    last = looks[-1]
    state = "confirmed" if last.confirmed else "not confirmed"
    differences = _span([look.difference for look in looks])
    worths = _span([look.worth for look in looks], of_money=True)
    return f"{last.severity.name} {BREAK_WORDS[last.kind]}, {differences}, worth {worths}, {state}"


def _span(values: Sequence[Decimal | None], *, of_money: bool = False) -> str:
    """Write a value, or the smallest and the largest of several."""
    known = [value for value in values if value is not None]
    ends = [min(known), max(known)] if known else [None]
    shown = [money(end) if of_money else amount(end, signed=True) for end in ends]
    return shown[0] if len(set(shown)) == 1 else " to ".join(shown)
