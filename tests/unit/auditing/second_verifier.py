"""A second verifier, written from docs/audit.md: nothing of the product's in it, not even its JSON.

It takes all rows and all objects at once, and plays every chain again from its entries: what the writer would have left
is what has to be there.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
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
        self.reports: dict[str, Row] = {}
        """By run, as far as they were looked at."""

    def faults(self) -> Iterator[str]:
        for pk in sorted({pk for pk, _ in self.rows if pk.startswith("ACCOUNT#")}):
            yield from self.chain(pk)
        for pk, sk in sorted(self.rows):
            if pk.startswith("RUNS#"):
                yield from self.run(pk, sk)
        named = {
            sk.removeprefix("BREAK#") for pk, sk in self.rows if pk.startswith("ACCOUNT#") and sk.startswith("BREAK#")
        }
        for report in self.reports.values():
            named |= {break_id for looks in report["breaks"].values() for break_id in looks}
        for break_id in sorted(named | {pk.removeprefix("BREAK#") for pk, _ in self.rows if pk.startswith("BREAK#")}):
            yield from self.story(break_id)
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
        self.reports[run_id] = report
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

    # -- breaks ----------------------------------------------------------------------------------------------------

    def story(self, break_id: str) -> Iterator[str]:
        """Play a break again from its first event; here nothing of it has expired."""
        events = [self.rows[place] for place in sorted(self.rows) if place[0] == f"BREAK#{break_id}"]
        rows = [(pk, row) for (pk, sk), row in self.rows.items() if sk == f"BREAK#{break_id}"]
        said, known_to = {}, {}
        for run_id, report in self.reports.items():
            for account, looks in report["breaks"].items():
                if break_id in looks:
                    said[run_id] = (account, looks[break_id])
                    for one in report["judged_with"]["accounts"].get(account, {}).get("breaks", []):
                        if one["break_id"] == break_id:
                            known_to[run_id] = one
        if not rows or not events:
            yield f"{break_id}: there is no row, or no event"
            return
        ((pk, row),) = rows
        place = [row[name] for name in ("account_id", "wallet", "asset", "field")]
        if f"ACCOUNT#{row['account_id']}" != pk or f"brk-{sha(canonical(place))[:16]}" != break_id:
            yield f"{break_id}: the row is in another place"
        state: Row = {}
        before: Row = {"hash": ZEROS, "expires_at": None}
        for number, event in enumerate(events, 1):
            if (event["pk"], event["sk"]) != (f"BREAK#{break_id}", f"EVENT#{number:08}") or event["number"] != number:
                yield f"{break_id}: event {number} is in another place"
            if event["hash"] != own_hash(event) or event["prev"] != before["hash"]:
                yield f"{break_id}: event {number} is another"
            if event["prev_expires_at"] != before["expires_at"] or event["account_id"] != row["account_id"]:
                yield f"{break_id}: event {number} does not follow"
            if event["break_id"] != break_id:
                yield f"{break_id}: event {number} is of another break"
            told = {name: event[name] for name in event if name not in OF_EVENTS}
            if "run_id" in told and said.pop(told["run_id"], None) != (row["account_id"], told):
                yield f"{break_id}: event {number} is not what its run says"
            known = known_to.pop(told.get("run_id"), None)
            if known is not None and known != {**state, **self.told_of(row), **counted(number - 1, before)}:
                yield f"{break_id}: before event {number} something else was known"
            played(state, told)
            before = event
        if said:
            yield f"{break_id}: runs {sorted(said)} looked, and there is no event"
        should = {**state, **self.told_of(row), **counted(len(events), before), "pk": pk, "sk": f"BREAK#{break_id}"}
        if state["phase"] == "resolved":
            should["expires_at"] = before["expires_at"] + 30 * 86_400
        else:
            rank = ["CRITICAL", "MAJOR", "MINOR", "OK"].index(state["severity"])
            should |= {"open_breaks": "OPEN", "rank": f"{rank}#{state['opened_at']}#{break_id}"}
        if row != should:
            yield f"{break_id}: the row is not what the events make it"

    def told_of(self, row: Row) -> Row:
        """What no event says: where it is. `venue_name` is the account's in every report."""
        venues = {report["venues"].get(row["account_id"]) for report in self.reports.values()} - {None}
        (venue,) = venues
        return {name: row[name] for name in ("break_id", "account_id", "wallet", "asset", "field")} | {
            "venue_name": venue
        }


OF_EVENTS = ("pk", "sk", "account_id", "break_id", "number", "prev", "prev_expires_at", "expires_at", "hash")


def counted(number: int, newest: Row) -> Row:
    return {"events": number, "story": {"hash": newest["hash"], "expires_at": newest["expires_at"]}}


def larger(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return other if abs(Decimal(other)) > abs(Decimal(one)) else one


def sign(amount: Any) -> int:
    return 0 if amount is None else (Decimal(amount) > 0) - (Decimal(amount) < 0)


SIDES = ("venue", "book", "price", "policy_version")
NEVER_YET = {
    **dict.fromkeys(("acknowledged", "suppression", "owner", "resolved_at", "how", "told_at")),
    **dict.fromkeys(("peak_difference", "peak_worth", "difference")),
    "comments": 0,
    "references": [],
    "occurrences": 0,
    "reopened": 0,
    "phase": None,
}


def played(now: Row, event: Row) -> None:
    """What one more event makes of a break, as docs/audit.md tells it."""
    what, at = event["event"], event["at"]
    if what == "seen":
        first = not now
        for name, value in NEVER_YET.items():
            now.setdefault(name, value)
        back = now["phase"] == "resolved"
        unconfirmed = "reopened" if back or now["phase"] == "reopened" else "open"
        turned = not first and sign(event["difference"]) != sign(now["difference"])
        if back or turned:
            now["acknowledged"] = None
        if first or back:
            now |= {"opened_at": at, "due_at": event["due_at"], "told_at": None}
        now.setdefault("first_seen_at", at)
        severities = ("OK", "MINOR", "MAJOR", "CRITICAL")
        quiet = now["suppression"]
        if quiet is not None and (turned or severities.index(event["severity"]) > severities.index(quiet["severity"])):
            now["suppression"] = None
        now |= {name: event[name] for name in ("kind", "severity", "difference", "worth", *SIDES)}
        now |= {"last_seen_at": at, "looked_at": at, "references": [], "resolved_at": None, "how": None}
        now |= {"occurrences": now["occurrences"] + 1, "reopened": now["reopened"] + back}
        now |= {f"peak_{name}": larger(now[f"peak_{name}"], event[name]) for name in ("difference", "worth")}
        now |= {"phase": "confirmed" if event["confirmed"] else unconfirmed}
        now |= {"due_at": min(now["due_at"], event["due_at"])}
        now |= {"told_at": at if event["told"] is not None else now["told_at"]}
    elif what == "explained":
        now |= {"phase": "explained", "looked_at": at, "references": event["references"]}
    elif what == "agreed":
        moved = {name for name in SIDES if event[name] != now[name]}
        hows = (
            ("adjusted", "book" in moved and event["adjusted"]),
            ("venue_moved", now["venue"] is None),
            ("both_moved", {"venue", "book"} <= moved),
            ("venue_moved", "venue" in moved),
            ("book_moved", "book" in moved),
            ("policy_changed", "policy_version" in moved),
            ("price_moved", "price" in moved),
            ("in_flight", True),
        )
        how = next(name for name, holds in hows if holds)
        now |= {"phase": "resolved", "looked_at": at, "resolved_at": at, "how": how, "references": []}
    elif what == "acknowledged":
        now["acknowledged"] = {"at": at, "by": event["by"]}
    elif what == "assigned":
        now["owner"] = event["owner"]
    elif what == "commented":
        now["comments"] += 1
    elif what == "suppressed":
        now["suppression"] = {name: event[name] for name in ("by", "until", "reason")} | {"severity": now["severity"]}
    else:
        now["suppression"] = None
