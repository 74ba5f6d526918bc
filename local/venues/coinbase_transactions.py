"""The transactions of a simulated Coinbase portfolio, as List Transactions (Coinbase App, API v2) shows them.

After the vendor's documentation (Transactions, Pagination): newest first unless asked otherwise, 25 a page and at most
100, the next page begins after the last id of this one. A limit, an order or an id that does not exist is refused.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from .amounts import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PAGE = 25
MAX_PAGE = 100
OVER = ("completed", "failed", "expired", "canceled")
STATUSES = ("pending", "waiting_for_signature", "waiting_for_clearing", *OVER)


@dataclass
class Transaction:
    """One event on one account. `amount` is signed and sent exactly as written."""

    id: str
    account: str
    type: str
    status: str
    amount: str
    currency: str
    created_at: str

    def shown(self) -> dict[str, object]:
        """The transaction as the vendor documents it."""
        return {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "amount": {"amount": self.amount, "currency": self.currency},
            "native_amount": {"amount": "0.00", "currency": "USD"},
            "description": None,
            "created_at": self.created_at,
            "resource": "transaction",
            "resource_path": f"/v2/accounts/{self.account}/transactions/{self.id}",
        }


def page_of(transactions: list[Transaction], account: str, query: Mapping[str, str]) -> dict[str, object] | None:
    """One page of an account's transactions, which come oldest first; None for a query the venue refuses."""
    limit = whole(query.get("limit", str(DEFAULT_PAGE)))
    order = query.get("order", "desc")
    if limit is None or not 1 <= limit <= MAX_PAGE or order not in ("asc", "desc"):
        return None
    rows = [each for each in transactions if each.account == account]
    if order == "desc":
        rows.reverse()
    after = query.get("starting_after")
    first = 0
    if after is not None:
        if after not in (ids := [row.id for row in rows]):
            return None
        first = ids.index(after) + 1
    page = rows[first : first + limit]
    more = first + limit < len(rows)
    following = urlencode({"limit": limit, "order": order, "starting_after": page[-1].id}) if more else ""
    return {
        "pagination": {
            "ending_before": None,
            "starting_after": after,
            "previous_ending_before": None,
            "next_starting_after": page[-1].id if more else None,
            "limit": limit,
            "order": order,
            "previous_uri": None,
            "next_uri": f"/v2/accounts/{account}/transactions?{following}" if more else None,
        },
        "data": [row.shown() for row in page],
    }


def iso_seconds(seconds: float) -> str:
    """RFC 3339, UTC, whole seconds."""
    return datetime.datetime.fromtimestamp(int(seconds), tz=datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
