"""One run: its report, its entries, its own row and its seal, and the evidence all of them rest on."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.auditing.differences import What, differs, short
from cli.auditing.evidence import MISSING, NO_DOCUMENT, UNREADABLE, Evidence, may_be_gone_from, row_may_be_gone_from
from cli.auditing.reports import Part, RunFacts, read_facts
from cli.auditing.rows import BEGUN, check_shape, place_of
from trueup.domain.reading import digest
from trueup.domain.run_ids import day_of
from trueup.parallel import for_each
from trueup.store import keys
from trueup.store.audit import seal
from trueup.store.rows import Row

ENDED = {"finished", "failed"}
BEGUN_STATES = {"running", "disabled"}
_CLAIM = {**BEGUN, "claimed_by": (str,)}
_END = {
    **BEGUN,
    "status": (str,),
    "verified": (bool,),
    "counts": (dict,),
    "seal": (str,),
    "object": (str,),
    "compared_at": (str,),
    "report_sha256": (str,),
    "alerts": (list,),
}
_FIELDS = ("report_sha256", "status", "verified", "reasons", "evidence_sha256")


@dataclass(slots=True)
class Seen:
    """How much was looked at, and what had expired."""

    runs: int = 0
    reports: int = 0
    evidence: int = 0
    prices: int = 0
    manifests: int = 0
    expired_objects: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of a run before its report is read."""

    run_id: str
    entries: Mapping[str, Row]
    """By account."""
    row: Row | None
    retention_days: int
    """How long its entries are kept; what it says itself where it has none."""
    only: str | None = None
    """The one account that is looked at, if it is but one."""

    @property
    def has_ended(self) -> bool:
        """Tell whether its row says how it ended."""
        return self.row is not None and self.row.get("state") in ENDED

    @property
    def place(self) -> str:
        """Name the row."""
        pk, sk = keys.run(self.run_id)
        return f"row {pk} {sk}"


@dataclass(slots=True)
class RunCheck:
    """Checks runs, one by one. `now` is in seconds since 1970."""

    evidence: Evidence
    now: int
    seen: Seen = field(default_factory=Seen)

    def report_of(self, run: Run) -> RunFacts | None:
        """Read a run's report; None where it has expired or may not be read, and where a run never had one.

        Raises Differs when it is not the one that the entries, or without any the run's row, vouch for.
        """
        self._check_row_alone(run)
        key = keys.report_object(run.run_id)
        for entry in run.entries.values():
            if entry["object"] != key:
                said = f"entry {entry['seq']} is said to be in {entry['object']}"
                differs(What.ENTRY_CHANGED, place_of(entry), said, **_about(entry))
        content = self.evidence.content(key)
        if content == UNREADABLE or (content == MISSING and not run.entries and not run.has_ended):
            return None
        if content == MISSING:
            self._check_gone(key, run.run_id, run.retention_days)
            return None
        if isinstance(content, str):
            differs(What.OBJECT_CHANGED, f"object {key}", content, run_id=run.run_id)
        if run.row is not None and run.row["state"] == "disabled":
            said = "it says that the run was not allowed to look, but there is a report"
            differs(What.RUN_DIFFERS, run.place, said, run_id=run.run_id)
        self.seen.reports += 1
        sha256 = hashlib.sha256(content).hexdigest()
        for account_id, entry in sorted(run.entries.items()):
            if entry["run_report_sha256"] != sha256:
                said = f"its digest is {short(sha256)}, but entry {entry['seq']} of {account_id} vouches for "
                said += short(entry["run_report_sha256"])
                differs(What.OBJECT_CHANGED, f"object {key}", said, **_about(entry))
        if not run.entries and run.has_ended and run.row is not None and run.row.get("report_sha256") != sha256:
            said = f"its digest is {short(sha256)}, but the run's row says {short(run.row.get('report_sha256'))}"
            differs(What.OBJECT_CHANGED, f"object {key}", said, run_id=run.run_id)
        return read_facts(content, sha256, key, run.run_id)

    def check(self, run: Run, facts: RunFacts) -> None:
        """Compare a run's entries and row with its report, and what it rests on with the digests. Raises Differs."""
        self.seen.runs += 1
        for account_id, entry in sorted(run.entries.items()):
            part = facts.parts.get(account_id)
            if part is None:
                said = f"the report of run {run.run_id} has no account {account_id}"
                differs(What.ENTRY_ADDED, place_of(entry), said, **_about(entry))
            self._check_entry(entry, part, facts)
        self._check_row(run, facts)
        self._check_objects(run, facts)

    def _check_entry(self, entry: Row, part: Part, facts: RunFacts) -> None:
        """Compare an entry with its part of the report."""
        where = place_of(entry)
        if entry["at"] != facts.compared_at:
            said = f"entry {entry['seq']} is of {entry['at']}, but the report was made at {facts.compared_at}"
            differs(What.REPORT_DISAGREES, where, said, **_about(entry))
        for name in _FIELDS:
            if entry[name] != getattr(part, name):
                said = f"{name} of entry {entry['seq']} is {short(entry[name])}, but the report says "
                differs(What.REPORT_DISAGREES, where, said + short(getattr(part, name)), **_about(entry))
        for name, number in part.counts.items():
            if entry["counts"].get(name) != number:
                said = f"entry {entry['seq']} counts {entry['counts'].get(name)} {name}, but the report has {number}"
                differs(What.REPORT_DISAGREES, where, said, **_about(entry))

    def _check_row_alone(self, run: Run) -> None:
        """Check what the row of a run says by itself."""
        row = run.row
        if row is None:
            if self.now < row_may_be_gone_from(run.run_id, run.retention_days):
                differs(What.RUN_MISSING, run.place, "it is gone", run_id=run.run_id)
            return
        shape = _END if run.has_ended else _CLAIM
        check_shape(row, shape, What.RUN_DIFFERS, run_id=run.run_id)
        if (row["pk"], row["sk"]) != keys.run(run.run_id) or row["run_id"] != run.run_id:
            said = f"it is the row of run {row['run_id']}"
            differs(What.RUN_DIFFERS, place_of(row), said, run_id=run.run_id)
        if not run.has_ended and row["state"] not in BEGUN_STATES:
            differs(What.RUN_DIFFERS, run.place, f"its state is {row['state']}", run_id=run.run_id)

    def _check_row(self, run: Run, facts: RunFacts) -> None:
        if run.row is None or not run.has_ended:
            return
        for name, value in facts.row.items():
            if run.row[name] != value:
                said = f"{name} is {short(run.row[name])}, but the report says {short(value)}"
                differs(What.RUN_DIFFERS, run.place, said, run_id=run.run_id)
        if run.only is None and run.entries.keys() == facts.parts.keys():
            counted = seal({account_id: entry["hash"] for account_id, entry in run.entries.items()})
            if run.row["seal"] != counted:
                said = f"its seal is {short(run.row['seal'])}, but that of its entries is {short(counted)}"
                differs(What.SEAL_DIFFERS, run.place, said, run_id=run.run_id)

    def _check_objects(self, run: Run, facts: RunFacts) -> None:
        """Fetch what the report names by digest, several at once."""
        wanted: dict[str, tuple[str, str | None]] = {}
        wanted |= {key: (sha256, None) for key, sha256 in facts.objects.items()}
        if facts.looked_again:
            listed = {"schema": 1, "accounts": list(facts.looked_again)}
            wanted[keys.recheck_object(run.run_id)] = (digest(listed), None)
        for account_id, part in facts.parts.items():
            if run.only in (None, account_id):
                wanted |= {key: (sha256, account_id) for key, sha256 in part.evidence.items()}
        found = for_each(self.evidence.sha256, wanted)
        for (key, (stated, of_account)), sha256 in zip(wanted.items(), found, strict=True):
            self._check_object(run, key, sha256, stated, of_account)

    def _check_object(self, run: Run, key: str, found: str, stated: str, account_id: str | None) -> None:
        if found == UNREADABLE:
            return
        if found == MISSING:
            self._check_gone(key, _run_of(key, run.run_id), run.retention_days)
            return
        if found != stated:
            said = NO_DOCUMENT if found == NO_DOCUMENT else f"its digest is {short(found)}, not {short(stated)}"
            differs(What.OBJECT_CHANGED, f"object {key}", said, run_id=run.run_id, account_id=account_id)
        if "/observations/" in key:
            self.seen.evidence += 1
        elif key.endswith("/prices.json.gz"):
            self.seen.prices += 1
        elif key.endswith("/manifest.json.gz"):
            self.seen.manifests += 1

    def _check_gone(self, key: str, run_id: str, retention_days: int) -> None:
        if self.now < may_be_gone_from(run_id, retention_days):
            said = f"it is gone; it is kept for {retention_days} days"
            differs(What.OBJECT_MISSING, f"object {key}", said, run_id=run_id)
        self.seen.expired_objects += 1


def _run_of(key: str, otherwise: str) -> str:
    """Return the run an object belongs to: a price set may be an earlier run's."""
    _, _, rest = key.partition("runs/")
    run_id = rest.partition("/")[0]
    try:
        day_of(run_id)
    except ValueError:
        return otherwise
    return run_id


def _about(entry: Row) -> dict[str, Any]:
    return {"account_id": entry["account_id"], "run_id": entry["run_id"], "seq": entry["seq"]}
