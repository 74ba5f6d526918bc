"""The audit: one row per account and run, chained by hashes, so that history cannot be rewritten quietly."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.domain.reading import digest, format_time
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.rows import ABSENT, Condition, Row, Rows

GENESIS = "0" * 64
"""What the first row of a chain names as the hash before it."""

_CHAINED = (
    "account_id",
    "run_id",
    "at",
    "status",
    "verified",
    "reasons",
    "report_sha256",
    "evidence_sha256",
    "object",
    "counts",
)
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One account's part in a run, as it is kept: the verdict, and the digests of report and evidence."""

    account_id: str
    run_id: str
    at: datetime
    status: str
    verified: bool
    reasons: tuple[str, ...]
    report_sha256: str
    evidence_sha256: str | None
    object: str
    """Where the whole report is."""
    counts: Mapping[str, Any]


def chain_hash(row: Row) -> str:
    """Return the hash of an audit row: of its place, its predecessor's hash, and everything it vouches for."""
    return digest({"seq": row["seq"], "prev": row["prev"], **{name: row[name] for name in _CHAINED}})


def seal(hashes: Mapping[str, str]) -> str:
    """Return the hash over all account rows of a run (account id to chain hash)."""
    return digest(dict(sorted(hashes.items())))


class Audit:
    """Append-only reports of accounts."""

    def __init__(self, rows: Rows, retention_days: int) -> None:
        self._rows = rows
        self._retention_seconds = retention_days * 86_400

    def append(self, entry: Entry) -> str:
        """Add an entry to its account's chain and return its hash; an entry already there is left as it is.

        Safe under a retried Compare and under overlapping runs: row and chain head are written together or not at
        all. Raises StoreUnavailable when other runs keep winning.
        """
        pk, sk = keys.audit(entry.account_id), keys.report(entry.at, entry.run_id)
        for _ in range(_ATTEMPTS):
            head = self._rows.get(pk, keys.CHAIN)
            row = self._row(entry, pk, sk, head)
            if self._rows.put_all([(row, ABSENT), self._next_head(pk, head, row)]):
                return str(row["hash"])
            # Refused: an earlier attempt of ours was here, or another run has moved the head on.
            existing = self._rows.get(pk, sk)
            if existing is not None:
                return str(existing["hash"])
        raise StoreUnavailable(f"account {entry.account_id}: the audit chain is being written by other runs; try again")

    def last(self, account_id: str) -> dict[str, Any] | None:
        """Return the newest row of an account."""
        found = self._rows.query(keys.audit(account_id), prefix=keys.REPORT, newest_first=True, limit=1)
        return found[0] if found else None

    def last_verified(self, account_id: str) -> dict[str, Any] | None:
        """Return where the last report is that was verified whole: run_id, at, status, object."""
        head = self._rows.get(keys.audit(account_id), keys.CHAIN)
        return None if head is None else head["last_verified"]

    def history(self, account_id: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Return the rows of an account between two times, oldest first."""
        between = (f"{keys.REPORT}{format_time(start)}", f"{keys.REPORT}{format_time(end)}~")
        return self._rows.query(keys.audit(account_id), between=between)

    def _row(self, entry: Entry, pk: str, sk: str, head: Row | None) -> dict[str, Any]:
        row: dict[str, Any] = {
            "pk": pk,
            "sk": sk,
            "seq": head["seq"] + 1 if head else 1,
            "prev": head["hash"] if head else GENESIS,
            "account_id": entry.account_id,
            "run_id": entry.run_id,
            "at": format_time(entry.at),
            "status": entry.status,
            "verified": entry.verified,
            "reasons": list(entry.reasons),
            "report_sha256": entry.report_sha256,
            "evidence_sha256": entry.evidence_sha256,
            "object": entry.object,
            "counts": dict(entry.counts),
            "expires_at": int(entry.at.timestamp()) + self._retention_seconds,
        }
        return row | {"hash": chain_hash(row)}

    def _next_head(self, pk: str, head: Row | None, row: Row) -> tuple[dict[str, Any], Condition]:
        last_verified = head["last_verified"] if head else None
        if row["verified"] and (last_verified is None or row["at"] >= last_verified["at"]):
            last_verified = {name: row[name] for name in ("run_id", "at", "status", "object")}
        next_head = {
            "pk": pk,
            "sk": keys.CHAIN,
            "seq": row["seq"],
            "hash": row["hash"],
            "last_verified": last_verified,
        }
        return next_head, ABSENT if head is None else Condition("equals", "hash", head["hash"])
