"""What is compared: accounts, books, snapshots, prices, and the observation that binds them.

Their JSON formats are read and written in `documents`, and described in docs/formats.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from .reasons import Reason


@dataclass(frozen=True, slots=True)
class HttpsSource:
    """A book that is asked for at an address. `secret` names the bearer token, and is never the token."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class S3Source:
    """A book that is an object in a bucket: CSV or JSON, by the ending of its key."""

    bucket: str
    key: str

    @property
    def is_csv(self) -> bool:
        """Tell whether the object is a CSV book."""
        return self.key.lower().endswith(".csv")


@dataclass(frozen=True, slots=True)
class Account:
    """One separately readable account at a venue. `secret` and `address` say how to read it, never the secret."""

    account_id: str
    venue: str
    enabled: bool = True
    secret: str | None = None
    address: str | None = None
    subaccounts: tuple[int, ...] | None = None
    """Which subaccounts to read, where the venue has numbered ones; None is all of them."""
    wallets: tuple[str, ...] | None = None
    """Which wallets to ask for; None is the venue's own list."""
    base_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    book: HttpsSource | S3Source | None = None
    """Where its book comes from; None is Trueup's own table."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A signed exact amount of an asset in a wallet. `total` includes what is held; it excludes unrealised PnL."""

    wallet: str
    asset: str
    total: Decimal
    available: Decimal | None = None
    held: Decimal | None = None
    borrowed: Decimal | None = None
    venue_asset: str | None = None
    """The venue's own name for the asset."""
    price_asset: str | None = None
    """The asset whose price values this holding, where it is not the asset itself."""
    unmapped: bool = False
    """True when the venue's name is in no alias table: kept under its own name, compared, and flagged."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Something in flight: a signed quantity, and whether the listing side has already put it into its total."""

    wallet: str
    asset: str
    quantity: Decimal
    applied: bool
    kind: str | None = None
    reference: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The venue's side, as read at `observed_at` (our clock)."""

    account_id: str
    venue: str
    observed_at: datetime
    wallets: Mapping[str, Reason | None]
    """Each wallet, with None when it was read completely or the reason why it was not."""
    holdings: tuple[Holding, ...]
    pending: tuple[Pending, ...] = ()
    venue_time: datetime | None = None
    """The moment the venue says its answer is true for, by the venue's clock (a block's time, for a chain)."""


@dataclass(frozen=True, slots=True)
class Book:
    """Our side: what the trading system believed at `as_of`, for the wallets it covers."""

    account_id: str
    as_of: datetime
    version: str
    wallets: tuple[str, ...]
    holdings: tuple[Holding, ...]
    pending: tuple[Pending, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """Book, venue, book again: the unit that is compared. The books are None when there is none to read."""

    snapshot: Snapshot
    book: Book | None
    book_after: Book | None
    evidence_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class PriceSet:
    """Base currency per unit of each asset, frozen for a run."""

    base: str
    as_of: datetime
    source: str
    prices: Mapping[str, Decimal]
