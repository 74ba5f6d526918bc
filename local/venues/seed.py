"""Reads a seed file: which keys and addresses the simulated venues know, and what they hold.

::

    {"coinbase": {"prices": {"BTC": "97000.5"},
                  "portfolios": [{"key": "<key name>", "public_key": "<PEM, or base64 of 32 bytes>",
                                  "balances": {"BTC": {"available": "1.23", "hold": "0.02"}},
                                  "permissions": {"view": true, "trade": false, "transfer": false}}]},
     "dydx": {"oracle_prices": {"BTC-USD": "97000.5"},
              "subaccounts": [{"address": "dydx1...", "number": 0, "assets": {"USDC": "608580.95"},
                               "positions": {"BTC-USD": "-4.1368"}}]}}

Prices, hold and permissions are optional, as are assets and positions; amounts are decimal strings. Only
public parts of keys belong here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import fields
from .coinbase import CoinbaseSimulator, read_balances
from .dydx import DydxSimulator

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Seeded:
    """Both venues, filled but not yet listening."""

    coinbase: CoinbaseSimulator
    dydx: DydxSimulator


def read_seed(file: Path, *, coinbase_port: int = 0, dydx_port: int = 0) -> Seeded:
    """Both venues from a seed file. Raises `fields.FieldError`, one line naming the field."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise fields.FieldError(f"cannot be read ({error.strerror})") from error
    record = fields.as_record(fields.parse_json(text), "", required=["coinbase", "dydx"])
    return Seeded(coinbase=_coinbase(record["coinbase"], coinbase_port), dydx=_dydx(record["dydx"], dydx_port))


def _coinbase(value: object, port: int) -> CoinbaseSimulator:
    record = fields.as_record(value, "coinbase", required=["portfolios"], optional=["prices"])
    prices = fields.as_amounts(record.get("prices", {}), "coinbase.prices")
    try:
        venue = CoinbaseSimulator(port=port, prices=prices)
    except ValueError as error:
        raise fields.FieldError(f"coinbase.{error}") from error
    for number, each in enumerate(fields.as_list(record["portfolios"], "coinbase.portfolios")):
        _open_portfolio(venue, each, f"coinbase.portfolios[{number}]")
    return venue


def _open_portfolio(venue: CoinbaseSimulator, value: object, where: str) -> None:
    record = fields.as_record(value, where, required=["key", "public_key", "balances"], optional=["permissions"])
    balances = read_balances(record["balances"], f"{where}.balances")
    at = f"{where}.permissions"
    permissions = fields.as_record(record.get("permissions", {}), at, optional=["view", "trade", "transfer"])
    allowed = {name: fields.as_boolean(each, f"{at}.{name}") for name, each in permissions.items()}
    key = fields.as_text(record["key"], f"{where}.key")
    public_key = fields.as_text(record["public_key"], f"{where}.public_key")
    try:
        portfolio = venue.open_portfolio(key, public_key, balances)
    except ValueError as error:
        raise fields.FieldError(f"{where}: {error}") from error
    portfolio.can_view = allowed.get("view", portfolio.can_view)
    portfolio.can_trade = allowed.get("trade", portfolio.can_trade)
    portfolio.can_transfer = allowed.get("transfer", portfolio.can_transfer)


def _dydx(value: object, port: int) -> DydxSimulator:
    record = fields.as_record(value, "dydx", required=["subaccounts"], optional=["oracle_prices"])
    prices = fields.as_amounts(record.get("oracle_prices", {}), "dydx.oracle_prices")
    venue = DydxSimulator(port=port, oracle_prices=prices)
    for number, each in enumerate(fields.as_list(record["subaccounts"], "dydx.subaccounts")):
        where = f"dydx.subaccounts[{number}]"
        stated = fields.as_record(each, where, required=["address", "number"], optional=["assets", "positions"])
        try:
            venue.open_subaccount(
                fields.as_text(stated["address"], f"{where}.address"),
                fields.as_integer(stated["number"], f"{where}.number", minimum=0),
                assets=fields.as_amounts(stated.get("assets", {}), f"{where}.assets"),
                positions=fields.as_amounts(stated.get("positions", {}), f"{where}.positions"),
            )
        except fields.FieldError:
            raise
        except ValueError as error:
            raise fields.FieldError(f"{where}: {error}") from error
    return venue
