"""Runs: who claimed one, what it has to look at, what failed, and how it ended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trueup.domain.policy import Policy, policy_document, read_policy_document
from trueup.domain.reading import Malformed, Record, digest, format_time
from trueup.domain.report import Failure
from trueup.errors import ConfigInvalid
from trueup.store import keys
from trueup.store.objects import Objects
from trueup.store.rows import Condition, Rows

UNREADABLE = "unreadable"
"""Stands for the venue of an account whose row nobody can read: it is reported all the same."""
PRICES_FAILURE = "PRICES"
"""In capitals, which no account id can be."""
_WITHOUT_CAUSE = {"States.Timeout": "no answer came in the time the state machine allows; see the function's log"}
"""Step Functions gives no cause for what it ends itself."""
MAX_MESSAGE = 2000
"""Characters kept of a failure's message: a report holds one for each account."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run has to look at, and what it is judged by: frozen when the run began."""

    run_id: str
    started_at: datetime
    accounts: Mapping[str, str]
    """Every enabled account with its venue."""
    wallets: Mapping[str, tuple[str, ...]]
    """The wallets asked for, for accounts that name them."""
    policy: Policy
    sha256: str | None = field(default=None, compare=False)
    """The digest of the object it was read from."""


class Runs:
    """Runs in the table and their objects."""

    def __init__(self, rows: Rows, objects: Objects, retention_days: int) -> None:
        self._rows = rows
        self._objects = objects
        self._retention_seconds = retention_days * 86_400

    def expires_at(self, started_at: datetime) -> int:
        """Return when the rows of a run may go: seconds since 1970, as DynamoDB's TTL wants them."""
        return int(started_at.timestamp()) + self._retention_seconds

    def claim(self, run_id: str, execution: str, started_at: datetime, state: str = "running") -> bool:
        """Take a run for an execution; False when another execution has it. `state` is `running` or `disabled`.

        An execution that already has it takes it again: Plan may be retried after it wrote and before it answered. Not
        once the run has ended, though: AWS may carry a claim out long after its client gave up and asked again.
        """
        fields = {"state": state, "claimed_by": execution}  # what `finish` writes has no `claimed_by`
        return self._put(run_id, execution, started_at, fields, Condition("absent_or_equals", "claimed_by", execution))

    def finish(self, run_id: str, execution: str, started_at: datetime, outcome: Mapping[str, Any]) -> bool:
        """Write down how a run ended; False when that has been done, or the run is another execution's.

        What a retry would write is what stands: the outcome derives from a frozen report. So True is said once a run.
        """
        return self._put(run_id, execution, started_at, outcome, Condition("equals", "claimed_by", execution))

    def get(self, run_id: str) -> dict[str, Any] | None:
        """Return the row of a run."""
        return self._rows.get(*keys.run(run_id))

    def of_day(self, day: str) -> list[dict[str, Any]]:
        """Return the runs of a UTC day (2026-11-22), in the order of their ids."""
        return self._rows.query(keys.runs_of(day), prefix=keys.RUN)

    def write_manifest(self, manifest: Manifest) -> None:
        """Freeze what the run has to look at; a retried Plan finds its own first manifest standing."""
        self._objects.put_once(
            keys.manifest_object(manifest.run_id),
            {
                "schema": 1,
                "run_id": manifest.run_id,
                "started_at": format_time(manifest.started_at),
                "accounts": dict(manifest.accounts),
                "wallets": {account_id: list(names) for account_id, names in manifest.wallets.items()},
                "policy": policy_document(manifest.policy),
            },
        )

    def manifest(self, run_id: str) -> Manifest:
        """Return what a run has to look at. Raises ConfigInvalid when there was no such run, or nobody can read it."""
        document = self._objects.get(keys.manifest_object(run_id))
        if document is None:
            raise ConfigInvalid(f"run {run_id}: there is no manifest; start a run with `trueup run`")
        try:
            record = Record(document, "manifest")
            return Manifest(
                run_id=record.text("run_id"),
                started_at=record.time("started_at"),
                accounts={account_id: str(venue) for account_id, _, venue in record.entries("accounts")},
                wallets={account_id: tuple(names) for account_id, _, names in record.entries("wallets")},
                policy=read_policy_document(record.raw("policy"), record.at("policy")),
                sha256=digest(document),
            )
        except (Malformed, TypeError) as error:
            raise ConfigInvalid(f"run {run_id}: {error}; start a new run with `trueup run`") from None

    def failures(self, run_id: str) -> dict[str, Failure]:
        """Return what the state machine wrote down, by account id (and PRICES_FAILURE)."""
        return self._failures(run_id, keys.FAILURE)

    def second_failures(self, run_id: str) -> dict[str, Failure]:
        """Return what the state machine wrote down of second looks, by account id."""
        return self._failures(run_id, keys.RECHECK)

    def freeze_recheck(self, run_id: str, account_ids: Sequence[str]) -> list[str]:
        """Write down which accounts a run looks at twice, and return them; the first such list of a run stands."""
        self._objects.put_once(keys.recheck_object(run_id), {"schema": 1, "accounts": sorted(account_ids)})
        return self.recheck(run_id) or []

    def recheck(self, run_id: str) -> list[str] | None:
        """Return which accounts a run looks at twice; None when nobody asked for it (yet)."""
        document = self._objects.get(keys.recheck_object(run_id))
        return (
            None
            if document is None
            else [str(account_id) for _, account_id in Record(document, "recheck").items("accounts")]
        )

    def _failures(self, run_id: str, prefix: str) -> dict[str, Failure]:
        found = {}
        for row in self._rows.query(keys.failures(run_id), prefix=prefix):
            name = row["sk"].removeprefix(prefix)
            found[name] = _failure(name, str(row.get("failure")))
        return found

    def _put(
        self, run_id: str, execution: str, started_at: datetime, fields: Mapping[str, Any], condition: Condition
    ) -> bool:
        pk, sk = keys.run(run_id)
        row = {
            "pk": pk,
            "sk": sk,
            "run_id": run_id,
            "execution": execution,
            "started_at": format_time(started_at),
            "expires_at": self.expires_at(started_at),
            **fields,
        }
        return self._rows.put(row, condition)


def _failure(name: str, written: str) -> Failure:
    """Read what a Catch was given: the error's name, and the message inside a Lambda's error or the engine's words."""
    try:
        caught = json.loads(written)
        error = str(caught["Error"])
        cause = str(caught.get("Cause") or _WITHOUT_CAUSE.get(error, "no cause was given"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Failure(name, "Unknown", "what failed was not written down properly")
    try:
        message = str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        message = cause
    return Failure(name, _writable(error) or "Unknown", _writable(message))


def _writable(text: str) -> str:
    """Cut and clean somebody else's text, so that a report can hold it."""
    return text[:MAX_MESSAGE].encode(errors="replace").decode()
