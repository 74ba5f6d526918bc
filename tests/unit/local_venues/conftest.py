"""Both simulated venues on a clock that stands still, and a reader with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from local_venues_kit import ManualClock, Reader

from local.venues import CoinbaseSimulator, Credential, DydxSimulator, make_address, make_credential

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def coinbase(clock: ManualClock) -> Iterator[CoinbaseSimulator]:
    with CoinbaseSimulator(clock=clock, prices={"BTC": "97000.5"}) as venue:
        yield venue


@pytest.fixture(scope="session")
def credential() -> Credential:
    return make_credential("EdDSA")


@pytest.fixture
def reader(coinbase: CoinbaseSimulator, credential: Credential, clock: ManualClock) -> Reader:
    """A key whose portfolio holds 1.23 BTC, 0.02 more on hold, and 500 USD."""
    coinbase.open_portfolio(
        credential.name, credential.public_key, {"BTC": ("1.2300000000000000", "0.02"), "USD": "500"}
    )
    return Reader(coinbase.port, credential, clock)


@pytest.fixture
def dydx(clock: ManualClock) -> Iterator[DydxSimulator]:
    with DydxSimulator(clock=clock, oracle_prices={"BTC-USD": "108000", "ETH-USD": "3400"}) as venue:
        yield venue


@pytest.fixture(scope="session")
def address() -> str:
    return make_address("a test")
