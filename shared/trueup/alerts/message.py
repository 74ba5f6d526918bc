"""The words: what a person reads at 3 a.m., and the same facts for machines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from trueup.alerts.words import UNKNOWN_NAME, cause_words, in_flight_words
from trueup.domain.amounts import plain
from trueup.domain.reading import digest, format_time
from trueup.domain.reasons import Severity
from trueup.domain.report import AccountReport, Kind, Line, Outcome, RunReport, line_document

SCHEMA = 1
MAX_LINES = 20
"""Lines in one message; the rest is counted. Keeps the message under SNS's 256 KB."""
MAX_NAME = 60
"""Characters of a name in the text; the document has it whole."""
MAX_SUBJECT = 99
"""SNS wants a subject of less than 100 characters."""

NOWHERE: Mapping[str, Any] = MappingProxyType({})
"""No account's audit has begun."""

WORDS = {
    Kind.SIGN_FLIP: "opposite sides",
    Kind.MISSING_AT_VENUE: "missing at the venue",
    Kind.UNEXPECTED_AT_VENUE: "not in the book",
    Kind.QUANTITY: "quantity differs",
    Kind.ACCOUNT_EMPTY: "the venue shows nothing at all",
}
"""What people read for each kind of break, in alerts and in tables."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One message about one account in one run. `alert_id` is the same however often it is sent."""

    alert_id: str
    subject: str
    text: str
    document: dict[str, Any]
    severity: Severity
    venue: str
    account_id: str
    kinds: tuple[str, ...]


def alerts_of(report: RunReport, positions: Mapping[str, Any] = NOWHERE) -> list[Alert]:
    """Say what is worth saying about a run: one alert for each account with something that is news.

    `positions` is how far each account's audit had come by then ({"seq", "hash"}, or None): whoever keeps the alert
    keeps a witness of the audit outside of Trueup.
    """
    alerts = []
    for account in report.accounts:
        said = account.news
        whole_account = [line for line in said if line.kind is Kind.ACCOUNT_EMPTY]
        if said:
            # An account that shows nothing is one problem, not one for each thing it should hold.
            venue, position = report.venues[account.account_id], positions.get(account.account_id)
            alerts.append(_alert(report, account, venue, whole_account or said, position))
    return alerts


def alert_id_of(run_id: str, account_id: str) -> str:
    """Name what is said of an account in a run."""
    return f"alr-{digest([run_id, account_id])[:16]}"


def _alert(
    report: RunReport,
    account: AccountReport,
    venue: str,
    said: Sequence[Line],
    position: Mapping[str, Any] | None,
) -> Alert:
    ranked = sorted(said, key=_worst_first)
    severity = ranked[0].severity or Severity.OK
    alert_id = alert_id_of(report.run_id, account.account_id)
    kinds = tuple(sorted({str(line.kind) for line in said if line.kind is not None}))
    shown, left_out = ranked[:MAX_LINES], ranked[MAX_LINES:]
    subject = _subject(severity, account.account_id, venue, ranked)
    text = _text(report, account, venue, severity, ranked, alert_id, position)
    document = {
        "schema": SCHEMA,
        "alert_id": alert_id,
        "type": "breaks" if kinds else "in_flight",
        "run_id": report.run_id,
        "account_id": account.account_id,
        "venue": venue,
        "severity": severity.name,
        "kinds": list(kinds),
        "compared_at": format_time(report.compared_at),
        "base": report.prices.base,
        "breaks": [line_document(line) for line in shown if _is_break(line)],
        "breaks_left_out": sum(map(_is_break, left_out)),
        "explained": [line_document(line) for line in shown if not _is_break(line)],
        "explained_left_out": sum(not _is_break(line) for line in left_out),
        "reasons": [str(reason) for reason in account.reasons],
        "audit": None if position is None else dict(position),
        "subject": subject,
        "text": text,
    }
    return Alert(alert_id, subject, text, document, severity, venue, account.account_id, kinds)


def _worst_first(line: Line) -> tuple[int, Decimal, str, str, str]:
    severity = line.severity or Severity.OK
    return (-severity, -(line.worth or Decimal(0)), line.wallet or "", line.asset or "", line.field)


def _is_break(line: Line) -> bool:
    return line.outcome is Outcome.BREAK


def _label(severity: Severity) -> str:
    """Name how bad it is; what is explained is no break, and said for information."""
    return severity.name if severity else "INFO"


def _subject(severity: Severity, account_id: str, venue: str, ranked: Sequence[Line]) -> str:
    """Return one short ASCII line: what SNS allows."""
    first = ranked[0]
    what = f"{_name(first.asset)} {_what(first)}" if first.asset else _what(first)
    more = f" and {len(ranked) - 1} more" if len(ranked) > 1 else ""
    subject = f"[Trueup] {_label(severity)} {account_id} ({venue}): {what}{more}"
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in subject)
    return printable if len(printable) <= MAX_SUBJECT else printable[: MAX_SUBJECT - 3] + "..."


def _what(line: Line) -> str:
    return WORDS[line.kind] if line.kind is not None else "on its way"


def _text(
    report: RunReport,
    account: AccountReport,
    venue: str,
    severity: Severity,
    ranked: Sequence[Line],
    alert_id: str,
    position: Mapping[str, Any] | None,
) -> str:
    base = report.prices.base
    paragraphs = [
        f"{_label(severity)}: {_how_many(ranked)} in account {account.account_id} at {venue}.",
        *(_paragraph(line, base, account.recheck) for line in ranked[:MAX_LINES]),
    ]
    if len(ranked) > MAX_LINES:
        paragraphs.append(f"... and {len(ranked) - MAX_LINES} more in the report.")
    if account.reasons:
        paragraphs.append(f"Not everything could be verified: {', '.join(account.reasons)}.")
    paragraphs.append(
        "What to do next\n"
        "  See the whole comparison:\n"
        f"    trueup runs show {report.run_id} --account {account.account_id}\n"
        "  See what the book believes:\n"
        f"    trueup book show {account.account_id}"
    )
    paragraphs.append(
        f"Run {report.run_id}\nCompared {format_time(report.compared_at)}, policy {report.policy_version}, {alert_id}"
        + ("" if position is None else f"\nAudit {account.account_id}:{position['seq']}:{position['hash']}")
    )
    return "\n\n".join(paragraphs) + "\n"


def _how_many(said: Sequence[Line]) -> str:
    breaks = sum(map(_is_break, said))
    explained = len(said) - breaks
    counted = [
        *([] if not breaks else ["1 break" if breaks == 1 else f"{breaks} breaks"]),
        *([] if not explained else [f"{explained} {'difference' if explained == 1 else 'differences'} in flight"]),
    ]
    return " and ".join(counted)


def _how_often(line: Line, recheck: str | None) -> str:
    """Say how sure this is."""
    if line.streak is not None and line.streak > 1:
        return f"{line.streak} looks in a row"
    if recheck == "read":
        return "twice in this run"
    return f"once; a second look failed ({recheck})"


def _paragraph(line: Line, base: str, recheck: str | None) -> str:
    severity = _label(line.severity or Severity.OK)
    if line.kind is Kind.ACCOUNT_EMPTY:
        return (
            f"{severity}  the whole account: {_what(line)}\n"
            "  Every wallet answered, and none holds anything, while the book does.\n"
            "  Likely: funds moved, the wrong key or address, or a venue fault.\n"
            f"  Seen {_how_often(line, recheck)}."
        )
    asset = f"{_name(line.asset)} ({UNKNOWN_NAME})" if line.unmapped else _name(line.asset)
    asset = asset if line.field == "total" else f"{asset} ({line.field})"
    rows = [
        f"{severity}  {asset} in {_name(line.wallet)}: {_what(line)}",
        f"  book        {_amount(line.book)}",
        f"  venue       {_amount(line.venue)}",
        f"  difference  {_signed(line.difference)}{_percent(line.relative)}",
        f"  worth       {'no price' if line.worth is None else f'{money(line.worth)} {base}'}",
    ]
    if not _is_break(line):
        rows.append(f"  explained   {in_flight_words(line)}; nothing to do unless you do not know of it")
        return "\n".join(rows)
    rows += [
        f"  seen        {_how_often(line, recheck)}",
        *([] if line.cause is None else [f"  looks like  {cause_words(line.cause)}"]),
        f"  break       {line.break_id}",
    ]
    return "\n".join(rows)


def money(value: Decimal) -> str:
    """Write an amount of money for people: two places, thousands apart."""
    return f"{value:,.2f}"


def _name(text: str | None) -> str:
    text = text or "-"
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 3] + "..."


def _amount(value: Decimal | None) -> str:
    return "-" if value is None else plain(value)


def _signed(value: Decimal | None) -> str:
    if value is None:
        return "-"
    return f"+{plain(value)}" if value > 0 else plain(value)


def _percent(relative: Decimal | None) -> str:
    return "" if relative is None else f"  ({relative * 100:.2f} % of the book)"
