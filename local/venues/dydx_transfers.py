"""The transfers a simulated dYdX indexer knows of, as it shows them to each of their ends."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from .amounts import plain, to_decimal

INTO = ("DEPOSIT", "TRANSFER_IN")
OUT_OF = ("WITHDRAWAL", "TRANSFER_OUT")
_NAMESPACE = uuid.UUID("0d1f2b63-0f2e-4b0b-9f62-5b6a4d0f7a55")

End = tuple[str, int | None]
"""An address and the number of its subaccount; None is the address's own wallet."""


@dataclass(frozen=True)
class _Transfer:
    id: str
    sender: End
    recipient: End
    size: str
    symbol: str
    created_at: str
    height: int
    transaction_hash: str

    def shown_to(self, end: End) -> dict[str, object]:
        """The transfer as the vendor documents it; its type depends on who looks."""
        outgoing = self.sender == end
        between = self.sender[1] is not None and self.recipient[1] is not None
        return {
            "id": self.id,
            "sender": _shown(self.sender),
            "recipient": _shown(self.recipient),
            "size": self.size,
            "createdAt": self.created_at,
            "createdAtHeight": str(self.height),
            "symbol": self.symbol,
            "type": (OUT_OF if outgoing else INTO)[int(between)],
            "transactionHash": self.transaction_hash,
        }


class Transfers:
    """All transfers so far."""

    def __init__(self) -> None:
        self._made: list[_Transfer] = []

    def record(
        self,
        kind: str,
        size: str,
        symbol: str,
        own: End,
        other: End,
        *,
        made: tuple[str, int],
        transaction_hash: str | None,
    ) -> str:
        """Write down a transfer that is a `kind` to `own`, `made` at a time and a height. Returns its hash."""
        if kind not in (*INTO, *OUT_OF):
            raise ValueError(f"kind: expected one of {', '.join((*INTO, *OUT_OF))}, got {kind}")
        if (other[1] is None) == kind.startswith("TRANSFER"):
            raise ValueError("counterparty_subaccount: a transfer has one, a deposit or withdrawal has none")
        sender, recipient = (other, own) if kind in INTO else (own, other)
        identity = uuid.uuid5(_NAMESPACE, f"transfer {len(self._made)} {own}")
        named = transaction_hash or (identity.hex * 2).upper()
        amount = plain(to_decimal(size))
        self._made.append(_Transfer(str(identity), sender, recipient, amount, symbol, *made, named))
        return named

    def of(self, address: str, number: int, before: int) -> list[dict[str, object]]:
        """What went in and out of a subaccount up to a height, newest first."""
        end = (address, number)
        return [
            transfer.shown_to(end)
            for transfer in reversed(self._made)
            if end in (transfer.sender, transfer.recipient) and transfer.height <= before
        ]

    def clear(self) -> None:
        """Forget all of them."""
        self._made.clear()


def _shown(end: End) -> dict[str, object]:
    address, number = end
    return {"address": address} if number is None else {"address": address, "subaccountNumber": number}
