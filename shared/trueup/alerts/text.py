"""The words: what a person reads at 3 a.m. How bad, since when, what it looks like, and what to run next."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trueup.alerts.words import BREAK_WORDS, HOW_WORDS, UNKNOWN_NAME, cause_words, in_flight_words, money, shorten
from trueup.domain.amounts import plain
from trueup.domain.blindness import BlindNews
from trueup.domain.reading import format_time
from trueup.domain.reasons import Severity
from trueup.domain.report import AccountReport, Kind, Line, News, Outcome, RunReport

MAX_SUBJECT = 99
"""SNS wants a subject of less than 100 characters."""

AGAIN = {
    News.RAISED: "worse",
    News.GROWN: "grown",
    News.SHRUNK: "shrunk",
    News.REOPENED: "back",
    News.REMINDER: "reminder",
}
"""Why people hear of a break again, in a word."""
WHY = {
    News.RAISED: "it is worse than when you were last told",
    News.GROWN: "it has grown since you were last told",
    News.SHRUNK: "it has shrunk since you were last told",
    News.REOPENED: "it had been resolved",
    News.REMINDER: "a reminder: it stands",
}


@dataclass(frozen=True, slots=True)
class Said:
    """Everything that is said of an account in a run; lines in the order in which they are said."""

    alert_id: str
    report: RunReport
    account: AccountReport
    venue: str
    breaks: Sequence[Line]
    explained: Sequence[Line]
    open: Mapping[str | None, Mapping[str, Any]]
    """Since when its breaks are open and whose they are, by break id; this and the next are domain.told's documents."""
    resolved: Sequence[Mapping[str, Any]]
    acknowledged: Sequence[Mapping[str, Any]]
    verification: Mapping[str, Any] | None
    position: Mapping[str, Any] | None
    at_most: int
    """Lines of a sort that are spelt out; the rest is counted."""

    @property
    def type(self) -> str:
        """What it is above all, the most pressing first."""
        if self.breaks:
            return "breaks"
        if self.verification is not None and self.verification["news"] == BlindNews.UNVERIFIED:
            return "unverified"
        if self.explained:
            return "in_flight"
        if self.resolved:
            return "resolved"
        return "verified" if self.verification is not None else "acknowledged"


def subject_of(said: Said) -> str:
    """Return one short ASCII line: what SNS allows."""
    subject = f"[Trueup] {_label(said)} {said.account.account_id} ({said.venue}): {_in_short(said)}"
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in subject)
    return printable if len(printable) <= MAX_SUBJECT else printable[: MAX_SUBJECT - 3] + "..."


def _label(said: Said) -> str:
    if said.breaks:
        return (said.breaks[0].severity or Severity.OK).name
    return "INFO" if said.type == "in_flight" else said.type.upper()


def _in_short(said: Said) -> str:
    ranked: Sequence[Line] = [*said.breaks, *said.explained]
    match said.type:
        case "breaks" | "in_flight":
            first, *others = ranked
            again = f"{AGAIN[first.news]}: " if first.news in AGAIN else ""
            what = f"{shorten(first.asset)} {_what(first)}" if first.asset else _what(first)
            return f"{again}{what}{_and_more(others)}"
        case "resolved":
            first_over, *over = said.resolved
            return f"{_of(first_over)}: {HOW_WORDS[first_over['how']]}{_and_more(over)}"
        case "acknowledged":
            first_seen, *seen = said.acknowledged
            return f"{_of(first_seen)} by {first_seen['by']}{_and_more(seen)}"
    verification = said.verification or {}
    runs = verification["runs"]
    if said.type == "verified":
        return f"again, after {runs} runs"
    return f"{runs} runs in a row: {', '.join(said.account.reasons)}"


def _and_more(others: Sequence[Any]) -> str:
    return f" and {len(others)} more" if others else ""


def text_of(said: Said) -> str:
    """Return the whole text."""
    account = said.account
    paragraphs = [
        f"{_label(said)}: {_what_all(said)} in account {account.account_id} at {said.venue}.",
        *_paragraphs(said),
    ]
    if account.reasons:
        paragraphs.append(f"Not everything could be verified: {', '.join(account.reasons)}.")
    paragraphs += ["\n".join(["What to do next", *_next(said)]), _foot(said)]
    return "\n\n".join(paragraphs) + "\n"


def _what_all(said: Said) -> str:
    """Count what is said, each sort by itself."""
    counted = [
        _counted(said.breaks, "break", "breaks"),
        _counted(said.explained, "difference in flight", "differences in flight"),
        _counted(said.resolved, "break resolved", "breaks resolved"),
        _counted(said.acknowledged, "break acknowledged", "breaks acknowledged"),
    ]
    if said.verification is not None:
        runs = said.verification["runs"]
        counted.append(
            f"nothing or not all verified, {runs} runs in a row"
            if said.verification["news"] == BlindNews.UNVERIFIED
            else f"everything verified again, after {runs} runs"
        )
    *first, last = [part for part in counted if part]
    return f"{', '.join(first)} and {last}" if first else last


def _counted(found: Sequence[Any], one: str, many: str) -> str:
    return f"{len(found)} {one if len(found) == 1 else many}" if found else ""


def _paragraphs(said: Said) -> Iterator[str]:
    lines = [*said.breaks[: said.at_most], *said.explained[: said.at_most]]
    for line in lines:
        yield _paragraph(line, said)
    left_out = len(said.breaks) + len(said.explained) - len(lines)
    if left_out:
        yield f"... and {left_out} more in the report."
    if said.resolved:
        yield "\n".join(["Resolved", *map(_resolved, said.resolved[: said.at_most]), *_rest(said.resolved, said)])
    if said.acknowledged:
        shown = said.acknowledged[: said.at_most]
        yield "\n".join(["Acknowledged", *map(_acknowledged, shown), *_rest(said.acknowledged, said)])
    if said.verification is not None:
        news, since = said.verification["news"], said.verification["since"]
        if news == BlindNews.UNVERIFIED:
            yield f"Since {since} not all of this account could be verified. A break there would not be seen."
        else:
            yield f"From {since} on not all of this account could be verified; now all of it is."


def _rest(found: Sequence[Any], said: Said) -> list[str]:
    return [f"  ... and {len(found) - said.at_most} more"] if len(found) > said.at_most else []


def _resolved(over: Mapping[str, Any]) -> str:
    return (
        f"  {_of(over)}: {HOW_WORDS[over['how']]}; open from {over['opened_at']} to {over['resolved_at']}"
        f"  {over['break_id']}"
    )


def _acknowledged(seen: Mapping[str, Any]) -> str:
    return f"  {_of(seen)}: by {seen['by']} at {seen['at']}  {seen['break_id']}"


def _of(about: Mapping[str, Any]) -> str:
    """Name what a break is about."""
    if about["asset"] is None:
        return "the whole account"
    asset = shorten(about["asset"])
    return asset if about["field"] == "total" else f"{asset} ({about['field']})"


def _what(line: Line) -> str:
    return BREAK_WORDS[line.kind] if line.kind is not None else "on its way"


def _next(said: Said) -> list[str]:
    account_id = said.account.account_id
    known = [line.break_id for line in said.breaks if line.break_id is not None]
    of_breaks = (
        [
            "  See its story, and say that you take care:",
            f"    trueup breaks show {known[0]}",
            f"    trueup breaks ack {known[0]}",
        ]
        if known
        else []
    )
    return [
        *of_breaks,
        "  See the whole comparison:",
        f"    trueup runs show {said.report.run_id} --account {account_id}",
        "  See what the book believes:",
        f"    trueup book show {account_id}",
    ]


def witness_of(account_id: str, position: Mapping[str, Any]) -> str:
    """Say how far an account's audit had come, in the form that `trueup audit verify --anchor` takes."""
    return f"Audit {account_id}:{position['seq']}:{position['hash']}"


def _foot(said: Said) -> str:
    report, position = said.report, said.position
    witness = "" if position is None else f"\n{witness_of(said.account.account_id, position)}"
    return (
        f"Run {report.run_id}\n"
        f"Compared {format_time(report.compared_at)}, policy {report.policy_version}, {said.alert_id}{witness}"
    )


def _paragraph(line: Line, said: Said) -> str:
    severity = (line.severity or Severity.OK).name if line.severity else "INFO"
    base, recheck = said.report.prices.base, said.account.recheck
    more = said.open.get(line.break_id, {})
    since = f", since {more['since']}" if more else ""
    again = [f"  told again  {WHY[line.news]}"] if line.news in WHY else []
    owner = [f"  owner       {more['owner']}"] if more.get("owner") else []
    if line.kind is Kind.ACCOUNT_EMPTY:
        return "\n".join(
            [
                f"{severity}  the whole account: {_what(line)}",
                "  Every wallet answered, and none holds anything, while the book does.",
                "  Likely: funds moved, the wrong key or address, or a venue fault.",
                f"  Seen {_how_often(line, recheck)}{since}.",
                *again,
                *owner,
                f"  break       {line.break_id}",
            ]
        )
    asset = f"{shorten(line.asset)} ({UNKNOWN_NAME})" if line.unmapped else shorten(line.asset)
    asset = asset if line.field == "total" else f"{asset} ({line.field})"
    rows = [
        f"{severity}  {asset} in {shorten(line.wallet)}: {_what(line)}",
        f"  book        {_amount(line.book)}",
        f"  venue       {_amount(line.venue)}",
        f"  difference  {_signed(line.difference)}{_percent(line.relative)}",
        f"  worth       {'no price' if line.worth is None else f'{money(line.worth)} {base}'}",
    ]
    if line.outcome is not Outcome.BREAK:
        rows.append(f"  explained   {in_flight_words(line)}; nothing to do unless you do not know of it")
        return "\n".join(rows)
    rows += [
        f"  seen        {_how_often(line, recheck)}{since}",
        *again,
        *([] if line.cause is None else [f"  looks like  {cause_words(line.cause)}"]),
        *owner,
        f"  break       {line.break_id}",
    ]
    return "\n".join(rows)


def _how_often(line: Line, recheck: str | None) -> str:
    """Say how sure this is."""
    if line.streak is not None and line.streak > 1:
        return f"{line.streak} looks in a row"
    if recheck == "read":
        return "twice in this run"
    return f"once; a second look failed ({recheck})"


def _amount(value: Decimal | None) -> str:
    return "-" if value is None else plain(value)


def _signed(value: Decimal | None) -> str:
    if value is None:
        return "-"
    return f"+{plain(value)}" if value > 0 else plain(value)


def _percent(relative: Decimal | None) -> str:
    return "" if relative is None else f"  ({relative * 100:.2f} % of the book)"
