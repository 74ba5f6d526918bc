"""The past of a run as stores: what its frozen report says was known then, over the evidence that it names."""

import json
from collections.abc import Mapping
from typing import Any

from trueup.domain.blindness import blindness_document
from trueup.domain.break_documents import break_document
from trueup.domain.history import History
from trueup.domain.reading import Malformed, Record, format_time, parse_json
from trueup.domain.report import Failure, RunReport
from trueup.domain.report_reading import read_run_report
from trueup.domain.tracks import track_document
from trueup.steps.judged_with import JudgedWith, read_judged_with
from trueup.steps.judging import Judging
from trueup.store import keys
from trueup.store.audit import Audit
from trueup.store.histories import Histories
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.store.prices import PriceSets
from trueup.store.rows import Rows
from trueup.store.runs import Runs

_READS_ONLY = 0
"""Retention, for stores in which nothing is kept."""


class _PastHistories(Histories):
    """Histories as they were, those that nobody could read among them."""

    def __init__(self, rows: Rows, unreadable: Mapping[str, Malformed]) -> None:
        super().__init__(rows, _READS_ONLY)
        self._unreadable = unreadable

    def of_account(self, account_id: str, *, with_breaks: bool) -> History:
        if account_id in self._unreadable:
            raise self._unreadable[account_id]
        return super().of_account(account_id, with_breaks=with_breaks)


def judge_again(document: Any, contents: Mapping[str, bytes]) -> dict[str, Any]:
    """Judge the run of a frozen report once more, by the same code as Compare does, and return its report.

    `contents` has the text of every object that the report names, by its key: nothing else is looked at. Raises
    Malformed for a report that does not say what it was judged with, and ConfigInvalid for a manifest that this code
    cannot read.
    """
    report, record = read_run_report(document), Record(document, "report")
    with_ = record.record("judged_with")
    known = {account_id: read_judged_with(found, account_id, at) for account_id, at, found in with_.entries("accounts")}
    objects = MemoryObjects()
    for key, content in contents.items():
        objects.put_once(key, parse_json(content, key))
    rows = _rows_of(report, known, document["audit"])
    runs = Runs(rows, objects, _READS_ONLY)
    manifest = runs.manifest(report.run_id)
    judging = Judging(
        objects=objects,
        runs=runs,
        prices=PriceSets(rows, objects),
        histories=_PastHistories(
            rows, {account_id: one.unreadable for account_id, one in known.items() if one.unreadable is not None}
        ),
        audit=Audit(rows, _READS_ONLY),
        policy=manifest.policy,
        base=with_.text("base"),
        clock=lambda: report.compared_at,
    )
    return judging.report(judging.first_look(manifest), sorted(document["looks"]))


def _rows_of(report: RunReport, known: Mapping[str, JudgedWith], positions: Mapping[str, Any]) -> MemoryRows:
    """Write down again what the table held when the run was judged, as far as judging reads it."""
    rows = MemoryRows()
    for failure in report.failures:
        _put_failure(rows, report.run_id, keys.FAILURE, failure)
    used = report.prices.object
    if used is not None and used != keys.prices_object(report.run_id):
        rows.put({"pk": keys.PRICES, "sk": keys.LAST_GOOD, "object": used})
    for account_id, position in positions.items():
        if position is not None:
            rows.put({"pk": keys.audit(account_id), "sk": keys.CHAIN, **position})
    for account_id, one in known.items():
        _put_known(rows, report.run_id, account_id, one)
    return rows


def _put_known(rows: MemoryRows, run_id: str, account_id: str, known: JudgedWith) -> None:
    if known.looked_at is not None:
        _put(rows, keys.last_look(account_id), looked_at=format_time(known.looked_at))
    for track in known.tracks:
        _put(rows, keys.track(account_id, track.break_id), **track_document(track))
    for one in known.breaks:
        _put(rows, keys.current_break(account_id, one.place.break_id), **break_document(one))
    if known.blindness is not None:
        _put(rows, keys.blindness(account_id), **blindness_document(known.blindness))
    for moment in known.adopted:
        _put(rows, keys.adoption(account_id, moment))
    if known.earlier is not None:
        _put(rows, (keys.audit(account_id), keys.REPORT), object=known.earlier.object)
    if known.second_failure is not None:
        _put_failure(rows, run_id, keys.RECHECK, known.second_failure)


def _put_failure(rows: MemoryRows, run_id: str, prefix: str, failure: Failure) -> None:
    """Write a failure as the state machine does: a Lambda's error, with its message inside the cause."""
    cause = json.dumps({"errorMessage": failure.message})
    written = json.dumps({"Error": failure.error, "Cause": cause})
    _put(rows, (keys.failures(run_id), f"{prefix}{failure.account_id}"), failure=written)


def _put(rows: MemoryRows, key: tuple[str, str], **fields: Any) -> None:
    rows.put({"pk": key[0], "sk": key[1], **fields})
