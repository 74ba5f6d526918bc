"""What every venue's tests need: a clock that stands still, and one account of each venue that can be read."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local.venues import CoinbaseSimulator, DydxSimulator, make_address, make_credential
from trueup.domain.compare import compare
from trueup.domain.models import Account, Book, Holding, Observation, Pending, Snapshot
from trueup.domain.policy import default_policy
from trueup.domain.report import Line
from trueup.venues.http import VenueHttp
from trueup.venues.registry import load, open_http

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SECRETS = make_credential("EdDSA"), make_credential("ES256")
ACCOUNTS_PATH = "/api/v3/brokerage/accounts"


@dataclass
class Time:
    """Our clock: it moves when told to, and when somebody sleeps."""

    now: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def utc(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def venue(self) -> float:
        return self.now.timestamp()


@dataclass
class Desk:
    """One account at one simulated venue, holding 1.25 BTC or -1.25 BTC-USD and 608580.951601 USDC."""

    venue: Any
    account: Account
    credential: Any
    caller: str
    """Whom the venue's faults are aimed at."""
    path: str
    """Where the account is asked for."""
    transfers_path: str
    """Where it is asked what is in flight."""
    state: Callable[[str, str], None]
    """State an asset's amount at the venue, as it will be sent."""
    retry_after: Callable[[float], str]
    """Write a wait as this venue's header has it."""
    wallet: str
    time: Time
    http: VenueHttp | None = None

    def open(self, *, timeout: float = 2.0, budget: float = 20.0, real_time: bool = False) -> VenueHttp:
        clocks = {} if real_time else {"monotonic": self.time.monotonic}
        self.http = open_http(
            self.account,
            timeout_seconds=timeout,
            budget_seconds=budget,
            clock=self.time.utc,
            sleep=self.time.sleep,
            **clocks,
        )
        return self.http

    def observe(self, **how: Any) -> Snapshot:
        return load(self.account.venue).observe(self.account, self.credential, self.open(**how))

    def fail(self, fault: Any, times: int | None = 1) -> None:
        self.venue.fail(self.caller, fault, times=times)

    def asked(self) -> int:
        """How often the account's own path was asked for."""
        return sum(request.path == self.path for request in self.venue.requests)


@contextmanager
def coinbase_desk(time: Time, **how: Any) -> Iterator[Desk]:
    key = SECRETS[0]
    with CoinbaseSimulator(clock=time.venue, private_limit=None, public_limit=None, **how) as venue:
        portfolio = venue.open_portfolio(key.name, key.public_key, {"BTC": ("1.23", "0.02"), "USDC": "608580.951601"})
        yield Desk(
            venue=venue,
            account=Account("cb-main", "coinbase", secret="coinbase/cb-main", base_url=venue.url),
            credential=json.loads(key.key_file()),
            caller=key.name,
            path=ACCOUNTS_PATH,
            transfers_path=f"/v2/accounts/{portfolio.row('USDC').uuid}/transactions",
            state=portfolio.set,
            retry_after=lambda seconds: f"{seconds:.0f}",
            wallet="spot",
            time=time,
        )


@contextmanager
def dydx_desk(time: Time, **how: Any) -> Iterator[Desk]:
    address = make_address("desk")
    with DydxSimulator(clock=time.venue, limit=None, oracle_prices={"BTC-USD": "97000"}, **how) as venue:
        subaccount = venue.open_subaccount(address, 0, assets={"USDC": "608580.951601"}, positions={"BTC-USD": "-1.25"})
        yield Desk(
            venue=venue,
            account=Account("dy-main", "dydx", address=address, base_url=venue.url),
            credential=None,
            caller=address,
            path=f"/v4/addresses/{address}",
            transfers_path="/v4/transfers",
            state=subaccount.set_asset,
            retry_after=lambda seconds: f"{seconds * 1000:.0f}",
            wallet="perp/0",
            time=time,
        )


DESKS = {"coinbase": coinbase_desk, "dydx": dydx_desk}


def totals(snapshot: Snapshot) -> dict[tuple[str, str], str]:
    """Every holding's total as written, by wallet and asset."""
    return {(holding.wallet, holding.asset): f"{holding.total:f}" for holding in snapshot.holdings}


def holding(snapshot: Snapshot, asset: str, wallet: str | None = None) -> Holding:
    (found,) = [h for h in snapshot.holdings if h.asset == asset and wallet in (None, h.wallet)]
    return found


def in_flight(snapshot: Snapshot) -> list[tuple[str, str, bool]]:
    """Every item in flight: asset, quantity as written, and whether it is in the total."""
    return [(item.asset, f"{item.quantity:f}", item.applied) for item in snapshot.pending]


def observed_against(desk: Desk, holdings: tuple[Holding, ...], pending: tuple[Pending, ...] = ()) -> dict[str, Line]:
    """Observe, compare with a book of these holdings in the desk's wallet, and return each asset's line."""
    snapshot = desk.observe()
    book = Book(desk.account.account_id, snapshot.observed_at, "1", (desk.wallet,), holdings, pending)
    report = compare(Observation(snapshot, book, book), default_policy(), None)
    return {line.asset or "": line for line in report.lines if line.field == "total"}
