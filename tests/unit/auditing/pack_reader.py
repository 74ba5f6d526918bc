"""Reads a pack as its note says, step by step, with SHA-256 and a JSON library and nothing of the product's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from json import loads
from pathlib import Path
from typing import Any

from tests.unit.auditing.second_verifier import canonical, sha

ZEROS = "0" * 64


def documents(path: Path) -> list[tuple[str, Any]]:
    """The lines of a .jsonl file, each with what it says."""
    return [(line, loads(line)) for line in path.read_text().split("\n")[:-1]]


def faults_of_pack(folder: Path) -> Iterator[str]:
    """Everything in a pack that does not add up."""
    yield from _sums(folder)
    chained: dict[str, dict[str, str]] = {}
    of_run: dict[str, list[Any]] = {}
    for account in sorted(folder.glob("accounts/*")):
        entries = [entry for _, entry in documents(account / "entries.jsonl")]
        checkpoints = [row for _, row in documents(account / "checkpoints.jsonl")]
        yield from _chain(account.name, entries, checkpoints)
        yield from _reports(folder, account, {entry["run_id"]: entry for entry in entries})
        yield from _stories(account)
        for entry in entries:
            chained.setdefault(entry["run_id"], {})[account.name] = entry["hash"]
            of_run.setdefault(entry["run_id"], []).append(entry)
    if (folder / "runs.jsonl").exists():
        for _, row in documents(folder / "runs.jsonl"):
            yield from _run(folder, row, of_run.get(row["run_id"], []), chained.get(row["run_id"], {}))


def _sums(folder: Path) -> Iterator[str]:
    listed = dict(line.split("  ", 1)[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    if listed.keys() != there:
        yield f"files: {sorted(listed.keys() ^ there)}"
    for name in sorted(there & listed.keys()):
        if sha((folder / name).read_bytes()) != listed[name]:
            yield f"{name}: is another file"


def _own_hash(row: dict[str, Any]) -> str:
    """Steps 1 and 3."""
    return sha(canonical({name: value for name, value in row.items() if name not in {"pk", "sk", "hash"}}))


def _chain(account: str, entries: list[Any], checkpoints: list[Any]) -> Iterator[str]:
    for row in (*entries, *checkpoints):
        if _own_hash(row) != row["hash"] or row["pk"] != f"ACCOUNT#{account}":
            yield f"{account}: {row['sk']} hashes to something else"
    by_number = {entry["seq"]: entry for entry in entries}
    for seq, entry in by_number.items():  # steps 1 and 2
        if entry["sk"] != f"REPORT#{entry['at']}#{entry['run_id']}":
            yield f"{account}: entry {seq} is not in its place"
        before = by_number.get(seq - 1)
        if (seq == 1 and entry["prev"] != ZEROS) or (before is not None and entry["prev"] != before["hash"]):
            yield f"{account}: entry {seq} does not follow the one before"
    before_it = ZEROS
    for row in checkpoints:  # step 3
        if row["prev"] != before_it or row["sk"] != f"CHECKPOINT#{row['day']}":
            yield f"{account}: the checkpoint of {row['day']} does not follow the one before"
        opener = by_number.get(row["seq"])
        if opener is not None and row["entry_hash"] != opener["hash"]:
            yield f"{account}: the checkpoint of {row['day']} is of another entry"
        before_it = row["hash"]
    for seq, entry in by_number.items():
        smaller = [row["hash"] for row in checkpoints if row["seq"] < seq]  # step 4
        if entry["checkpoint"] != (smaller[-1] if smaller else ZEROS):
            yield f"{account}: entry {seq} vouches for another checkpoint"
        own = [row for row in checkpoints if row["seq"] <= seq][-1]  # step 5
        midnight = datetime.strptime(own["day"], "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
        if entry["expires_at"] != (midnight + timedelta(days=own["retention_days"])).timestamp():
            yield f"{account}: entry {seq} expires at another time"


def _reports(folder: Path, account: Path, entries: dict[str, Any]) -> Iterator[str]:
    for line, report in documents(account / "reports.jsonl"):  # step 6
        entry, run_id = entries[report["run_id"]], report["run_id"]
        if entry["report_sha256"] != sha(line):
            yield f"{account.name}: the report of run {run_id} is another"
        for name in ("status", "verified", "reasons", "evidence_sha256"):
            if entry[name] != report[name]:
                yield f"{account.name}: {name} of run {run_id} is another"
        if report["evidence_sha256"] is not None:  # step 7
            look = "second/" if report["recheck"] == "read" else ""
            evidence = folder / f"objects/runs/{run_id}/observations/{look}{account.name}.json"
            if sha(evidence.read_bytes()) != report["evidence_sha256"]:
                yield f"{account.name}: the evidence of run {run_id} is another"


def _stories(account: Path) -> Iterator[str]:
    events = [event for _, event in documents(account / "events.jsonl")]
    by_number = {(event["break_id"], event["number"]): event for event in events}
    for event in events:  # step 8
        name = f"{account.name}: event {event['number']} of {event['break_id']}"
        if _own_hash(event) != event["hash"] or event["account_id"] != account.name:
            yield f"{name} hashes to something else"
        if (event["pk"], event["sk"]) != (f"BREAK#{event['break_id']}", f"EVENT#{event['number']:08}"):
            yield f"{name} is not in its place"
        before = by_number.get((event["break_id"], event["number"] - 1))
        if (event["number"] == 1 and event["prev"] != ZEROS) or (
            before is not None and event["prev"] != before["hash"]
        ):
            yield f"{name} does not follow the one before"


def _of_breaks(folder: Path, report: Any) -> Iterator[str]:
    """Step 12."""
    run_id = report["run_id"]
    for account, looks in report["breaks"].items():
        events = [event for _, event in documents(folder / "accounts" / account / "events.jsonl")]
        of_run = {event["break_id"]: event for event in events if event.get("run_id") == run_id}
        for break_id in looks.keys() & of_run.keys():
            event = of_run[break_id]
            if {name: event[name] for name in event if name not in NOT_OF_THE_EVENT} != looks[break_id]:
                yield f"run {run_id}: its event of {break_id} is another"
        hashes = {(event["break_id"], event["number"]): event["hash"] for event in events}
        for known in report["judged_with"]["accounts"].get(account, {}).get("breaks", []):
            story = known["story"]["hash"]
            if hashes.get((known["break_id"], known["events"]), story) != story:
                yield f"run {run_id}: another story of {known['break_id']} was known"


NOT_OF_THE_EVENT = "pk", "sk", "account_id", "break_id", "number", "prev", "prev_expires_at", "expires_at", "hash"


def _run(folder: Path, row: Any, entries: list[Any], chained: dict[str, str]) -> Iterator[str]:
    run_id, objects = row["run_id"], folder / "objects"
    text = (objects / "runs" / run_id / "report.json").read_bytes()
    if {row["report_sha256"], *(entry["run_report_sha256"] for entry in entries)} != {sha(text)}:  # step 9
        yield f"the report of run {run_id} is another"
    report = loads(text)
    lines = {
        (entry["account_id"], line)
        for entry in entries
        for line, part in documents(folder / "accounts" / entry["account_id"] / "reports.jsonl")
        if part["run_id"] == run_id
    }
    if lines != {(part["account_id"], canonical(part)) for part in report["accounts"]}:
        yield f"run {run_id}: the reports of accounts are others"
    if row["seal"] != sha(canonical(chained)):  # step 10
        yield f"the seal of run {run_id} is another"
    named = {f"runs/{run_id}/manifest.json": report["manifest_sha256"]}  # step 11
    if report["prices"]["sha256"] is not None:
        named[report["prices"]["object"].removesuffix(".gz")] = report["prices"]["sha256"]
    for account, looks in report["looks"].items():
        for folder_of_look, look in (("", "first"), ("second/", "second")):
            if looks[look] is not None:
                named[f"runs/{run_id}/observations/{folder_of_look}{account}.json"] = looks[look]
    if report["looks"]:
        listed = {"accounts": sorted(report["looks"]), "schema": 1}
        named[f"runs/{run_id}/recheck.json"] = sha(canonical(listed))
    yield from _of_breaks(folder, report)
    for name, digest in named.items():
        if sha((objects / name).read_bytes()) != digest:
            yield f"{name} is another"
