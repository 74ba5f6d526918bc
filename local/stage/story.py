"""What the demo shows: nine accounts, what each venue holds, what the book believes, and what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PRICES = {
    "BTC": "97000.5",
    "ETH": "3400",
    "SOL": "180",
    "USDC": "0.9998",
    "EUR": "1.09",
    "JUP": "0.85",
    "DOGE": "0.16",
}
"""US dollars per unit, as the simulated Coinbase publishes them."""

ORACLE_PRICES = {"BTC-USD": "97000.5", "ETH-USD": "3400", "SOL-USD": "180"}

Book = Mapping[str, Mapping[str, str]]
"""By wallet, by asset: the total the book believes in."""

Balances = Mapping[str, str | tuple[str, str]]
"""By asset: what is available, or (available, held)."""


@dataclass(frozen=True, slots=True)
class CoinbaseAccount:
    """An account at the simulated Coinbase. `expected` is its status in the report."""

    account_id: str
    shows: str
    venue: Balances
    book: Mapping[str, str]
    expected: str
    in_flight: Mapping[str, str] = field(default_factory=dict)
    """By asset: a signed amount that has just set off at the venue, of which the book knows nothing."""
    algorithm: str = "EdDSA"
    limited: int = 0
    """How many requests the venue answers with 429 first."""
    refused: bool = False
    """The venue does not know the key (any more)."""


@dataclass(frozen=True, slots=True)
class DydxAccount:
    """An account at the simulated dYdX indexer: assets and positions by subaccount, and the book's side by wallet."""

    account_id: str
    shows: str
    subaccounts: Mapping[int, tuple[Mapping[str, str], Mapping[str, str]]]
    book: Book
    expected: str


TRADED = "cb-main"
"""The account on which the trading simulation moves venue and book together."""

COINBASE = (
    CoinbaseAccount(
        TRADED,
        "matches exactly, while it trades",
        {"BTC": ("1.23", "0.02"), "ETH": "40", "USDC": "250000"},
        {"BTC": "1.25", "ETH": "40", "USDC": "250000"},
        "OK",
    ),
    CoinbaseAccount(
        "cb-treasury",
        "differs, but within tolerance",
        {"USDC": "1000000.42", "EUR": "499800", "ETH": "119.95"},
        {"USDC": "1000000", "EUR": "500000", "ETH": "120"},
        "OK",
        algorithm="ES256",
    ),
    CoinbaseAccount(
        "cb-algo",
        "a third of the BTC is not there",
        {"BTC": "1.4", "USDC": "80000"},
        {"BTC": "2.1", "USDC": "80000"},
        "CRITICAL",
    ),
    CoinbaseAccount(
        "cb-alts",
        "a small difference",
        {"SOL": "495.5", "DOGE": "120000"},
        {"SOL": "500", "DOGE": "120000"},
        "MINOR",
    ),
    CoinbaseAccount(
        "cb-airdrop",
        "an asset the book does not know",
        {"ETH": "5", "JUP": "2500"},
        {"ETH": "5"},
        "MAJOR",
    ),
    CoinbaseAccount(
        "cb-payout",
        "a withdrawal is on its way",
        {"USDC": "60000"},
        {"USDC": "60000"},
        "OK",
        in_flight={"USDC": "-7500"},
    ),
    CoinbaseAccount(
        "cb-busy",
        "rate-limited twice, then read",
        {"USDC": "42000"},
        {"USDC": "42000"},
        "OK",
        limited=2,
    ),
    CoinbaseAccount(
        "cb-revoked",
        "its key is refused",
        {"BTC": "3"},
        {"BTC": "3"},
        "UNVERIFIED",
        refused=True,
    ),
)

DYDX = (
    DydxAccount(
        "dydx-perps",
        "short at the venue, long in the book",
        {
            0: ({"USDC": "182500.75"}, {"BTC-USD": "-0.75", "ETH-USD": "25"}),
            128: ({"USDC": "5000"}, {"SOL-USD": "300"}),
        },
        {
            "perp/0": {"USDC": "182500.75", "BTC-USD": "0.75", "ETH-USD": "25"},
            "perp/128": {"USDC": "5000", "SOL-USD": "300"},
        },
        "CRITICAL",
    ),
)

EXPECTED = {account.account_id: account.expected for account in (*COINBASE, *DYDX)}
SHOWS = {account.account_id: account.shows for account in (*COINBASE, *DYDX)}
