"""A pack: what is on record of a period, in a folder that explains itself."""

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cli.auditing.days import days_between, not_before
from cli.auditing.differences import Differs
from cli.auditing.evidence import MISSING, UNREADABLE, Evidence
from cli.auditing.note import note
from cli.auditing.reports import RunFacts, read_facts
from cli.errors import BadInput, NotThere
from trueup.domain.reading import canonical_json, format_time, parse_json
from trueup.domain.report import Line, Outcome, line_document
from trueup.domain.run_ids import day_of
from trueup.parallel import for_each
from trueup.store import keys
from trueup.store.objects import Objects
from trueup.store.rows import Row, Rows

COLUMNS = ("run_id", "compared_at", "account_id", "venue_name")
LINE = (*line_document(Line(None, None, "total", Outcome.EXACT)), "news", "unmapped")
"""What a line says; the last two only where there is something to say."""
_OTHERS_NAMES = {"wallet", "asset", "references"}
"""Columns with what venues and books call things: a spreadsheet must not take it for a formula."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(slots=True)
class Packed:
    """What is in a pack."""

    accounts: set[str] = field(default_factory=set)
    entries: int = 0
    runs: int = 0
    objects: int = 0
    missing: int = 0


@dataclass(slots=True)
class Packer:
    """Writes packs. `accounts` are those that Trueup looks at now; those it once did are found in the reports."""

    rows: Rows
    objects: Objects
    accounts: Iterable[str]
    start: datetime
    end: datetime
    now: datetime
    only: str | None = None
    tell: Callable[[str], None] = lambda text: None
    packed: Packed = field(default_factory=Packed)
    _folder: Path = field(init=False)
    _evidence: Evidence = field(init=False)
    _prices: set[str] = field(default_factory=set)
    """Price sets that are in the pack: many runs may rest on one. All else belongs to one run."""
    _newest: dict[str, int] = field(default_factory=dict)
    """The highest number among the entries of each account."""

    def pack(self, out: Path) -> Packed:
        """Write a pack into a folder that is not there yet: whole, or not at all.

        Raises BadInput for a folder that is there or has nowhere to be, and for a period without entries; NotThere for
        an object that may not be read; StoreUnavailable, and AWS's own errors.
        """
        if out.exists() or out.is_symlink():
            raise BadInput(f"--out: {out} is there already; name a folder that is not")
        if not out.parent.is_dir():
            raise BadInput(f"--out: {out.parent} is no folder; make it first")
        try:
            self._folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        except OSError as error:
            raise BadInput(f"--out: {out.parent} cannot be written to ({error.strerror})") from None
        try:
            self._write()
            self._folder.rename(out)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        return self.packed

    def _write(self) -> None:
        self._evidence = Evidence(self.objects)
        start, end = format_time(self.start), format_time(self.end)
        self._append("lines.csv", _csv([*COLUMNS, *LINE]))
        self._append("missing.jsonl", "")
        if self.only is None:
            self._append("runs.jsonl", "")
        for day in days_between(keys.day(not_before(self.start, self.now)), keys.day(min(self.end, self.now))):
            self.tell(f"{day}: {self.packed.entries:,} entries, {self.packed.objects:,} objects")
            self._write_day(day)
        if not self.packed.entries:
            who = "any account" if self.only is None else self.only
            raise BadInput(f"--from: there is no entry of {who} from {start} to {end}; nothing was written")
        for account_id in sorted(self.packed.accounts):
            self._write_checkpoints(account_id)
            self._write_stories(account_id)
        self._append("README.txt", note(self.only, start, end))
        self._sum_up()

    def _write_day(self, day: str) -> None:
        lower = max(f"{keys.REPORT}{format_time(self.start)}", f"{keys.REPORT}{day}")
        upper = min(f"{keys.REPORT}{format_time(self.end)}~", f"{keys.REPORT}{day}~")
        accounts = sorted({self.only} if self.only is not None else set(self.accounts))
        found = for_each(lambda name: self.rows.query(keys.audit(name), between=(lower, upper)), accounts)
        runs: dict[tuple[str, str], dict[str, Row]] = {}
        for account_id, entries in zip(accounts, found, strict=True):
            for entry in entries:
                _, at, run_id = str(entry["sk"]).split("#", 2)
                runs.setdefault((at, run_id), {})[account_id] = entry
        if self.only is None:
            for ended in self._rows_of_runs(day):
                runs.setdefault((str(ended["compared_at"]), ended["sk"].removeprefix(keys.RUN)), {})
        for (at, run_id), of_run in sorted(runs.items()):
            self._write_run(run_id, at, of_run)

    def _rows_of_runs(self, day: str) -> Iterator[Row]:
        """Yield the rows of runs that were compared on a day of the period; most began on it, some the day before."""
        before = keys.day(datetime.fromisoformat(f"{day}T00:00:00Z") - timedelta(days=1))
        for row in (*self.rows.query(keys.runs_of(before)), *self.rows.query(keys.runs_of(day))):
            at = row.get("compared_at")
            if isinstance(at, str) and at[:10] == day and format_time(self.start) <= at <= format_time(self.end):
                yield row

    def _write_run(self, run_id: str, at: str, entries: dict[str, Row]) -> None:
        try:
            day_of(run_id)
        except ValueError:
            self._miss(f"run {run_id}", "no run is called so: trueup audit verify says more")
            return
        facts, document = self._report(run_id)
        if facts is not None and self.only is None:
            for account_id in facts.parts.keys() - entries.keys():
                unlisted = self.rows.get(keys.audit(account_id), f"{keys.REPORT}{at}#{run_id}")
                entries |= {} if unlisted is None else {account_id: unlisted}
        for account_id, entry in sorted(entries.items()):
            self.packed.accounts.add(account_id)
            self.packed.entries += 1
            self._newest[account_id] = max(self._newest.get(account_id, 0), _number(entry))
            self._append(f"accounts/{account_id}/entries.jsonl", f"{_line(entry)}\n")
        if self.only is None:
            row = self.rows.get(*keys.run(run_id))
            self.packed.runs += row is not None
            self._append("runs.jsonl", "" if row is None else f"{_line(row)}\n")
        if facts is not None:
            self._write_parts(document, entries)
            self._write_objects(run_id, facts)

    def _report(self, run_id: str) -> tuple[RunFacts | None, Any]:
        key = keys.report_object(run_id)
        content = self._content(key)
        if content is None:
            return None, None
        if self.only is None:
            self._write_object(key, content)
        try:
            facts = read_facts(content, hashlib.sha256(content).hexdigest(), key, run_id)
        except Differs as found:
            self._miss(key, f"{found.difference.found}: trueup audit verify says more")
            return None, None
        return facts, parse_json(content, key)

    def _write_parts(self, document: Any, entries: Mapping[str, Row]) -> None:
        for part in document["accounts"]:
            account_id = part["account_id"]
            if self.only is not None and account_id != self.only:
                continue
            if account_id in entries:
                self._append(f"accounts/{account_id}/reports.jsonl", f"{canonical_json(part)}\n")
            about = (part["run_id"], document["compared_at"], account_id, document["venues"].get(account_id))
            rows = ([*about, *(_cell(line, name) for name in LINE)] for line in part["lines"])
            self._append("lines.csv", "".join(_csv(row) for row in rows))

    def _write_objects(self, run_id: str, facts: RunFacts) -> None:
        wanted = [key for part in facts.parts.values() if self.only in (None, part.account_id) for key in part.evidence]
        if self.only is None:
            wanted += [*facts.objects, *([keys.recheck_object(run_id)] if facts.looked_again else [])]
        new = sorted(set(wanted) - self._prices)
        self._prices |= facts.objects.keys() - {keys.manifest_object(run_id)}
        for key, content in zip(new, for_each(self._evidence.content, new), strict=True):
            found = self._checked(key, content)
            if found is not None:
                self._write_object(key, found)

    def _content(self, key: str) -> bytes | None:
        return self._checked(key, self._evidence.content(key))

    def _checked(self, key: str, content: bytes | str) -> bytes | None:
        if content == UNREADABLE:
            raise NotThere(f"object {key} may not be read ({self._evidence.refused[key]}); nothing was written")
        if isinstance(content, str):
            self._miss(key, "it was not there" if content == MISSING else content)
            return None
        return content

    def _write_object(self, key: str, content: bytes) -> None:
        path = self._folder / "objects" / key.removesuffix(".gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.packed.objects += 1

    def _write_checkpoints(self, account_id: str) -> None:
        found = self.rows.query(keys.audit(account_id), prefix=keys.CHECKPOINT)
        wanted = [row for row in found if _number(row) <= self._newest[account_id]]
        self._append(f"accounts/{account_id}/checkpoints.jsonl", "".join(f"{_line(row)}\n" for row in wanted))

    def _write_stories(self, account_id: str) -> None:
        """Write what happened to breaks in the period. Their rows are left out: they say how things are now."""
        self._append(f"accounts/{account_id}/events.jsonl", "")
        for row in self.rows.query(keys.audit(account_id), prefix=keys.BREAK):
            events = self.rows.query(keys.story(str(row["sk"]).removeprefix(keys.BREAK)), prefix=keys.EVENT)
            wanted = [it for it in events if format_time(self.start) <= str(it.get("at")) <= format_time(self.end)]
            self._append(f"accounts/{account_id}/events.jsonl", "".join(f"{_line(event)}\n" for event in wanted))

    def _miss(self, what: str, why: str) -> None:
        self.packed.missing += 1
        self._append("missing.jsonl", f"{canonical_json({'what': what, 'why': why})}\n")

    def _append(self, name: str, text: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text)

    def _sum_up(self) -> None:
        with (self._folder / "SHA256SUMS").open("x", encoding="utf-8", newline="") as sums:
            for folder, inner, names in os.walk(self._folder):
                inner.sort()
                for name in sorted(set(names) - {"SHA256SUMS"}):
                    path = Path(folder) / name
                    with path.open("rb") as file:
                        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                    sums.write(f"{sha256}  {path.relative_to(self._folder).as_posix()}\n")


def _line(row: Row) -> str:
    """Write a row as it is stored; what no row of ours holds is written as text, so that it can be looked at."""
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _number(row: Row) -> int:
    seq = row.get("seq")
    return seq if isinstance(seq, int) else 0


def _cell(line: Mapping[str, Any], name: str) -> str:
    value: Any = line.get(name)
    if name == "rule" and value is not None:
        value = value["field"]
    if name == "cause" and value is not None:
        value = value["hint"]
    if name == "references":
        value = " ".join(value)
    text = "" if value is None else str(value)
    return f"'{text}" if name in _OTHERS_NAMES and text.startswith(_FORMULA) else text


def _csv(cells: Iterable[str | None]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()
