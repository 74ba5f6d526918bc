"""Some days of a small desk, written by the real Compare: what audits are looked through for in the tests."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from tests.unit.money_kit import book, later, prices, snapshot
from trueup.alerts.message import Alert
from trueup.domain.breaks import Acknowledged, Commented, Deed
from trueup.domain.documents import observation_document
from trueup.domain.models import Observation
from trueup.domain.policy import Policy, default_policy
from trueup.domain.run_ids import scheduled_run_id
from trueup.steps.compare import CompareRequest, CompareStep
from trueup.steps.judging import Judging
from trueup.store import keys
from trueup.store.audit import Audit
from trueup.store.breaks import Breaks
from trueup.store.histories import Histories
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.store.objects import Objects
from trueup.store.prices import PriceSets
from trueup.store.rows import Rows
from trueup.store.runs import Manifest, Runs

RETENTION = 400
CONNECTED = {"fetch_functions": {"coinbase": "arn:coinbase", "dydx": "arn:dydx"}, "max_concurrency": 8}


def at(text: str) -> datetime:
    """Read "22 11:55" as a moment of November 2026."""
    day, _, clock = text.partition(" ")
    hour, minute = clock.split(":")
    return datetime(2026, 11, int(day), int(hour), int(minute), tzinfo=UTC)


@dataclass
class Desk:
    """Stores, and runs over them. What an account holds is one amount of bitcoin, at the venue and in the book."""

    rows: Rows = field(default_factory=MemoryRows)
    objects: Objects = field(default_factory=MemoryObjects)
    sent: list[Alert] = field(default_factory=list)
    retention_days: int = RETENTION

    @property
    def runs(self) -> Runs:
        return Runs(self.rows, self.objects, self.retention_days)

    def publish(self, alert: Alert) -> None:
        self.sent.append(alert)

    def step(self, moment: datetime) -> CompareStep:
        runs, audit = self.runs, Audit(self.rows, self.retention_days)
        histories = Histories(self.rows, self.retention_days)
        sets = PriceSets(self.rows, self.objects)

        def judging(policy: Policy) -> Judging:
            return Judging(self.objects, runs, sets, histories, audit, policy, "USD", clock=lambda: moment)

        return CompareStep(
            judging=judging,
            objects=self.objects,
            runs=runs,
            audit=audit,
            histories=histories,
            publisher=self,
            **CONNECTED,
        )

    def plan(self, started: datetime, accounts: Sequence[str], *, priced: bool = True) -> str:
        """Begin a run over these accounts."""
        run_id = scheduled_run_id(started)
        self.runs.claim(run_id, f"arn:{run_id}", started)
        venues = dict.fromkeys(sorted(accounts), "coinbase")
        self.runs.write_manifest(Manifest(run_id, started, venues, {}, default_policy()))
        if priced:
            PriceSets(self.rows, self.objects).freeze(run_id, prices(as_of=later(started, 1)))
        return run_id

    def observe(
        self, run_id: str, account_id: str, held: str | None, moment: datetime, *, second: bool = False
    ) -> None:
        """Write what a look at an account shows; None: it failed."""
        if held is None:
            failure = json.dumps({"Error": "VenueUnavailable", "Cause": f"account {account_id}: 503"})
            sk = f"{keys.RECHECK if second else keys.FAILURE}{account_id}"
            self.rows.put({"pk": keys.failures(run_id), "sk": sk, "failure": failure})
            return
        seen = snapshot(("BTC", held), ("USDC", "5"), account_id=account_id, observed_at=moment)
        ours = book(("BTC", "2"), ("USDC", "5"), account_id=account_id, as_of=moment)
        document = observation_document(run_id, Observation(seen, ours, ours), moment, moment, [{"raw": held}])
        name = keys.second_observation_object if second else keys.observation_object
        self.objects.put_once(name(run_id, account_id), document)

    def run(
        self,
        started: datetime,
        held: Mapping[str, str | None],
        second: Mapping[str, str | None] = {},
        *,
        priced: bool = True,
        takes: float = 5,
    ) -> str:
        """Run whole: the looks, the second looks that are asked for, and Compare so many seconds after the start."""
        run_id = self.plan(started, [*held], priced=priced)
        for account_id, amount in held.items():
            self.observe(run_id, account_id, amount, later(started, 2))
        self.compare(run_id, later(started, takes), second)
        return run_id

    def compare(self, run_id: str, moment: datetime, second: Mapping[str, str | None] = {}) -> None:
        execution = f"arn:{run_id}"
        answer = self.step(moment).run(CompareRequest(run_id, execution))
        if answer["next"] == "recheck":
            for account_id, amount in second.items():
                self.observe(run_id, account_id, amount, later(moment, -1), second=True)
            self.step(moment).run(CompareRequest(run_id, execution, second=True))

    def switched_off(self, started: datetime) -> None:
        """A run that was not allowed to look."""
        run_id = scheduled_run_id(started)
        self.runs.claim(run_id, f"arn:{run_id}", started, state="disabled")

    def died(self, started: datetime, accounts: Sequence[str]) -> str:
        """A run that ended before it could judge anything."""
        return self.plan(started, accounts)

    def act(self, account_id: str, deed: Deed) -> None:
        """Do something to the one break of an account."""
        breaks = Breaks(self.rows, self.retention_days)
        (break_id,) = breaks.of_account(account_id)
        breaks.do(break_id, deed)

    def copy(self) -> "Desk":
        made = Desk(sent=list(self.sent), retention_days=self.retention_days)
        made.table.update(copy.deepcopy(self.table))
        made.bucket.update(self.bucket)
        return made

    # -- what is tampered with ---------------------------------------------------------------------------------

    @property
    def table(self) -> dict[tuple[str, str], dict[str, Any]]:
        assert isinstance(self.rows, MemoryRows)
        return self.rows._rows

    @property
    def bucket(self) -> dict[str, str]:
        assert isinstance(self.objects, MemoryObjects)
        return self.objects._objects

    def entries(self, account_id: str) -> list[dict[str, Any]]:
        """The entries of an account as they are stored, in the order of their numbers."""
        pk = keys.audit(account_id)
        found = [row for (owner, sk), row in self.table.items() if owner == pk and sk.startswith(keys.REPORT)]
        return sorted(found, key=lambda row: int(row["seq"]))


ACCOUNTS = ("cb-main", "cb-two")
"""Looked at now; cb-old was, until its account was removed."""
NOW = at("26 09:00")


def write_history(desk: Desk) -> Desk:
    """Five days: everything a run can meet is in them once."""
    desk.run(at("22 11:55"), {"cb-main": "2", "cb-old": "2", "cb-two": "2"})
    desk.run(at("22 12:00"), {"cb-main": "2", "cb-old": "1", "cb-two": "2"}, {"cb-old": "1"})  # said
    desk.act("cb-old", Acknowledged(at("22 12:02"), "arn:aws:iam::123456789012:user/ann"))
    desk.act("cb-old", Commented(at("22 12:03"), "arn:aws:iam::123456789012:user/ann", "a withdrawal, I think"))
    desk.run(at("22 12:05"), {"cb-main": "1", "cb-old": "2", "cb-two": None}, {"cb-main": "2"})  # gone at a second look
    desk.run(at("22 23:59"), {"cb-main": "2", "cb-old": None, "cb-two": "2"}, takes=65)  # compared after midnight
    desk.run(at("23 00:05"), {"cb-main": "2", "cb-two": "1.999999"}, priced=False)  # the last good prices
    desk.switched_off(at("23 00:10"))
    desk.died(at("23 00:15"), ACCOUNTS)
    slow = desk.plan(at("23 23:50"), ACCOUNTS)
    for account_id in ACCOUNTS:
        desk.observe(slow, account_id, "2", later(at("23 23:50"), 2))
    freeze_only(desk, slow, later(at("23 23:50"), 5))
    desk.run(at("24 00:00"), {"cb-main": "2", "cb-two": "0.5"}, {"cb-two": None})  # a second look that failed; said
    desk.compare(slow, later(at("24 00:00"), 90))  # chained after a faster one, and into its day
    desk.run(at("24 00:05"), {})  # nobody to look at
    desk.run(at("26 08:00"), {"cb-main": None, "cb-two": None})  # nobody could be
    desk.run(at("26 08:05"), {"cb-main": "2", "cb-two": "2"})
    return desk


def freeze_only(desk: Desk, run_id: str, moment: datetime) -> None:
    """Compare up to the frozen report, and no further: it is tried again later."""
    manifest = desk.runs.manifest(run_id)
    judging = desk.step(moment).judging(manifest.policy)
    look = judging.first_look(manifest)
    desk.objects.put_once(keys.report_object(run_id), judging.report(look, []))


@cache
def _written() -> Desk:
    return write_history(Desk())


def history() -> Desk:
    """A fresh copy of the history: yours to tamper with."""
    return _written().copy()
