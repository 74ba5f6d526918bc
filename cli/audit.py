"""`trueup audit`: whether anything on the record was rewritten, and the record to take away."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import exits
from cli.auditing.anchors import read_anchors
from cli.auditing.pack import Packer
from cli.auditing.verify import Outcome, Verifier, Wanted
from cli.cloud import connect
from cli.errors import BadInput
from cli.options import DEFAULT_STACK, Json, Local, Region, StackName, account_id, moment
from cli.output import Progress, count, note, print_document, print_line
from trueup.clock import utc_now
from trueup.domain.reading import format_time

app = typer.Typer(no_args_is_help=False, help="The record: verify that nothing was rewritten, or take it away.")
NAMED = 10
"""Things that could not be looked at are named to people up to so many."""


@app.command("verify")
def verify(
    account: Annotated[str | None, typer.Option("--account", metavar="ACCOUNT", help="Only this account.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Only runs compared since this time or day (UTC).")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Only runs compared up to this time or day (UTC).")
    ] = None,
    anchors: Annotated[
        list[str] | None,
        typer.Option("--anchor", metavar="ACCOUNT:NUMBER:HASH", help="What an alert said of the audit; repeatable."),
    ] = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Recompute the whole audit and name the first thing that differs."""
    only = None if account is None else account_id(account, "--account")
    since = None if start is None else moment(start, "--from")
    until = None if end is None else moment(end, "--to")
    _check_order(since, until)
    wanted = Wanted(only, since, until, read_anchors(anchors or (), "--anchor"))
    foreign = [anchor.account_id for anchor in wanted.anchors if account not in (None, anchor.account_id)]
    if foreign:
        raise BadInput(f"--anchor: is of {foreign[0]}, but --account is {account}")
    cloud = connect(stack_name, region=region, local=local)
    with Progress() as progress:
        accounts = [] if only is not None else [name for name, _ in cloud.accounts.each()]
        outcome = Verifier(cloud.rows, cloud.objects, accounts, wanted, utc_now(), progress).verify()
    if as_json:
        print_document(_document(wanted, outcome))
    else:
        _print(outcome)
    raise typer.Exit(_code(outcome))


@app.command("export")
def export(
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="Runs compared since this time or day (UTC).")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Runs compared up to this time or day (UTC).")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="A folder that is not there yet.")],
    account: Annotated[str | None, typer.Option("--account", metavar="ACCOUNT", help="Only this account.")] = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Write what is on record of a period into a folder that explains itself."""
    since, until = moment(start, "--from"), moment(end, "--to")
    _check_order(since, until)
    only = None if account is None else account_id(account, "--account")
    cloud = connect(stack_name, region=region, local=local)
    with Progress() as progress:
        accounts = [] if only is not None else [name for name, _ in cloud.accounts.each()]
        packed = Packer(cloud.rows, cloud.objects, accounts, since, until, utc_now(), only, progress).pack(out)
    if as_json:
        between = {"from": format_time(since), "to": format_time(until), "account_id": only}
        counted = {"runs": packed.runs, "objects": packed.objects, "missing": packed.missing}
        print_document(
            {"out": str(out), **between, "accounts": sorted(packed.accounts), "entries": packed.entries, **counted}
        )
        return
    of = count(len(packed.accounts), "account")
    found = f"{count(packed.entries, 'entry', 'entries')} of {of}, {count(packed.objects, 'object', 'objects')}"
    print_line(f"{out}: {found}; README.txt says how to verify them")
    if packed.missing:
        gone = count(packed.missing, "object that is named was", "objects that are named were")
        note(f"note: {gone} not there: {out / 'missing.jsonl'}")


def _check_order(start: datetime | None, end: datetime | None) -> None:
    if start is not None and end is not None and start > end:
        raise BadInput(f"--from: must not be after --to ({format_time(end)})")


def _code(outcome: Outcome) -> int:
    if outcome.difference is not None:
        return exits.BREAK
    return exits.UNVERIFIED if outcome.not_looked_at_count else exits.OK


def _verdict(outcome: Outcome) -> str:
    return {exits.OK: "intact", exits.BREAK: "differs", exits.UNVERIFIED: "incomplete"}[_code(outcome)]


def _document(wanted: Wanted, outcome: Outcome) -> dict[str, Any]:
    seen = asdict(outcome.seen)
    of_breaks = outcome.seen_of_breaks
    expired = {"entries": outcome.expired_entries, "objects": seen.pop("expired_objects")}
    expired |= {"events": of_breaks.expired_events}
    return {
        "verdict": _verdict(outcome),
        "account_id": wanted.account_id,
        "from": None if wanted.start is None else format_time(wanted.start),
        "to": None if wanted.end is None else format_time(wanted.end),
        "difference": None if outcome.difference is None else outcome.difference.document,
        "not_looked_at": [{"where": where, "why": why} for where, why in outcome.not_looked_at],
        "not_looked_at_count": outcome.not_looked_at_count,
        "looked_at": {
            "accounts": outcome.accounts,
            "entries": outcome.entries,
            "checkpoints": outcome.checkpoints,
            **seen,
            "breaks": of_breaks.breaks,
            "events": of_breaks.events,
            "anchors": outcome.anchors,
        },
        "expired": expired,
        "positions": [
            {"account_id": name, "seq": seq, "hash": chained} for name, (seq, chained) in sorted(outcome.tips.items())
        ],
    }


def _print(outcome: Outcome) -> None:
    if outcome.difference is not None:
        print_line(f"differs: {outcome.difference.line}")
    for where, why in outcome.not_looked_at[:NAMED]:
        print_line(f"not looked at: {where}: {why}")
    if outcome.not_looked_at_count > NAMED:
        print_line(f"not looked at: {outcome.not_looked_at_count - NAMED} more")
    seen = outcome.seen
    entries, accounts = count(outcome.entries, "entry", "entries"), count(outcome.accounts, "account")
    runs, observations = count(seen.runs, "run"), count(seen.evidence, "observation")
    print_line(f"{_verdict(outcome)}: {entries} of {accounts}, {runs}, {observations}")
    if outcome.difference is not None:
        print_line("what to do: docs/runbook.md, Something differs in the audit")
        return
    if outcome.expired_entries or seen.expired_objects:
        expired = count(outcome.expired_entries, "entry", "entries")
        print_line(f"expired by now: {expired}, {count(seen.expired_objects, 'object', 'objects')}")
    for name, (seq, chained) in sorted(outcome.tips.items()):
        print_line(f"{name}:{seq}:{chained}")
