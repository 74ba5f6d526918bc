"""Compare: judge every account of the manifest, ask for a second look where in doubt, write the audit, tell people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trueup.alerts.digest import alerts_of
from trueup.alerts.publish import Publisher, SnsPublisher
from trueup.clock import utc_now
from trueup.config import CompareSettings
from trueup.domain.policy import Policy
from trueup.domain.reading import Malformed, Record, digest, format_time
from trueup.domain.report import UNVERIFIED, AccountReport, RunReport, counts
from trueup.domain.report_reading import read_run_report
from trueup.errors import ConfigInvalid
from trueup.parallel import for_each
from trueup.steps.events import take_look
from trueup.steps.judging import Judging
from trueup.steps.reported import Reported
from trueup.store import keys
from trueup.store.audit import Audit, Entry, seal
from trueup.store.dynamodb import DynamoRows
from trueup.store.histories import Histories, Looked
from trueup.store.objects import Objects, S3Objects
from trueup.store.prices import PriceSets
from trueup.store.runs import Manifest, Runs


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """Which run to compare, for which execution, and whether what was in doubt has been looked at again."""

    run_id: str
    execution: str
    second: bool = False


def read_request(event: object) -> CompareRequest:
    """Read Compare's event. Raises ConfigInvalid naming the field."""
    try:
        record = Record(event, "event")
        request = CompareRequest(record.text("run_id"), record.text("execution"), take_look(record))
        record.done()
    except Malformed as error:
        raise ConfigInvalid(str(error)) from None
    return request


@dataclass(frozen=True, slots=True)
class CompareStep:
    """Everything Compare works with."""

    judging: Callable[[Policy], Judging]
    """Makes what judges by a policy: the run's own, whatever has been put since."""
    objects: Objects
    runs: Runs
    audit: Audit
    histories: Histories
    publisher: Publisher
    fetch_functions: Mapping[str, str]
    """The function of each venue that is deployed."""
    max_concurrency: int
    once_reported: Callable[[RunReport], None] = lambda report: None
    """Called when the run's end has been written, by whoever wrote it: at most once, however often Compare is tried."""

    def run(self, request: CompareRequest) -> dict[str, Any]:
        """Report the run, or ask for a second look first (`next` is `reported` or `recheck`).

        Safe to repeat after any crash: the report is computed once and written once, and everything else derives from
        what was written, so a retry finishes what the first attempt began instead of judging again.
        """
        manifest = self.runs.manifest(request.run_id)
        key = keys.report_object(request.run_id)
        document: Any = self.objects.get(key)
        if document is None:
            twice = self.runs.recheck(request.run_id) or []
            if twice and not request.second:
                return self._ask_again(manifest, twice)  # as an earlier attempt did
            judging = self.judging(manifest.policy)
            look = judging.first_look(manifest)
            if not request.second and (doubtful := judging.in_doubt(look, self.max_concurrency)):
                return self._ask_again(manifest, self.runs.freeze_recheck(request.run_id, doubtful))
            document = judging.report(look, twice)
            if not self.objects.put_once(key, document):
                document = self.objects.get(key)
        return self._tell(request, manifest, document, key)

    def _ask_again(self, manifest: Manifest, account_ids: list[str]) -> dict[str, Any]:
        policy, venues = manifest.policy, manifest.accounts
        waits = [policy.timing(account_id, venues[account_id]).recheck_wait_seconds for account_id in account_ids]
        return {
            "next": "recheck",
            "run_id": manifest.run_id,
            "expires_at": str(self.runs.expires_at(manifest.started_at)),
            "wait_seconds": max(waits),
            "accounts_at_once": self.max_concurrency,
            "accounts": [
                {"account_id": account_id, "function": self.fetch_functions[venues[account_id]]}
                for account_id in account_ids
                if venues[account_id] in self.fetch_functions
            ],
        }

    def _tell(self, request: CompareRequest, manifest: Manifest, document: Any, key: str) -> dict[str, Any]:
        """Do everything a frozen report asks for."""
        report = read_run_report(document)
        # People first: a crash after this may say something twice, but nothing is kept as said that was not.
        alerts = alerts_of(report, document)
        for_each(self.publisher.publish, alerts)
        for_each(self.histories.keep, looks_of(report, document))
        for_each(lambda kept: self.histories.keep_blindness(*kept), document.get("blindness", {}).items())
        parts = list(zip(report.accounts, document["accounts"], strict=True))
        sha256 = digest(document)
        hashes = for_each(lambda part: self._append(report, part[0], digest(part[1]), sha256, key), parts)
        totals = counts(report.accounts)
        ended = self.runs.finish(
            request.run_id,
            request.execution,
            manifest.started_at,
            {
                "state": "finished" if report.status != UNVERIFIED else "failed",
                "status": report.status,
                "verified": report.verified,
                "counts": totals,
                "seal": seal({part[0].account_id: chained for part, chained in zip(parts, hashes, strict=True)}),
                "object": key,
                "compared_at": format_time(report.compared_at),
                "report_sha256": sha256,
                "alerts": [alert.alert_id for alert in alerts],
            },
        )
        if ended:
            self.once_reported(report)
        return {
            "next": "reported",
            "run_id": request.run_id,
            "status": report.status,
            "verified": report.verified,
            "accounts": totals["accounts"],
            "accounts_verified": totals["accounts_verified"],
        }

    def _append(self, report: RunReport, account: AccountReport, sha256: str, of_run: str, key: str) -> str:
        return self.audit.append(
            Entry(
                account_id=account.account_id,
                run_id=report.run_id,
                at=report.compared_at,
                status=account.status,
                verified=account.verified,
                reasons=tuple(str(reason) for reason in account.reasons),
                report_sha256=sha256,
                run_report_sha256=of_run,
                evidence_sha256=account.evidence_sha256,
                object=key,
                counts=counts([account]),
            )
        )


def looks_of(report: RunReport, document: Any) -> list[Looked]:
    """Return what each look of a frozen report changed.

    Where nothing could be compared nothing is changed, and it is no look: least of all one by a clock that is ahead.
    """
    tracks, breaks = document.get("tracks", {}), document.get("breaks", {})
    return [
        Looked(
            account_id=one.account_id,
            venue=report.venues[one.account_id],
            at=one.observed_at,
            tracks=tracks.get(one.account_id, []),
            breaks=breaks.get(one.account_id, {}),
        )
        for one in report.accounts
        if one.observed_at is not None and one.status != UNVERIFIED
    ]


RESERVE_SECONDS = 1.0
"""Kept back from the time the function has, so that it can still answer."""


def compare_step(settings: CompareSettings, remaining_milliseconds: Callable[[], int]) -> CompareStep:
    """Put the step together as the function runs it."""
    stores = settings.stores
    rows, objects = DynamoRows(stores.table_name), S3Objects(stores.bucket_name)
    runs, histories = Runs(rows, objects, stores.retention_days), Histories(rows, stores.retention_days)
    audit = Audit(rows, stores.retention_days)

    def left() -> float:
        return remaining_milliseconds() / 1000 - RESERVE_SECONDS

    return CompareStep(
        judging=lambda policy: Judging(
            objects=objects,
            runs=runs,
            prices=PriceSets(rows, objects),
            histories=histories,
            audit=audit,
            policy=policy,
            base=settings.base_currency,
            clock=utc_now,
        ),
        objects=objects,
        runs=runs,
        audit=audit,
        histories=histories,
        publisher=SnsPublisher(settings.topic_arn),
        fetch_functions=settings.fetch_functions,
        max_concurrency=settings.max_concurrency,
        once_reported=Reported(settings.stack_name, settings.heartbeat_arn, left),
    )
