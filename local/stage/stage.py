"""Puts everything on this machine together and takes it down again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from local.cloud import deploy, ministack
from local.cloud.deploy import Deployment
from local.cloud.ministack import LocalCloud
from local.stage import story
from local.stage.trader import Trader
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

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs: the cloud, the deployed stack, the venues, and the trader."""

    cloud: LocalCloud
    deployment: Deployment
    coinbase: CoinbaseSimulator
    dydx: DydxSimulator
    trader: Trader

    def session(self) -> boto3.Session:
        """Return the operator's session."""
        return self.cloud.session()


@contextmanager
def stage(
    state_folder: Path, *, port: int | None, wait_scale: float, scheduled: bool, progress: Progress
) -> Iterator[Stage]:
    """Start the venues and the cloud, deploy the real template, fill in accounts and books; stop it all at the end.

    `wait_scale` shortens the state machine's waits; `scheduled` turns the schedule on. Raises LocalCloudError's
    subclasses, each one clear line.
    """
    with ExitStack() as running:
        progress("Opening the simulated venues")
        coinbase = running.enter_context(CoinbaseSimulator(prices=story.PRICES))
        dydx = running.enter_context(DydxSimulator(oracle_prices=story.ORACLE_PRICES))
        cloud = running.enter_context(
            ministack.start(state_folder, port=port, wait_scale=wait_scale, progress=progress)
        )
        deployment = deploy.deploy(
            cloud,
            TEMPLATE,
            parameters={
                "PricesBaseUrl": coinbase.url,
                "ScheduleState": "ENABLED" if scheduled else "DISABLED",
                "ReconciliationIntervalSeconds": "120" if scheduled else "300",
            },
            progress=progress,
        )
        use_session(cloud.session())
        progress("Filling in accounts, keys and books")
        trader = _fill(deployment, coinbase, dydx)
        yield Stage(cloud, deployment, coinbase, dydx, trader)


def _fill(deployment: Deployment, coinbase: CoinbaseSimulator, dydx: DydxSimulator) -> Trader:
    rows = DynamoRows(deployment.outputs["TableName"])
    objects = S3Objects(deployment.outputs["BucketName"])
    accounts, book = Accounts(rows, VENUES), TableBook(rows, objects)
    key_names = {}
    for told in story.COINBASE:
        credential = make_credential("ES256" if told.algorithm == "ES256" else "EdDSA")
        key_names[told.account_id] = credential.name
        portfolio = coinbase.open_portfolio(credential.name, credential.public_key, told.venue)
        for asset, amount in told.in_flight.items():
            portfolio.start_transfer(asset, amount)
        if told.refused:
            coinbase.revoke(credential.name)
        if told.limited:
            coinbase.fail(credential.name, faults.status(429), times=told.limited)
        secret = f"coinbase/{told.account_id}"
        _put_secret(f"{deployment.stack_name}/{secret}", credential.key_file())
        accounts.put(Account(told.account_id, "coinbase", secret=secret, wallets=("spot",), base_url=coinbase.url))
        _write_book(book, told.account_id, {"spot": told.book})
    for perps in story.DYDX:
        address = make_address(perps.account_id)
        for number, (assets, positions) in perps.subaccounts.items():
            dydx.open_subaccount(address, number, assets=assets, positions=positions)
        accounts.put(Account(perps.account_id, "dydx", address=address, base_url=dydx.url))
        _write_book(book, perps.account_id, perps.book)
    return Trader(coinbase, key_names[story.TRADED], book, tuple(story.EXPECTED), utc_now)


def _put_secret(name: str, value: str) -> None:
    secrets = client("secretsmanager")
    try:
        secrets.create_secret(Name=name, SecretString=value)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=name, SecretString=value)


def _write_book(book: TableBook, account_id: str, wallets: story.Book) -> None:
    holdings = tuple(
        Holding(wallet, asset, parse_amount(total))
        for wallet, totals in wallets.items()
        for asset, total in totals.items()
    )
    version = book.version(account_id)
    book.write(Book(account_id, utc_now(), version or "0", tuple(wallets), holdings), expected_version=version)
