"""Checks a round: every execution, report, audit row and alert of it, against what was ordered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cli.auditing.verify import Verifier, Wanted
from local.cloud.errors import NothingReceived
from local.cloud.messages import Received
from tests.soak.accounts import ACCOUNTS, BY_ID
from tests.soak.accounts import PRICES as PRICE_LIST
from tests.soak.conductor import Conductor
from tests.soak.plan import HEIGHT, RoundPlan
from tests.soak.rounds import Execution, Round
from tests.soak.stored import Row, Stored, chain_faults, sha256
from tests.soak.venue_faults import KINDS
from tests.soak.verdict import Violation, Window, account_violations, run_violations
from tests.soak.world import World
from trueup.clock import utc_now
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects

AWS_REASONS = frozenset({"missing_observation", "bad_book"})
"""What an account is unverified for when not its venue but AWS, or the function itself, failed."""
SLOW = frozenset({"unreachable"})
"""What a machine with too much to do looks like: nothing answered within a second."""
_ALERT_SECONDS = 15.0
_CLOCKS_APART_SECONDS = 0.01
_PRICES = {asset: Decimal(price) for asset, price in PRICE_LIST.items()}
_SAID = ("MAJOR", "CRITICAL")


class Auditor:
    """Remembers what every run said, and finds what may not be."""

    def __init__(self, world: World, conductor: Conductor) -> None:
        self._world = world
        self._conductor = conductor
        outputs = world.deployment.outputs
        self._stored = Stored(world.cloud.session(), outputs["TableName"], outputs["BucketName"])
        self._reports: dict[str, dict[str, Any]] = {}
        self._rows: dict[tuple[str, str], Row] = {}
        """What the row of a finished run said when it was first seen, by run and day."""
        self._finished: set[str] = set()
        """The runs whose audit must be whole."""
        self._alerts: dict[str, Received] = {}
        self._alert_ids: dict[tuple[str, str], str] = {}
        self._told: dict[tuple[str, str], list[str]] = {}
        """When the account was looked at, of each alert that named a break."""
        self._heard = 0
        self._have_prices = False
        self.figures: Counter[str] = Counter()

    def check(self, happened: Round) -> list[Violation]:
        """Check everything a round left behind."""
        found = [Violation("the soak itself failed", "no error", error) for error in happened.errors]
        fresh = []
        for run_id in dict.fromkeys(execution.run_id for execution in happened.executions):
            same = [execution for execution in happened.executions if execution.run_id == run_id]
            found += self._check_run(happened, run_id, same)
            if run_id in self._reports:
                fresh.append(run_id)
        found += self._check_alerts(fresh)
        return found

    def check_everything(self) -> list[Violation]:
        """Check all chains from their first row, and that nothing said earlier has changed since."""
        found = []
        by_account: dict[str, list[Row]] = {}
        for told in ACCOUNTS:
            rows, head = self._stored.chain(told.account_id)
            by_account[told.account_id] = rows
            found += [
                Violation("the audit chain", "gapless, each row vouching for the one before it", fault, told.account_id)
                for fault in chain_faults(rows, head)
            ]
            runs = Counter(row["run_id"] for row in rows)
            for run_id in self._finished:
                if runs[run_id] != 1:
                    found.append(Violation("audit rows of a run", "one", str(runs[run_id]), told.account_id, run_id))
            found += [
                Violation("audit rows", "only of runs with a report", "a row", told.account_id, run_id)
                for run_id in runs.keys() - self._reports.keys()
            ]
        for run_id in self._finished:
            found += self._check_seal(run_id, by_account)
        for (run_id, day), row in self._rows.items():
            if (now := self._stored.run_row(run_id, day)) != row:
                found.append(Violation("the row of a run that ended stays as it is", str(row), str(now), None, run_id))
        return [*found, *self._verified_as_operators_do()]

    def _verified_as_operators_do(self) -> list[Violation]:
        """Nobody tampered with anything, whatever died: `trueup audit verify` may not say otherwise."""
        outputs = self._world.deployment.outputs
        rows, objects = DynamoRows(outputs["TableName"]), S3Objects(outputs["BucketName"])
        outcome = Verifier(rows, objects, [told.account_id for told in ACCOUNTS], Wanted(), utc_now()).verify()
        self.figures["entries that trueup audit verify looked at, at the end"] = outcome.entries
        if outcome.difference is None and outcome.entries:
            return []
        said = "nothing to look at" if outcome.difference is None else outcome.difference.line
        return [Violation("trueup audit verify", "intact", said)]

    # -- a run -------------------------------------------------------------------------------------------------

    def _check_run(self, happened: Round, run_id: str, executions: Sequence[Execution]) -> list[Violation]:
        found = []
        row = self._stored.run_row(run_id, executions[0].day)
        report = self._stored.document(f"runs/{run_id}/report.json.gz")
        owners = [execution for execution in executions if execution.output.get("next") != "already_claimed"]
        for execution in executions:
            self.figures["executions"] += 1
            self.figures["failed attempts"] += len(execution.failed_attempts)
            if execution.status not in ("SUCCEEDED", "FAILED"):
                found.append(Violation("every execution ends", "SUCCEEDED or FAILED", execution.status, None, run_id))
        self.figures["runs"] += 1
        self.figures["delivered twice, run once"] += len(executions) - len(owners)
        if not owners:
            found.append(
                Violation("a run is somebody's", "one execution that has it", "all say already claimed", None, run_id)
            )
        ends = [(execution.status, execution.error) for execution in owners]
        if report is None:
            self.figures["runs that ended FAILED without a report"] += 1
            if not any(status == "FAILED" for status, _ in ends) or not happened.may_fail:
                found.append(
                    Violation("a run without a report", "FAILED, because AWS failed it", str(ends), None, run_id)
                )
            return [*found, *self._without_alarm(run_id)]
        self._reports[run_id] = report
        window = Window(min(execution.begun for execution in executions) - _CLOCKS_APART_SECONDS, happened.end)
        found += self._named(run_id, self._check_report(happened, report, window))
        whole = [("FAILED", "NothingVerified")] if report["status"] == "UNVERIFIED" else [("SUCCEEDED", None)]
        if ends == whole:
            self._finished.add(run_id)
            found += self._check_row(run_id, executions[0].day, row, report)
        else:
            self.figures["runs that ended FAILED after their report"] += 1
            if [status for status, _ in ends] != ["FAILED"] or not happened.may_fail:
                found.append(Violation("how the execution ended", str(whole), str(ends), None, run_id))
        return found

    def _check_report(self, happened: Round, report: dict[str, Any], window: Window) -> list[Violation]:
        found = run_violations(report, [told.account_id for told in ACCOUNTS])
        found += self._check_prices(report, window)
        slow = SLOW | AWS_REASONS if happened.timed_out else SLOW
        prices = None if report["prices"]["origin"] == "none" else _PRICES
        for account in report["accounts"]:
            truth = self._world.truths.get(account["account_id"])
            if truth is None:
                continue
            allowed = allowed_reasons(happened.plan, account["account_id"])
            found += account_violations(account, truth, window, prices, allowed | slow)
            self._count(account, allowed)
        return found

    def _count(self, account: Mapping[str, Any], allowed: frozenset[str]) -> None:
        self.figures["accounts reported"] += 1
        self.figures["accounts unverified"] += account["status"] == "UNVERIFIED"
        self.figures["unverified though nothing was done to them (slow)"] += bool(set(account["reasons"]) - allowed)
        for line in account["lines"]:
            self.figures["lines in motion"] += line["outcome"] == "in_motion"
            if line["outcome"] == "break":
                self.figures[f"breaks {line['severity']}"] += 1
                may_break = BY_ID[account["account_id"]].may_break
                self.figures["breaks of an account whose book only lagged"] += not may_break

    def _check_prices(self, report: Mapping[str, Any], window: Window) -> list[Violation]:
        origin = report["prices"]["origin"]
        served = any(window.begin <= at <= window.end for at in self._conductor.price_serves)
        found = []
        if origin == "this_run" and not served:
            found.append(Violation("prices of this run", "none: the list was never answered", origin))
        if origin == "none" and self._have_prices:
            found.append(Violation("prices", "this run's or the last good ones", origin))
        self._have_prices = self._have_prices or origin == "this_run"
        return found

    def _check_row(self, run_id: str, day: str, row: Row | None, report: Mapping[str, Any]) -> list[Violation]:
        if row is None:
            return [Violation("the row of a run", "one", "none", None, run_id)]
        self._rows[run_id, day] = row
        expected = {
            "state": "failed" if report["status"] == "UNVERIFIED" else "finished",
            "status": report["status"],
            "verified": report["verified"],
            "counts": report["counts"],
            "report_sha256": sha256(report),
        }
        stored = {name: row.get(name) for name in expected}
        if stored == expected:
            return []
        return [Violation("the row of a run says what its report says", str(expected), str(stored), None, run_id)]

    def _check_seal(self, run_id: str, by_account: Mapping[str, Sequence[Row]]) -> list[Violation]:
        """Rows agree with the report object, evidence with its digest, and the seal with the rows."""
        report, found, hashes = self._reports[run_id], [], {}
        for account in report["accounts"]:
            account_id = account["account_id"]
            for row in (row for row in by_account.get(account_id, ()) if row["run_id"] == run_id):
                hashes[account_id] = row["hash"]
                stated = (row["report_sha256"], row["status"], row["verified"], row["evidence_sha256"])
                true = (sha256(account), account["status"], account["verified"], account["evidence_sha256"])
                if stated != true:
                    found.append(
                        Violation("an audit row agrees with the report", str(true), str(stated), account_id, run_id)
                    )
            if account["evidence_sha256"] is not None:
                look = "second/" if account["recheck"] == "read" else ""
                evidence = self._stored.document(f"runs/{run_id}/observations/{look}{account_id}.json.gz")
                if evidence is None or sha256(evidence) != account["evidence_sha256"]:
                    found.append(
                        Violation("the evidence", "as the report names it", "another, or none", account_id, run_id)
                    )
        row = next((row for (known, _), row in self._rows.items() if known == run_id), {})
        if row.get("seal") != sha256(hashes):
            found.append(Violation("the seal", sha256(hashes), str(row.get("seal")), None, run_id))
        return found

    # -- alerts ------------------------------------------------------------------------------------------------

    def _check_alerts(self, run_ids: Sequence[str]) -> list[Violation]:
        wanted = {
            (run_id, account["account_id"])
            for run_id in run_ids
            for account in self._reports[run_id]["accounts"]
            if any(line.get("news") for line in account["lines"])
            or account["account_id"] in self._reports[run_id]["told"]
        }
        must = {(run_id, account_id) for run_id, account_id in wanted if run_id in self._finished}
        received = self._receive(must)
        found = []
        for message in received[self._heard :]:
            found += self._check_message(message)
        self._heard = len(received)
        said = {(alert["run_id"], alert["account_id"]) for alert in (message.alert for message in received)}
        for run_id, account_id in sorted(wanted - said):
            severity = next(a["status"] for a in self._reports[run_id]["accounts"] if a["account_id"] == account_id)
            if (run_id, account_id) in must:
                found.append(
                    Violation("a break nobody was told of", f"an alert ({severity})", "none", account_id, run_id)
                )
            else:
                self.figures["alerts not sent, and said by the alarm for a failed run"] += 1
        for run_id in run_ids:
            if run_id in self._finished:
                found += self._check_what_was_said(run_id)
        return found

    def _check_what_was_said(self, run_id: str) -> list[Violation]:
        """Nothing critical stays unsaid: it is confirmed at once, and people were told since it was last all right."""
        found = []
        for account in self._reports[run_id]["accounts"]:
            for line in account["lines"]:
                if line["outcome"] != "break" or line["severity"] != "CRITICAL":
                    continue
                account_id, at = account["account_id"], account["observed_at"]
                if line["state"] != "confirmed":
                    # Only what the second look alone showed may wait, and what a newer look has overtaken.
                    self.figures["critical breaks that wait for the next run"] += 1
                    if account["recheck"] != "read" and not self._is_overtaken(account_id, at):
                        found.append(
                            Violation("a critical break waits", "confirmed", str(line["state"]), account_id, run_id)
                        )
                    continue
                self.figures["critical breaks confirmed"] += 1
                # Of an account that shows nothing at all people hear as a whole, not line by line.
                whole = next((one["break_id"] for one in account["lines"] if one["field"] == "account"), None)
                told = [
                    at_look
                    for break_id in {line["break_id"], whole}
                    for at_look in self._told.get((account_id, break_id), [])
                ]
                if not any(since > self._last_all_right(account_id, line, at) for since in told):
                    found.append(
                        Violation("a critical break nobody was told of", "an alert", "none", account_id, run_id)
                    )
        return found

    def _accounts_seen(self, account_id: str) -> list[dict[str, Any]]:
        return [
            account
            for report in self._reports.values()
            for account in report["accounts"]
            if account["account_id"] == account_id and account["observed_at"] is not None
        ]

    def _is_overtaken(self, account_id: str, at: str) -> bool:
        return any(account["observed_at"] > at for account in self._accounts_seen(account_id))

    def _last_all_right(self, account_id: str, broken: Mapping[str, Any], before: str) -> str:
        """When a line was last seen to be no break: it agreed, or was gone from a wallet that was compared."""
        last = ""
        for account in self._accounts_seen(account_id):
            outcomes = [line["outcome"] for line in account["lines"] if _key(line) == _key(broken)]
            gone = not outcomes and (broken["wallet"] is None or broken["wallet"] in account["compared"])
            right = gone if not outcomes else outcomes[0] in ("exact", "within_tolerance")
            if right and account["status"] != "UNVERIFIED" and account["observed_at"] < before:
                last = max(last, account["observed_at"])
        return last

    def _receive(self, must: set[tuple[str, str]]) -> list[Received]:
        def all_there(messages: Sequence[Received]) -> bool:
            return must <= {(message.alert["run_id"], message.alert["account_id"]) for message in messages}

        try:
            return self._world.mailbox.wait_for(all_there, _ALERT_SECONDS)
        except NothingReceived:
            return self._world.mailbox.wait_for(lambda _messages: True)

    def _check_message(self, message: Received) -> list[Violation]:
        alert = message.alert
        run_id, account_id, alert_id = alert["run_id"], alert["account_id"], alert["alert_id"]
        self.figures["alerts received"] += 1
        before = self._alerts.setdefault(alert_id, message)
        if before is not message:
            self.figures["alerts received again, with the same id"] += 1
        found = []
        if (before.message, before.attributes) != (message.message, message.attributes):
            found.append(Violation("one id, one alert", before.message, message.message, account_id, run_id))
        known = self._alert_ids.setdefault((run_id, account_id), alert_id)
        if known != alert_id:
            found.append(Violation("an alert sent again has the same id", known, alert_id, account_id, run_id))
        report = self._reports.get(run_id, {"accounts": []})
        lines = [
            line for account in report["accounts"] if account["account_id"] == account_id for line in account["lines"]
        ]
        news = [line for line in lines if line.get("news")]
        at = next((a["observed_at"] for a in report["accounts"] if a["account_id"] == account_id), "")
        for line in news:
            self._told.setdefault((account_id, line["break_id"]), []).append(at)
            if (line["outcome"], line["state"]) != ("break", "confirmed"):
                found.append(Violation("an alert of what is not confirmed", "confirmed", str(line), account_id, run_id))
        severities = [line["severity"] for line in news if line["severity"] in _SAID]
        worst = max(severities, key=_SAID.index, default="UNVERIFIED" if alert["type"] == "unverified" else "OK")
        if alert["severity"] != worst:
            found.append(Violation("a false alarm", f"severity {worst}", alert["severity"], account_id, run_id))
        account = next((a for a in report["accounts"] if a["account_id"] == account_id), {"verified": None})
        found += self._check_besides(alert, account, lines)
        return found

    def _check_besides(
        self, alert: Mapping[str, Any], account: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
    ) -> list[Violation]:
        """What is said besides breaks is so: not verified, verified, and no break any more."""
        run_id, account_id, found = alert["run_id"], alert["account_id"], []
        verification = alert["verification"]
        if verification is not None:
            self.figures[f"alerts that an account is {verification['news']}"] += 1
            if (verification["news"] == "verified") is not account["verified"]:
                found.append(
                    Violation("verified or not", str(account["verified"]), str(verification), account_id, run_id)
                )
        broken = {line["break_id"] for line in lines if line["outcome"] == "break"}
        for over in alert["resolved"]:
            self.figures["alerts that a break is resolved"] += 1
            if over["break_id"] in broken:
                found.append(Violation("resolved, and a break", "no break", over["break_id"], account_id, run_id))
        return found

    def _without_alarm(self, run_id: str) -> list[Violation]:
        return [
            Violation("an alert of a run without a report", "none", message.message, None, run_id)
            for message in self._alerts.values()
            if message.alert["run_id"] == run_id
        ]

    def _named(self, run_id: str, found: Sequence[Violation]) -> list[Violation]:
        return [Violation(v.what, v.expected, v.found, v.account_id, run_id) for v in found]


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return line["wallet"], line["asset"], line["field"]


def allowed_reasons(plan: RoundPlan, account_id: str) -> frozenset[str]:
    """The reasons for which an account may be unverified in a round, by what is planned for it."""
    told = BY_ID[account_id]
    reasons: set[str] = set(AWS_REASONS) if plan.aws_misbehaves else set()
    for fault in plan.venue_faults:
        if fault.who == account_id or (fault.who == HEIGHT and told.venue == "dydx"):
            reasons |= KINDS[fault.kind].reasons
    if any(trade.account_id == account_id and trade.when == "before" for trade in plan.trades):
        reasons.add("rate_limited")
    if plan.clock_shift and told.venue == "coinbase":
        reasons |= {"clock_skew", "auth_failed"}
    if plan.height_lag and told.venue == "dydx":
        reasons.add("unreachable")
    return frozenset(reasons)
