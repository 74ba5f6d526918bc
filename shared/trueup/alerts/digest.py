"""Everything a run has to say, to be published: an alert for each account, or one digest where there are too many."""

from collections.abc import Mapping, Sequence
from typing import Any

from trueup.alerts.message import NOTHING, SCHEMA, Alert, alerts_of_accounts
from trueup.alerts.text import MAX_SUBJECT, witness_of
from trueup.domain.reading import digest, format_time
from trueup.domain.report import UNVERIFIED, RunReport

MAX_ACCOUNTS = 40
"""Accounts in one digest; of more, there are several. Keeps the message under SNS's 256 KB."""
MAX_LINES = 2
"""Lines of a sort that a digest has of each account."""
_LISTS = ("breaks", "explained", "resolved", "acknowledged")
_WORST_FIRST = ("CRITICAL", UNVERIFIED, "MAJOR", "MINOR", "OK")


def alerts_of(report: RunReport, frozen: Mapping[str, Any] = NOTHING) -> list[Alert]:
    """Say what is worth saying about a run, as its frozen report has it (see alerts_of_accounts)."""
    alerts = alerts_of_accounts(report, frozen)
    if not frozen.get("digest"):
        return alerts
    ranked = sorted(alerts, key=lambda alert: (_WORST_FIRST.index(alert.severity), alert.account_id or ""))
    return [_digest(report, ranked[start : start + MAX_ACCOUNTS]) for start in range(0, len(ranked), MAX_ACCOUNTS)]


def _digest(report: RunReport, ranked: Sequence[Alert]) -> Alert:
    severity = ranked[0].severity
    alert_id = f"alr-{digest([report.run_id, 'digest', sorted(alert.alert_id for alert in ranked)])[:16]}"
    subject = f"[Trueup] {severity} {len(ranked)} accounts: {_in_short(ranked)}"[:MAX_SUBJECT]
    rows = [f"  {alert.subject.removeprefix('[Trueup] ')}" for alert in ranked]
    compared_at = format_time(report.compared_at)
    paragraphs = [
        [f"{severity}: there is something to say of {len(ranked)} accounts, and so it is said at once."],
        rows,
        [
            "What to do next",
            "  See the whole comparison:",
            f"    trueup runs show {report.run_id}",
            "  See what is open, the worst first:",
            "    trueup breaks list",
        ],
        [f"Run {report.run_id}", f"Compared {compared_at}, policy {report.policy_version}, {alert_id}"],
    ]
    positions = [(alert.account_id or "", alert.document["audit"]) for alert in ranked]
    witnesses = [witness_of(account_id, position) for account_id, position in positions if position]
    text = "\n\n".join("\n".join(rows) for rows in [*paragraphs, *([witnesses] if witnesses else [])]) + "\n"
    kinds = tuple(sorted({kind for alert in ranked for kind in alert.kinds}))
    document = {
        "schema": SCHEMA,
        "alert_id": alert_id,
        "type": "digest",
        "run_id": report.run_id,
        "account_id": None,
        "venue": None,
        "severity": severity,
        "kinds": list(kinds),
        "compared_at": compared_at,
        "base": report.prices.base,
        "alerts": [_shortened(alert.document) for alert in ranked],
        "subject": subject,
        "text": text,
    }
    return Alert(alert_id, subject, text, document, severity, None, None, kinds)


def _in_short(ranked: Sequence[Alert]) -> str:
    counted = [(severity, sum(alert.severity == severity for alert in ranked)) for severity in _WORST_FIRST]
    return ", ".join(f"{count} {severity}" for severity, count in counted if count)


def _shortened(document: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the text out, and all but the first lines of each sort; what is left out is counted."""
    short = {name: value for name, value in document.items() if name != "text"}
    for name in _LISTS:
        kept = short[name][:MAX_LINES]
        short[f"{name}_left_out"] += len(short[name]) - len(kept)
        short[name] = kept
    return short
