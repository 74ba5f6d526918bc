"""Replaying a run: its report is computed again from the evidence, and compared with the one that was frozen."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from cli.auditing.differences import Differs, short
from cli.auditing.evidence import MISSING, NO_DOCUMENT, UNREADABLE, Evidence
from cli.auditing.past import judge_again
from cli.auditing.reports import RunFacts, read_facts
from trueup import __version__
from trueup.domain.reading import Malformed, Record, digest, parse_json
from trueup.errors import ConfigInvalid
from trueup.parallel import for_each
from trueup.store import keys
from trueup.store.objects import Objects
from trueup.store.rows import Row, Rows
from trueup.venues.aliases import assets_version

_OF_ACCOUNTS = ("tracks", "breaks", "blindness", "told", "looks", "audit", "worth_by_account")
"""Parts of a run's report that are by account, beside the accounts' own reports."""
MAX_SHOWN = 80
"""Letters of a value that are shown: every amount, and the digest of anything."""


class Verdict(StrEnum):
    """What came of replaying a run."""

    IDENTICAL = "identical"
    DIFFERS = "differs"
    """What the report says does not follow from its evidence."""
    TAMPERED = "tampered"
    """Evidence is not what the report names, or the report not what the audit vouches for: nothing was judged again."""
    UNVERIFIABLE = "unverifiable"
    """Something that it takes is not there any more, or never was."""


@dataclass(frozen=True, slots=True)
class Place:
    """The first place of an account, or of the run as a whole, where the two reports differ."""

    account_id: str | None
    where: str
    was: str
    comes_out_as: str

    @property
    def line(self) -> str:
        """Say it in one line."""
        about = "the run" if self.account_id is None else self.account_id
        return f"{about}: {self.where} was {self.was}, and comes out as {self.comes_out_as}"


@dataclass(slots=True)
class Replayed:
    """What came of it."""

    run_id: str
    verdict: Verdict = Verdict.IDENTICAL
    has_report: bool = True
    problems: list[str] = field(default_factory=list)
    """What was tampered with or is not there, or, where reports differ, what is known of why."""
    places: list[Place] = field(default_factory=list)
    version: str | None = None
    """Of Trueup, as it was then."""
    assets: str | None = None
    """The state of the tables of names, then."""
    accounts: int = 0
    lines: int = 0
    observations: int = 0

    @property
    def document(self) -> dict[str, Any]:
        """Say it for machines."""
        return {
            "run_id": self.run_id,
            "verdict": str(self.verdict),
            "problems": self.problems,
            "differences": [asdict(place) for place in self.places],
            "judged": {"accounts": self.accounts, "lines": self.lines, "observations": self.observations},
            "version": {"then": self.version, "now": __version__},
            "assets_version": {"then": self.assets, "now": assets_version()},
        }


def replay(rows: Rows, objects: Objects, run_id: str) -> Replayed:
    """Compute the report of a run again. Raises StoreUnavailable."""
    done = Replayed(run_id)
    evidence, key = Evidence(objects), keys.report_object(run_id)
    content = evidence.content(key)
    if isinstance(content, str):
        done.has_report = content != MISSING
        return _ended(done, *_not_there({key: content}, evidence))
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        facts = read_facts(content, sha256, key, run_id)
    except Differs as found:
        return _ended(done, Verdict.TAMPERED, [found.difference.line])
    denied = _not_vouched_for(rows, run_id, facts, sha256)
    if denied is not None:
        return _ended(done, *denied)
    document = parse_json(content, key)
    try:
        done.version, done.assets = _judged_by(document)
        named = {**_named(run_id, facts), **_earlier_reports(document)}
    except Malformed as error:
        return _ended(done, Verdict.UNVERIFIABLE, [f"object {key}: {error}; it does not say what it was judged with"])
    contents = dict(zip(named, for_each(evidence.content, named), strict=True))
    wrong = {name: found for name, found in contents.items() if isinstance(found, str)}
    if changed := list(_changed(contents, named)):
        return _ended(done, Verdict.TAMPERED, changed)
    if wrong:
        return _ended(done, *_not_there(wrong, evidence))
    try:
        again = judge_again(document, {name: found for name, found in contents.items() if isinstance(found, bytes)})
    except (Malformed, ConfigInvalid) as error:
        return _ended(done, Verdict.UNVERIFIABLE, [f"Trueup {__version__} cannot judge it: {error}", *_why(done)])
    done.accounts, done.lines = len(facts.parts), again["counts"]["lines"]
    done.observations = sum("/observations/" in name for name in named)
    done.places = list(_places(document, again))
    if done.places:
        return _ended(done, Verdict.DIFFERS, _why(done) or [_SAME_CODE])
    return done


def _ended(done: Replayed, verdict: Verdict, problems: list[str]) -> Replayed:
    done.verdict, done.problems = verdict, problems
    return done


# -- what it rests on --------------------------------------------------------------------------------------------------


def _not_vouched_for(rows: Rows, run_id: str, facts: RunFacts, sha256: str) -> tuple[Verdict, list[str]] | None:
    """Compare a report with what the run's row and its entries say of it; None when they say the same."""
    places = [keys.run(run_id)]
    places += [(keys.audit(account_id), f"{keys.REPORT}{facts.compared_at}#{run_id}") for account_id in facts.parts]
    found = for_each(lambda place: rows.get(*place), places)
    said = [(place, _said_of_report(row)) for place, row in zip(places, found, strict=True) if row is not None]
    vouching = [(place, stated) for place, stated in said if stated is not None]
    if not vouching:
        return Verdict.UNVERIFIABLE, [f"neither run {run_id} nor an entry of the audit vouches for its report"]
    denying = [
        f"object {keys.report_object(run_id)}: its digest is {short(sha256)}, but row {pk} {sk} vouches for "
        f"{short(stated)}"
        for (pk, sk), stated in vouching
        if stated != sha256
    ]
    return (Verdict.TAMPERED, denying) if denying else None


def _said_of_report(row: Row) -> str | None:
    stated = row.get("run_report_sha256", row.get("report_sha256"))
    return None if stated is None else str(stated)


def _named(run_id: str, facts: RunFacts) -> dict[str, str]:
    """Return the digests of everything that a report rests on, by the keys of the objects."""
    named = dict(facts.objects)
    if facts.looked_again:
        named[keys.recheck_object(run_id)] = digest({"schema": 1, "accounts": list(facts.looked_again)})
    for part in facts.parts.values():
        named |= part.evidence
    return named


def _judged_by(document: Any) -> tuple[str, str]:
    """Return the version of Trueup and of the tables of names. Raises Malformed where a report lacks what it takes."""
    report = Record(document, "report")
    for name in (*_OF_ACCOUNTS, "judged_with"):
        report.record(name)
    return report.record("judged_with").text("version"), report.text("assets_version")


def _earlier_reports(document: Any) -> dict[str, str]:
    known = Record(document, "report").record("judged_with").record("accounts")
    earlier = [known.record(account_id) for account_id in document["judged_with"]["accounts"]]
    return {
        one.record("earlier").text("object"): one.record("earlier").text("sha256")
        for one in earlier
        if one.has("earlier")
    }


def _changed(contents: Mapping[str, bytes | str], named: Mapping[str, str]) -> Iterator[str]:
    for key, found in contents.items():
        if found == NO_DOCUMENT:
            yield f"object {key}: {NO_DOCUMENT}"
        elif isinstance(found, bytes) and (sha256 := hashlib.sha256(found).hexdigest()) != named[key]:
            yield f"object {key}: its digest is {short(sha256)}, not {short(named[key])}"


def _not_there(wrong: Mapping[str, str], evidence: Evidence) -> tuple[Verdict, list[str]]:
    """Say of objects why they have no content: expired or removed, which only the whole audit can tell apart."""
    says = {
        MISSING: "it is gone: expired, or removed (`trueup audit verify` tells which)",
        UNREADABLE: "it may not be read",
        NO_DOCUMENT: NO_DOCUMENT,
    }
    verdict = Verdict.TAMPERED if NO_DOCUMENT in wrong.values() else Verdict.UNVERIFIABLE
    return verdict, [f"object {key}: {evidence.refused.get(key) or says[found]}" for key, found in wrong.items()]


# -- what differs ------------------------------------------------------------------------------------------------------

_SAME_CODE = (
    "the evidence is what the report names, version and tables of names are the same: other code wrote the report, or "
    "report and audit were rewritten together"
)


def _why(done: Replayed) -> list[str]:
    """Say what is not as it was when the run was judged."""
    why = []
    if done.version != __version__:
        why.append(f"it was judged by Trueup {done.version}, this is {__version__}: replay it with that version")
    if done.assets != assets_version():
        why.append(f"the tables of names of assets are others: {done.assets} then, {assets_version()} now")
    return why


def _places(was: Any, now: Any) -> Iterator[Place]:
    """Yield where two reports differ: the first place of each account, and one of what is not any account's."""
    before, after = _by_account(was), _by_account(now)
    for account_id in sorted(before.keys() | after.keys()):
        yield from _first(account_id, before.get(account_id), after.get(account_id))
    yield from _first(None, _of_the_run(was), _of_the_run(now))


def _by_account(document: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for part in document["accounts"]:
        lines = {f"line {_line(line)}": line for line in part["lines"]}
        # Lines first: the rest of a report follows from them.
        found[part["account_id"]] = lines | {name: part[name] for name in part if name != "lines"}
    for failure in document["failures"]:
        found.setdefault(failure["account_id"], {})["failure"] = failure
    for name in _OF_ACCOUNTS:
        for account_id, said in document[name].items():
            found.setdefault(account_id, {})[name] = _by_break(said) if name == "tracks" else said
    for account_id, said in document["judged_with"]["accounts"].items():
        found.setdefault(account_id, {})["judged_with"] = said
    return found


def _line(line: Any) -> str:
    place = " ".join(line[name] for name in ("wallet", "asset") if line[name] is not None)
    return f"{place} {line['field']}".strip()


def _by_break(tracks: Any) -> dict[str, Any]:
    return {track["break_id"]: track for track in tracks}


def _of_the_run(document: Any) -> dict[str, Any]:
    """Return what is not of any account, counts and totals last: those only follow from the accounts."""
    left = {name: said for name, said in document.items() if name not in (*_OF_ACCOUNTS, "accounts", "failures")}
    del left["assets_version"]  # why reports differ, not where
    left["judged_with"] = {"base": document["judged_with"]["base"]}
    derived = {name: left.pop(name) for name in ("status", "verified", "counts", "worth")}
    return left | derived


def _first(account_id: str | None, was: Any, now: Any) -> Iterator[Place]:
    found = _first_difference(was, now, "")
    if found is not None:
        yield Place(account_id, *found)


def _first_difference(was: Any, now: Any, where: str) -> tuple[str, str, str] | None:
    if isinstance(was, dict) and isinstance(now, dict):
        for name in [*now, *(name for name in was if name not in now)]:  # what was read has lost its order
            if was.get(name, _ABSENT) != now.get(name, _ABSENT):
                return _first_difference(was.get(name, _ABSENT), now.get(name, _ABSENT), f"{where} {name}".strip())
    if isinstance(was, list) and isinstance(now, list):
        for number in range(max(len(was), len(now))):
            one, other = (it[number] if number < len(it) else _ABSENT for it in (was, now))
            if one != other:
                return _first_difference(one, other, f"{where}[{number}]")
    return None if was == now else (where or "its report", _said(was), _said(now))


class _Absent:
    """What is not there: not even null."""


_ABSENT = _Absent()


def _said(value: Any) -> str:
    """Write a value for one line; of what holds others, only what sort it is."""
    if value is _ABSENT:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "there"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
