"""Compare: judge every account of the manifest, write the audit, say what is worth saying."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.alerts.message import alerts_of
from trueup.alerts.publish import Publisher, SnsPublisher
from trueup.clock import utc_now
from trueup.config import CompareSettings
from trueup.domain.compare import compare, unverified
from trueup.domain.documents import read_observation
from trueup.domain.models import Observation
from trueup.domain.policy import Policy, default_policy
from trueup.domain.reading import Malformed, Record, digest
from trueup.domain.reasons import REASON_OF_ERROR, Reason
from trueup.domain.report import (
    UNVERIFIED,
    AccountReport,
    Failure,
    RunReport,
    counts,
    run_report_document,
)
from trueup.domain.report_reading import read_run_report
from trueup.errors import ConfigInvalid
from trueup.parallel import for_each
from trueup.store import keys
from trueup.store.audit import Audit, Entry, seal
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import Objects, S3Objects
from trueup.store.prices import PriceSets
from trueup.store.runs import PRICES_FAILURE, UNREADABLE, Manifest, Runs


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """Which run to compare, and for which execution."""

    run_id: str
    execution: str


def read_request(event: object) -> CompareRequest:
    """Read Compare's event. Raises ConfigInvalid naming the field."""
    try:
        record = Record(event, "event")
        request = CompareRequest(record.text("run_id"), record.text("execution"))
        record.done()
    except Malformed as error:
        raise ConfigInvalid(str(error)) from None
    return request


@dataclass(frozen=True, slots=True)
class CompareStep:
    """Everything Compare works with."""

    objects: Objects
    runs: Runs
    prices: PriceSets
    audit: Audit
    publisher: Publisher
    policy: Policy
    base: str
    clock: Callable[[], datetime]

    def run(self, request: CompareRequest) -> dict[str, Any]:
        """Report the run. Safe to repeat after any crash: the first report that was frozen is the one that counts.

        The report is computed once and written once; rows, alerts and the run's end all derive from it, so a retry
        finishes what the first attempt began instead of judging again.
        """
        manifest = self.runs.manifest(request.run_id)
        key = keys.report_object(request.run_id)
        document: Any = self.objects.get(key)
        if document is None:
            document = run_report_document(self._judge(manifest))
            if not self.objects.put_once(key, document):
                document = self.objects.get(key)
        report = read_run_report(document)
        parts = list(zip(report.accounts, document["accounts"], strict=True))
        hashes = for_each(lambda part: self._append(report, part[0], digest(part[1]), key), parts)
        alerts = alerts_of(report, self.policy)
        for_each(self.publisher.publish, alerts)
        totals = counts(report.accounts)
        self.runs.finish(
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
                "report_sha256": digest(document),
                "alerts": [alert.alert_id for alert in alerts],
            },
        )
        return {
            "run_id": request.run_id,
            "status": report.status,
            "verified": report.verified,
            "accounts": totals["accounts"],
            "accounts_verified": totals["accounts_verified"],
        }

    def _judge(self, manifest: Manifest) -> RunReport:
        failures = self.runs.failures(manifest.run_id)
        observed = set(self.objects.keys(keys.observations_prefix(manifest.run_id)))
        prices, used = self.prices.for_run(manifest.run_id, self.base)

        def judge(account_id: str) -> tuple[AccountReport, Failure | None]:
            key = keys.observation_object(manifest.run_id, account_id)
            if key in observed:
                seen = self._observation(key, account_id)
            else:
                seen = failures.get(account_id) or _nothing_written(account_id, manifest)
            if isinstance(seen, Failure):
                reason = REASON_OF_ERROR.get(seen.error, Reason.MISSING_OBSERVATION)
                return unverified(account_id, reason, self.policy, run_id=manifest.run_id), seen
            asked = manifest.wallets.get(account_id)
            return compare(seen, self.policy, prices, run_id=manifest.run_id, asked=asked, base=self.base), None

        judged = for_each(judge, sorted(manifest.accounts))
        of_prices = failures.get(PRICES_FAILURE)
        return RunReport(
            run_id=manifest.run_id,
            started_at=manifest.started_at,
            compared_at=self.clock(),
            policy_version=self.policy.version,
            prices=used,
            accounts=tuple(report for report, _ in judged),
            venues=manifest.accounts,
            failures=tuple(failure for failure in (of_prices, *(told for _, told in judged)) if failure is not None),
        )

    def _observation(self, key: str, account_id: str) -> Observation | Failure:
        """Read evidence back. What cannot be read is one unverified account, never the end of the run."""
        try:
            observation = read_observation(self.objects.get(key))
        except Malformed as error:
            return _malformed(account_id, key, error)
        seen = observation.snapshot.account_id
        if seen != account_id:
            return _malformed(
                account_id, key, Malformed("snapshot.account_id", f"is {seen}: another account's evidence")
            )
        return observation

    def _append(self, report: RunReport, account: AccountReport, report_sha256: str, key: str) -> str:
        return self.audit.append(
            Entry(
                account_id=account.account_id,
                run_id=report.run_id,
                at=report.compared_at,
                status=account.status,
                verified=account.verified,
                reasons=tuple(str(reason) for reason in account.reasons),
                report_sha256=report_sha256,
                evidence_sha256=account.evidence_sha256,
                object=key,
                counts=counts([account]),
            )
        )


def _malformed(account_id: str, key: str, error: Malformed) -> Failure:
    return Failure(account_id, "Malformed", f"account {account_id}: {key}: {error}")


def _nothing_written(account_id: str, manifest: Manifest) -> Failure:
    venue = manifest.accounts[account_id]
    if venue == UNREADABLE:
        why = "the stored account cannot be read; put it again with `trueup accounts put`"
    else:
        why = f"nobody looked; is {venue} among the stack's Venues?"
    return Failure(account_id, "MissingObservation", f"account {account_id}: {why}")


def compare_step(settings: CompareSettings) -> CompareStep:
    """Put the step together as the function runs it."""
    stores = settings.stores
    rows, objects = DynamoRows(stores.table_name), S3Objects(stores.bucket_name)
    return CompareStep(
        objects=objects,
        runs=Runs(rows, objects, stores.retention_days),
        prices=PriceSets(rows, objects),
        audit=Audit(rows, stores.retention_days),
        publisher=SnsPublisher(settings.topic_arn),
        policy=default_policy(settings.relative),
        base=settings.base_currency,
        clock=utc_now,
    )
