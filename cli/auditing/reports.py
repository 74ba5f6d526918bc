"""What a frozen report says, as far as the audit repeats it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.auditing.differences import What, differs
from trueup.alerts.digest import alerts_of
from trueup.domain.reading import Malformed, Record, digest, parse_json
from trueup.domain.report import UNVERIFIED
from trueup.domain.report_reading import read_run_report
from trueup.domain.run_ids import day_of
from trueup.store import keys

_SEVERITIES = ("MINOR", "MAJOR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Part:
    """One account in a report. The fields are those of its entry."""

    account_id: str
    report_sha256: str
    status: str
    verified: bool
    reasons: list[str]
    evidence_sha256: str | None
    counts: dict[str, Any]
    evidence: Mapping[str, str]
    """Digests of all evidence that was read, by the keys of the objects: of two looks, one counts."""
    venue: str
    observed_at: str | None
    looks: Mapping[str, Any]
    """What the look says of breaks, by break id."""
    known: Mapping[str, Any]
    """Those breaks as they were known before, by break id."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The report of a run. The fields of `row` are those of the run's row."""

    compared_at: str
    row: Mapping[str, Any]
    parts: Mapping[str, Part]
    objects: Mapping[str, str]
    """The digests of what all parts rest on, by the keys of the objects: manifest and price set."""
    looked_again: tuple[str, ...]


def read_facts(content: bytes, sha256: str, key: str, run_id: str) -> RunFacts:
    """Read a report, whose digest is known. Raises Differs for what is no report of this run."""
    try:
        document = parse_json(content, key)
        facts = _facts(document, sha256, key, run_id)
    except (Malformed, LookupError, TypeError, ValueError, AttributeError):
        differs(What.REPORT_DISAGREES, f"object {key}", "it is no report of a run", run_id=run_id)
    if document["run_id"] != run_id:
        differs(What.REPORT_DISAGREES, f"object {key}", f"it is the report of run {document['run_id']}", run_id=run_id)
    return facts


def _facts(document: Any, sha256: str, key: str, run_id: str) -> RunFacts:
    prices, looks = document["prices"], document["looks"]
    parts = {
        part["account_id"]: _part(
            part,
            looks.get(part["account_id"], {}),
            run_id,
            document["venues"][part["account_id"]],
            document.get("breaks", {}).get(part["account_id"], {}),
            document.get("judged_with", {}).get("accounts", {}).get(part["account_id"], {}),
        )
        for part in document["accounts"]
    }
    objects = {keys.manifest_object(run_id): document["manifest_sha256"]}
    if prices["sha256"] is not None:
        objects[_prices_object(prices["object"])] = prices["sha256"]
    row = {
        "state": "finished" if document["status"] != UNVERIFIED else "failed",
        "status": document["status"],
        "verified": document["verified"],
        "counts": document["counts"],
        "started_at": document["started_at"],
        "compared_at": document["compared_at"],
        "object": key,
        "report_sha256": sha256,
        "alerts": [alert.alert_id for alert in alerts_of(read_run_report(document), document)],
    }
    return RunFacts(str(document["compared_at"]), row, parts, objects, tuple(sorted(looks)))


def _prices_object(key: str) -> str:
    """Return where a price set is. Raises ValueError for a place where none can be: keys become names of files."""
    if key != keys.prices_object(key.split("/")[1]) or not day_of(key.split("/")[1]):
        raise ValueError(key)
    return key


def _part(part: Any, looks: Any, run_id: str, venue: str, breaks: Any, known: Any) -> Part:
    account_id = Record(part, "account").slug("account_id")
    first, second = keys.observation_object(run_id, account_id), keys.second_observation_object(run_id, account_id)
    counts = second if part["recheck"] == "read" else first
    read = {first: looks.get("first"), second: looks.get("second"), counts: part["evidence_sha256"]}
    return Part(
        account_id=account_id,
        report_sha256=digest(part),
        status=part["status"],
        verified=part["verified"],
        reasons=part["reasons"],
        evidence_sha256=part["evidence_sha256"],
        counts=_counts(part),
        evidence={key: sha256 for key, sha256 in read.items() if sha256 is not None},
        venue=venue,
        observed_at=part.get("observed_at"),
        looks={break_id: dict(look) for break_id, look in breaks.items()},
        known={one["break_id"]: one for one in known.get("breaks", ())},
    )


def _counts(part: Any) -> dict[str, Any]:
    """Count as an entry does: what it counts besides is left to its hash."""
    lines = part["lines"]
    breaks = Counter(line["severity"] for line in lines if line["outcome"] == "break")
    return {
        "accounts": 1,
        "accounts_verified": int(part["verified"]),
        "accounts_unverified": int(part["status"] == UNVERIFIED),
        "lines": len(lines),
        "lines_verified": sum(line["outcome"] != "unverified" for line in lines),
        "breaks": {severity: breaks[severity] for severity in _SEVERITIES},
    }
