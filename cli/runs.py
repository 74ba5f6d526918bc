"""`trueup runs`: what was looked at, and what came of it."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from cli import exits
from cli.auditing.replay import Replayed, Verdict, replay
from cli.cloud import Cloud, connect
from cli.errors import BadInput, one_line
from cli.follow import why_no_report
from cli.options import DEFAULT_STACK, AccountId, Json, Local, Region, StackName, account_id, check_run_id, day, moment
from cli.output import count, note, print_document, print_line, print_table
from cli.tables import account_report_table, plain_table, run_report_table, severity_counts, status_text
from trueup.clock import utc_now
from trueup.domain.reading import format_time
from trueup.domain.report import AccountReport, RunReport, account_report_document
from trueup.domain.report_reading import read_run_report
from trueup.errors import ConfigInvalid
from trueup.store import keys

app = typer.Typer(no_args_is_help=False, help="Past runs: list, show one, and the history of an account.")
_KEYS = {"pk", "sk", "expires_at", "why"}
_REPLAYED = {
    Verdict.IDENTICAL: exits.OK,
    Verdict.DIFFERS: exits.BREAK,
    Verdict.TAMPERED: exits.BREAK,
    Verdict.UNVERIFIABLE: exits.UNVERIFIED,
}
_WITHOUT_REPORT = {
    "running": "running, and has no report yet",
    "disabled": "nothing was looked at: ReconciliationEnabled was false",
    "gone": "ended without a report, and Step Functions no longer knows why",
}


@app.command("list")
def list_runs(
    of_day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="A UTC day, 2026-11-22; else today.")
    ] = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """List the runs of a day."""
    wanted = utc_now() if of_day is None else day(of_day, "--day")
    cloud = connect(stack_name, region=region, local=local)
    name = wanted.date().isoformat()
    found = (_as_it_is(cloud, row) for row in cloud.runs.of_day(name))
    rows = sorted(found, key=lambda row: (row["started_at"], row["run_id"]))
    if as_json:
        print_document({"day": name, "runs": [_bare(row) for row in rows]})
    elif rows:
        headings = ("!run", "!started", "!status", "!verified", "!crit/maj/min")
        print_table(plain_table(headings, [_run_cells(row) for row in rows]))
    else:
        print_line(f"no run on {name}")


@app.command("show")
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="As `trueup runs list` names it.")],
    account: Annotated[
        str | None, typer.Option("--account", metavar="ACCOUNT", help="Only this account, with every line.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Show lines that agree, too.")] = False,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Show the report of a run."""
    check_run_id(run_id, "RUN_ID")
    cloud = connect(stack_name, region=region, local=local)
    document = cloud.objects.get(keys.report_object(run_id))
    if document is None:
        _say_why_there_is_no_report(cloud, run_id)
        raise typer.Exit(exits.UNVERIFIED)
    report = read_run_report(document)
    if account is None:
        if as_json:
            print_document(document)
        else:
            print_table(run_report_table(report, show_all=show_all))
        raise typer.Exit(exits.verdict(report.accounts))
    part = _account_of(report, account_id(account, "--account"))
    if part is None:
        raise BadInput(
            f"--account: {account} is not in run {run_id}; it has {', '.join(report.venues) or 'no account'}"
        )
    _print_account(report, part, as_json=as_json)
    raise typer.Exit(exits.verdict([part]))


@app.command("last")
def last(
    account: AccountId,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Show the newest report of an account."""
    name = account_id(account)
    cloud = connect(stack_name, region=region, local=local)
    row = cloud.audit.last(name)
    if row is None:
        raise BadInput(f"ACCOUNT: there is no report of {name} yet; `trueup accounts list` names the accounts")
    document = cloud.objects.get(row["object"])
    if document is None:
        raise ConfigInvalid(f"account {name}: the report {row['object']} is gone (kept {row['at']}); run again")
    report = read_run_report(document)
    part = _account_of(report, name)
    if part is None:
        raise ConfigInvalid(f"account {name}: the report {row['object']} does not hold it; it was tampered with")
    _print_account(report, part, as_json=as_json)
    if not as_json and not part.verified:
        verified = cloud.audit.last_verified(name)
        print_line(
            "never verified whole yet"
            if verified is None
            else f"last verified whole: {verified['at']} (run {verified['run_id']})"
        )
    raise typer.Exit(exits.verdict([part]))


@app.command("history")
def history(
    account: AccountId,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="A time or a day (UTC); else 24 hours before the end.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="A time or a day (UTC); else now.")] = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """List the reports of an account between two times."""
    name = account_id(account)
    until = utc_now() if end is None else moment(end, "--to")
    since = until - timedelta(hours=24) if start is None else moment(start, "--from")
    if since > until:
        raise BadInput(f"--from: must not be after --to ({format_time(until)})")
    cloud = connect(stack_name, region=region, local=local)
    rows = cloud.audit.history(name, since, until)
    if as_json:
        between = {"from": format_time(since), "to": format_time(until)}
        print_document({"account_id": name, **between, "reports": [_bare(row) for row in rows]})
    elif rows:
        headings = ("!at", "!run", "!status", "!c/m/m", "not verified")
        print_table(plain_table(headings, [_history_cells(row) for row in rows]))
    else:
        print_line(f"no report of {name} from {format_time(since)} to {format_time(until)}")


@app.command("replay")
def replay_run(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="As `trueup runs list` names it.")],
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Judge a past run again, from its evidence and with the policy and prices of then."""
    check_run_id(run_id, "RUN_ID")
    cloud = connect(stack_name, region=region, local=local)
    done = replay(cloud.rows, cloud.objects, run_id)
    if not done.has_report:
        _say_why_there_is_no_report(cloud, run_id)
    if as_json:
        print_document(done.document)
    else:
        _print_replay(done)
    raise typer.Exit(_REPLAYED[done.verdict])


def _print_replay(done: Replayed) -> None:
    for place in done.places:
        print_line(one_line(place.line))
    for problem in done.problems:
        print_line(one_line(problem))
    if done.verdict in (Verdict.IDENTICAL, Verdict.DIFFERS):
        accounts, lines = count(done.accounts, "account"), count(done.lines, "line")
        judged = f", {accounts}, {lines}, from {count(done.observations, 'observation')}"
        print_line(f"{done.verdict}: run {done.run_id}{judged}")
    else:
        print_line(f"{done.verdict}: run {done.run_id}")
    if done.verdict is Verdict.TAMPERED:
        print_line("what to do: docs/runbook.md, Something differs in the audit")


def _say_why_there_is_no_report(cloud: Cloud, run_id: str) -> None:
    """Raise BadInput where there is no such run, either."""
    row = cloud.runs.get(run_id)
    if row is None:
        raise BadInput(f"RUN_ID: there is no run {run_id}; `trueup runs list --day DAY` names them")
    found = _as_it_is(cloud, row)
    state, why = found["state"], found.get("why")
    note(f"run {run_id}: {_WITHOUT_REPORT.get(state, f'{state}, and has no report')}")
    if why is not None:
        note(f"{why}; the next run looks again, or redrive the execution {row['execution']} in Step Functions")


def _as_it_is(cloud: Cloud, row: dict[str, Any]) -> dict[str, Any]:
    """Correct the state of a run that ended before it could write so: its execution knows, and knows `why`."""
    if row["state"] != "running":
        return row
    states = cloud.client("stepfunctions")
    try:
        described = states.describe_execution(executionArn=row["execution"])
    except states.exceptions.ExecutionDoesNotExist:
        return row | {"state": "gone"}
    status = described["status"]
    if status in {"RUNNING", "SUCCEEDED"}:
        return row
    return row | {"state": status.lower().replace("_", " "), "why": why_no_report(described)}


def _account_of(report: RunReport, name: str) -> AccountReport | None:
    return next((account for account in report.accounts if account.account_id == name), None)


def _print_account(report: RunReport, part: AccountReport, *, as_json: bool) -> None:
    if as_json:
        print_document(account_report_document(part))
        return
    failure = next((failure for failure in report.failures if failure.account_id == part.account_id), None)
    print_table(
        Text(f"Run {report.run_id}, compared {format_time(report.compared_at)}"),
        account_report_table(
            part,
            venue=report.venues.get(part.account_id),
            failure=failure,
            base=report.prices.base,
            show_all=True,
        ),
    )


def _run_cells(row: dict[str, Any]) -> tuple[str | Text, ...]:
    counts = row.get("counts")
    # A run that has no verdict yet is what its state says.
    status = status_text(row["status"]) if "status" in row else Text(row["state"])
    if counts is None:
        return row["run_id"], _time_of_day(row["started_at"]), status, "-", "-"
    return (
        row["run_id"],
        _time_of_day(row["started_at"]),
        status,
        f"{counts['accounts_verified']}/{counts['accounts']}",
        severity_counts(counts["breaks"]),
    )


def _history_cells(row: dict[str, Any]) -> tuple[str | Text, ...]:
    return (
        datetime.fromisoformat(row["at"]).strftime("%m-%d %H:%M:%SZ"),
        row["run_id"],
        status_text(row["status"]),
        severity_counts(row["counts"]["breaks"]),
        ", ".join(row["reasons"]) or "-",
    )


def _time_of_day(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%H:%M:%SZ")


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out how a row is stored."""
    return {name: value for name, value in sorted(row.items()) if name not in _KEYS}
