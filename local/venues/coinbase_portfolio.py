"""A Coinbase portfolio: the accounts one CDP key can see, and what moves in and out of them."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .amounts import exact_sum, to_decimal
from .coinbase_transactions import OVER, STATUSES, Transaction, iso_seconds

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

_FIAT = frozenset({"USD", "EUR", "GBP", "CAD", "AUD", "JPY", "CHF", "SGD", "BRL"})
_NAMESPACE = uuid.UUID("6f1d6b0e-5a54-4c53-9f0e-0c2a4a4f7d11")


@dataclass
class AccountRow:
    """One account as List Accounts shows it. Amounts are sent exactly as written, None as null."""

    currency: str
    available: str | None
    hold: str | None = "0"
    uuid: str = ""
    name: str = ""
    type: str = ""
    platform: str = "ACCOUNT_PLATFORM_CONSUMER"
    ready: bool = True
    active: bool = True
    default: bool = True
    created_at: str | None = "2021-05-31T09:59:59Z"
    updated_at: str | None = "2026-01-02T03:04:05Z"
    deleted_at: str | None = None


class Portfolio:
    """What one CDP key can see: the accounts of the portfolio it was created for."""

    def __init__(
        self, key_name: str, rows: list[AccountRow], lock: threading.RLock, clock: Callable[[], float]
    ) -> None:
        self.key_name = key_name
        self.uuid = str(uuid.uuid5(_NAMESPACE, key_name))
        self.can_view, self.can_trade, self.can_transfer = True, False, False
        self.rows: list[AccountRow] = []
        self.transactions: list[Transaction] = []
        self._lock = lock
        self._clock = clock
        for row in rows:
            self.add_row(row)
        self._opened = copy.deepcopy(self.rows)

    def row(self, currency: str) -> AccountRow:
        """The first row of this currency. Raises KeyError."""
        for row in self.rows:
            if row.currency == currency:
                return row
        raise KeyError(f"portfolio {self.key_name} has no {currency} row")

    def add_row(self, row: AccountRow) -> None:
        """One more row, even of a currency already there (a vault beside a wallet)."""
        with self._lock:
            position = len(self.rows)
            row.uuid = row.uuid or str(uuid.uuid5(_NAMESPACE, f"{self.key_name} {position} {row.currency}"))
            row.name = row.name or f"{row.currency} Wallet"
            row.type = row.type or f"ACCOUNT_TYPE_{'FIAT' if row.currency in _FIAT else 'CRYPTO'}"
            self.rows.append(row)

    def set(self, currency: str, available: str | None, hold: str | None = "0") -> None:
        """State the balance of this currency's first row, which is made where there is none."""
        with self._lock:
            row = self._row_or_new(currency)
            row.available, row.hold = available, hold
            row.updated_at = iso_seconds(self._clock())

    def add(self, currency: str, available: str = "0", hold: str = "0") -> None:
        """Move the balance of this currency's first row by signed amounts, exactly."""
        with self._lock:
            row = self._row_or_new(currency)
            row.available = _moved(row.available, available)
            row.hold = _moved(row.hold, hold)
            row.updated_at = iso_seconds(self._clock())

    def record_transaction(
        self,
        currency: str,
        amount: str,
        *,
        kind: str = "send",
        status: str = "completed",
        identity: str | None = None,
        created_at: str | None = None,
    ) -> str:
        """Write a transaction into the history of this currency's first row; balances stay. Returns its id."""
        if status not in STATUSES:
            raise ValueError(f"status: expected one of {', '.join(STATUSES)}, got {status}")
        to_decimal(amount)
        with self._lock:
            row = self._row_or_new(currency)
            named = identity or str(uuid.uuid5(_NAMESPACE, f"{self.key_name} transaction {len(self.transactions)}"))
            if any(each.id == named for each in self.transactions):
                raise ValueError(f"id: {named} exists already")
            made_at = created_at or iso_seconds(self._clock())
            self.transactions.append(Transaction(named, row.uuid, kind, status, amount, currency, made_at))
        return named

    def start_transfer(
        self,
        currency: str,
        amount: str,
        *,
        kind: str = "send",
        status: str = "pending",
        identity: str | None = None,
    ) -> str:
        """Set a transfer in flight and return its id. One that leaves (negative) and is pending is debited at once."""
        with self._lock:
            named = self.record_transaction(currency, amount, kind=kind, status=status, identity=identity)
            if status == "pending" and to_decimal(amount) < 0:
                self.add(currency, amount)
        return named

    def settle(self, identity: str, status: str = "completed") -> None:
        """End a transfer: what arrives is credited when completed, what was debited comes back when it was not."""
        if status not in OVER:
            raise ValueError(f"status: expected one of {', '.join(OVER)}, got {status}")
        with self._lock:
            transfer = next((each for each in self.transactions if each.id == identity), None)
            if transfer is None or transfer.status in OVER:
                raise ValueError(f"id: {identity} is not in flight")
            leaves, completed = to_decimal(transfer.amount) < 0, status == "completed"
            debited = leaves and transfer.status == "pending"
            if completed and not debited:
                self.add(transfer.currency, transfer.amount)
            elif debited and not completed:
                self.add(transfer.currency, f"{-to_decimal(transfer.amount):f}")
            transfer.status = status

    def restore(self) -> None:
        """The rows as they were opened, and nothing that has happened."""
        with self._lock:
            self.rows = copy.deepcopy(self._opened)
            self.transactions.clear()

    def _row_or_new(self, currency: str) -> AccountRow:
        try:
            return self.row(currency)
        except KeyError:
            row = AccountRow(currency, "0", "0")
            self.add_row(row)
            return row

    def page_row(self, row: AccountRow) -> dict[str, object]:
        """One row as the vendor documents it."""
        return {
            "uuid": row.uuid,
            "name": row.name,
            "currency": row.currency,
            "available_balance": {"value": row.available, "currency": row.currency},
            "default": row.default,
            "active": row.active,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "deleted_at": row.deleted_at,
            "type": row.type,
            "ready": row.ready,
            "hold": {"value": row.hold, "currency": row.currency},
            "retail_portfolio_id": self.uuid,
            "platform": row.platform,
        }


def _moved(amount: str | None, by: str) -> str:
    return f"{exact_sum(to_decimal(amount or '0'), to_decimal(by)):f}"
