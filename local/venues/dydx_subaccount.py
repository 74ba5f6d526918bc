"""A dYdX subaccount: what it holds, what that is worth, and how the indexer shows it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Protocol

from .amounts import DIGITS, exact_sum, plain, to_decimal

if TYPE_CHECKING:
    import threading

INITIAL_MARGIN_FRACTION = Decimal("0.05")
"""One fraction for every market; the real ones differ by liquidity tier. Only freeCollateral depends on it."""


class Indexer(Protocol):
    """What a subaccount needs to know of the venue it lives at."""

    lock: threading.RLock

    def now(self) -> float:
        """Epoch seconds."""

    def height(self) -> int:
        """The latest block."""

    def oracle_price(self, market: str) -> Decimal:
        """USD per unit. Raises ValueError for an unknown market."""


@dataclass
class Position:
    """An open perpetual position; `size` is signed, negative when short."""

    market: str
    size: Decimal
    entry_price: Decimal
    created_at: str
    created_at_height: int
    max_size: Decimal


class Subaccount:
    """One subaccount: signed asset amounts and open positions. Zero amounts are not shown, as on the venue."""

    def __init__(self, venue: Indexer, address: str, number: int) -> None:
        self.address = address
        self.number = number
        self.assets: dict[str, Decimal] = {}
        self.positions: dict[str, Position] = {}
        self.updated_at_height = venue.height()
        self._venue = venue

    def set_asset(self, symbol: str, amount: str) -> None:
        """State a signed amount (USDC; negative is borrowed)."""
        with self._venue.lock:
            self.assets[symbol] = to_decimal(amount)
            self.touch()

    def add_to_asset(self, symbol: str, amount: str) -> None:
        """Move an asset by a signed amount, exactly."""
        with self._venue.lock:
            self.assets[symbol] = exact_sum(self.assets.get(symbol, Decimal(0)), to_decimal(amount))
            self.touch()

    def set_position(self, market: str, size: str, entry_price: str | None = None) -> None:
        """State a signed position. Without an entry price it is opened at the oracle price.

        Raises ValueError for a market without an oracle price: its equity could not be told.
        """
        with self._venue.lock:
            oracle = self._venue.oracle_price(market)
            signed = to_decimal(size)
            self.positions[market] = Position(
                market=market,
                size=signed,
                entry_price=oracle if entry_price is None else to_decimal(entry_price),
                created_at=iso(self._venue.now()),
                created_at_height=self._venue.height(),
                max_size=signed,
            )
            self.touch()

    def add_to_position(self, market: str, size: str) -> None:
        """Move a position by a signed size, exactly; its entry price stays."""
        with self._venue.lock:
            if market not in self.positions or not self.positions[market].size:
                self.set_position(market, size)
                return
            position = self.positions[market]
            position.size = exact_sum(position.size, to_decimal(size))
            position.max_size = max(position.max_size, position.size, key=abs)
            self.touch()

    def touch(self) -> None:
        """Note that the latest block changed this subaccount."""
        self.updated_at_height = self._venue.height()

    def worth(self) -> tuple[Decimal, Decimal]:
        """Equity and free collateral: signed USDC and positions at oracle prices, less initial margin."""
        with localcontext(prec=DIGITS):
            notionals = [
                position.size * self._venue.oracle_price(market) for market, position in self.positions.items()
            ]
            equity = self.assets.get("USDC", Decimal(0)) + sum(notionals, Decimal(0))
            margin = sum((abs(notional) for notional in notionals), Decimal(0)) * INITIAL_MARGIN_FRACTION
            return equity, equity - margin

    def shown(self, lag: int) -> dict[str, object]:
        """The subaccount as the vendor documents it, told `lag` blocks behind the height."""
        equity, free_collateral = self.worth()
        height = self._venue.height() - lag
        return {
            "address": self.address,
            "subaccountNumber": self.number,
            "equity": plain(equity),
            "freeCollateral": plain(free_collateral),
            "openPerpetualPositions": {
                market: self._shown_position(position) for market, position in self.positions.items() if position.size
            },
            "assetPositions": {
                symbol: {
                    "symbol": symbol,
                    "side": "LONG" if amount > 0 else "SHORT",
                    "size": plain(abs(amount)),
                    "assetId": str(identity),
                    "subaccountNumber": self.number,
                }
                for identity, (symbol, amount) in enumerate(self.assets.items())
                if amount
            },
            "marginEnabled": True,
            "updatedAtHeight": str(min(self.updated_at_height, height)),
            "latestProcessedBlockHeight": str(height),
        }

    def _shown_position(self, position: Position) -> dict[str, object]:
        with localcontext(prec=DIGITS):
            gained = self._venue.oracle_price(position.market) - position.entry_price
            unrealized = position.size * gained
        return {
            "market": position.market,
            "status": "OPEN",
            "side": "LONG" if position.size > 0 else "SHORT",
            "size": plain(position.size),
            "maxSize": plain(position.max_size),
            "entryPrice": plain(position.entry_price),
            "exitPrice": None,
            "realizedPnl": "0",
            "unrealizedPnl": plain(unrealized),
            "createdAt": position.created_at,
            "createdAtHeight": str(position.created_at_height),
            "closedAt": None,
            "sumOpen": plain(abs(position.max_size)),
            "sumClose": plain(abs(position.max_size) - abs(position.size)),
            "netFunding": "0",
            "subaccountNumber": self.number,
        }


def shown_parent(address: str, number: int, children: list[Subaccount], lag: int) -> dict[str, object]:
    """A parent subaccount as the vendor documents it: its own number among its children's."""
    worths = [child.worth() for child in children]
    with localcontext(prec=DIGITS):
        equity = sum((worth[0] for worth in worths), Decimal(0))
        free_collateral = sum((worth[1] for worth in worths), Decimal(0))
    return {
        "address": address,
        "parentSubaccountNumber": number,
        "equity": plain(equity),
        "freeCollateral": plain(free_collateral),
        "childSubaccounts": [child.shown(lag) for child in children],
    }


def iso(seconds: float) -> str:
    """RFC 3339, UTC, milliseconds."""
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
