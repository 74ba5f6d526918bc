"""`trueup breaks`: what differs and is not over yet, and what people do about it. Everything is on the record."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from cli.accounts import find_account
from cli.break_choice import Choice
from cli.break_story import story_table
from cli.break_words import NOBODY, break_as_of, break_table, breaks_table, headline, quiet_words, totals
from cli.cloud import Cloud, connect
from cli.errors import BadInput
from cli.options import DEFAULT_STACK, Json, Local, Region, StackName, account_id, moment
from cli.output import note, print_document, print_line, print_table
from trueup.clock import utc_now
from trueup.domain.break_documents import event_document
from trueup.domain.breaks import (
    MAX_SUPPRESSION,
    Acknowledged,
    Assigned,
    Break,
    Commented,
    Deed,
    Impossible,
    Status,
    Suppressed,
    Unsuppressed,
)
from trueup.domain.reading import format_time, read_text, read_time
from trueup.domain.reasons import Severity
from trueup.store.breaks import MAX_AT_ONCE
from trueup.venues.registry import VENUES

app = typer.Typer(help="What differs: list, show, acknowledge, assign, comment, suppress.")

MAX_WORDS = 500
"""Characters of a comment, a reason or an owner."""
STALE_INTERVALS = 2
"""Intervals without a look that said anything of a break, after which a list says so."""
LEVELS = {level.name: level for level in Severity if level}
_WHOLE = re.compile(r"brk-[0-9a-f]{16}", re.ASCII)
_BEGINNING = re.compile(r"brk-[0-9a-f]{4,16}", re.ASCII)
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

BreakId = Annotated[
    str, typer.Argument(metavar="BREAK_ID", help="As alerts and lists name it; of an open one its beginning will do.")
]
BreakIds = Annotated[
    list[str], typer.Argument(metavar="BREAK_ID...", help="As alerts and lists name them; all of them, or none.")
]
Comment = Annotated[str | None, typer.Option("--comment", metavar="TEXT", help="What to write down with it.")]


@app.command("list")
def list_breaks(
    severity: Annotated[
        str | None, typer.Option("--severity", metavar="LEVEL", help="As bad as MINOR, MAJOR or CRITICAL, or worse.")
    ] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="ACCOUNT", help="Of this account.")] = None,
    venue: Annotated[str | None, typer.Option("--venue", metavar="VENUE", help="At this venue.")] = None,
    asset: Annotated[str | None, typer.Option("--asset", metavar="ASSET", help="Of this asset.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="OWNER", help="Assigned to this owner.")] = None,
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help=f"One of {', '.join(Status)}.")
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should have been resolved by now.")] = False,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Those that are over, as long as they are kept.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Open ones and those that are over.")] = False,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """List breaks that are not resolved, the worst first and of these the oldest."""
    choice = Choice(
        severity=None if severity is None else _level(severity),
        account_id=None if account is None else account_id(account, "--account"),
        venue=None if venue is None else _venue(venue),
        asset=None if asset is None else read_text(asset, "--asset"),
        owner=None if owner is None else read_text(owner, "--owner"),
        status=None if status is None else _status(status),
        overdue=overdue,
    )
    which = _which(choice, resolved=resolved, every=every)
    cloud, now = connect(stack_name, region=region, local=local), _now()
    there = cloud.breaks.open() if which == "open" else _with_those_over(cloud, account)
    if which == "resolved":
        there = [known for known in there if known.phase is Status.RESOLVED]
    if account is not None and all(known.place.account_id != account for known in there):
        find_account(cloud, account, "--account")  # else a name that was mistyped would read as if nothing were open
    found = [known for known in there if choice.takes(known, now)]
    if as_json:
        print_document({"breaks": [break_as_of(known, now) for known in found]})
    elif found:
        stale_after = STALE_INTERVALS * timedelta(seconds=cloud.interval_seconds)
        print_table(breaks_table(found, now, stale_after), Text(), Text(totals(found, now)))
    else:
        sort = "" if which == "all" else f"{which} "
        print_line(f"no {sort}break" + (f" ({choice})" if str(choice) else ""))
        note("note: nothing is known of what could not be looked at; `trueup runs list` tells what was verified")


@app.command("show")
def show(
    break_id: BreakId,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Show a break whole: what it is now, what people do about it, and its story."""
    _check([break_id])
    cloud, now = connect(stack_name, region=region, local=local), _now()
    (whole,) = _whole_ids(cloud, [break_id])
    known = cloud.breaks.get(whole)
    if known is None:
        raise BadInput(f"BREAK_ID: {whole}: there is no such break, or no longer")
    story = cloud.breaks.story(whole)
    expired = max(known.events - len(story), 0)
    if as_json:
        events = [event_document(event) for event in story]
        print_document({"break": break_as_of(known, now), "story": events, "events_expired": expired})
        return
    print_table(headline(known, now), break_table(known, now), Text(), story_table(story))
    if expired:
        note(f"note: {expired} of {known.events} events are no longer kept")


@app.command("ack")
def acknowledge(
    break_ids: BreakIds,
    comment: Comment = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Say that you have seen breaks and take care: people are reminded of them only when they are overdue."""
    said = None if comment is None else _words(comment, "--comment")
    _check(break_ids)
    cloud, now = connect(stack_name, region=region, local=local), _now()
    by = cloud.caller
    _do(cloud, break_ids, [Acknowledged(now, by), *_comments(now, by, said)], lambda _: "acknowledged", as_json=as_json)


@app.command("assign")
def assign(
    break_id: BreakId,
    owner: Annotated[str | None, typer.Argument(metavar="[OWNER]", help="Whose it is to resolve.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Take it from whoever it was.")] = False,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Make a break somebody's to resolve."""
    if (owner is None) is not nobody:
        raise BadInput("OWNER: name one, or say --nobody; one of both")
    whose = None if owner is None else _words(owner, "OWNER")
    _check([break_id])
    cloud = connect(stack_name, region=region, local=local)
    deed = Assigned(_now(), cloud.caller, whose)
    _do(cloud, [break_id], [deed], lambda _: f"{whose or NOBODY}'s from now on", as_json=as_json)


@app.command("comment")
def comment_on(
    break_id: BreakId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help=f"One line, at most {MAX_WORDS} characters.")],
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Write something down in the story of a break, also of one that is over."""
    said = _words(text, "TEXT")
    _check([break_id])
    cloud = connect(stack_name, region=region, local=local)
    _do(cloud, [break_id], _comments(_now(), cloud.caller, said), lambda _: "commented", as_json=as_json)


@app.command("suppress")
def suppress(
    break_ids: BreakIds,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why nobody is to be told.")],
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Such as 2026-11-22T12:00:00Z, or a day.")
    ] = None,
    span: Annotated[str | None, typer.Option("--for", metavar="SPAN", help="Such as 30m, 2h or 3d.")] = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Keep breaks quiet for a while, 90 days at most; one whose severity rises is quiet no more."""
    why, now = _words(reason, "--reason"), _now()
    end = _end(until, span, now)
    _check(break_ids)
    cloud = connect(stack_name, region=region, local=local)
    _do(cloud, break_ids, [Suppressed(now, cloud.caller, end, why)], quiet_words, as_json=as_json)


@app.command("unsuppress")
def unsuppress(
    break_id: BreakId,
    comment: Comment = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Let people be told of a break again."""
    said = None if comment is None else _words(comment, "--comment")
    _check([break_id])
    cloud, now = connect(stack_name, region=region, local=local), _now()
    by = cloud.caller
    deeds = [Unsuppressed(now, by), *_comments(now, by, said)]
    _do(cloud, [break_id], deeds, lambda _: "no longer suppressed", as_json=as_json)


def _now() -> datetime:
    # In milliseconds, as everything is kept.
    return read_time(format_time(utc_now()), "now")


# -- what was typed ----------------------------------------------------------------------------------------------------


def _level(text: str) -> Severity:
    if text not in LEVELS:
        raise BadInput(f"--severity: must be one of {', '.join(LEVELS)}; not {text[:40]!r}")
    return LEVELS[text]


def _status(text: str) -> Status:
    if text not in tuple(Status):
        raise BadInput(f"--status: must be one of {', '.join(Status)}; not {text[:40]!r}")
    return Status(text)


def _venue(text: str) -> str:
    if text not in VENUES:
        raise BadInput(f"--venue: must be one of {', '.join(sorted(VENUES))}; not {text[:40]!r}")
    return text


def _which(choice: Choice, *, resolved: bool, every: bool) -> str:
    """Tell where to look: `open`, `resolved` or `all`. Raises BadInput for a question nothing can answer."""
    if resolved and every:
        raise BadInput("--all: has those that are resolved, too; leave --resolved out")
    if resolved and choice.status not in (None, Status.RESOLVED):
        raise BadInput(f"--status: nothing that is resolved is {choice.status}; leave --resolved out")
    if choice.status is Status.RESOLVED or resolved:
        if choice.overdue:
            raise BadInput("--overdue: nothing that is resolved is overdue; leave it out")
        return "resolved"
    return "all" if every else "open"


def _words(text: str, field: str) -> str:
    if len(text) > MAX_WORDS:
        raise BadInput(f"{field}: must be at most {MAX_WORDS} characters, not {len(text)}")
    return read_text(text, field)


def _end(until: str | None, span: str | None, now: datetime) -> datetime:
    """Return when a suppression ends. Raises BadInput and Malformed naming the option."""
    if (until is None) is (span is None):
        raise BadInput("--until: say until when, or for how long with --for; one of both")
    field = "--for" if until is None else "--until"
    if until is not None:
        end = read_time(format_time(moment(until, field)), field)
    else:
        found = _SPAN.fullmatch(span or "")
        if found is None:
            raise BadInput(f"--for: must be minutes, hours or days, such as 30m, 2h or 3d; not {(span or '')[:40]!r}")
        end = now + int(found[1]) * _UNITS[found[2]]
    if not now < end <= now + MAX_SUPPRESSION:
        latest = format_time(now + MAX_SUPPRESSION)
        raise BadInput(f"{field}: must be a time to come, at most {MAX_SUPPRESSION.days} days from now ({latest})")
    return end


def _check(break_ids: Sequence[str]) -> None:
    if len(break_ids) > MAX_AT_ONCE:
        raise BadInput(f"BREAK_ID: at most {MAX_AT_ONCE} at once, not {len(break_ids)}")
    for break_id in break_ids:
        if not _BEGINNING.fullmatch(break_id):
            raise BadInput(
                "BREAK_ID: must be like brk-0123456789abcdef, of an open one at least the first eight characters; "
                f"not {break_id[:40]!r}"
            )


# -- what is there, and what is done -----------------------------------------------------------------------------------


def _with_those_over(cloud: Cloud, account: str | None) -> list[Break]:
    """Return every break there is of an account, or of all of them, in the order of lists."""
    names = [account] if account is not None else [name for name, _ in cloud.accounts.each()]
    found = {} if account is not None else {known.place.break_id: known for known in cloud.breaks.open()}
    for name in names:
        found |= cloud.breaks.of_account(name)
    return sorted(found.values(), key=lambda known: (-known.severity, known.opened_at, known.place.break_id))


def _whole_ids(cloud: Cloud, break_ids: Sequence[str]) -> list[str]:
    """Complete what was only begun, from the breaks that are open. Raises BadInput for what is not one break."""
    if all(map(_WHOLE.fullmatch, break_ids)):
        return list(break_ids)
    there = [known.place.break_id for known in cloud.breaks.open()]
    whole = []
    for begun in break_ids:
        fitting = [begun] if _WHOLE.fullmatch(begun) else [name for name in there if name.startswith(begun)]
        if len(fitting) != 1:
            which = (
                f"begins {len(fitting)} open breaks" if fitting else "begins no open break; of others, give it whole"
            )
            raise BadInput(f"BREAK_ID: {begun} {which}")
        whole += fitting
    return whole


def _comments(at: datetime, by: str, text: str | None) -> list[Deed]:
    return [] if text is None else [Commented(at, by, text)]


def _do(
    cloud: Cloud, break_ids: Sequence[str], deeds: Sequence[Deed], words: Callable[[Break], str], *, as_json: bool
) -> None:
    """Do something to all of these breaks, or to none, and tell it. Raises BadInput for what cannot be done."""
    try:
        done = cloud.breaks.do_all(dict.fromkeys(_whole_ids(cloud, break_ids), deeds))
    except Impossible as error:
        raise BadInput(f"BREAK_ID: {error}") from None
    if as_json:
        events = [event_document(deed) for deed in deeds]
        print_document({"did": events, "breaks": [break_as_of(known, deeds[0].at) for known in done]})
        return
    for known in done:
        print_line(f"{known.place.break_id}: {words(known)}")
