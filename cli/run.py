"""`trueup run`: start a run, follow it, print the report."""

from typing import Annotated

import typer

from cli import exits
from cli.cloud import connect
from cli.follow import follow_run, start_run
from cli.options import DEFAULT_STACK, Json, Local, Region, StackName
from cli.output import note, print_document, print_line, print_table
from cli.tables import run_report_table


def run(
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow the run to its report, or only start it.")
    ] = True,
    show_all: Annotated[bool, typer.Option("--all", help="Show lines that agree, too.")] = False,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Start a run over all enabled accounts, follow it, and print the report."""
    cloud = connect(stack_name, region=region, local=local)
    run_id, execution = start_run(cloud)
    if not wait:
        if as_json:
            print_document({"run_id": run_id, "execution": execution})
        else:
            print_line(run_id)
        return
    again = f"trueup runs show {run_id}{' --local' if local else ''}"
    note(f"run {run_id}; it goes on if you leave, and `{again}` shows it later")
    followed = follow_run(cloud, execution, run_id, tell=lambda line: note(f"  {line}"))
    if followed.report is None:
        # Nothing was verified, which must never look like a clean run.
        note(f"trueup: {followed.said}")
        if as_json:
            print_document({"run_id": run_id, "execution": execution, "state": followed.status, "said": followed.said})
        raise typer.Exit(exits.UNVERIFIED)
    if as_json:
        print_document(followed.document)
    else:
        print_table(run_report_table(followed.report, show_all=show_all))
    raise typer.Exit(exits.verdict(followed.report.accounts))
