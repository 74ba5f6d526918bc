"""Plan: claim the run, and freeze what it has to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.config import PlanSettings, check_recheck_wait
from trueup.domain.models import Account
from trueup.domain.policy import Policy, default_policy
from trueup.domain.reading import Malformed, Record
from trueup.domain.run_ids import round_down, scheduled_run_id
from trueup.errors import ConfigInvalid
from trueup.steps.events import take_run_id
from trueup.store.accounts import Accounts
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects
from trueup.store.policies import Policies
from trueup.store.runs import UNREADABLE, Manifest, Runs
from trueup.venues.registry import VENUES, asked_wallets

UNRESOLVED = "<aws.scheduler.scheduled-time>"
"""What EventBridge Scheduler replaces with the scheduled time; some emulators pass it on as it is."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Who asks for which run: the execution and its own input."""

    execution: str
    started_at: datetime
    run_id: str


def read_request(event: object, interval_seconds: int) -> PlanRequest:
    """Read Plan's event. Raises ConfigInvalid naming the field and what an execution's input may be."""
    try:
        record = Record(event, "event")
        execution, started_at = record.text("execution"), record.time("started_at")
        given = record.record("input")
        record.done()
        if given.has("run_id") == given.has("scheduled_time"):
            given.fail("run_id", 'or scheduled_time is needed (one of them), such as {"run_id": "manual-<ULID>"}')
        if given.has("run_id"):
            run_id = take_run_id(given)
        elif given.raw("scheduled_time") == UNRESOLVED:
            run_id = scheduled_run_id(round_down(started_at, interval_seconds))
        else:
            run_id = scheduled_run_id(given.time("scheduled_time"))
        given.done()
    except Malformed as error:
        raise ConfigInvalid(str(error)) from None
    return PlanRequest(execution, started_at, run_id)


@dataclass(frozen=True, slots=True)
class PlanStep:
    """Everything Plan works with."""

    enabled: bool
    interval_seconds: int
    built_in: Policy
    """What applies where no policy says anything: the deployment's own threshold is in it."""
    fetch_functions: Mapping[str, str]
    """The function of each venue that is deployed."""
    max_concurrency: int
    accounts: Accounts
    policies: Policies
    runs: Runs

    def run(self, request: PlanRequest) -> dict[str, Any]:
        """Claim the run and return what the state machine needs: references only.

        `next` is `fetch`, `disabled`, or `already_claimed` when the run belongs to another execution. An enabled
        account whose venue is not deployed is in the manifest all the same: Compare reports it as unverified. Raises
        ConfigInvalid for a policy that cannot be read or does not fit the interval: by others nobody may be judged.
        """
        answer: dict[str, Any] = {
            "run_id": request.run_id,
            # A string, as DynamoDB's own number format: the state machine writes rows that expire with the run.
            "expires_at": str(self.runs.expires_at(request.started_at)),
            "venues": [],
            "venues_at_once": 1,
        }
        state = "running" if self.enabled else "disabled"
        if not self.runs.claim(request.run_id, request.execution, request.started_at, state):
            return answer | {"next": "already_claimed"}
        if not self.enabled:
            return answer | {"next": "disabled"}
        policy = self.policies.current(self.built_in)
        check_recheck_wait(policy, self.interval_seconds)
        found = list(self.accounts.each())
        wanted = [account for _, account in found if account is not None and account.enabled]
        # One row nobody can read must not keep Trueup from looking at all the others, nor be forgotten.
        unreadable = {account_id: UNREADABLE for account_id, account in found if account is None}
        self.runs.write_manifest(
            Manifest(
                run_id=request.run_id,
                started_at=request.started_at,
                accounts={account.account_id: account.venue for account in wanted} | unreadable,
                wallets={
                    account.account_id: asked for account in wanted if (asked := asked_wallets(account)) is not None
                },
                policy=policy,
            )
        )
        by_venue = _by_venue(wanted, self.fetch_functions)
        at_once = max(1, min(len(by_venue), self.max_concurrency))
        share = max(1, self.max_concurrency // at_once)
        return answer | {
            "next": "fetch",
            "venues_at_once": at_once,
            "venues": [
                {
                    "venue": venue,
                    "function": self.fetch_functions[venue],
                    "accounts": account_ids,
                    "accounts_at_once": min(share, VENUES[venue].max_concurrency),
                }
                for venue, account_ids in by_venue.items()
            ],
        }


def plan_step(settings: PlanSettings) -> PlanStep:
    """Put the step together as the function runs it."""
    stores = settings.stores
    rows, objects = DynamoRows(stores.table_name), S3Objects(stores.bucket_name)
    return PlanStep(
        enabled=settings.enabled,
        interval_seconds=settings.interval_seconds,
        built_in=default_policy(settings.relative),
        fetch_functions=settings.fetch_functions,
        max_concurrency=settings.max_concurrency,
        accounts=Accounts(rows, VENUES),
        policies=Policies(rows, objects),
        runs=Runs(rows, objects, stores.retention_days),
    )


def _by_venue(accounts: Sequence[Account], deployed: Mapping[str, str]) -> dict[str, list[str]]:
    by_venue: dict[str, list[str]] = {}
    for account in accounts:
        if account.venue in deployed:
            by_venue.setdefault(account.venue, []).append(account.account_id)
    return dict(sorted(by_venue.items()))
