"""How long a whole run takes: ten accounts at slow venues against one, on the local cloud, warm.

Every account is at a server of its own, and reading it takes half a second at the venue: one late answer at Coinbase,
with the balances, two that are half as late at dYdX. What ten accounts take beyond one is what is not done in parallel,
and on a small machine what ten functions take from each other.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ulid import ULID

from bench.ratios import ratio, summary
from local.cloud import deploy, ministack
from local.cloud.deploy import Deployment
from local.cloud.errors import LocalCloudError
from local.cloud.ministack import LocalCloud, interrupted_by_signals
from local.venues import faults
from local.venues.coinbase import CoinbaseSimulator
from local.venues.credentials import make_address, make_credential
from local.venues.dydx import DydxSimulator
from trueup.aws import client, use_session
from trueup.books.table import TableBook
from trueup.clock import utc_now
from trueup.domain.amounts import parse_amount
from trueup.domain.models import Account, Book, Holding
from trueup.store.accounts import Accounts
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.venues.registry import VENUES

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
BUDGET = 2.0
VENUE_SECONDS = 0.5
MAX_CONCURRENCY = 16
POLL_SECONDS = 0.02
HOLDINGS = {"BTC": "1.25", "ETH": "40", "SOL": "495.5", "USDC": "250000", "EUR": "1200.5", "DOGE": "120000"}
CASH = {"USDC": "250000"}


@dataclass(frozen=True, slots=True)
class Cycle:
    """One run, in seconds: all of it, and its parts one after the other."""

    whole: float
    plan: float
    observe: float
    compare: float


_REPORT = re.compile(r"^REPORT .*\bDuration: ([0-9.]+) ms", re.MULTILINE)
PARTS = ("plan", "observe", "compare")


class Bench:
    """A deployed Trueup whose accounts can be switched on and off."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self._states = cloud.session().client("stepfunctions")
        self._machine = deployment.outputs["StateMachineArn"]
        self._logs = cloud.session().client("logs")
        self._stack = deployment.stack_name
        self._prefix = deployment.outputs["SecretPrefix"]
        rows = DynamoRows(deployment.outputs["TableName"])
        self._accounts = Accounts(rows, VENUES)
        self._book = TableBook(rows, S3Objects(deployment.outputs["BucketName"]))
        self._opened: list[Account] = []

    def open_coinbase(self, account_id: str, venue: CoinbaseSimulator, seconds: float, each: float) -> None:
        """Open an account whose balances are late by that much, and the transactions of each asset by `each`."""
        credential = make_credential()
        portfolio = venue.open_portfolio(credential.name, credential.public_key, HOLDINGS)
        venue.fail(credential.name, faults.late(seconds), times=None)
        for row in portfolio.rows:
            path = f"/v2/accounts/{row.uuid}/transactions"
            venue.fail(credential.name, faults.late(each), times=None, path=path)
        secret = f"coinbase/{account_id}"
        client("secretsmanager").create_secret(Name=self._prefix + secret, SecretString=credential.key_file())
        account = Account(account_id, "coinbase", secret=secret, wallets=("spot",), base_url=venue.url)
        self._open(account, "spot", HOLDINGS)

    def open_dydx(self, account_id: str, venue: DydxSimulator, seconds: float) -> None:
        """Open an account whose two answers are late by that much together."""
        address = make_address(account_id)
        venue.open_subaccount(address, 0, assets=CASH, positions={})
        for path in ("/v4/height", None):
            venue.fail(faults.ANY, faults.late(seconds / 2), times=None, path=path)
        self._open(Account(account_id, "dydx", address=address, base_url=venue.url), "perp/0", CASH)

    def enable(self, how_many: int) -> None:
        """Switch the first so many accounts on, and the others off."""
        for number, account in enumerate(self._opened):
            self._accounts.put(replace(account, enabled=number < how_many))

    def cycle(self, how_many: int) -> Cycle:
        """Run once over the first so many accounts. Raises RuntimeError for a run that did not verify them all."""
        self.enable(how_many)
        started = self._states.start_execution(
            stateMachineArn=self._machine, input=json.dumps({"run_id": f"manual-{ULID()}"})
        )["executionArn"]
        while (told := self._states.describe_execution(executionArn=started))["status"] == "RUNNING":
            time.sleep(POLL_SECONDS)
        output = json.loads(told.get("output") or "{}")
        if told["status"] != "SUCCEEDED" or output.get("accounts_verified") != how_many:
            raise RuntimeError(f"the measured run went wrong: {told['status']} {output}")
        history = self._states.get_execution_history(executionArn=started, maxResults=1000)["events"]
        return cycle_of(told["startDate"], told["stopDate"], [dict(event) for event in history])

    def durations(self, function: str, since: float) -> list[float]:
        """Return how long each invocation of a function took since then (epoch seconds), in milliseconds."""
        found = self._logs.filter_log_events(
            logGroupName=f"/aws/lambda/{self._stack}/{function}", startTime=int(since * 1000)
        )["events"]
        return [float(told[1]) for event in found if (told := _REPORT.search(event["message"]))]

    def _open(self, account: Account, wallet: str, totals: Mapping[str, str]) -> None:
        self._opened.append(account)
        self._accounts.put(account)
        holdings = tuple(Holding(wallet, asset, parse_amount(total)) for asset, total in totals.items())
        self._book.write(Book(account.account_id, utc_now(), "new", (wallet,), holdings), expected_version=None)


def cycle_of(start: datetime, stop: datetime, history: list[dict[str, Any]]) -> Cycle:
    """Take a run apart: Plan until the first task has answered, Compare from when the last one is asked."""
    scheduled = [event["timestamp"] for event in history if event["type"] == "TaskScheduled"]
    succeeded = [event["timestamp"] for event in history if event["type"] == "TaskSucceeded"]
    planned, comparing = min(succeeded), max(scheduled)
    return Cycle(
        whole=(stop - start).total_seconds(),
        plan=(planned - start).total_seconds(),
        observe=(comparing - planned).total_seconds(),
        compare=(stop - comparing).total_seconds(),
    )


@contextmanager
def bench(coinbase: int, dydx: int, seconds: float, each: float = 0.0) -> Iterator[Bench]:
    """Deploy the real template on a local cloud, with so many accounts, each at a server of its own.

    A venue is late by so many seconds, and Coinbase by `each` with what is in flight of each asset.
    """
    with ExitStack() as running:
        prices = CoinbaseSimulator(prices={"BTC": "97000.5", "ETH": "3400", "USDC": "1"})
        prices.fail(faults.ANY, faults.late(seconds), times=None, path="/v2/exchange-rates")
        running.enter_context(prices)
        coinbases = [running.enter_context(CoinbaseSimulator()) for _ in range(coinbase)]
        indexers = [running.enter_context(DydxSimulator()) for _ in range(dydx)]
        folder = Path(running.enter_context(tempfile.TemporaryDirectory())) / "cloud"
        cloud = running.enter_context(ministack.start(folder))
        parameters = {"PricesBaseUrl": prices.url, "MaxConcurrency": str(MAX_CONCURRENCY)}
        deployment = deploy.deploy(cloud, TEMPLATE, parameters=parameters)
        use_session(cloud.session())
        made = Bench(cloud, deployment)
        for number, venue in enumerate(coinbases):
            made.open_coinbase(f"cb-{number}", venue, seconds, each)
        for number, indexer in enumerate(indexers):
            made.open_dydx(f"dydx-{number}", indexer, seconds)
        yield made


def measure(made: Bench, many: int, rounds: int) -> tuple[list[Cycle], list[Cycle]]:
    """Run over one account and over many in turns, after two runs over many that start all functions."""
    for _ in range(2):
        made.cycle(many)
    turns = [(made.cycle(1), made.cycle(many)) for _ in range(rounds)]
    return [one for one, _ in turns], [each for _, each in turns]


def main() -> int:
    """Measure and print. Returns 1, after one line, when the local cloud does not start."""
    parser = argparse.ArgumentParser(prog="python -m bench.cycle", description="A run over ten accounts against one")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    try:
        with interrupted_by_signals(), bench(coinbase=6, dydx=4, seconds=VENUE_SECONDS) as made:
            one, ten = measure(made, 10, options.rounds)
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"A warm run, every venue {VENUE_SECONDS} s late, median of {options.rounds} runs each, in turns")
    print(f"  1 account    {summary([cycle.whole for cycle in one])}   {parts(one)}")
    print(f"  10 accounts  {summary([cycle.whole for cycle in ten])}   {parts(ten)}")
    against = ratio([cycle.whole for cycle in ten], [cycle.whole for cycle in one])
    print(f"  10 accounts ÷ 1 account: {against}, budget {BUDGET}")
    return 0


def parts(cycles: list[Cycle]) -> str:
    """Say what a run consists of, in milliseconds: the medians of its parts."""
    return ", ".join(
        f"{part} {1000 * statistics.median(getattr(cycle, part) for cycle in cycles):.0f}" for part in PARTS
    )


if __name__ == "__main__":
    sys.exit(main())
