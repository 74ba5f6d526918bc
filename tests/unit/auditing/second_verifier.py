"""A second verifier, written from docs/audit.md: nothing of the product's in it, not even its JSON.

It takes all rows and all objects at once, and plays every chain again from its entries: what the writer would have left
is what has to be there.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from json import loads
from typing import Any

Row = dict[str, Any]
ZEROS = "0" * 64
ESCAPED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def canonical(value: Any) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(ESCAPED.get(letter) or _plain(letter) for letter in value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(canonical(inner) for inner in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in sorted(value)) + "}"
    raise ValueError(f"{type(value)} is in no document")


def _plain(letter: str) -> str:
    return letter if ord(letter) >= 32 else f"\\u{ord(letter):04x}"


def sha(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def own_hash(row: Row) -> str:
    return sha(canonical({name: value for name, value in row.items() if name not in ("pk", "sk", "hash")}))


def midnight_after(day: str, days: int) -> float:
    return (datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1 + days)).timestamp()


def faults(rows: Mapping[tuple[str, str], Row], objects: Mapping[str, bytes], now: float) -> list[str]:
    """Everything that is wrong with an audit; empty where it is intact."""
    try:
        return list(_Store(rows, objects, now).faults())
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return [f"something is not of the form it should be: {type(error).__name__} {error}"]


class _Store:
    def __init__(self, rows: Mapping[tuple[str, str], Row], objects: Mapping[str, bytes], now: float) -> None:
        self.rows, self.objects, self.now = rows, objects, now
        self.entries: dict[tuple[str, str], Row] = {}
        """By run and account."""
        self.retention: dict[str, int] = {}

    def faults(self) -> Iterator[str]:
        for pk in sorted({pk for pk, _ in self.rows if pk.startswith("ACCOUNT#")}):
            yield from self.chain(pk)
        for pk, sk in sorted(self.rows):
            if pk.startswith("RUNS#"):
                yield from self.run(pk, sk)
        for run_id in sorted({run_id for run_id, _ in self.entries}):
            if self.run_row(run_id) is None and self.now < self.day_of_run(run_id, 0):
                yield f"run {run_id} has entries and no row"

    # -- chains ----------------------------------------------------------------------------------------------------

    def chain(self, pk: str) -> Iterator[str]:
        account = pk.removeprefix("ACCOUNT#")
        here = {sk: row for (owner, sk), row in self.rows.items() if owner == pk}
        head, entries = here.get("CHAIN"), {}
        marks = [here[sk] for sk in sorted(here) if sk.startswith("CHECKPOINT#")]
        for sk, row in here.items():
            if not sk.startswith("REPORT#"):
                continue
            if row["hash"] != own_hash(row):
                yield f"{pk} {sk}: the hash is another"
            if sk != f"REPORT#{row['at']}#{row['run_id']}" or row["account_id"] != account:
                yield f"{pk} {sk}: it is not in its place"
            if row["seq"] in entries:
                yield f"{pk}: number {row['seq']} twice"
            entries[row["seq"]] = row
            self.entries[row["run_id"], account] = row
        if not here.keys() - {sk for sk in here if sk.startswith(("TRACK#", "BREAK#"))}:
            return
        if head is None or not marks or marks[0]["seq"] != 1:
            yield f"{pk}: no head, or no beginning"
            return
        yield from self.played_again(pk, head, marks, entries)

    def played_again(self, pk: str, head: Row, marks: list[Row], entries: dict[int, Row]) -> Iterator[str]:
        expired: set[int] = set()
        bounds = [mark["seq"] for mark in marks] + [head["seq"] + 1]
        if sorted(bounds) != bounds:
            yield f"{pk}: numbers of checkpoints are not in order"
            return
        for mark, first, after in zip(marks, bounds, bounds[1:], strict=False):
            if self.now >= midnight_after(mark["day"], mark["retention_days"]):
                expired |= set(range(first, after))
        missing = set(range(1, head["seq"] + 1)) - entries.keys()
        if missing - expired:
            yield f"{pk}: entries {sorted(missing - expired)} are missing"
            return
        if any(seq > head["seq"] or seq < 1 for seq in entries):
            yield f"{pk}: entries after the head"
        told: Any = None
        knows = True
        mark, before = None, ZEROS
        at_mark = {mark["seq"]: mark for mark in marks}
        for seq in range(1, head["seq"] + 1):
            entry = entries.get(seq)
            opens = at_mark.get(seq)
            if entry is None:
                knows, before = False, None if opens is None else opens["entry_hash"]
            else:
                if before is not None and entry["prev"] != before:
                    yield f"{pk}: {seq} does not follow {seq - 1}"
                if entry["verified"] and (told is None or entry["at"] >= told["at"]):
                    told = {name: entry[name] for name in ("run_id", "at", "status", "object")}
                before = entry["hash"]
                if entry["checkpoint"] != (ZEROS if mark is None else mark["hash"]):
                    yield f"{pk}: {seq} vouches for another checkpoint"
            if opens is not None:
                if not knows:
                    told, knows = opens["last_verified"], True
                should = {
                    "pk": pk,
                    "sk": f"CHECKPOINT#{opens['day']}",
                    "account_id": pk.removeprefix("ACCOUNT#"),
                    "day": opens["day"] if entry is None else entry["at"][:10],
                    "seq": seq,
                    "entry_hash": before,
                    "retention_days": opens["retention_days"],
                    "last_verified": told,
                    "prev": ZEROS if mark is None else mark["hash"],
                }
                if opens != {**should, "hash": own_hash(should)}:
                    yield f"{pk}: the checkpoint at {seq} is another"
                mark = opens
            assert mark is not None
            if entry is not None:
                self.retention[entry["run_id"]] = mark["retention_days"]
                if entry["expires_at"] != midnight_after(mark["day"], mark["retention_days"]):
                    yield f"{pk}: {seq} expires at another time"
                if entry["at"][:10] > mark["day"]:
                    yield f"{pk}: {seq} is of a day that has no checkpoint"
        assert mark is not None
        named = {name: mark[name] for name in ("day", "retention_days", "hash")}
        should = {"pk": pk, "sk": "CHAIN", "seq": head["seq"], "hash": before, "checkpoint": named}
        should |= {"last_verified": told if knows else head["last_verified"]}
        if before is not None and head != should:
            yield f"{pk}: the head is another"

    # -- runs ------------------------------------------------------------------------------------------------------

    def day_of_run(self, run_id: str, days_more: int) -> float:
        day = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}"
        return midnight_after(day, self.retention.get(run_id, 0) - 1 + days_more)

    def run_row(self, run_id: str) -> Row | None:
        return self.rows.get((f"RUNS#{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}", f"RUN#{run_id}"))

    def run(self, pk: str, sk: str) -> Iterator[str]:
        row = self.rows[pk, sk]
        run_id = row["run_id"]
        if self.run_row(run_id) is not row:
            yield f"{pk} {sk}: it is not in its place"
        key = f"runs/{run_id}/report.json.gz"
        began = datetime.fromisoformat(row["started_at"]).timestamp()
        self.retention.setdefault(run_id, int(row["expires_at"] - began) // 86_400)
        entries = {account: entry for (of, account), entry in self.entries.items() if of == run_id}
        text = self.objects.get(key)
        if row["state"] in ("running", "disabled"):
            if entries or text is not None:
                yield f"{pk} {sk}: it has not ended, and has a report"
            if row.keys() != {"pk", "sk", "run_id", "execution", "started_at", "expires_at", "state", "claimed_by"}:
                yield f"{pk} {sk}: its fields are others"
            return
        if text is None:
            if self.now < self.day_of_run(run_id, 1):
                yield f"{key} is missing"
            return
        report = loads(text)
        if {entry["run_report_sha256"] for entry in entries.values()} - {sha(text)}:
            yield f"{key} is another"
        parts = {part["account_id"]: part for part in report["accounts"]}
        if parts.keys() - entries.keys():
            at = midnight_after(report["compared_at"][:10], self.retention.get(run_id, 0))
            if self.now < at or entries.keys() - parts.keys():
                yield f"run {run_id}: entries of {sorted(entries)}, but a report of {sorted(parts)}"
        for account, part in parts.items():
            if account in entries:
                yield from self.entry(entries[account], part, report, key)
            yield from self.evidence(run_id, account, part, report["looks"].get(account, {}))
        yield from self.named(run_id, report)
        told = {name for name, part in parts.items() if any("news" in line for line in part["lines"])}
        alerts = [account for account in parts if account in told | report["told"].keys()]
        should = {
            "pk": f"RUNS#{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}",
            "sk": f"RUN#{run_id}",
            "run_id": run_id,
            "execution": row["execution"],
            "expires_at": row["expires_at"],
            "started_at": report["started_at"],
            "compared_at": report["compared_at"],
            "state": "failed" if report["status"] == "UNVERIFIED" else "finished",
            "status": report["status"],
            "verified": report["verified"],
            "counts": report["counts"],
            "object": key,
            "report_sha256": sha(text),
            "alerts": [f"alr-{sha(canonical([run_id, account]))[:16]}" for account in alerts],
            "seal": sha(canonical({account: entry["hash"] for account, entry in entries.items()})),
        }
        if len(entries) < len(parts):
            should["seal"] = row["seal"]
        if row != should:
            yield f"{pk} {sk}: it is another"

    def entry(self, entry: Row, part: Row, report: Row, key: str) -> Iterator[str]:
        breaks = [line["severity"] for line in part["lines"] if line["outcome"] == "break"]
        counts = entry["counts"]
        said = {
            "at": report["compared_at"],
            "object": key,
            "report_sha256": sha(canonical(part)),
            **{name: part[name] for name in ("run_id", "status", "verified", "reasons", "evidence_sha256")},
        }
        if {name: entry[name] for name in said} != said:
            yield f"run {entry['run_id']}: the entry of {entry['account_id']} says other things than the report"
        if counts["lines"] != len(part["lines"]) or sum(counts["breaks"].values()) != len(breaks):
            yield f"run {entry['run_id']}: the entry of {entry['account_id']} counts otherwise"

    def evidence(self, run_id: str, account: str, part: Row, looks: Row) -> Iterator[str]:
        folder = f"runs/{run_id}/observations"
        second = part["recheck"] == "read"
        for key, digest in (
            (f"{folder}/{account}.json.gz", looks.get("first")),
            (f"{folder}/second/{account}.json.gz", looks.get("second")),
            (f"{folder}/{'second/' if second else ''}{account}.json.gz", part["evidence_sha256"]),
        ):
            yield from self.is_there(key, digest, run_id)

    def named(self, run_id: str, report: Row) -> Iterator[str]:
        prices = report["prices"]
        if prices["sha256"] is not None:
            yield from self.is_there(prices["object"], prices["sha256"], run_id)
        yield from self.is_there(f"runs/{run_id}/manifest.json.gz", report["manifest_sha256"], run_id)
        if report["looks"]:
            listed = canonical({"schema": 1, "accounts": sorted(report["looks"])})
            yield from self.is_there(f"runs/{run_id}/recheck.json.gz", sha(listed), run_id)

    def is_there(self, key: str, digest: str | None, run_id: str) -> Iterator[str]:
        if digest is None:
            return
        text = self.objects.get(key)
        if text is None:
            if self.now < self.day_of_run(run_id, 1):
                yield f"{key} is missing"
        elif sha(text) != digest:
            yield f"{key} is another"
