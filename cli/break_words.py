"""What people and scripts see of a break: the list, one break whole, and its story."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.errors import one_line
from cli.tables import age, amount, gross, money, plain_table, status_text
from trueup.alerts.words import BREAK_WORDS, HOW_WORDS
from trueup.domain.ages import age_bucket, age_of
from trueup.domain.break_documents import break_document
from trueup.domain.breaks import Break, How, Place, Status, Suppression
from trueup.domain.reading import format_time
from trueup.domain.reasons import Severity
from trueup.domain.report import Kind

NOBODY = "nobody"


def break_as_of(known: Break, now: datetime) -> dict[str, Any]:
    """Write a break with what depends on when somebody asks."""
    old = age_of(known, now)
    return break_document(known) | {
        "status": str(known.status(now)),
        "age_seconds": int(old.total_seconds()),
        "age_bucket": str(age_bucket(old)),
        "overdue": known.is_overdue(now),
    }


def breaks_table(found: Sequence[Break], now: datetime, stale_after: timedelta) -> RenderableType:
    """Show breaks, three lines each; of one that no look has said anything of for so long, that it may be otherwise."""
    rows = [
        (
            _cell(known.place.break_id, _state(known, now), *_stale(known, now, stale_after)),
            _cell(known.place.account_id, _within(known.place), known.place.venue),
            _cell(
                what_words(known.kind, known.place),
                amount(known.difference, signed=True),
                f"worth {money(known.worth)}" if known.worth is not None else "no price",
            ),
            _cell(_age(known, now), _ending(known, now), f"{known.owner or NOBODY}'s"),
        )
        for known in found
    ]
    return plain_table(("!break", "where", "what", "age"), rows)


def totals(found: Sequence[Break], now: datetime) -> str:
    """Sum up a list: how many, how bad, how many are overdue, and what is not resolved is worth, gross."""
    counted = [(level.name, sum(known.severity is level for known in found)) for level in reversed(Severity)]
    there = [known for known in found if known.phase is not Status.RESOLVED]
    parts = [
        f"{len(found)} {'break' if len(found) == 1 else 'breaks'}: "
        + ", ".join(f"{name} {count}" for name, count in counted if count)
    ]
    if len(there) < len(found):
        parts.append(f"{len(found) - len(there)} resolved")
    if there:
        unpriced = sum(known.worth is None for known in there)
        parts.append(f"{sum(known.is_overdue(now) for known in there)} overdue")
        parts.append(
            f"gross worth {money(gross(known.worth for known in there))}"
            + (f", {unpriced} without a price" if unpriced else "")
        )
    return "; ".join(parts)


def break_table(known: Break, now: datetime) -> RenderableType:
    """Show everything there is to say of a break as it is now."""
    return plain_table(("!", ""), [(name, value) for name, value in _facts(known, now) if value])


def headline(known: Break, now: datetime) -> Text:
    """Say which break it is, how bad, and where it is in its life."""
    place = known.place
    where = f"account {place.account_id} at {place.venue}"
    where = where if place.asset is None else f"{place.asset} in {place.wallet}, {where}"
    words = one_line(f", {what_words(known.kind, place)}: {where}")
    return Text(f"{place.break_id}: ").append_text(_state(known, now)).append(words)


def what_words(kind: Kind, place: Place) -> str:
    """Say what sort of break it is."""
    return BREAK_WORDS[kind] if place.field in ("total", "account") else f"{BREAK_WORDS[kind]} ({place.field})"


def quiet_words(known: Break) -> str:
    """Say until when it is kept quiet, and what ends that sooner."""
    return "not suppressed" if known.suppression is None else f"suppressed {_until(known.suppression)}"


def due_words(known: Break, now: datetime) -> str:
    """Say when it is to be resolved, as seen from now."""
    left = known.due_at - now
    return f"OVERDUE by {age(_seconds(-left))}" if known.is_overdue(now) else f"due in {age(_seconds(left))}"


def _facts(known: Break, now: datetime) -> list[tuple[str, str | Text]]:
    sides = known.sides
    times = f"{known.occurrences} times" if known.occurrences != 1 else "once"
    back = f", came back {known.reopened} {'time' if known.reopened == 1 else 'times'}" if known.reopened else ""
    until = "" if known.resolved_at is None else f" until {format_time(known.resolved_at)}"
    return [
        (
            "difference",
            f"{amount(known.difference, signed=True)}  (venue {amount(sides.venue)}, book {amount(sides.book)})",
        ),
        ("worth", money(known.worth) + ("" if sides.price is None else f"  (at {amount(sides.price)})")),
        ("largest", f"{amount(known.peak_difference, signed=True)}, worth {money(known.peak_worth)}"),
        ("first seen", format_time(known.first_seen_at)),
        ("last seen", f"{format_time(known.last_seen_at)}, {times}{back}"),
        ("last look", f"{format_time(known.looked_at)}, policy {sides.policy_version}"),
        ("open", f"{format_time(known.opened_at)}{until}, {_age(known, now)}"),
        ("due", "" if known.resolved_at is not None else f"{format_time(known.due_at)}, {due_words(known, now)}"),
        ("owner", known.owner or NOBODY),
        ("told", "not yet" if known.told_at is None else f"last at {format_time(known.told_at)}"),
        ("acknowledged", _acknowledged(known)),
        ("suppressed", _suppressed(known, now)),
        ("explained by", ", ".join(known.references)),
        ("resolved", "" if known.how is None or known.resolved_at is None else _resolved(known.resolved_at, known.how)),
        ("comments", str(known.comments)),
    ]


def _state(known: Break, now: datetime) -> Text:
    return Text().append_text(status_text(known.severity.name)).append(f" {known.status(now)}")


def _acknowledged(known: Break) -> str:
    done = known.acknowledged
    return "no" if done is None else f"{format_time(done.at)} by {done.by}"


def _suppressed(known: Break, now: datetime) -> str:
    quiet = known.suppression
    if quiet is None or not known.is_quiet(now):
        return "no"
    return f"{_until(quiet)}; by {quiet.by}: {quiet.reason}"


def _until(quiet: Suppression) -> str:
    is_worst = quiet.severity is Severity.CRITICAL
    unless = "however large it grows" if is_worst else f"unless it gets worse than {quiet.severity.name}"
    return f"until {format_time(quiet.until)}, {unless}"


def _resolved(at: datetime, how: How) -> str:
    return f"{format_time(at)}, {how}: {HOW_WORDS[how]}"


def _ending(known: Break, now: datetime) -> str | Text:
    if known.how is not None:
        return str(known.how)
    words = due_words(known, now)
    return Text(words, "bold red") if known.is_overdue(now) else words


def _within(place: Place) -> str:
    return "the whole account" if place.asset is None else f"{place.wallet} {place.asset}"


def _age(known: Break, now: datetime) -> str:
    old = age_of(known, now)
    return f"{age(_seconds(old))} ({age_bucket(old)})"


def _stale(known: Break, now: datetime, after: timedelta) -> list[Text]:
    since = now - known.looked_at
    if known.phase is Status.RESOLVED or since <= after:
        return []
    return [Text(f"last look {age(_seconds(since))} ago", "magenta")]


def _cell(*rows: str | Text) -> Text:
    return Text("\n").join(row if isinstance(row, Text) else Text(one_line(row)) for row in rows)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
