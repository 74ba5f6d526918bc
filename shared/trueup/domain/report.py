"""What a comparison says: lines, the report of one account, the report of a run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any, NamedTuple

from .amounts import EXACT, ZERO, plain
from .reading import digest, format_time
from .reasons import Reason, Severity

SCHEMA = 1
UNVERIFIED = "UNVERIFIED"

Key = tuple[str, str]
"""A wallet and an asset of one account."""


class Outcome(StrEnum):
    """What became of one line."""

    EXACT = "exact"
    WITHIN_TOLERANCE = "within_tolerance"
    IN_MOTION = "in_motion"
    EXPLAINED = "explained"
    """A break, were it not for items in flight."""
    BREAK = "break"
    UNVERIFIED = "unverified"


class Kind(StrEnum):
    """What sort of break a line is."""

    SIGN_FLIP = "sign_flip"
    MISSING_AT_VENUE = "missing_at_venue"
    UNEXPECTED_AT_VENUE = "unexpected_at_venue"
    QUANTITY = "quantity"
    ACCOUNT_EMPTY = "account_empty"


class State(StrEnum):
    """Whether a break was seen often enough to be said to people."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"


class News(StrEnum):
    """Why a line is said to people in this run."""

    CONFIRMED = "confirmed"
    RAISED = "raised"
    """It is worse than when they were last told."""
    GROWN = "grown"
    """It is worth so much more than when they were last told."""
    SHRUNK = "shrunk"
    """It is worth so much less."""
    REOPENED = "reopened"
    """It was resolved, is back, and is confirmed again."""
    REMINDER = "reminder"
    """It stands, and nobody acknowledged it, or it is overdue."""
    EXPLAINED = "explained"
    """No break: what is in flight explains it, and it is worth so much that people hear of it all the same."""


class Rule(NamedTuple):
    """The rule that let a difference pass, and where it came from."""

    field: str
    limit: Decimal
    origin: str
    cap_unchecked: bool = False


class Hint(StrEnum):
    """What a break looks like (rule 10)."""

    TRANSFER = "transfer"
    """The opposite difference of the same asset is in another account or wallet, which is named."""
    ALIAS = "alias"
    """The opposite difference is in another name or form of the asset, in the same account, which is named."""
    FEE = "fee"
    """The difference is a known share of the book's change."""
    OPEN_ORDER = "open_order"
    """The difference is exactly what is held in open orders."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A hint at why: it never changes a severity. Where the opposite is, or which share a fee is; else null."""

    hint: Hint
    account_id: str | None = None
    wallet: str | None = None
    asset: str | None = None
    fraction: Decimal | None = None


@dataclass(slots=True)
class Line:
    """One key of one account, compared. The account-level line has no wallet, asset or amounts.

    Nobody changes a line. It is not frozen because that makes making one three times as slow, and a million are made.
    """

    wallet: str | None
    asset: str | None
    field: str
    outcome: Outcome
    book: Decimal | None = None
    book_after: Decimal | None = None
    venue: Decimal | None = None
    difference: Decimal | None = None
    relative: Decimal | None = None
    price: Decimal | None = None
    worth: Decimal | None = None
    kind: Kind | None = None
    severity: Severity | None = Severity.OK
    severity_if_unexplained: Severity | None = None
    """How bad an explained line would be if nothing were in flight."""
    rule: Rule | None = None
    reason: Reason | None = None
    cause: Cause | None = None
    references: tuple[str, ...] = ()
    """The items in flight that an explained line agrees with, as far as they have references."""
    break_id: str | None = None
    state: State | None = None
    streak: int | None = None
    news: News | None = None
    """Set in the run that tells people."""
    unmapped: bool = False
    """Whether the asset goes by a name that no table knows."""


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account in one run: `status` is a severity's name or UNVERIFIED."""

    run_id: str | None
    account_id: str
    status: str
    verified: bool
    reasons: tuple[Reason, ...]
    policy_version: str
    evidence_sha256: str | None
    lines: tuple[Line, ...]
    observed_at: datetime | None = None
    """When the venue was read; None where nothing was."""
    compared: tuple[str, ...] = ()
    """The wallets that were read whole, covered by the book, and compared."""
    recheck: str | None = None
    """What came of looking again within the run: `read`, or the reason why nothing did; None if nobody had to."""

    @property
    def breaks(self) -> tuple[Line, ...]:
        """The lines that are breaks."""
        return tuple(line for line in self.lines if line.outcome is Outcome.BREAK)

    @property
    def breaks_unpriced(self) -> int:
        """How many breaks nobody can put a worth to, for want of a price. The account as a whole never has one."""
        return sum(line.worth is None and line.wallet is not None for line in self.breaks)

    @property
    def worth(self) -> Decimal | None:
        """The worth of the breaks that have a price, added up gross; None where nothing was compared."""
        if self.status == UNVERIFIED:
            return None
        return _added_up(line.worth for line in self.breaks)

    @property
    def news(self) -> tuple[Line, ...]:
        """The lines that are said to people."""
        return tuple(line for line in self.lines if line.news is not None)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an account has no observation: the error's name and its message."""

    account_id: str
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class PricesUsed:
    """Which price set a run was valued with; `origin` is `this_run`, `last_good` or `none`."""

    origin: str
    base: str
    source: str | None = None
    as_of: datetime | None = None
    sha256: str | None = None
    object: str | None = None
    """Where the set is: the last good one is an earlier run's."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """One pass over all enabled accounts."""

    run_id: str
    started_at: datetime
    compared_at: datetime
    policy_version: str
    prices: PricesUsed
    accounts: tuple[AccountReport, ...]
    venues: Mapping[str, str]
    """The venue of each account."""
    failures: tuple[Failure, ...] = ()

    @property
    def status(self) -> str:
        """The worst severity of what could be looked at; UNVERIFIED when nothing could."""
        looked_at = [Severity[report.status] for report in self.accounts if report.status != UNVERIFIED]
        return max(looked_at).name if looked_at else UNVERIFIED

    @property
    def verified(self) -> bool:
        """True only if every account was verified whole."""
        return bool(self.accounts) and all(report.verified for report in self.accounts)


def break_id(account_id: str, wallet: str | None, asset: str | None, field: str) -> str:
    """Name a break so that the same problem has the same name in every run."""
    return f"brk-{digest([account_id, wallet, asset, field])[:16]}"


def is_said_though_explained(line: Line, from_worth: Decimal) -> bool:
    """Tell whether an explained difference is worth so much that people are told of it, as information.

    `from_worth` is the policy's `explained_from_worth`, in the base currency. Without a price nobody can say.
    """
    return line.outcome is Outcome.EXPLAINED and line.worth is not None and line.worth >= from_worth


def account_report_document(report: AccountReport) -> dict[str, Any]:
    """Write the report of one account (docs/formats.md)."""
    return {
        "schema": SCHEMA,
        "run_id": report.run_id,
        "account_id": report.account_id,
        "status": report.status,
        "verified": report.verified,
        "reasons": [str(reason) for reason in report.reasons],
        "policy_version": report.policy_version,
        "evidence_sha256": report.evidence_sha256,
        **({} if report.run_id is None else _looks(report)),
        "lines": [line_document(line) for line in report.lines],
    }


def _looks(report: AccountReport) -> dict[str, Any]:
    """Write what only a run knows: a comparison of files is one look, and has no history."""
    return {
        "observed_at": None if report.observed_at is None else format_time(report.observed_at),
        "compared": list(report.compared),
        "recheck": report.recheck,
    }


def line_document(line: Line) -> dict[str, Any]:
    """Write one line; amounts as plain strings."""
    rule = line.rule
    return {
        "wallet": line.wallet,
        "asset": line.asset,
        "field": line.field,
        "book": _amount(line.book),
        "book_after": _amount(line.book_after),
        "venue": _amount(line.venue),
        "difference": _amount(line.difference),
        "relative": _amount(line.relative),
        "price": _amount(line.price),
        "worth": _amount(line.worth),
        "outcome": str(line.outcome),
        "kind": None if line.kind is None else str(line.kind),
        "severity": None if line.severity is None else line.severity.name,
        "severity_if_unexplained": None if line.severity_if_unexplained is None else line.severity_if_unexplained.name,
        "rule": None
        if rule is None
        else {
            "field": rule.field,
            "limit": plain(rule.limit),
            "origin": rule.origin,
            "cap_unchecked": rule.cap_unchecked,
        },
        "reason": None if line.reason is None else str(line.reason),
        "cause": None if line.cause is None else _cause_document(line.cause),
        "references": list(line.references),
        "break_id": line.break_id,
        "state": None if line.state is None else str(line.state),
        "streak": line.streak,
        **({} if line.news is None else {"news": str(line.news)}),
        **({"unmapped": True} if line.unmapped else {}),
    }


def _cause_document(cause: Cause) -> dict[str, Any]:
    return {
        "hint": str(cause.hint),
        "account_id": cause.account_id,
        "wallet": cause.wallet,
        "asset": cause.asset,
        "fraction": _amount(cause.fraction),
    }


def run_report_document(report: RunReport) -> dict[str, Any]:
    """Write the report of a run: its accounts' reports, counts, and what it was judged by."""
    return {
        "schema": SCHEMA,
        "run_id": report.run_id,
        "status": report.status,
        "verified": report.verified,
        "started_at": format_time(report.started_at),
        "compared_at": format_time(report.compared_at),
        "policy_version": report.policy_version,
        "prices": {
            "origin": report.prices.origin,
            "base": report.prices.base,
            "source": report.prices.source,
            "as_of": None if report.prices.as_of is None else format_time(report.prices.as_of),
            "sha256": report.prices.sha256,
            "object": report.prices.object,
        },
        "counts": counts(report.accounts),
        "worth": {name: plain(worth) for name, worth in gross_worth(report.accounts).items()},
        "worth_by_account": {
            account.account_id: {"worth": _amount(account.worth), "breaks_unpriced": account.breaks_unpriced}
            for account in report.accounts
        },
        "venues": dict(sorted(report.venues.items())),
        "failures": [
            {"account_id": failure.account_id, "error": failure.error, "message": failure.message}
            for failure in report.failures
        ],
        "accounts": [account_report_document(account) for account in report.accounts],
    }


def counts(accounts: Sequence[AccountReport]) -> dict[str, Any]:
    """Count accounts and lines: how many, how many verified, and breaks by severity and without a price."""
    lines = [line for account in accounts for line in account.lines]
    breaks = {severity.name: 0 for severity in Severity if severity is not Severity.OK}
    for line in lines:
        if line.outcome is Outcome.BREAK and line.severity is not None:
            breaks[line.severity.name] += 1
    return {
        "accounts": len(accounts),
        "accounts_verified": sum(account.verified for account in accounts),
        "accounts_unverified": sum(account.status == UNVERIFIED for account in accounts),
        "lines": len(lines),
        "lines_verified": sum(line.outcome is not Outcome.UNVERIFIED for line in lines),
        "breaks": breaks,
        "breaks_unpriced": sum(account.breaks_unpriced for account in accounts),
    }


def gross_worth(accounts: Sequence[AccountReport]) -> dict[str, Decimal]:
    """Add up the worth of breaks by severity, gross: a surplus never makes up for a shortfall."""
    breaks = [line for account in accounts for line in account.breaks]
    return {
        severity.name: _added_up(line.worth for line in breaks if line.severity is severity)
        for severity in Severity
        if severity is not Severity.OK
    }


def _added_up(worths: Iterable[Decimal | None]) -> Decimal:
    with localcontext(EXACT):
        return sum((worth for worth in worths if worth is not None), ZERO)


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
