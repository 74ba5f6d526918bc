"""`trueup alerts`: whether endpoints take what they are told, and what they did not take."""

import json
from typing import Annotated, Any

import boto3
import typer
from botocore.config import Config
from rich.text import Text
from ulid import ULID

from cli import exits
from cli.cloud import Cloud, connect
from cli.dead_letters import DeadLetters
from cli.errors import NotThere
from cli.options import DEFAULT_STACK, Json, Local, Region, StackName
from cli.output import note, print_document, print_line, print_table
from cli.tables import plain_table
from trueup.domain.amounts import shorten
from trueup.domain.reading import SLUG, Malformed
from trueup.errors import ConfigInvalid, StoreUnavailable

app = typer.Typer(no_args_is_help=False, help="Endpoints: try them, see what they did not take, try that again.")
TEST_SECONDS = 65
"""A little longer than the function may take."""
_RAISED = {error.__name__: error for error in (ConfigInvalid, StoreUnavailable)}


@app.command("test")
def try_endpoints(
    endpoint: Annotated[str | None, typer.Option("--endpoint", metavar="NAME", help="Only this endpoint.")] = None,
    stack_name: StackName = DEFAULT_STACK,
    region: Region = None,
    local: Local = False,
    as_json: Json = False,
) -> None:
    """Tell every endpoint that this is a test, at once, and print what each answered."""
    if endpoint is not None and not SLUG.fullmatch(endpoint):
        raise Malformed("--endpoint", f"must be lower-case letters, digits and hyphens, not {shorten(endpoint)}")
    cloud = connect(stack_name, region=region, local=local)
    answer = invoke(
        _output(cloud, "NotifyFunctionArn"), {"test": {"id": f"test-{ULID()}".lower(), "endpoint": endpoint}}
    )
    told = answer["endpoints"]
    if as_json:
        print_document(answer)
    else:
        print_table(
            plain_table(
                ("!endpoint", "!kind", "!outcome", "answer"),
                [(it["endpoint"], it["kind"], it["outcome"], it["answer"]) for it in told],
            )
        )
    failed = any(it["outcome"] != "delivered" for it in told)
    raise typer.Exit(exits.BREAK if failed else exits.OK)


@app.command("list")
def list_dead_letters(
    stack_name: StackName = DEFAULT_STACK, region: Region = None, local: Local = False, as_json: Json = False
) -> None:
    """List what endpoints did not take, and why."""
    queues = _queues(connect(stack_name, region=region, local=local))
    waiting = sum(queue.counts()[1] for queue in queues)
    found = [letter for queue in queues for letter in queue.look()]
    total = max(len(found), sum(queue.counts()[0] for queue in queues))
    if as_json:
        print_document({"dead_letters": [it.document() for it in found], "count": total, "on_their_way": waiting})
        return
    if found:
        rows = [(it.endpoint or "-", f"{it.since[:19]}Z", it.said, Text(it.reason or "-")) for it in found]
        print_table(plain_table(("!endpoint", "!since", "what", "answer"), rows))
    print_line(f"{_count(total, 'dead letter')}, {_count(waiting, 'message')} on the way")
    if found:
        note("when the endpoints take them: `trueup alerts redrive`")


@app.command("redrive")
def redrive(
    stack_name: StackName = DEFAULT_STACK, region: Region = None, local: Local = False, as_json: Json = False
) -> None:
    """Move what endpoints did not take back, to be tried again."""
    queues = _queues(connect(stack_name, region=region, local=local))
    moved = sum(queue.move_back() for queue in queues)
    if as_json:
        print_document({"moved": moved})
        return
    print_line(f"{_count(moved, 'message')} moved back" if moved else "no dead letters, nothing to move")


def _queues(cloud: Cloud) -> tuple[DeadLetters, DeadLetters]:
    """The dead letters of the endpoints, and those nobody could hand out."""
    return (
        DeadLetters(_output(cloud, "DeliveryDeadLetterQueueUrl"), _output(cloud, "DeliveryQueueUrl")),
        DeadLetters(_output(cloud, "NoticeDeadLetterQueueUrl"), _output(cloud, "NoticeQueueUrl")),
    )


def _output(cloud: Cloud, name: str) -> str:
    if name not in cloud.outputs:
        raise NotThere(
            f"the stack {cloud.stack_name} tells no endpoints; deploy it with AlertEndpointsSecret (docs/alerts.md)"
        )
    return cloud.outputs[name]


def invoke(function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Invoke NotifyFunction once and wait for it. Raises what it raised."""
    config = Config(connect_timeout=5, read_timeout=TEST_SECONDS, retries={"total_max_attempts": 1})
    functions = (boto3.DEFAULT_SESSION or boto3.Session()).client("lambda", config=config)
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    content = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        kind, words = str(content.get("errorType")), str(content.get("errorMessage"))
        if kind in _RAISED:
            raise _RAISED[kind](words)
        raise NotThere(f"NotifyFunction failed ({kind}: {words}); its log says more")
    return dict(content)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
