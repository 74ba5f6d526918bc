"""A whole Trueup in one process: moto's AWS, the real state machine, the real handlers, simulated venues.

moto interprets the real definition file; its Lambda backend is replaced by one that calls our handlers and reports
the real names of the errors they raise, as the Lambda runtime does.
"""

import importlib.util
import json
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import boto3
import yaml
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local.channels.server import Channels
from local.venues.coinbase import CoinbaseSimulator
from local.venues.credentials import make_credential
from local.venues.dydx import DydxSimulator
from tests.leaks.plugin import PRODUCED
from tests.unit.cli.cli_kit import Ran
from trueup.books.table import TableBook
from trueup.clock import utc_now
from trueup.domain.amounts import parse_amount
from trueup.domain.models import Account, Book, Holding, HttpsSource, S3Source
from trueup.domain.policy import Policy, default_policy, read_policy
from trueup.notify.known import known_endpoints
from trueup.store import keys
from trueup.store.accounts import Accounts
from trueup.store.audit import Audit
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.store.policies import Policies
from trueup.store.runs import Runs
from trueup.venues.registry import VENUES

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
REGION = "eu-central-1"
BUCKET = "trueup-evidence"
BOOK_BUCKET = "desk-books"
"""A bucket of the operator's, from which books may be read."""
TABLE = "trueup"
SECRETS = "trueup/"


def arn(function: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"


SUBSTITUTIONS = {
    "PlanFunctionArn": arn("plan"),
    "FetchPricesFunctionArn": arn("prices"),
    "CompareFunctionArn": arn("compare"),
    "TableName": TABLE,
    "MaxRetries": "3",
    "RetryIntervalSeconds": "2",
    "RetryBackoffRate": "2",
    "RetryMaxDelaySeconds": "20",
    "PlanTaskTimeoutSeconds": "10",
    "FetchTaskTimeoutSeconds": "30",
    "CompareTaskTimeoutSeconds": "30",
    "ExecutionTimeoutSeconds": "295",
}


def definition(*, jitter: bool = True, **changes: str) -> dict[str, Any]:
    """The real definition with its substitutions made, as an engine reads it."""
    text = (ROOT / "statemachine" / "reconcile.asl.yaml").read_text()
    if not jitter:
        text = text.replace("JitterStrategy: FULL", "JitterStrategy: NONE")
    for name, value in (SUBSTITUTIONS | changes).items():
        text = text.replace(f"${{{name}}}", value)
    document: dict[str, Any] = yaml.safe_load(text)
    return document


@dataclass
class Execution:
    """A finished execution, as its history tells it."""

    status: str
    output: Any
    error: str | None
    events: list[dict[str, Any]]

    def states_entered(self) -> list[str]:
        return [
            event["stateEnteredEventDetails"]["name"] for event in self.events if "stateEnteredEventDetails" in event
        ]

    def failed_attempts(self) -> list[str]:
        """The error names of every failed attempt of a task, in order: what a retry answers."""
        return [
            event[details]["error"]
            for event in self.events
            for details in ("taskFailedEventDetails", "taskTimedOutEventDetails")
            if details in event
        ]


class Killed(Exception):
    """A function was ended from outside; Lambda reports a name of its own for that."""

    def __init__(self, error_type: str, words: str) -> None:
        super().__init__(words)
        self.error_type = error_type


Operator = Callable[..., Ran]
"""Runs `trueup` with these arguments against the desk."""
Disturbance = Callable[[dict[str, Any], Callable[[], Any]], Any]
"""Takes an event and the function's own work; does it, does it partly, or does something else."""


class Functions:
    """The deployed functions: each a module of its own with an environment of its own."""

    def __init__(self, common: Mapping[str, str]) -> None:
        self._modules: dict[str, ModuleType] = {}
        self._common = common
        self.invocations: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()
        self._disturbances: dict[str, Disturbance] = {}
        self.remaining_milliseconds = 26_000
        """What the functions are told they have left."""

    def deploy(self, name: str, folder: str, **environment: str) -> None:
        spec = importlib.util.spec_from_file_location(f"deployed_{name}", ROOT / "functions" / folder / "app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.__dict__["os"] = SimpleNamespace(environ={**self._common, **environment})
        self._modules[arn(name)] = module

    def configure(self, name: str, **environment: str) -> None:
        self._modules[arn(name)].__dict__["os"].environ.update(environment)

    def disturb(self, name: str, disturbance: Disturbance | None) -> None:
        """Let this happen around every invocation of a function from now on; None: nothing any more."""
        if disturbance is None:
            self._disturbances.pop(arn(name), None)
        else:
            self._disturbances[arn(name)] = disturbance

    def invoke(self, function_name: str, body: str) -> tuple[str, bool]:
        """Answer as Lambda does: the payload, and whether it is an error."""
        event = json.loads(body)
        with self._lock:
            self.invocations.append((function_name.rpartition(":")[2], event))
        context = SimpleNamespace(
            function_name=function_name,
            memory_limit_in_mb=512,
            invoked_function_arn=function_name,
            aws_request_id="request",
            get_remaining_time_in_millis=lambda: self.remaining_milliseconds,
        )

        def work() -> Any:
            return self._modules[function_name].handler(event, context)

        disturbance = self._disturbances.get(function_name)
        try:
            return json.dumps(work() if disturbance is None else disturbance(event, work)), False
        except Killed as error:
            return json.dumps({"errorMessage": str(error), "errorType": error.error_type}), True
        except Exception as error:  # noqa: BLE001 (whatever a handler raises is what Lambda reports)
            trace = traceback.format_tb(error.__traceback__)
            return json.dumps(
                {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}
            ), True

    def count(self, name: str) -> int:
        return sum(invoked == name for invoked, _ in self.invocations)

    def attempts(self, account_id: str) -> int:
        """How often somebody was sent to look at an account."""
        return sum(event.get("account_id") == account_id for _, event in self.invocations)


@dataclass
class Desk:
    """Everything a test touches."""

    coinbase: CoinbaseSimulator
    dydx: DydxSimulator
    functions: Functions
    pauses: list[float] = field(default_factory=list)
    """What it waited before second looks."""
    before_the_second_look: Callable[[], object] | None = None
    waits: list[float] = field(default_factory=list)
    """What the state machine waited before each retry."""
    in_the_next_wait: Callable[[], None] | None = None
    """What happens, once, while the state machine waits to try again."""
    machine_arn: str = ""
    topic_arn: str = ""
    mailbox_url: str = ""
    delivery_url: str = ""
    key_names: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> DynamoRows:
        return DynamoRows(TABLE)

    @property
    def objects(self) -> S3Objects:
        return S3Objects(BUCKET)

    @property
    def audit(self) -> Audit:
        return Audit(self.rows, 400)

    @property
    def runs(self) -> Runs:
        return Runs(self.rows, self.objects, 400)

    # -- what is set up ----------------------------------------------------------------------------------------

    def open_coinbase(
        self, account_id: str, balances: Mapping[str, str | tuple[str, str]], book: Mapping[str, str] | None
    ) -> None:
        """Open an account at the simulated Coinbase, with its key as a secret, and its book (None: no book)."""
        credential = make_credential()
        self.key_names[account_id] = credential.name
        self.coinbase.open_portfolio(credential.name, credential.public_key, balances)
        secret = f"coinbase/{account_id}"
        boto3.client("secretsmanager").create_secret(Name=SECRETS + secret, SecretString=credential.key_file())
        self.add(Account(account_id, "coinbase", secret=secret, wallets=("spot",), base_url=self.coinbase.url))
        if book is not None:
            self.write_book(account_id, "spot", book)

    def open_dydx(
        self,
        account_id: str,
        address: str,
        assets: Mapping[str, str],
        positions: Mapping[str, str],
        book: Mapping[str, str] | None,
    ) -> None:
        """Open subaccount 0 of an address at the simulated dYdX indexer, and its book."""
        self.dydx.open_subaccount(address, 0, assets=assets, positions=positions)
        self.add(Account(account_id, "dydx", address=address, base_url=self.dydx.url))
        if book is not None:
            self.write_book(account_id, "perp/0", book)

    def add(self, account: Account) -> None:
        Accounts(self.rows, VENUES).put(account)

    def write_book(
        self, account_id: str, wallet: str, totals: Mapping[str, str], as_of: datetime | None = None
    ) -> None:
        book = TableBook(self.rows, self.objects)
        holdings = tuple(Holding(wallet, asset, parse_amount(total)) for asset, total in totals.items())
        book.write(
            Book(account_id, as_of or utc_now(), "new", (wallet,), holdings), expected_version=book.version(account_id)
        )

    def put_policy(self, **sections: Any) -> Policy:
        """Put a policy into force, as a deployment with a threshold of 0.1 % does."""
        policies = Policies(self.rows, self.objects)
        policy = read_policy(sections, default_policy())
        policies.put(policy, utc_now(), "arn:aws:sts::123456789012:user/desk", policies.last())
        return policy

    def push(self, book: Mapping[str, Any]) -> dict[str, Any]:
        """Push a book as a trading system does; an error is {"errorType", "errorMessage"}."""
        payload, _ = self.functions.invoke(arn("book"), json.dumps(book))
        answer: dict[str, Any] = json.loads(payload)
        return answer

    def take_book_from(self, account_id: str, source: HttpsSource | S3Source) -> None:
        """Let the account say that its book is elsewhere."""
        account = Accounts(self.rows, VENUES).get(account_id)
        assert account is not None
        self.add(replace(account, book=source))

    def open_endpoints(self, channels: Channels) -> None:
        """Tell these channels what alerts say from now on, as a deployment with a list of endpoints does."""
        for token in channels.tokens:
            PRODUCED.canaries.add_secret("what opens an endpoint", token)
        known_endpoints.cache_clear()  # what another desk's function read, in this process
        sqs, secret = boto3.client("sqs"), f"{SECRETS}alert-endpoints"
        urls = [
            sqs.create_queue(QueueName=f"trueup-{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
            for name in ("deliveries", "dead-deliveries")
        ]
        self.delivery_url = urls[0]
        boto3.client("secretsmanager").create_secret(Name=secret, SecretString=json.dumps(channels.endpoints()))
        self.functions.deploy(
            "notify",
            "notify",
            ALERT_ENDPOINTS=secret,
            ALERT_ALLOWED_HOSTS="127.0.0.1",
            DELIVERY_QUEUE_URL=urls[0],
            DELIVERY_DEAD_LETTER_QUEUE_URL=urls[1],
            FIRST_WAIT_SECONDS="15",
            MOST_ATTEMPTS="10",
        )

    def redefine(self, *, jitter: bool = True, **substitutions: str) -> None:
        """Deploy the state machine with other substitutions."""
        boto3.client("stepfunctions").update_state_machine(
            stateMachineArn=self.machine_arn, definition=json.dumps(definition(jitter=jitter, **substitutions))
        )

    # -- what happens ------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Wait as the state machine does: it is written down instead."""
        self.waits.append(seconds)
        happens, self.in_the_next_wait = self.in_the_next_wait, None
        if happens is not None:
            happens()

    def pause(self, seconds: float) -> None:
        """Wait before a second look: it is written down instead."""
        self.pauses.append(seconds)
        happens, self.before_the_second_look = self.before_the_second_look, None
        if happens is not None:
            happens()

    def tell_endpoints(self, event: Mapping[str, Any]) -> None:
        """Let a message of the topic be handed out, and every endpoint be told once."""
        self.functions.invoke(arn("notify"), json.dumps(event))
        names = ["All"]
        sqs = boto3.client("sqs")
        while found := sqs.receive_message(QueueUrl=self.delivery_url, AttributeNames=names).get("Messages", []):
            for message in found:
                record = {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                }
                answer, failed = self.functions.invoke(arn("notify"), json.dumps({"Records": [record]}))
                assert not failed, answer
                if not json.loads(answer)["batchItemFailures"]:
                    sqs.delete_message(QueueUrl=self.delivery_url, ReceiptHandle=message["ReceiptHandle"])

    def run(self, given: Mapping[str, str]) -> Execution:
        """Start an execution with this input and wait for its end."""
        return self.finished(self.start(given))

    def start(self, given: Mapping[str, str]) -> str:
        answer = boto3.client("stepfunctions").start_execution(
            stateMachineArn=self.machine_arn, name=str(uuid4()), input=json.dumps(given)
        )
        return str(answer["executionArn"])

    def finished(self, execution: str) -> Execution:
        """Wait for an execution's end. Asked of moto directly: answering through AWS's wire costs more than the run."""
        running: Any = stepfunctions_parser_backends[ACCOUNT][REGION].describe_execution(execution_arn=execution)
        pause = threading.Event()
        while (described := running.to_describe_output())["status"] == "RUNNING":
            pause.wait(0.01)
        output = described.get("output")
        events = running.to_history_output()["events"]
        return Execution(described["status"], json.loads(output) if output else None, described.get("error"), events)

    # -- what came of it ---------------------------------------------------------------------------------------

    def report(self, run_id: str) -> dict[str, Any]:
        document = self.objects.get(keys.report_object(run_id))
        assert isinstance(document, dict), f"run {run_id} has no report"
        return document

    def account_report(self, run_id: str, account_id: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = [
            report for report in self.report(run_id)["accounts"] if report["account_id"] == account_id
        ]
        assert len(found) == 1, f"{account_id} is in the report {len(found)} times"
        return found[0]

    def messages(self) -> list[dict[str, Any]]:
        """Everything the topic delivered to the mailbox since the last look."""
        sqs = boto3.client("sqs")
        found: list[dict[str, Any]] = []
        while received := sqs.receive_message(
            QueueUrl=self.mailbox_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", []):
            for message in received:
                sqs.delete_message(QueueUrl=self.mailbox_url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found
