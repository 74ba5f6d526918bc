"""What a run says of an account: a document for machines, a text for people, and one line that says it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from trueup.alerts.text import Said, subject_of, text_of
from trueup.domain.reading import digest, format_time
from trueup.domain.reasons import Severity
from trueup.domain.report import UNVERIFIED, AccountReport, Line, Outcome, RunReport, line_document

SCHEMA = 1
MAX_LINES = 20
"""Lines of a sort in one message; the rest is counted. Keeps the message under SNS's 256 KB."""

MAX_REFERENCES = 20
"""Items in flight in one line of a message; the rest is counted."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""What a frozen report has besides its lines, where it has nothing."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One message. `alert_id` is the same however often it is sent."""

    alert_id: str
    subject: str
    text: str
    document: dict[str, Any]
    severity: str
    """Of the worst line; OK where nothing is wrong, and UNVERIFIED where what is said is that."""
    venue: str | None
    """None, and no account, for a message about many."""
    account_id: str | None
    kinds: tuple[str, ...]

    @property
    def type(self) -> str:
        """What sort of message it is (docs/formats.md)."""
        return str(self.document["type"])


def alerts_of_accounts(report: RunReport, frozen: Mapping[str, Any] = NOTHING) -> list[Alert]:
    """Say what is worth saying about a run: one alert for each account with something that is news.

    `frozen` is what the frozen report has besides: `told` (domain.told), and `audit`, how far each account's audit had
    come by then ({"seq", "hash"}, or None): whoever keeps the alert keeps a witness of the audit outside of Trueup.
    """
    told, positions = frozen.get("told", {}), frozen.get("audit", {})
    alerts = []
    for account in report.accounts:
        besides = told.get(account.account_id, {})
        if account.news or besides:
            ranked = sorted(account.news, key=_worst_first)
            alerts.append(_alert(report, account, ranked, besides, positions.get(account.account_id)))
    return alerts


def alert_id_of(run_id: str, account_id: str) -> str:
    """Name what is said of an account in a run."""
    return f"alr-{digest([run_id, account_id])[:16]}"


def _alert(
    report: RunReport,
    account: AccountReport,
    ranked: Sequence[Line],
    besides: Mapping[str, Any],
    position: Mapping[str, Any] | None,
) -> Alert:
    venue = report.venues[account.account_id]
    said = Said(
        alert_id=alert_id_of(report.run_id, account.account_id),
        report=report,
        account=account,
        venue=venue,
        breaks=tuple(filter(_is_break, ranked)),
        explained=tuple(line for line in ranked if not _is_break(line)),
        open=besides.get("open", {}),
        resolved=besides.get("resolved", []),
        acknowledged=besides.get("acknowledged", []),
        verification=besides.get("verification"),
        position=position,
        at_most=MAX_LINES,
    )
    kinds = tuple(sorted({str(line.kind) for line in said.breaks if line.kind is not None}))
    severity = _severity(said)
    subject, text = subject_of(said), text_of(said)
    document = {
        "schema": SCHEMA,
        "alert_id": said.alert_id,
        "type": said.type,
        "run_id": report.run_id,
        "account_id": account.account_id,
        "venue": venue,
        "severity": severity,
        "kinds": list(kinds),
        "compared_at": format_time(report.compared_at),
        "base": report.prices.base,
        "breaks": [_line(line) | dict(said.open.get(line.break_id, {})) for line in said.breaks[:MAX_LINES]],
        "breaks_left_out": len(said.breaks[MAX_LINES:]),
        "explained": [_line(line) for line in said.explained[:MAX_LINES]],
        "explained_left_out": len(said.explained[MAX_LINES:]),
        "resolved": list(said.resolved[:MAX_LINES]),
        "resolved_left_out": len(said.resolved[MAX_LINES:]),
        "acknowledged": list(said.acknowledged[:MAX_LINES]),
        "acknowledged_left_out": len(said.acknowledged[MAX_LINES:]),
        "verification": said.verification,
        "reasons": [str(reason) for reason in account.reasons],
        "audit": None if position is None else dict(position),
        "subject": subject,
        "text": text,
    }
    return Alert(said.alert_id, subject, text, document, severity, venue, account.account_id, kinds)


def _line(line: Line) -> dict[str, Any]:
    """Write a line, with so many of the items in flight; the report has them all."""
    left_out = len(line.references[MAX_REFERENCES:])
    document = line_document(line) | {"references": list(line.references[:MAX_REFERENCES])}
    return document | ({"references_left_out": left_out} if left_out else {})


def _severity(said: Said) -> str:
    if said.type == "unverified":
        return UNVERIFIED
    return (said.breaks[0].severity or Severity.OK).name if said.breaks else Severity.OK.name


def _worst_first(line: Line) -> tuple[int, Decimal, str, str, str]:
    severity = line.severity or Severity.OK
    return (-severity, -(line.worth or Decimal(0)), line.wallet or "", line.asset or "", line.field)


def _is_break(line: Line) -> bool:
    return line.outcome is Outcome.BREAK
