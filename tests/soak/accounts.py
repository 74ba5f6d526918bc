"""The accounts of the soak: few, each awkward in its own way."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

PRICES = {"BTC": "97000.5", "ETH": "3400", "SOL": "180", "USDC": "0.9998", "EUR": "1.09", "JUP": "0.85", "DOGE": "0.16"}
"""US dollars per unit; they stand still, so that a severity depends on amounts alone."""
ORACLE_PRICES = {"BTC-USD": "97000.5", "ETH-USD": "3400", "SOL-USD": "180"}

FIRST, SECOND = "first", "second"
"""The two answers of an account that takes two requests to read."""
WHOLE = "whole"


@dataclass(frozen=True)
class Told:
    """An account as it begins, with a book that agrees: amounts by wallet and asset."""

    account_id: str
    venue: str
    holds: Mapping[str, Mapping[str, str]]
    filler: int = 0
    """Rows of nothing between the holdings of the first page and those of the second (Coinbase)."""
    second_page: tuple[str, ...] = ()
    subaccounts: tuple[int, ...] | None = None
    """Read one by one instead of all at once (dYdX)."""
    may_break: bool = True
    """False: venue and book only ever move together, so that nothing may ever be said of it."""

    @property
    def wallets(self) -> tuple[str, ...]:
        """The wallets its book covers."""
        return tuple(self.holds)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """What it holds at the beginning."""
        return tuple((wallet, asset) for wallet, assets in self.holds.items() for asset in assets)

    @property
    def parts(self) -> tuple[str, ...]:
        """The answers it takes to read it, in order."""
        if self.second_page:
            return FIRST, SECOND
        return self.wallets if self.subaccounts is not None else (WHOLE,)

    def part_of(self, key: tuple[str, str]) -> str:
        """The answer that shows a key. A new row at Coinbase is the last."""
        if self.second_page:
            return FIRST if key in self.keys and key[1] not in self.second_page else SECOND
        return key[0] if self.subaccounts is not None else WHOLE

    def amounts(self) -> dict[tuple[str, str], Decimal]:
        """Amounts at the beginning."""
        return {(wallet, asset): Decimal(self.holds[wallet][asset]) for wallet, asset in self.keys}


ACCOUNTS = (
    Told("cb-one", "coinbase", {"spot": {"BTC": "1.25", "ETH": "40", "USDC": "250000"}}),
    Told("cb-two", "coinbase", {"spot": {"BTC": "2.1", "SOL": "500", "USDC": "80000"}}),
    Told("cb-three", "coinbase", {"spot": {"EUR": "500000", "ETH": "120"}}),
    Told(
        "cb-pages",
        "coinbase",
        {"spot": {"BTC": "3", "ETH": "10", "USDC": "60000", "SOL": "90", "DOGE": "120000"}},
        filler=257,
        second_page=("SOL", "DOGE"),
    ),
    Told("cb-quiet", "coinbase", {"spot": {"USDC": "42000", "BTC": "0.4"}}, may_break=False),
    Told(
        "dx-all",
        "dydx",
        {
            "perp/0": {"USDC": "182500.75", "BTC-USD": "-0.75", "ETH-USD": "25"},
            "perp/128": {"USDC": "5000", "SOL-USD": "300"},
        },
    ),
    Told(
        "dx-chosen",
        "dydx",
        {"perp/0": {"USDC": "90000", "ETH-USD": "12"}, "perp/1": {"USDC": "30000", "BTC-USD": "0.5"}},
        subaccounts=(0, 1),
    ),
)
BY_ID = {told.account_id: told for told in ACCOUNTS}
