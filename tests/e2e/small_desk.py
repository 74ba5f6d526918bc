"""A small desk on the local cloud: two Coinbase accounts and a dYdX one, on the real stack with any parameters."""

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.cloud import deploy, logs, package
from local.cloud.deploy import Deployment
from local.cloud.ministack import LocalCloud
from local.venues.coinbase import CoinbaseSimulator
from local.venues.credentials import make_address, make_credential
from local.venues.dydx import DydxSimulator
from trueup.aws import client, use_session
from trueup.books.table import TableBook
from trueup.clock import utc_now
from trueup.domain.amounts import parse_amount
from trueup.domain.models import Account, Book, Holding
from trueup.store import keys
from trueup.store.accounts import Accounts
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.store.runs import Runs
from trueup.venues.registry import VENUES

ROOT = Path(__file__).parents[2]
PRICES = {"BTC": "97000.5", "ETH": "3400", "USDC": "1"}


@dataclass
class SmallDesk:
    """The stack, deployed again whenever a test wants other parameters. `deployment` is the newest."""

    cloud: LocalCloud
    coinbase: CoinbaseSimulator
    dydx: DydxSimulator
    deployment: Deployment
    key_names: dict[str, str] = field(default_factory=dict)

    def deploy(self, **parameters: str) -> None:
        """Deploy the real template with these parameters, the others at their defaults."""
        self.deployment = _deploy(self.cloud, self.deployment.stack_name, self.coinbase, parameters)

    @property
    def rows(self) -> DynamoRows:
        return DynamoRows(self.deployment.outputs["TableName"])

    @property
    def objects(self) -> S3Objects:
        return S3Objects(self.deployment.outputs["BucketName"])

    @property
    def runs(self) -> Runs:
        return Runs(self.rows, self.objects, 400)

    def open(self) -> None:
        """Open the accounts, each as its book believes but for 0.4 % of cb-off's BTC."""
        for account_id, held in (("cb-main", "1"), ("cb-off", "0.996")):
            credential = make_credential()
            self.key_names[account_id] = credential.name
            self.coinbase.open_portfolio(credential.name, credential.public_key, {"BTC": held})
            secret = f"coinbase/{account_id}"
            client("secretsmanager").create_secret(
                Name=f"{self.deployment.stack_name}/{secret}", SecretString=credential.key_file()
            )
            self._add(Account(account_id, "coinbase", secret=secret, base_url=self.coinbase.url), "spot", "BTC")
        address = make_address("small")
        self.dydx.open_subaccount(address, 0, assets={"USDC": "1"})
        self._add(Account("dydx-main", "dydx", address=address, base_url=self.dydx.url), "perp/0", "USDC")

    def _add(self, account: Account, wallet: str, asset: str) -> None:
        Accounts(self.rows, VENUES).put(account)
        book = Book(account.account_id, utc_now(), "0", (wallet,), (Holding(wallet, asset, parse_amount("1")),))
        TableBook(self.rows, self.objects).write(book, expected_version=None)

    # -- runs --------------------------------------------------------------------------------------------------

    def run(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Start an execution, wait for its end, and describe it."""
        states = client("stepfunctions")
        arn = states.start_execution(
            stateMachineArn=self.deployment.outputs["StateMachineArn"], input=json.dumps(given)
        )["executionArn"]
        deadline = time.monotonic() + 120
        while (described := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
            time.sleep(0.1)
        return dict(described)

    def failures(self, ended: Mapping[str, Any]) -> list[logs.Failure]:
        """What failed in an execution's tasks, every attempt of it."""
        found = logs.execution_failures(self.cloud.session(), ended["executionArn"])
        return found[:-1] if ended["status"] == "FAILED" else found  # the last one is the execution itself

    def report(self, run_id: str) -> dict[str, Any]:
        document = self.objects.get(keys.report_object(run_id))
        assert isinstance(document, dict), f"run {run_id} has no report"
        return document

    def account_report(self, run_id: str, account_id: str) -> dict[str, Any]:
        (found,) = [it for it in self.report(run_id)["accounts"] if it["account_id"] == account_id]
        return dict(found)

    # -- what is broken by hand ----------------------------------------------------------------------------------

    @contextmanager
    def function_replaced(self, name: str, body: str, *, timeout: int) -> Iterator[None]:
        """Let a function do this instead, and have so many seconds for it."""
        function = self.deployment.resources[name]
        before = client("lambda").get_function_configuration(FunctionName=function)["Timeout"]
        honest = package.function_zip(ROOT / "functions" / "fetch", ROOT / "shared")
        _update(
            function, _with_app(honest, f"import os, time\n\n\ndef handler(event, context):\n    {body}\n"), timeout
        )
        try:
            yield
        finally:
            _update(function, honest, before)

    @contextmanager
    def definition_changed(self, path: list[str | int], value: object) -> Iterator[None]:
        """Let the deployed definition have another value in one place."""
        states, arn = client("stepfunctions"), self.deployment.outputs["StateMachineArn"]
        before = states.describe_state_machine(stateMachineArn=arn)["definition"]
        changed = place = json.loads(before)
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        states.update_state_machine(stateMachineArn=arn, definition=json.dumps(changed))
        try:
            yield
        finally:
            states.update_state_machine(stateMachineArn=arn, definition=before)

    @contextmanager
    def environment_changed(self, name: str, **variables: str) -> Iterator[None]:
        """Let a function have other settings than the template gives it."""
        function = self.deployment.resources[name]
        before = client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        client("lambda").update_function_configuration(
            FunctionName=function, Environment={"Variables": before | variables}
        )
        try:
            yield
        finally:
            client("lambda").update_function_configuration(FunctionName=function, Environment={"Variables": before})


@contextmanager
def small_desk(cloud: LocalCloud, stack_name: str) -> Iterator[SmallDesk]:
    """Deploy a stack of that name and open its accounts."""
    use_session(cloud.session())
    with CoinbaseSimulator(prices=PRICES) as coinbase, DydxSimulator(oracle_prices={"BTC-USD": "97000.5"}) as dydx:
        desk = SmallDesk(cloud, coinbase, dydx, _deploy(cloud, stack_name, coinbase, {}))
        desk.open()
        yield desk


def _deploy(
    cloud: LocalCloud, stack_name: str, coinbase: CoinbaseSimulator, parameters: Mapping[str, str]
) -> Deployment:
    given = {"PricesBaseUrl": coinbase.url, **parameters}
    return deploy.deploy(cloud, ROOT / "template.yaml", stack_name=stack_name, parameters=given)


def _update(function: str, content: bytes, timeout: int) -> None:
    client("lambda").update_function_code(FunctionName=function, ZipFile=content)
    client("lambda").update_function_configuration(FunctionName=function, Timeout=timeout)


def _with_app(content: bytes, source: str) -> bytes:
    """The same function with another app.py."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as honest, zipfile.ZipFile(written, "w") as changed:
        for entry in honest.infolist():
            changed.writestr(entry, source.encode() if entry.filename == "app.py" else honest.read(entry))
    return written.getvalue()
