"""The audit: one entry per account and run, chained by hashes, so that history cannot be rewritten quietly.

Entries expire; checkpoints do not. The first entry of a day leaves one, so that what expired can be told from what was
removed, and so that whoever vouches for an entry of today vouches for every day before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trueup.domain.reading import digest, format_time, read_time
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.rows import ABSENT, Condition, Row, Rows

GENESIS = "0" * 64
"""What the first of a chain names as the hash before it."""

LAST_VERIFIED = ("run_id", "at", "status", "object")
"""What is kept at hand of the last report that was verified whole."""

_NOT_HASHED = {"pk", "sk", "hash"}
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One account's part in a run, as it is kept: the verdict, and the digests of what it rests on."""

    account_id: str
    run_id: str
    at: datetime
    status: str
    verified: bool
    reasons: tuple[str, ...]
    report_sha256: str
    """Of the account's own report."""
    run_report_sha256: str
    """Of the whole report, which in turn names prices and manifest by their digests."""
    evidence_sha256: str | None
    object: str
    """Where the whole report is."""
    counts: Mapping[str, Any]


def chain_hash(row: Row) -> str:
    """Return the hash of an entry or a checkpoint: of all it says, its predecessor's hash included.

    Its keys say nothing that it does not say itself. Raises TypeError for what no row of ours holds.
    """
    return digest({name: value for name, value in row.items() if name not in _NOT_HASHED})


def seal(hashes: Mapping[str, str]) -> str:
    """Return the hash over all entries of a run (account id to chain hash)."""
    return digest(dict(sorted(hashes.items())))


def expires_at(day: str, retention_days: int) -> int:
    """Return when the entries of a UTC day may go, all at once: at the midnight after it, so many days later."""
    midnight = read_time(f"{day}T00:00:00Z", "day")
    return int((midnight + timedelta(days=1 + retention_days)).timestamp())


class Audit:
    """Append-only reports of accounts."""

    def __init__(self, rows: Rows, retention_days: int) -> None:
        self._rows = rows
        self._retention_days = retention_days

    def append(self, entry: Entry) -> str:
        """Add an entry to its account's chain and return its hash; an entry already there is left as it is.

        Safe under a retried Compare and under overlapping runs: row, chain head and, with the first entry of a day, the
        checkpoint are written together or not at all. Raises StoreUnavailable when other runs keep winning.
        """
        pk, sk = keys.audit(entry.account_id), keys.report(entry.at, entry.run_id)
        for _ in range(_ATTEMPTS):
            head = self._rows.get(pk, keys.CHAIN)
            link = self._link(entry, head)
            if self._rows.put_all(link):
                return str(link[0][0]["hash"])
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

    def position(self, account_id: str) -> dict[str, Any] | None:
        """Return how far an account's chain has come: number and hash of its newest entry; None without any."""
        head = self._rows.get(keys.audit(account_id), keys.CHAIN)
        return None if head is None else {"seq": head["seq"], "hash": head["hash"]}

    def history(self, account_id: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Return the rows of an account between two times, oldest first."""
        between = (f"{keys.REPORT}{format_time(start)}", f"{keys.REPORT}{format_time(end)}~")
        return self._rows.query(keys.audit(account_id), between=between)

    def _link(self, entry: Entry, head: Row | None) -> list[tuple[Row, Condition | None]]:
        """Return what makes an entry the next of its chain: its row, the head, and a checkpoint where a day begins."""
        # A chain that was begun before there were checkpoints gets its first one now.
        before: Row | None = head.get("checkpoint") if head else None
        day, retention_days = keys.day(entry.at), self._retention_days
        # An older run that was slow does not begin its day a second time: it is kept with the entries around it.
        begins_a_day = before is None or day > before["day"]
        if before is not None and not begins_a_day:
            day, retention_days = before["day"], before["retention_days"]
        row = self._row(entry, head, before, expires_at(day, retention_days))
        last_verified = _last_verified(head, row)
        next_head = {
            "pk": row["pk"],
            "sk": keys.CHAIN,
            "seq": row["seq"],
            "hash": row["hash"],
            "last_verified": last_verified,
            "checkpoint": before,
        }
        moved = ABSENT if head is None else Condition("equals", "hash", head["hash"])
        if not begins_a_day:
            return [(row, ABSENT), (next_head, moved)]
        checkpoint = _checkpoint(row, before, retention_days, last_verified)
        named = {name: checkpoint[name] for name in ("day", "retention_days", "hash")}
        return [(row, ABSENT), (next_head | {"checkpoint": named}, moved), (checkpoint, ABSENT)]

    def _row(self, entry: Entry, head: Row | None, before: Row | None, expires: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            "pk": keys.audit(entry.account_id),
            "sk": keys.report(entry.at, entry.run_id),
            "seq": head["seq"] + 1 if head else 1,
            "prev": head["hash"] if head else GENESIS,
            # The newest one before this entry: through it an entry vouches for what has expired.
            "checkpoint": before["hash"] if before else GENESIS,
            "account_id": entry.account_id,
            "run_id": entry.run_id,
            "at": format_time(entry.at),
            "status": entry.status,
            "verified": entry.verified,
            "reasons": list(entry.reasons),
            "report_sha256": entry.report_sha256,
            "run_report_sha256": entry.run_report_sha256,
            "evidence_sha256": entry.evidence_sha256,
            "object": entry.object,
            "counts": dict(entry.counts),
            "expires_at": expires,
        }
        return row | {"hash": chain_hash(row)}


def _last_verified(head: Row | None, row: Row) -> dict[str, Any] | None:
    before: dict[str, Any] | None = head["last_verified"] if head else None
    if row["verified"] and (before is None or row["at"] >= before["at"]):
        return {name: row[name] for name in LAST_VERIFIED}
    return before


def _checkpoint(row: Row, before: Row | None, retention_days: int, last_verified: Row | None) -> dict[str, Any]:
    """Return the row that stays when an entry and all of its day have expired."""
    day = row["at"][:10]
    checkpoint = {
        "pk": row["pk"],
        "sk": keys.checkpoint(day),
        "account_id": row["account_id"],
        "day": day,
        "seq": row["seq"],
        "entry_hash": row["hash"],
        "retention_days": retention_days,
        "last_verified": last_verified,
        "prev": before["hash"] if before else GENESIS,
    }
    return checkpoint | {"hash": chain_hash(checkpoint)}
