"""Everything the soak runs on: venues, local cloud, proxy, accounts; and the hands that move them."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from local.cloud import deploy, ministack
from local.cloud.deploy import Deployment
from local.cloud.mailbox import Mailbox, open_mailbox
from local.cloud.ministack import LocalCloud
from local.venues.coinbase import CoinbaseSimulator
from local.venues.coinbase_portfolio import AccountRow
from local.venues.credentials import make_address, make_credential
from local.venues.dydx import DydxSimulator
from local.venues.simulator import Simulator
from tests.soak.accounts import ACCOUNTS, ORACLE_PRICES, PRICES, Told
from tests.soak.proxy import Proxy, free_port, proxy, through
from tests.soak.rules import Holdings, Key
from tests.soak.truth import AccountTruth, BookState, VenueState
from trueup.aws import client, use_session
from trueup.books.table import TableBook
from trueup.clock import utc_now
from trueup.domain.models import Account, Book, Holding
from trueup.store.accounts import Accounts
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.venues.registry import VENUES

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
PARAMETERS = {
    "ReconciliationIntervalSeconds": "120",
    "ReconciliationMaxRetries": "3",
    "ReconciliationTimeoutMilliseconds": "1000",
}
"""The shortest timeouts with three retries: what hangs is cut off soon, and a Lambda that hangs is ended."""
_WAIT_SCALE = 0.02


@dataclass
class World:
    """What runs, and what is true of it. Every change goes through `move_venue` and `write_book`."""

    cloud: LocalCloud
    deployment: Deployment
    proxy: Proxy
    mailbox: Mailbox
    coinbase: CoinbaseSimulator
    dydx: DydxSimulator
    callers: dict[str, str]
    """Key name or address by account: what a venue knows an account by."""
    truths: dict[str, AccountTruth]
    books: TableBook

    def venue_of(self, account_id: str) -> Simulator:
        """The simulator an account is at."""
        return self.coinbase if self.truths[account_id].told.venue == "coinbase" else self.dydx

    def move_venue(self, account_id: str, amounts: Holdings) -> None:
        """Set amounts at the venue, all at one moment."""
        truth = self.truths[account_id]
        with self.venue_of(account_id).lock:
            now = time.time()
            for (wallet, asset), amount in amounts.items():
                self._set_amount(truth.told, wallet, asset, amount)
            holdings = {**(truth.venue[-1].holdings if truth.venue else {}), **amounts}
            truth.venue.append(VenueState(now, holdings))

    def write_book(self, account_id: str, amounts: Holdings) -> None:
        """Set amounts in the book: one new version, as of now. Call it with the account's lock held."""
        truth = self.truths[account_id]
        last = truth.book[-1] if truth.book else None
        holdings = {key: amount for key, amount in {**(last.holdings if last else {}), **amounts}.items() if amount}
        begun = time.time()
        written = self.books.write(
            Book(
                account_id,
                utc_now(),
                last.version if last else "0",
                truth.told.wallets,
                tuple(Holding(wallet, asset, amount) for (wallet, asset), amount in holdings.items()),
            ),
            expected_version=last.version if last else None,
        )
        truth.book.append(BookState(written.version, begun, time.time(), holdings))

    def row_vanishes(self, account_id: str) -> None:
        """Delete a row of nothing from the first page; another appears before the holdings of the second.

        So no holding moves across the pages' border: the simulator's cursor counts rows, and what moves from the second
        page to the first between the two is never shown, which no reader could know.
        """
        with self.coinbase.lock:
            rows = self.coinbase.portfolio(self.callers[account_id]).rows
            nothing = [number for number, row in enumerate(rows) if row.currency.startswith("F")]
            del rows[nothing[0]]
            new = f"F{time.time_ns()}"
            rows.insert(nothing[-1], replace(rows[nothing[1]], currency=new, uuid=new, name=new))

    def _set_amount(self, told: Told, wallet: str, asset: str, amount: Decimal) -> None:
        caller = self.callers[told.account_id]
        if told.venue == "coinbase":
            held = amount / 4
            self.coinbase.portfolio(caller).set(asset, f"{amount - held:f}", f"{held:f}")
            return
        subaccount = self.dydx.subaccount(caller, int(wallet.removeprefix("perp/")))
        if asset in ORACLE_PRICES:
            subaccount.set_position(asset, f"{amount:f}")
        else:
            subaccount.set_asset(asset, f"{amount:f}")


@contextmanager
def world(folder: Path, progress: Callable[[str], None]) -> Iterator[World]:
    """Start everything in `folder`, with every account at rest; stop it all at the end."""
    with ExitStack() as running:
        coinbase = running.enter_context(CoinbaseSimulator(prices=PRICES, private_limit=None, public_limit=None))
        dydx = running.enter_context(DydxSimulator(oracle_prices=ORACLE_PRICES, limit=None))
        port = free_port()
        cloud = running.enter_context(
            ministack.start(folder / "cloud", wait_scale=_WAIT_SCALE, environment=through(port), progress=progress)
        )
        deployment = deploy.deploy(
            cloud, TEMPLATE, parameters={"PricesBaseUrl": coinbase.url, **PARAMETERS}, progress=progress
        )
        between = running.enter_context(proxy(port, cloud.endpoint_url, folder / "microburst.log"))
        mailbox = open_mailbox(cloud.session(), deployment.outputs["TopicArn"])
        running.callback(mailbox.close)
        use_session(cloud.session())
        rows = DynamoRows(deployment.outputs["TableName"])
        made = World(
            cloud=cloud,
            deployment=deployment,
            proxy=between,
            mailbox=mailbox,
            coinbase=coinbase,
            dydx=dydx,
            callers={},
            truths={told.account_id: AccountTruth(told) for told in ACCOUNTS},
            books=TableBook(rows, S3Objects(deployment.outputs["BucketName"])),
        )
        accounts = Accounts(rows, VENUES)
        for told in ACCOUNTS:
            accounts.put(_open(made, told))
            made.move_venue(told.account_id, told.amounts())
            made.write_book(told.account_id, told.amounts())
        yield made


def _open(made: World, told: Told) -> Account:
    """Make the account exist at its venue, holding nothing yet."""
    if told.venue == "dydx":
        address = make_address(told.account_id)
        made.callers[told.account_id] = address
        for wallet in told.wallets:
            made.dydx.open_subaccount(address, int(wallet.removeprefix("perp/")))
        return Account(told.account_id, "dydx", address=address, base_url=made.dydx.url, subaccounts=told.subaccounts)
    credential = make_credential()
    made.callers[told.account_id] = credential.name
    first, last = _rows(told)
    filler = [AccountRow(f"F{number:03}", "0") for number in range(told.filler)]
    made.coinbase.open_portfolio(credential.name, credential.public_key, rows=[*first, *filler, *last])
    secret = f"coinbase/{told.account_id}"
    client("secretsmanager").create_secret(
        Name=f"{made.deployment.stack_name}/{secret}", SecretString=credential.key_file()
    )
    return Account(told.account_id, "coinbase", secret=secret, wallets=("spot",), base_url=made.coinbase.url)


def _rows(told: Told) -> tuple[list[AccountRow], list[AccountRow]]:
    """The rows before the filler, and those after it."""
    rows = {asset: AccountRow(asset, "0") for _, asset in told.keys}
    return (
        [row for asset, row in rows.items() if asset not in told.second_page],
        [rows[asset] for asset in told.second_page],
    )


def moved(holdings: Holdings, key: Key, by: Decimal) -> Holdings:
    """One amount, moved."""
    return {key: holdings.get(key, Decimal(0)) + by}
