"""Judging a run: every account of the manifest, its first look, its second where there was one, and its history."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from trueup import __version__
from trueup.domain.advance import Advanced, SecondLook, advance, wants_second_look
from trueup.domain.blindness import Blindness, BlindNews, blindness_document, looked_for
from trueup.domain.break_documents import event_document
from trueup.domain.breaks import Agreed, Look
from trueup.domain.compare import compare, unverified
from trueup.domain.correlate import Known, Place, correlate, held_at_breaks
from trueup.domain.documents import read_observation
from trueup.domain.history import History
from trueup.domain.models import Observation, PriceSet
from trueup.domain.names import under_our_names
from trueup.domain.policy import Policy
from trueup.domain.reading import Malformed, digest
from trueup.domain.reasons import REASON_OF_ERROR, Reason, Severity
from trueup.domain.report import AccountReport, Failure, Outcome, PricesUsed, RunReport, run_report_document
from trueup.domain.report_reading import read_run_report
from trueup.domain.told import told_besides
from trueup.domain.tracks import track_document
from trueup.parallel import for_each
from trueup.steps.judged_with import Earlier, JudgedWith, judged_with_document, what_mattered
from trueup.store import keys
from trueup.store.audit import Audit
from trueup.store.histories import Histories
from trueup.store.objects import Objects
from trueup.store.prices import PriceSets
from trueup.store.runs import PRICES_FAILURE, UNREADABLE, Manifest, Runs
from trueup.venues.aliases import assets_version, forms, names
from trueup.venues.registry import VENUES

NOT_LOOKED_AGAIN = "too_many"
"""Why a second look did not happen when more accounts were in doubt than can be read at once."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One account as the first look showed it, what is known from before, and what could not be read."""

    report: AccountReport
    history: History
    failure: Failure | None = None
    held: Mapping[Place, tuple[Decimal, ...]] = field(default_factory=dict)
    """What is held in open orders where there is a break."""
    unreadable: Malformed | None = None
    """Why nothing is known from before, although something was written down."""


@dataclass(frozen=True, slots=True)
class SeenAgain:
    """What came of a second look, and the failure in its place."""

    look: SecondLook
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class FirstLook:
    """A run after its first look: its accounts in order of their ids, and what it is valued with."""

    manifest: Manifest
    accounts: Mapping[str, Seen]
    prices: PriceSet | None
    prices_used: PricesUsed
    prices_failure: Failure | None


@dataclass(frozen=True, slots=True)
class Judging:
    """Everything judging works with; it reads, and writes nothing."""

    objects: Objects
    runs: Runs
    prices: PriceSets
    histories: Histories
    audit: Audit
    policy: Policy
    base: str
    clock: Callable[[], datetime]

    def first_look(self, manifest: Manifest) -> FirstLook:
        """Judge what the first look at every account showed. Raises StoreUnavailable."""
        failures = self.runs.failures(manifest.run_id)
        observed = set(self.objects.keys(keys.observations_prefix(manifest.run_id)))
        prices, used = self.prices.for_run(manifest.run_id, self.base)

        def see(account_id: str) -> Seen:
            key = keys.observation_object(manifest.run_id, account_id)
            seen = self._observation(key, account_id) if key in observed else None
            found = seen or failures.get(account_id) or _nothing_written(account_id, manifest)
            failure = found if isinstance(found, Failure) else None
            if isinstance(found, Failure):
                report, held = self._unread(found, manifest), {}
            else:
                report = self._compared(found, manifest, prices)
                held = held_at_breaks(found, report)
            try:
                history = self.histories.of_account(account_id, with_breaks=bool(report.breaks))
                return Seen(report, history, failure, held)
            except Malformed as error:
                # What would be confirmed by an earlier look goes unsaid: the account is not called verified.
                why = failure or _malformed(account_id, "its history", error)
                return Seen(report, History(), why, held, error)

        account_ids = sorted(manifest.accounts)
        seen = dict(zip(account_ids, for_each(see, account_ids), strict=True))
        return FirstLook(manifest, seen, prices, used, failures.get(PRICES_FAILURE))

    def in_doubt(self, look: FirstLook, at_most: int) -> list[str]:
        """Return which accounts to look at again before anybody is told: the worst, as many as a venue lets us read."""
        doubtful = [
            seen.report
            for account_id, seen in look.accounts.items()
            if wants_second_look(
                seen.report, seen.history, self.policy.timing(account_id, look.manifest.accounts[account_id])
            )
        ]
        venues = look.manifest.accounts
        taken: list[str] = []
        of_venue: Counter[str] = Counter()
        for report in sorted(doubtful, key=_worst_first):
            venue = venues[report.account_id]
            if of_venue[venue] < VENUES[venue].max_concurrency:  # they are all read at once
                of_venue[venue] += 1
                taken.append(report.account_id)
        return taken[:at_most]

    def report(self, look: FirstLook, looked_again: Sequence[str]) -> dict[str, Any]:
        """Write the run's report: first looks, second looks and history put together."""
        manifest = look.manifest
        second_failures = self.runs.second_failures(manifest.run_id) if looked_again else {}

        def look_again(account_id: str) -> SeenAgain | None:
            seen, venue = look.accounts[account_id], manifest.accounts[account_id]
            if not wants_second_look(seen.report, seen.history, self.policy.timing(account_id, venue)):
                return None
            if account_id not in looked_again:
                return SeenAgain(SecondLook(None, NOT_LOOKED_AGAIN))
            return self._second_look(account_id, look, second_failures.get(account_id))

        def place(account_id: str) -> Advanced:
            seen, venue = look.accounts[account_id], manifest.accounts[account_id]
            again = seconds[account_id]
            placed = advance(seen.report, seen.history, self.policy, venue, None if again is None else again.look)
            return placed if seen.unreadable is None else replace(placed, report=_without_history(placed.report))

        seconds = dict(zip(look.accounts, for_each(look_again, look.accounts), strict=True))
        advanced = {account_id: place(account_id) for account_id in look.accounts}
        adopted = {account_id: self._adopted(one, look) for account_id, one in advanced.items()}
        earlier = self._earlier([account_id for account_id, one in advanced.items() if one.report.breaks])
        failures = [look.prices_failure, *(seen.failure for seen in look.accounts.values())]
        report = RunReport(
            run_id=manifest.run_id,
            started_at=manifest.started_at,
            compared_at=self.clock(),
            policy_version=self.policy.version,
            prices=look.prices_used,
            accounts=self._with_causes([one.report for one in advanced.values()], look, earlier),
            venues=manifest.accounts,
            failures=tuple(failure for failure in failures if failure is not None),
        )
        return (
            run_report_document(report)
            | {
                "assets_version": assets_version(),
                "manifest_sha256": manifest.sha256,
                "looks": {name: _looks(look.accounts[name], seconds[name]) for name in sorted(looked_again)},
            }
            | self._what_follows(report, look, advanced, adopted)
            | {"judged_with": self._judged_with(look, advanced, seconds, adopted, earlier)}
        )

    def _judged_with(
        self,
        look: FirstLook,
        advanced: Mapping[str, Advanced],
        seconds: Mapping[str, SeenAgain | None],
        adopted: Mapping[str, Mapping[str, datetime]],
        earlier: Mapping[str, tuple[Earlier, AccountReport]],
    ) -> dict[str, Any]:
        """Write what the run was judged with beyond its evidence. Whatever judging reads besides must be in here."""
        found = {}
        for account_id, seen in look.accounts.items():
            again, before = seconds[account_id], earlier.get(account_id)
            tracks, breaks = what_mattered(seen.history, advanced[account_id].looks)
            found[account_id] = JudgedWith(
                looked_at=seen.history.looked_at,
                tracks=tracks,
                breaks=breaks,
                blindness=seen.history.blindness,
                unreadable=seen.unreadable,
                adopted=tuple(sorted({*adopted[account_id].values()})),
                earlier=None if before is None else before[0],
                second_failure=None if again is None else again.failure,
            )
        known = _filled({account_id: judged_with_document(one) for account_id, one in found.items()})
        return {"version": __version__, "base": self.base, "accounts": known}

    def _what_follows(
        self,
        report: RunReport,
        look: FirstLook,
        advanced: Mapping[str, Advanced],
        adopted: Mapping[str, Mapping[str, datetime]],
    ) -> dict[str, Any]:
        """Write what becomes of histories, and what people are told besides the lines that are news."""
        looks = {name: _looks_at_breaks(one, adopted[name]) for name, one in advanced.items()}
        blind = {account.account_id: self._blindness(account, look, report) for account in report.accounts}
        told = {name: told_besides(look.accounts[name].history, looks[name], *blind[name]) for name in look.accounts}
        told_of = [account.account_id for account in report.accounts if account.news or told[account.account_id]]
        return {
            "tracks": _filled({name: [*map(track_document, one.tracks)] for name, one in advanced.items()}),
            "breaks": _filled(
                {name: {each: event_document(said) for each, said in found.items()} for name, found in looks.items()}
            ),
            "blindness": {name: blindness_document(now) for name, (now, _) in blind.items() if now is not None},
            "told": _filled(told),
            "digest": len(told_of) > self.policy.alerting("", "", None).digest_above,
            "audit": dict(zip(told_of, for_each(self.audit.position, told_of), strict=True)),
        }

    def _blindness(
        self, account: AccountReport, look: FirstLook, report: RunReport
    ) -> tuple[Blindness | None, BlindNews | None]:
        account_id = account.account_id
        alerting = self.policy.alerting(account_id, look.manifest.accounts[account_id], None)
        return looked_for(look.accounts[account_id].history.blindness, account, alerting, report.compared_at)

    def _adopted(self, advanced: Advanced, look: FirstLook) -> dict[str, datetime]:
        """Return when the book was adopted since a break that is over was last seen, by break id."""
        account_id = advanced.report.account_id
        known = look.accounts[account_id].history.breaks
        found = {}
        for break_id, said in advanced.looks.items():
            if isinstance(said, Agreed) and break_id in known:
                adopted = self.histories.adopted(account_id, known[break_id].last_seen_at, said.at)
                if adopted is not None:
                    found[break_id] = adopted
        return found

    def _with_causes(
        self,
        reports: Sequence[AccountReport],
        look: FirstLook,
        earlier: Mapping[str, tuple[Earlier, AccountReport]],
    ) -> tuple[AccountReport, ...]:
        known = Known(
            venues=look.manifest.accounts,
            aliases={venue: forms(venue) for venue in set(look.manifest.accounts.values())},
            held={place: amounts for seen in look.accounts.values() for place, amounts in seen.held.items()},
            earlier={account_id: report for account_id, (_, report) in earlier.items()},
        )
        return correlate(reports, known, self.policy)

    def _earlier(self, account_ids: Sequence[str]) -> dict[str, tuple[Earlier, AccountReport]]:
        """Return the reports before this one, of accounts that have one which can be read: they only feed hints."""
        rows = dict(zip(account_ids, for_each(self.audit.last, account_ids), strict=True))
        objects = {row["object"] for row in rows.values() if row is not None}
        reports: dict[str, tuple[Earlier, AccountReport]] = {}
        for key in objects:
            try:
                document = self.objects.get(key)
                run = read_run_report(document)
            except Malformed:
                continue
            read = Earlier(key, digest(document))
            reports |= {
                report.account_id: (read, report)
                for report in run.accounts
                if (row := rows.get(report.account_id)) is not None and row["object"] == key
            }
        return reports

    def _second_look(self, account_id: str, look: FirstLook, failure: Failure | None) -> SeenAgain:
        key = keys.second_observation_object(look.manifest.run_id, account_id)
        found = self._observation(key, account_id) or failure
        if isinstance(found, Observation):
            return SeenAgain(SecondLook(self._compared(found, look.manifest, look.prices)))
        reason = Reason.MISSING_OBSERVATION if found is None else _reason(found)
        return SeenAgain(SecondLook(None, str(reason)), found)

    def _compared(self, observation: Observation, manifest: Manifest, prices: PriceSet | None) -> AccountReport:
        asked = manifest.wallets.get(observation.snapshot.account_id)
        return compare(observation, self.policy, prices, run_id=manifest.run_id, asked=asked, base=self.base)

    def _unread(self, failure: Failure, manifest: Manifest) -> AccountReport:
        return unverified(failure.account_id, _reason(failure), self.policy, run_id=manifest.run_id)

    def _observation(self, key: str, account_id: str) -> Observation | Failure | None:
        """Read evidence back; None where there is none. What cannot be read is one account's, never the run's end.

        The evidence has the book as it was stated; what is returned has it under our names.
        """
        try:
            document = self.objects.get(key)
            if document is None:
                return None
            observation = read_observation(document)
        except Malformed as error:
            return _malformed(account_id, key, error)
        seen = observation.snapshot.account_id
        if seen != account_id:
            other = Malformed("snapshot.account_id", f"is {seen}: another account's evidence")
            return _malformed(account_id, key, other)
        return under_our_names(observation, names(observation.snapshot.venue))


def _without_history(report: AccountReport) -> AccountReport:
    reasons = tuple(sorted({*report.reasons, Reason.BAD_HISTORY}))
    return replace(report, verified=False, reasons=reasons)


def _filled(found: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the accounts of which there is nothing to write."""
    return {name: written for name, written in found.items() if written}


def _looks_at_breaks(advanced: Advanced, adopted: Mapping[str, datetime]) -> dict[str, Look]:
    """Return what a look says of breaks; of one that is over, whether its book was adopted meanwhile."""
    return {
        break_id: replace(said, adjusted=break_id in adopted) if isinstance(said, Agreed) else said
        for break_id, said in advanced.looks.items()
    }


def _looks(first: Seen, second: SeenAgain | None) -> dict[str, str | None]:
    """Return the digests of the evidence of both looks: one of them counts, but both were read."""
    again = None if second is None else second.look.report
    return {"first": first.report.evidence_sha256, "second": None if again is None else again.evidence_sha256}


def _worst_first(report: AccountReport) -> tuple[int, str]:
    worst = max((line.severity or Severity.OK for line in report.lines if line.outcome is Outcome.BREAK), default=0)
    return -worst, report.account_id


def _reason(failure: Failure) -> Reason:
    return REASON_OF_ERROR.get(failure.error, Reason.MISSING_OBSERVATION)


def _malformed(account_id: str, what: str, error: Malformed) -> Failure:
    return Failure(account_id, "Malformed", f"account {account_id}: {what}: {error}")


def _nothing_written(account_id: str, manifest: Manifest) -> Failure:
    venue = manifest.accounts[account_id]
    if venue == UNREADABLE:
        why = "the stored account cannot be read; put it again with `trueup accounts put`"
    else:
        why = f"nobody looked; is {venue} among the stack's Venues?"
    return Failure(account_id, "MissingObservation", f"account {account_id}: {why}")
