"""`trueup doctor`: is everything in place for the next run? One line for each check, and what to do next."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.table import Table
from rich.text import Text

from cli import exits
from cli.cloud import Cloud, find_stack, use_profile
from cli.errors import BadInput, NotThere, explain, one_line
from cli.options import DEFAULT_STACK, Json, Local, Region, StackName
from cli.output import print_document, print_table
from cli.tables import age
from trueup.aws import client
from trueup.clock import utc_now
from trueup.config import check_recheck_wait
from trueup.domain.book_sources import place_of
from trueup.domain.models import Account
from trueup.domain.policy import Policy, default_policy
from trueup.domain.reading import Malformed, format_time
from trueup.errors import TrueupError
from trueup.secrets import read_credential
from trueup.venues.protocol import Credential
from trueup.venues.reading import read_venue
from trueup.venues.registry import check_account, entry, load, open_http

OK, WARNING, FAILED, NOT_CHECKED = "ok", "warning", "failed", "not checked"
SKEW_FAILED, SKEW_WARNING = 30, 5
REQUEST_SECONDS, READING_SECONDS = 5.0, 20.0
_STYLES = {OK: "green", WARNING: "yellow", FAILED: "bold red", NOT_CHECKED: "dim"}
_EXPECTED = (BadInput, Malformed, NotThere, TrueupError, BotoCoreError, ClientError)


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, what came of it, and what to do next where something is to be done."""

    name: str
    result: str
    found: str
    next: str | None = None

    def document(self) -> dict[str, Any]:
        """Write the check as a JSON document."""
        return {"check": self.name, "result": self.result, "found": self.found, "next": self.next}


def doctor(
    stack_name: StackName = DEFAULT_STACK, region: Region = None, local: Local = False, as_json: Json = False
) -> None:
    """Check everything a run needs: AWS, the stack, each account with its key and book, alerts, the schedule."""
    examined = Doctor(stack_name, region=region, local=local, clock=utc_now)
    examined.examine()
    failed = any(check.result == FAILED for check in examined.checks)
    if as_json:
        print_document({"ok": not failed, "checks": [check.document() for check in examined.checks]})
    else:
        print_table(_table(examined.checks), _summary(examined.checks))
    raise typer.Exit(exits.BREAK if failed else exits.OK)


@dataclass
class Doctor:
    """Runs the checks in order; a check that cannot run says why, and the others go on."""

    stack_name: str
    region: str | None
    local: bool
    clock: Callable[[], datetime]
    checks: list[Check] = field(default_factory=list)
    interval: timedelta | None = None
    """The schedule's, where it can be told."""
    policy: Policy = field(default_factory=default_policy)
    """The one in force, where it can be read."""

    def examine(self) -> None:
        """Run every check that can run."""
        cloud: Cloud | None = None
        with self._failing("credentials", "sign in to AWS, or start the local cloud (`trueup up`) and pass --local"):
            use_profile(self.region, local=self.local)
            self._credentials()
            with self._failing("stack", "deploy it, or check --stack-name and --region"):
                cloud = find_stack(self.stack_name)
                self._say("stack", OK, f"{self.stack_name}, with every output")
        if cloud is None:
            return
        self._resources(cloud)
        with self._failing("policy", "no run begins before this is put right"):
            self._policy(cloud)
        with self._failing("accounts", "put the account again, with `trueup accounts put`"):
            accounts = cloud.accounts.all()
            if not any(account.enabled for account in accounts):
                self._say("accounts", WARNING, "none is enabled, so nothing is looked at", "trueup accounts put FILE")
            for account in accounts:
                self._account(cloud, account)
        with self._failing("alerts", "allow sns:ListSubscriptionsByTopic"):
            self._subscriptions(cloud)
        enabled = False
        with self._failing("schedule", "allow scheduler:GetSchedule"):
            enabled = self._schedule(cloud)
        with self._failing("last run", "allow dynamodb:Query on the table"):
            self._last_run(cloud, enabled=enabled)

    def _say(self, name: str, result: str, found: str, next_step: str | None = None) -> None:
        self.checks.append(Check(name, result, one_line(found), next_step))

    @contextmanager
    def _failing(self, name: str, next_step: str) -> Iterator[None]:
        """Make a failure inside into a failed check."""
        try:
            yield
        except _EXPECTED as error:
            explained = explain(error)
            self._say(name, FAILED, explained[0] if explained else str(error), next_step)

    def _credentials(self) -> None:
        answer = client("sts").get_caller_identity()
        self._say("credentials", OK, f"{answer['Arn']} in {client('sts').meta.region_name}")
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date is None:
            self._say("clock", NOT_CHECKED, "AWS sent no time")
            return
        skew = abs(round((self.clock() - parsedate_to_datetime(date)).total_seconds()))
        result = FAILED if skew > SKEW_FAILED else WARNING if skew > SKEW_WARNING else OK
        self._say("clock", result, f"{skew} s from AWS's", None if result == OK else "set this machine's clock (NTP)")

    def _resources(self, cloud: Cloud) -> None:
        outputs = cloud.outputs
        looks: tuple[tuple[str, str, Callable[[], Any]], ...] = (
            ("table", outputs["TableName"], lambda: cloud.rows.query("ACCOUNTS", limit=1)),
            (
                "bucket",
                outputs["BucketName"],
                lambda: client("s3").list_objects_v2(Bucket=outputs["BucketName"], Prefix="runs/", MaxKeys=1),
            ),
            (
                "state machine",
                outputs["StateMachineArn"],
                lambda: client("stepfunctions").describe_state_machine(stateMachineArn=outputs["StateMachineArn"]),
            ),
        )
        for name, where, look in looks:
            with self._failing(name, "deploy again, or give this identity the right to read it"):
                look()
                self._say(name, OK, f"{where} can be read")

    def _policy(self, cloud: Cloud) -> None:
        last, policy = cloud.policies.last(), cloud.policies.current(cloud.built_in)
        check_recheck_wait(policy, cloud.interval_seconds)
        self.policy = policy
        who = "built in, nobody has put one" if last is None else f"put {format_time(last.put_at)} by {last.by}"
        self._say("policy", OK, f"{policy.version}, {who}")

    # -- accounts ----------------------------------------------------------------------------------------------

    def _account(self, cloud: Cloud, account: Account) -> None:
        name = f"account {account.account_id}"
        if not account.enabled:
            self._say(name, OK, "disabled, not looked at")
            return
        with self._failing(name, "correct the account's file and `trueup accounts put` it"):
            check_account(account)
            deployed = cloud.outputs.get("FetchFunctions")
            if deployed is not None and f'"{account.venue}"' not in deployed:
                self._say(name, FAILED, f"{account.venue} is not deployed", f"deploy with {account.venue} among Venues")
        readable, credential = self._key(cloud, account)
        if readable:
            # A refused key is not tried again: repeats can lock it.
            if self._reach(account, credential):
                self._rights(account, credential)
        else:
            self._say(f"{name}: venue", NOT_CHECKED, "its key cannot be used")
        self._book(cloud, account)

    def _key(self, cloud: Cloud, account: Account) -> tuple[bool, Credential | None]:
        """Check the account's key; return whether the account can be read with what there is."""
        if not entry(account.venue).needs_secret:
            return True, None
        put = f"trueup accounts put FILE --secret-file KEY.json ({cloud.outputs['SecretPrefix']}{account.secret})"
        with self._failing(f"account {account.account_id}: key", put):
            credential = read_credential(account, cloud.outputs["SecretPrefix"])
            load(account.venue).check_credential(account, credential)
            self._say(f"account {account.account_id}: key", OK, "is there and can be used")
            return True, credential
        return False, None

    def _rights(self, account: Account, credential: Credential | None) -> None:
        name = f"account {account.account_id}: read-only"
        with self._failing(name, "look at the key's permissions at the venue"):
            http = open_http(account, timeout_seconds=REQUEST_SECONDS, budget_seconds=READING_SECONDS, clock=self.clock)
            excess = load(account.venue).excess_rights(account, credential, http)
            if excess is None:
                self._say(name, NOT_CHECKED, f"{account.venue} does not tell what a key may do")
            elif excess:
                self._say(name, FAILED, f"the key may also {', '.join(excess)}", "make a key that may only view")
            else:
                self._say(name, OK, "nothing but reading")

    def _reach(self, account: Account, credential: Credential | None) -> bool:
        name = f"account {account.account_id}: venue"
        with self._failing(name, "what the venue says decides; from AWS it may answer otherwise than from here"):
            snapshot = read_venue(
                account,
                credential,
                timeout_seconds=REQUEST_SECONDS,
                budget_seconds=READING_SECONDS,
                clock=self.clock,
            ).snapshot
            unread = {wallet: reason for wallet, reason in snapshot.wallets.items() if reason is not None}
            if unread:
                words = ", ".join(f"{wallet} ({reason})" for wallet, reason in sorted(unread.items()))
                self._say(name, WARNING, f"reads from here, but not {words}", "widen what the key may read")
            else:
                self._say(name, OK, f"reads from here: {', '.join(sorted(snapshot.wallets))}")
            return True
        return False

    def _book(self, cloud: Cloud, account: Account) -> None:
        name = f"account {account.account_id}: book"
        put = f"trueup book import FILE --account {account.account_id}"
        advice, where = f"{put}, or trueup book adopt {account.account_id}", ""
        if account.book is not None:
            put = advice = "correct it there, or what the account says of it; from AWS it may look otherwise"
            where = f", at {place_of(account.book)}"
        with self._failing(name, put):
            book = cloud.books.read(account)
            if book is None:
                self._say(name, FAILED, f"there is none{where}, so nothing can be compared", advice)
                return
            limit = self.policy.timing(account.account_id, account.venue).stale_book_seconds
            seconds = int((self.clock() - book.as_of).total_seconds())
            found = f"version {book.version}, {age(seconds)} old{where}"
            if seconds > limit:
                self._say(name, FAILED, f"{found}: stale after {age(limit)}", "let the trading system write its book")
            else:
                self._say(name, OK, found)

    # -- around them -------------------------------------------------------------------------------------------

    def _subscriptions(self, cloud: Cloud) -> None:
        pages = client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=cloud.outputs["TopicArn"])
        found = [each for page in pages for each in page["Subscriptions"]]
        pending = [each for each in found if not each["SubscriptionArn"].startswith("arn:")]
        for each in pending:
            self._say("alerts", WARNING, f"{each['Protocol']} {_endpoint(each)} is not confirmed", "confirm it there")
        confirmed = len(found) - len(pending)
        if confirmed:
            self._say("alerts", OK, f"{confirmed} confirmed ({', '.join(sorted({e['Protocol'] for e in found}))})")
        else:
            self._say("alerts", WARNING, "nobody hears them", "deploy with AlertEmail, or subscribe to the topic")

    def _schedule(self, cloud: Cloud) -> bool:
        schedule = client("scheduler").get_schedule(Name=cloud.outputs["ScheduleName"])
        enabled: bool = schedule["State"] == "ENABLED"
        if enabled:
            self._say("schedule", OK, f"on, {schedule['ScheduleExpression']}")
        else:
            self._say("schedule", WARNING, "off: runs start by hand only", "deploy with ScheduleState=ENABLED")
        self.interval = _interval(schedule["ScheduleExpression"])
        return enabled

    def _last_run(self, cloud: Cloud, *, enabled: bool) -> None:
        now = self.clock()
        days = (now, now - timedelta(days=1))
        rows = [row for day in days for row in cloud.runs.of_day(day.date().isoformat())]
        if not rows:
            step = "see the state machine's executions" if enabled else "trueup run"
            self._say("last run", FAILED if enabled else WARNING, "none today or yesterday", step)
            return
        row = max(rows, key=lambda row: str(row["started_at"]))
        since = now - datetime.fromisoformat(row["started_at"])
        found = (
            f"{row['run_id']}, {age(int(since.total_seconds()))} ago, {row['state']} {row.get('status', '')}".rstrip()
        )
        if enabled and self.interval is not None and since > 2 * self.interval:
            self._say("last run", FAILED, f"{found}: the schedule is on, but no run came", "see the dead-letter queue")
        elif row["state"] == "failed":
            self._say("last run", FAILED, found, f"trueup runs show {row['run_id']}")
        else:
            self._say("last run", OK, found)


def _interval(expression: str) -> timedelta | None:
    match = re.fullmatch(r"rate\((\d{1,6}) (minute|hour)s?\)", expression)
    if match is None:
        return None
    return int(match[1]) * (timedelta(minutes=1) if match[2] == "minute" else timedelta(hours=1))


def _endpoint(subscription: dict[str, str]) -> str:
    """Name an endpoint; of a web address only the host, for the rest may be a token."""
    endpoint = subscription["Endpoint"]
    scheme, separator, rest = endpoint.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/…" if separator else endpoint


def _table(checks: list[Check]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", ratio=1)
    for check in checks:
        found = Text(check.found)
        if check.next:
            found.append(f"\n→ {check.next}", "bold")
        table.add_row(Text(check.result, _STYLES[check.result]), check.name, found)
    return table


def _summary(checks: list[Check]) -> Text:
    counts = [
        (result, sum(check.result == result for check in checks)) for result in (FAILED, WARNING, NOT_CHECKED, OK)
    ]
    return Text(", ".join(f"{count} {result}" for result, count in counts if count))
