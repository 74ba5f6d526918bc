"""`trueup demo`: everything on this machine, one run, the report, and the alerts as their subscribers received them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from cli import exits
from cli.cloud import find_stack
from cli.errors import NotThere
from cli.follow import Followed, follow_run, start_run
from cli.options import Json
from cli.output import note, print_document, print_table
from cli.tables import plain_table, run_report_table, status_text
from local.cloud.errors import LocalCloudError
from local.cloud.mailbox import open_mailbox
from local.cloud.messages import Received
from local.cloud.ministack import interrupted_by_signals
from local.cloud.webhook import Webhook
from local.stage import story
from local.stage.stage import Stage, stage
from trueup.domain.reasons import Severity
from trueup.domain.report import RunReport

DEMO_STATE_FOLDER = Path(".trueup") / "demo"
FILLS = 5
WAIT_SCALE = 0.5
"""The state machine's waits are halved: two rate limits would otherwise take six seconds to sit through."""

Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="The local cloud's port (default: any).")]


def demo(port: Port = None, as_json: Json = False) -> None:
    """Show all of Trueup on this machine, with simulated venues; nothing leaves it.

    Exits 0 when the outcome is the seeded one.
    """
    note("Trueup on this machine: a local AWS with IAM enforced, simulated venues that check signatures")
    try:
        with (
            interrupted_by_signals(),
            stage(DEMO_STATE_FOLDER, port=port, wait_scale=WAIT_SCALE, scheduled=False, progress=_step) as staged,
        ):
            wrong = _show(staged, as_json=as_json)
            _step("Taking everything down")
    except LocalCloudError as error:
        raise NotThere(str(error)) from None
    except KeyboardInterrupt:
        note("Stopped; nothing is left running")
        raise typer.Exit(exits.INTERRUPTED) from None
    if wrong:
        for line in wrong:
            note(f"trueup: not the seeded outcome: {line}")
        raise typer.Exit(exits.INTERNAL)


def _show(staged: Stage, *, as_json: bool) -> list[str]:
    """Run once and show everything; return what is not as seeded."""
    session, topic = staged.session(), staged.deployment.outputs["TopicArn"]
    with Webhook() as webhook:
        _step("Subscribing a mailbox, and a webhook that confirms its subscription")
        webhook.subscribe(session, topic)
        mailbox = open_mailbox(session, topic)
        _step(f"Trading: {FILLS} fills at {story.TRADED}, venue and book together")
        for _ in range(FILLS):
            staged.trader.trade()
        cloud = find_stack(staged.deployment.stack_name)
        _step("Starting one run of the state machine")
        run_id, execution = start_run(cloud)
        followed = follow_run(cloud, execution, run_id, tell=lambda line: note(f"  . {line}"))
        if followed.report is None:
            return [followed.said or "there is no report"]
        expected = [account_id for account_id, status in story.EXPECTED.items() if _is_said(status)]

        def all_there(received: Sequence[Received]) -> bool:
            return {one.alert.get("account_id") for one in received} >= set(expected)

        mails, calls = mailbox.wait_for(all_there), webhook.wait_for(all_there)
        mailbox.close()
    wrong = _differences(followed.report, {"mailbox": mails, "webhook": calls}, len(expected))
    if as_json:
        print_document(_document(followed, mails, calls, wrong))
    else:
        print_table(*_pages(followed.report, mails, calls, wrong))
    return wrong


def _is_said(status: str) -> bool:
    # What is critical was looked at twice; anything less waits for the next run to see it too.
    return status == Severity.CRITICAL.name


def _differences(report: RunReport, received: dict[str, list[Received]], alerts: int) -> list[str]:
    statuses = {account.account_id: account.status for account in report.accounts}
    wrong = [
        f"{account_id} is {statuses.get(account_id, 'not in the report')}, expected {status}"
        for account_id, status in story.EXPECTED.items()
        if statuses.get(account_id) != status
    ]
    wrong += [
        f"the {subscriber} received {len(messages)} alerts, expected {alerts}"
        for subscriber, messages in received.items()
        if len(messages) != alerts
    ]
    return wrong


def _document(
    followed: Followed, mails: Sequence[Received], calls: Sequence[Received], wrong: Sequence[str]
) -> dict[str, Any]:
    return {
        "as_seeded": not wrong,
        "differences": list(wrong),
        "report": followed.document,
        "mailbox": [{"subject": mail.subject, "text": mail.alert.get("text")} for mail in mails],
        "webhook": [call.alert for call in calls],
    }


def _pages(
    report: RunReport, mails: Sequence[Received], calls: Sequence[Received], wrong: Sequence[str]
) -> list[RenderableType]:
    statuses = {account.account_id: account.status for account in report.accounts}
    outcome = "Everything came out as seeded." if not wrong else "Not everything came out as seeded."
    worst = max(mails, key=lambda mail: Severity[mail.alert["severity"]])
    same = next(call for call in calls if call.alert["alert_id"] == worst.alert["alert_id"])
    return [
        Text(),
        Text("THE E-MAILS, as the mailbox received them (the worst in full)", "bold"),
        *(Text(f"  {mail.subject}") for mail in mails),
        Panel(Text(str(worst.alert["text"]).rstrip()), title=worst.subject, title_align="left"),
        Text(),
        Text("THE WEBHOOK, as the HTTP endpoint received it (the same alert; the e-mail's text left out)", "bold"),
        Panel(Text(json.dumps(_without_text(same.alert), indent=2)), title="POST", title_align="left"),
        Text(),
        Text("THE REPORT", "bold"),
        run_report_table(report),
        Text(),
        Text("AT A GLANCE", "bold"),
        Padding(
            plain_table(
                ("account", "what was seeded", "expected", "came out"),
                [
                    (
                        account_id,
                        story.SHOWS[account_id],
                        status_text(status),
                        status_text(statuses.get(account_id, "missing")),
                    )
                    for account_id, status in story.EXPECTED.items()
                ],
            ),
            (0, 0, 0, 2),
        ),
        Text(),
        Text(f"{outcome} `make up` keeps all of this running; `.venv/bin/trueup --help` lists the verbs."),
    ]


def _without_text(alert: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in alert.items() if name != "text"}


def _step(line: str) -> None:
    note(f"- {line}")
