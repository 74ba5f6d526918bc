"""Start a run and follow it to its report."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ulid import ULID

from cli.cloud import Cloud
from cli.errors import one_line
from trueup.domain.report import RunReport
from trueup.domain.report_reading import read_run_report
from trueup.store import keys
from trueup.store.runs import PRICES_FAILURE, Manifest

Tell = Callable[[str], None]
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.25, 3.0, 1.5
NAMES_SHOWN = 5
_ATTEMPT_FAILED = {
    "TaskFailed": "taskFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
    "TaskSubmitFailed": "taskSubmitFailedEventDetails",
}


@dataclass(frozen=True, slots=True)
class Followed:
    """How an execution ended. `report` is None when there is none; `said` then tells why."""

    run_id: str
    execution: str
    status: str
    """The execution's own: SUCCEEDED, FAILED, TIMED_OUT, ABORTED."""
    document: dict[str, Any] | None
    report: RunReport | None
    said: str | None


def start_run(cloud: Cloud) -> tuple[str, str]:
    """Start a run by hand and return its id and its execution."""
    run_id = f"manual-{ULID()}"
    answer = cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.outputs["StateMachineArn"], name=run_id, input=json.dumps({"run_id": run_id})
    )
    return run_id, answer["executionArn"]


def follow_run(
    cloud: Cloud, execution: str, run_id: str, *, tell: Tell, pause: Callable[[float], None] = time.sleep
) -> Followed:
    """Follow an execution until it ends, telling each step in a line; return how it ended, with the report.

    Progress is read from what the run leaves behind (observations, failures) and from the execution's history, where
    failed attempts stand that are tried again. Raises StoreUnavailable and AWS's own errors; the run goes on without
    us.
    """
    watched = _Watched(cloud, execution, run_id, tell)
    wait = FIRST_PAUSE
    while True:
        # Asked first, so that whatever happened before the end has been told when the end is.
        described = cloud.client("stepfunctions").describe_execution(executionArn=execution)
        moved = watched.look()
        if described["status"] not in {"RUNNING", "PENDING_REDRIVE"}:
            return _ended(cloud, execution, run_id, described)
        wait = FIRST_PAUSE if moved else min(wait * GROWTH, LONGEST_PAUSE)
        pause(wait)


@dataclass(slots=True)
class _Watched:
    """What has been told about a run, so that everything is told once."""

    cloud: Cloud
    execution: str
    run_id: str
    tell: Tell
    manifest: Manifest | None = None
    read: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    again: list[str] | None = None
    """The accounts that are looked at twice, once that is decided."""
    last_event: int = 0

    def look(self) -> bool:
        """Tell what is new; say whether anything was."""
        before = self._position()
        for line in self._failed_attempts():
            self.tell(line)
        if self.manifest is None:
            self._look_for_manifest()
        if self.manifest is not None:
            if len(self.read) + len(self.failed) < len(self.manifest.accounts):
                self._look_for_accounts(self.manifest)
            elif self.again is None:
                self._look_for_second_looks()
        return before != self._position()

    def _position(self) -> tuple[object, ...]:
        return self.manifest is None, len(self.read), len(self.failed), self.again is None, self.last_event

    def _look_for_manifest(self) -> None:
        if self.cloud.objects.get(keys.manifest_object(self.run_id)) is None:
            return
        self.manifest = self.cloud.runs.manifest(self.run_id)
        venues = sorted(set(self.manifest.accounts.values()))
        self.tell(f"reading {_count(len(self.manifest.accounts), 'account')} at {', '.join(venues) or 'no venue'}")

    def _look_for_accounts(self, manifest: Manifest) -> None:
        prefix = keys.observations_prefix(self.run_id)
        there = {key.removeprefix(prefix).removesuffix(".json.gz") for key in self.cloud.objects.keys(prefix)}
        found = there & manifest.accounts.keys()
        new = sorted(found - self.read)
        self.read |= found
        if new:
            self.tell(f"{len(self.read)} of {_count(len(manifest.accounts), 'account')} read: {_some(new)}")
        for name, failure in sorted(self.cloud.runs.failures(self.run_id).items()):
            if name not in self.failed and (name in manifest.accounts or name == PRICES_FAILURE):
                self.tell(f"{name}: given up, {failure.error}")
                self.failed.add(name)

    def _look_for_second_looks(self) -> None:
        self.again = self.cloud.runs.recheck(self.run_id)
        if self.again:
            self.tell(f"in doubt, looked at again in a moment: {_some(self.again)}")

    def _failed_attempts(self) -> Iterator[str]:
        for event in self._new_events():
            details = event.get(_ATTEMPT_FAILED.get(event["type"], ""), {})
            if details:
                words = _message(details.get("cause", ""))
                yield one_line(f"{details.get('error', '?')}{f': {words}' if words else ''}")

    def _new_events(self) -> list[dict[str, Any]]:
        """Return the events since the last look, oldest first; newest pages first, so that a long run costs little."""
        request: dict[str, Any] = {"executionArn": self.execution, "maxResults": 200, "reverseOrder": True}
        found: list[dict[str, Any]] = []
        while True:
            answer = self.cloud.client("stepfunctions").get_execution_history(**request)
            page = [event for event in answer["events"] if event["id"] > self.last_event]
            found += page
            if len(page) < len(answer["events"]) or "nextToken" not in answer:
                break
            request["nextToken"] = answer["nextToken"]
        self.last_event = max((event["id"] for event in found), default=self.last_event)
        return found[::-1]


def _ended(cloud: Cloud, execution: str, run_id: str, described: dict[str, Any]) -> Followed:
    status = described["status"]
    document = cloud.objects.get(keys.report_object(run_id))
    report = None if document is None else read_run_report(document)
    return Followed(run_id, execution, status, document, report, None if report else why_no_report(described))


def why_no_report(described: dict[str, Any]) -> str:
    """Say why an execution that has ended left no report, in one line."""
    if described["status"] != "SUCCEEDED":
        error, cause = described.get("error") or described["status"], _message(described.get("cause") or "")
        return one_line(f"the run ended without a report: {error}{f': {cause}' if cause else ''}")
    try:
        what = json.loads(described.get("output") or "{}").get("next")
    except (ValueError, AttributeError):
        what = None
    return {
        "disabled": "nothing was looked at: ReconciliationEnabled is false; deploy with true to reconcile",
        "already_claimed": "another execution has this run; look at it with `trueup runs show`",
    }.get(str(what), "the run ended without a report")


def _message(cause: str) -> str:
    """Return the message inside a Lambda's error, else the words as they are."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
