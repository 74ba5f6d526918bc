"""Carries a round out: changes, faults, trades and kills as planned, runs started, everything waited for."""

import functools
import json
import os
import signal
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ulid import ULID

from local.cloud import processes, state_folder
from local.venues import faults
from local.venues.simulator import LoggedRequest, Simulator
from tests.soak.accounts import BY_ID, FIRST, SECOND, WHOLE, Told
from tests.soak.plan import HEIGHT, PRICES, Change, RoundPlan, VenueFault
from tests.soak.rounds import Execution, Round
from tests.soak.trades import Trades
from tests.soak.truth import Serve
from tests.soak.venue_faults import KINDS, TRADE_AFTER, named, on_second_page, tells_the_truth
from tests.soak.world import World, moved

RATES_PATH, HEIGHT_PATH = "/v2/exchange-rates", "/v4/height"
HOLDINGS_PATHS = ("/api/v3/brokerage/accounts", "/v4/addresses/")
"""Where venues answer what is held; what is in flight is asked elsewhere, and nothing is, here."""
_FIRST_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_EXECUTION_SECONDS = 150
_POLL_SECONDS = 0.04
_BOOK_MUST_BE_CONFIRMED_SECONDS = 300


class Conductor:
    """Plays rounds on a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._states = world.cloud.session().client("stepfunctions")
        self._machine = world.deployment.outputs["StateMachineArn"]
        self._seen = {id(venue): 0 for venue in (world.coinbase, world.dydx)}
        self._trades = Trades(world)
        self.price_serves: list[float] = []
        """When the price list was answered with the truth."""

    def play(self, plan: RoundPlan) -> Round:
        """Carry out a round and wait until nothing of it runs any more."""
        happened = Round(plan, time.time())
        self._confirm_books()
        for change in plan.changes:
            self._change(change)
        self._misbehave(plan, happened)
        kill_rules = self._aws_misbehaves(plan)
        for trade in plan.trades:
            if trade.when == "beside":
                happened.in_thread(functools.partial(self._trades.trade, trade, happened), trade.delay)
        stop = threading.Event()
        if plan.kill is not None:
            happened.in_thread(functools.partial(self._kill_when_fired, kill_rules, stop, happened), 0.0)
        happened.begin = time.time()
        try:
            self._start_all(plan, happened)
            for execution in happened.executions:
                self._await(execution)
        finally:
            stop.set()
            for venue in (self._world.coinbase, self._world.dydx):
                venue.faults.clear()
            happened.join()
        happened.end = time.time()
        happened.fired = self._world.proxy.fired()
        self._world.proxy.set_rules([])
        self._read_logs(plan, happened)
        self._world.coinbase.shift_clock(0)
        self._world.dydx.set_lag(0)
        return happened

    # -- before ------------------------------------------------------------------------------------------------

    def _confirm_books(self) -> None:
        """A book that stays true is written again before it is too old to be believed."""
        for account_id, truth in self._world.truths.items():
            if time.time() - truth.book[-1].begun > _BOOK_MUST_BE_CONFIRMED_SECONDS:
                with truth.lock:
                    self._world.write_book(account_id, {})

    def _change(self, change: Change) -> None:
        told, truth = BY_ID[change.account_id], self._world.truths[change.account_id]
        start = told.amounts().get(change.key, Decimal(0))
        venue, book = truth.venue[-1].holdings, truth.book[-1].holdings
        nothing = {key: Decimal(0) for key in venue}
        now = venue.get(change.key, Decimal(0))
        if change.kind == "book alone moves":
            with truth.lock:
                self._world.write_book(change.account_id, moved(book, change.key, start * change.share))
            return
        amounts = {
            "venue loses all of it": {change.key: Decimal(0)},
            "venue turns round": {change.key: -now if told.venue == "dydx" else Decimal(0)},
            "airdrop": {change.key: now + 1000 * change.share if "JUP" in change.key else now + 6 * change.share},
            "venue shows nothing": nothing,
            "put right": {**nothing, **book},
        }.get(change.kind, {change.key: now - start * change.share})
        self._world.move_venue(change.account_id, amounts)

    def _misbehave(self, plan: RoundPlan, happened: Round) -> None:
        world = self._world
        world.coinbase.shift_clock(plan.clock_shift)
        world.dydx.set_lag(plan.height_lag)
        for trade in plan.trades:
            if trade.when != "beside":
                caller = world.callers[trade.account_id]
                world.venue_of(trade.account_id).fail(caller, self._trades.while_read(trade, happened))
        if plan.row_vanishes:
            world.coinbase.fail(world.callers["cb-pages"], self._trades.row_vanishes())
        for fault in plan.venue_faults:
            self._queue(fault)

    def _queue(self, fault: VenueFault) -> None:
        made = on_second_page(fault.kind) if fault.second_page else named(fault.kind, KINDS[fault.kind].make())
        if fault.who == PRICES:
            self._world.coinbase.fail(faults.ANY, made, times=fault.times, path=RATES_PATH)
        elif fault.who == HEIGHT:
            self._world.dydx.fail(faults.ANY, made, times=fault.times, path=HEIGHT_PATH)
        else:
            self._world.venue_of(fault.who).fail(self._world.callers[fault.who], made, times=fault.times)

    def _aws_misbehaves(self, plan: RoundPlan) -> list[int]:
        self._world.proxy.forget()
        kills = [] if plan.kill is None else [plan.kill.rule()]
        return self._world.proxy.set_rules([*kills, *(fault.rule() for fault in plan.aws_faults)])[: len(kills)]

    # -- runs --------------------------------------------------------------------------------------------------

    def _start_all(self, plan: RoundPlan, happened: Round) -> None:
        begun = time.monotonic()
        for place, start in enumerate(plan.starts):
            time.sleep(max(0.0, begun + start.delay - time.monotonic()))
            moment = _FIRST_MOMENT + timedelta(minutes=2 * (plan.number * 5 + place))
            if start.scheduled:
                run_id, given = f"{moment:%Y%m%dT%H%M%SZ}", {"scheduled_time": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
            else:
                run_id = f"manual-{ULID.from_datetime(moment)}"
                given = {"run_id": run_id}
            for _ in range(start.copies):
                at = time.time()
                answer = self._states.start_execution(stateMachineArn=self._machine, input=json.dumps(given))
                happened.executions.append(Execution(run_id, f"{moment:%Y-%m-%d}", answer["executionArn"], at))

    def _await(self, execution: Execution) -> None:
        deadline = time.monotonic() + _EXECUTION_SECONDS
        while (told := self._states.describe_execution(executionArn=execution.arn))["status"] == "RUNNING":
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)
        execution.status, execution.error = told["status"], told.get("error")
        execution.output = json.loads(told["output"]) if told.get("output") else {}
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=execution.arn)
        execution.failed_attempts = [
            event["taskFailedEventDetails"]["error"]
            for page in pages
            for event in page["events"]
            if "taskFailedEventDetails" in event
        ]

    # -- kills -------------------------------------------------------------------------------------------------

    def _kill_when_fired(self, rules: list[int], stop: threading.Event, happened: Round) -> None:
        kill = happened.plan.kill
        assert kill is not None
        function = self._world.deployment.resources[kill.function]
        done = 0
        while not stop.wait(0.02):
            fired = sum(event["rule_id"] in rules for event in self._world.proxy.fired())
            if fired > done:
                done = fired
                happened.kills += _kill_function(self._world.cloud.path, function)

    # -- after -------------------------------------------------------------------------------------------------

    def _read_logs(self, plan: RoundPlan, happened: Round) -> None:
        accounts = {caller: account_id for account_id, caller in self._world.callers.items()}
        for venue in (self._world.coinbase, self._world.dydx):
            shift = plan.clock_shift if venue is self._world.coinbase else 0
            for logged in self._new(venue):
                if logged.fault is not None and logged.fault != TRADE_AFTER:
                    happened.faulted[accounts.get(logged.caller or "", logged.path), logged.fault] += 1
                if logged.refusal is not None:
                    continue
                if logged.path == RATES_PATH and tells_the_truth(logged.fault, second_page=False):
                    self.price_serves.append(logged.time - shift)
                if logged.caller in accounts and logged.path.startswith(HOLDINGS_PATHS):
                    self._note(accounts[logged.caller], logged, logged.time - shift)

    def _note(self, account_id: str, logged: LoggedRequest, at: float) -> None:
        truth = self._world.truths[account_id]
        part = _part_of(truth.told, logged)
        left = (self._trades.left(account_id) if logged.fault == TRADE_AFTER else None) or at
        if part is not None and tells_the_truth(logged.fault, second_page=part == SECOND):
            truth.serves.append(Serve(at, left, part))

    def _new(self, venue: Simulator) -> list[LoggedRequest]:
        found = [logged for logged in venue.requests if logged.number > self._seen[id(venue)]]
        if found:
            self._seen[id(venue)] = found[-1].number
        return found


def _part_of(told: Told, logged: LoggedRequest) -> str | None:
    if told.second_page:
        return SECOND if logged.query.get("cursor") else FIRST
    if told.subaccounts is not None:
        head, _, number = logged.path.rpartition("/subaccountNumber/")
        return f"perp/{number}" if head else None
    return WHOLE


def _kill_function(folder: Path, function: str) -> int:
    """Kill every process of a function, as when a sandbox dies. Only processes of this local cloud are looked at."""
    killed = 0
    wanted = f"AWS_LAMBDA_FUNCTION_NAME={function}"
    for pid in processes.marked(state_folder.running(folder).token):
        with suppress(OSError):
            if wanted in Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace").split("\0"):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed
