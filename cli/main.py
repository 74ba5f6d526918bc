"""`trueup`, the operator's command: verbs are registered here, and every failure ends here in one line."""

import io
import sys
import traceback
from collections.abc import Sequence

import typer

from cli import accounts, alerts, audit, book, breaks, compare, demo, doctor, exits, fetch, policy, run, runs, up
from cli.errors import explain, one_line

app = typer.Typer(
    name="trueup",
    help="Reconcile what the book believes with what the venues hold.",
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 all verified, 1 any break, 2 anything unverified, 64 bad usage (docs/cli.md).",
)
app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("down")(up.down)
app.command("fetch")(fetch.fetch)
app.command("compare")(compare.compare_files)
app.command("run")(run.run)
app.command("doctor")(doctor.doctor)
app.add_typer(runs.app, name="runs")
app.add_typer(breaks.app, name="breaks")
app.add_typer(audit.app, name="audit")
app.add_typer(alerts.app, name="alerts")
app.add_typer(accounts.app, name="accounts")
app.add_typer(book.app, name="book")
app.add_typer(policy.app, name="policy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Documents are UTF-8 whatever the locale says.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    command = typer.main.get_command(app)
    try:
        result = command.main(
            args=None if arguments is None else list(arguments), prog_name="trueup", standalone_mode=False
        )
    except typer.Abort:
        return exits.INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the end of the line: everything becomes one line and a code
        explained = explain(error)
        if explained is None:
            traceback.print_exc()
            explained = f"internal error, a fault of ours: {type(error).__name__}: {error}", exits.INTERNAL
        line, code = explained
        sys.stderr.write(f"trueup: {one_line(line)}\n")
        return code
    return result if isinstance(result, int) else exits.OK


if __name__ == "__main__":
    sys.exit(main())
