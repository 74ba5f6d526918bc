"""What people see: a snapshot, a book, the report of an account, the report of a run. 80 columns, colour optional.

Amounts are exact Decimals to the end; one with more than eight decimals is cut and marked with an ellipsis.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from functools import reduce

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.errors import one_line
from trueup.alerts.words import BREAK_WORDS, UNKNOWN_NAME, cause_words, explained_words
from trueup.domain.amounts import MAX_PRODUCT_DIGITS
from trueup.domain.models import Book, Pending, Snapshot
from trueup.domain.reading import format_time
from trueup.domain.reasons import Reason, Severity
from trueup.domain.report import (
    UNVERIFIED,
    AccountReport,
    Failure,
    Line,
    Outcome,
    RunReport,
    State,
    counts,
    gross_worth,
)

DECIMALS = 8
_SHOWING = Context(prec=2 * MAX_PRODUCT_DIGITS)
_STYLES = {
    "CRITICAL": "bold red",
    "MAJOR": "yellow",
    "MINOR": "cyan",
    "OK": "green",
    UNVERIFIED: "magenta",
}
_OUTCOMES = {
    Outcome.EXACT: "exact",
    Outcome.WITHIN_TOLERANCE: "within tolerance",
    Outcome.IN_MOTION: "in motion",
    Outcome.EXPLAINED: "explained",
    Outcome.BREAK: "break",
    Outcome.UNVERIFIED: "not verified",
}
_AGREEING = {Outcome.EXACT, Outcome.WITHIN_TOLERANCE}
_NOT_READ = "not read"
_NO_BOOK = {Reason.NO_BOOK: "no book", Reason.BAD_BOOK: "no book", Reason.BOOK_NOT_COVERING: "not covered"}
_VENUE_WAS_READ = {*_NO_BOOK, Reason.STALE_BOOK, Reason.BOOK_IN_MOTION, Reason.STALE_VENUE, Reason.CLOCK_SKEW}


def run_report_table(report: RunReport, *, show_all: bool = False) -> RenderableType:
    """Show a run: worst accounts first, what differs in each, and one bottom line. `show_all` shows every line."""
    failures = {failure.account_id: failure for failure in report.failures}
    ranked = sorted(report.accounts, key=_worst_account_first)
    parts: list[RenderableType] = [
        Text(
            f"Run {report.run_id}, compared {format_time(report.compared_at)}, {_prices_words(report)}, "
            f"policy {report.policy_version}"
        ),
    ]
    for account in ranked:
        venue = report.venues.get(account.account_id)
        failure = failures.get(account.account_id)
        base = report.prices.base
        parts += [Text(), account_report_table(account, venue=venue, failure=failure, base=base, show_all=show_all)]
    return Group(*parts, Text(), totals_line(report.accounts, base=report.prices.base))


def account_report_table(
    report: AccountReport,
    *,
    venue: str | None = None,
    failure: Failure | None = None,
    detail: str | None = None,
    base: str | None = None,
    show_all: bool = False,
) -> RenderableType:
    """Show one account: a header line, then its lines, worst first; lines that agree are counted unless `show_all`.

    With `base`, the base currency, what its breaks are worth together is said too.
    """
    parts: list[RenderableType] = [_header(report, venue)]
    why = detail if detail is not None else (failure.message if failure is not None else None)
    if why:
        parts.append(Padding(Text(one_line(why)), (0, 0, 0, 2)))
    agreeing = [line for line in report.lines if line.outcome in _AGREEING]
    shown = [line for line in report.lines if show_all or line.outcome not in _AGREEING]
    if shown:
        parts.append(Padding(_lines_table(shown, has_history=report.run_id is not None), (0, 0, 0, 2)))
    if agreeing and not show_all:
        parts.append(Padding(Text(_agreeing_words(agreeing)), (0, 0, 0, 2)))
    if base is not None and report.worth is not None and report.breaks:
        parts.append(Padding(Text(_worth_words(report.worth, report.breaks_unpriced, base)), (0, 0, 0, 2)))
    return Group(*parts)


def totals_line(accounts: Sequence[AccountReport], *, base: str) -> Text:
    """Sum up: how much was verified, breaks by severity, and their gross worth."""
    totals = counts(accounts)
    text = Text(
        f"{totals['accounts_verified']} of {totals['accounts']} accounts verified, "
        f"{totals['lines_verified']} of {totals['lines']} lines; "
    )
    unseen = sorted(account.account_id for account in accounts if account.status == UNVERIFIED)
    if unseen:
        # Their lines are in no count, and must not be taken for agreeing.
        text.append(f"not looked at: {', '.join(unseen)}; ", _STYLES[UNVERIFIED])
    found = [(name, totals["breaks"][name]) for name in ("CRITICAL", "MAJOR", "MINOR") if totals["breaks"][name]]
    explained = sum(line.outcome is Outcome.EXPLAINED for account in accounts for line in account.lines)
    if explained:
        text.append(f"{explained} explained by what is in flight; ")
    if not found:
        return text.append("no break")
    for index, (name, count) in enumerate(found):
        text.append(", " if index else "").append(f"{name} {count}", _STYLES[name])
    worth = gross(gross_worth(accounts).values())
    return text.append(f"; {_worth_words(worth, totals['breaks_unpriced'], base)}")


def snapshot_table(snapshot: Snapshot) -> RenderableType:
    """Show what a venue holds for an account."""
    venue_time = f", venue's time {format_time(snapshot.venue_time)}" if snapshot.venue_time is not None else ""
    parts: list[RenderableType] = [
        Text(f"{snapshot.account_id} at {snapshot.venue}, observed {format_time(snapshot.observed_at)}{venue_time}"),
    ]
    for wallet, reason in sorted(snapshot.wallets.items()):
        state = Text("complete", "green") if reason is None else Text(f"not read: {reason}", "magenta")
        parts.append(Text("  wallet ").append(f"{wallet}  ").append(state))
    if snapshot.holdings:
        table = _table("wallet", "asset", ">total", ">available", ">held", "at the venue")
        for holding in sorted(snapshot.holdings, key=lambda holding: (holding.wallet, holding.asset)):
            flag = f" ({UNKNOWN_NAME})" if holding.unmapped else ""
            name = f"{holding.venue_asset or holding.asset}{flag}"
            amounts = (holding.total, holding.available, holding.held)
            table.add_row(holding.wallet, holding.asset, *(amount(value) for value in amounts), name)
        parts.append(Padding(table, (0, 0, 0, 2)))
    else:
        parts.append(Text("  no holdings"))
    return Group(*parts, *_pending_parts(snapshot.pending))


def book_table(book: Book) -> RenderableType:
    """Show a book."""
    header = f"Book of {book.account_id}, version {book.version}, as of {format_time(book.as_of)}"
    parts: list[RenderableType] = [Text(header), Text(f"  covers {', '.join(book.wallets) or 'no wallet'}")]
    if book.holdings:
        table = _table("wallet", "asset", ">total", ">held")
        for holding in sorted(book.holdings, key=lambda holding: (holding.wallet, holding.asset)):
            table.add_row(holding.wallet, holding.asset, amount(holding.total), amount(holding.held))
        parts.append(Padding(table, (0, 0, 0, 2)))
    else:
        parts.append(Text("  no holdings"))
    return Group(*parts, *_pending_parts(book.pending))


def plain_table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> RenderableType:
    """Show rows of text; a heading with `>` before it is a column of numbers, with `!` one that is never folded."""
    table = _table(*headings)
    for row in rows:
        table.add_row(*(one_line(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def status_text(status: str) -> Text:
    """Write a status in its colour."""
    return Text(status, _STYLES.get(status, ""))


def amount(value: Decimal | None, *, signed: bool = False) -> str:
    """Write an amount: thousands apart, cut after eight decimals with an ellipsis, never shown as zero if it is not."""
    if value is None:
        return "-"
    sign = "+" if signed and value > 0 else ""
    cut = value.quantize(Decimal(1).scaleb(-DECIMALS), ROUND_DOWN, _SHOWING)
    if cut == 0 and value != 0:
        return f"{sign}{value.normalize(_SHOWING):.2E}"
    whole, _, fraction = f"{cut:,f}".partition(".")
    fraction = fraction.rstrip("0") if cut == value else f"{fraction}…"
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def money(value: Decimal | None) -> str:
    """Write an amount of the base currency: two decimals, thousands apart."""
    if value is None:
        return "no price"
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_EVEN, _SHOWING):,f}"


def gross(amounts: Iterable[Decimal | None]) -> Decimal:
    """Add up what has a price."""
    return reduce(_SHOWING.add, (value for value in amounts if value is not None), Decimal(0))


def age(seconds: int) -> str:
    """Write an age in the largest unit that is not zero."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def worst_lines_first(lines: Iterable[Line]) -> list[Line]:
    """Order lines for reading: severity, then what could not be read, then worth."""

    def rank(line: Line) -> tuple[int, int, Decimal, str, str, str]:
        return (
            -(line.severity or Severity.OK),
            _OUTCOME_RANK[line.outcome],
            -(line.worth or Decimal(0)),
            line.wallet or "",
            line.asset or "",
            line.field,
        )

    return sorted(lines, key=rank)


_OUTCOME_RANK = {
    outcome: rank
    for rank, outcome in enumerate(
        (
            Outcome.BREAK,
            Outcome.UNVERIFIED,
            Outcome.EXPLAINED,
            Outcome.IN_MOTION,
            Outcome.WITHIN_TOLERANCE,
            Outcome.EXACT,
        )
    )
}


def _worst_account_first(report: AccountReport) -> tuple[int, int, str]:
    if report.status == UNVERIFIED:
        # Between a break and a clean account: nothing is known to be wrong, and nothing to be right.
        return (0, 0, report.account_id)
    return (-Severity[report.status], 1, report.account_id)


def _header(report: AccountReport, venue: str | None) -> Text:
    text = Text().append(report.account_id, "bold").append(f" at {venue}: " if venue else ": ")
    text.append(report.status, _STYLES.get(report.status, ""))
    if report.verified:
        return text.append(", verified")
    reasons = ", ".join(report.reasons)
    return text.append(f" ({reasons})" if report.status == UNVERIFIED else f", not all verified ({reasons})")


def _lines_table(lines: Sequence[Line], *, has_history: bool) -> Table:
    table = _table("wallet", "asset", ">book", ">venue", ">difference", ">%", ">worth", "what")
    for line in worst_lines_first(lines):
        unread = line.outcome is Outcome.UNVERIFIED
        asset = line.asset or "(whole account)"
        table.add_row(
            line.wallet or "",
            asset if line.field in {"total", "account"} else f"{asset} {line.field}",
            _book(line),
            _venue(line),
            "" if unread else amount(line.difference, signed=True),
            "" if line.relative is None else _percent(line.relative),
            "" if unread or line.wallet is None else money(line.worth),
            _what(line, has_history=has_history),
        )
    return table


def _venue(line: Line) -> str:
    # What could not be read is stated as 0 in the report; a person must not see a zero nobody saw.
    if line.outcome is Outcome.UNVERIFIED and line.reason not in _VENUE_WAS_READ:
        return _NOT_READ
    return amount(line.venue)


def _book(line: Line) -> str:
    if line.reason in _NO_BOOK:
        return _NO_BOOK[line.reason]
    if line.book == line.book_after:
        return amount(line.book)
    return f"{amount(line.book)} then {amount(line.book_after)}"


def _what(line: Line, *, has_history: bool) -> Text:
    severity = line.severity.name if line.severity else ""  # OK is 0: nothing to say
    if line.kind is not None:
        # Nobody is told of what was seen once; who looks at the table must not wonder why.
        once = has_history and line.state is State.UNCONFIRMED
        cause = None if line.cause is None else cause_words(line.cause)
        words = "; ".join(filter(None, (BREAK_WORDS[line.kind], "seen once" if once else None, cause)))
    elif line.outcome is Outcome.EXPLAINED:
        words = explained_words(line)
    else:
        words = _OUTCOMES[line.outcome] if line.reason is None else str(line.reason)
    words += f"; {UNKNOWN_NAME}" if line.unmapped else ""
    if not severity:
        return Text(words, "magenta" if line.outcome is Outcome.UNVERIFIED else "")
    return Text().append(f"{severity} ", _STYLES[severity]).append(words)


def _percent(relative: Decimal) -> str:
    return f"{_SHOWING.multiply(relative, Decimal(100)).quantize(Decimal('0.01'), ROUND_HALF_EVEN, _SHOWING):,f}"


def _agreeing_words(lines: Sequence[Line]) -> str:
    exact = sum(line.outcome is Outcome.EXACT for line in lines)
    within = len(lines) - exact
    count = "1 line agrees" if len(lines) == 1 else f"{len(lines)} lines agree"
    unknown = sum(line.unmapped for line in lines)
    names = f", {unknown} under a name that is not known" if unknown else ""
    return f"{count} ({exact} exact, {within} within tolerance{names})"


def _worth_words(worth: Decimal, unpriced: int, base: str) -> str:
    return f"gross worth {money(worth)} {base}" + (f" and {unpriced} without a price" if unpriced else "")


def _prices_words(report: RunReport) -> str:
    prices = report.prices
    if prices.origin == "none" or prices.as_of is None:
        return "without prices"
    which = "prices of this run" if prices.origin == "this_run" else "the last good prices"
    return f"{which} ({prices.source}, {format_time(prices.as_of)})"


def _pending_parts(items: Sequence[Pending]) -> list[RenderableType]:
    if not items:
        return []
    table = _table("wallet", "asset", ">in flight", "applied", "kind", "reference")
    for item in items:
        applied = "yes" if item.applied else "no"
        quantity = amount(item.quantity, signed=True)
        table.add_row(item.wallet, item.asset, quantity, applied, item.kind or "-", item.reference or "-")
    return [Padding(table, (0, 0, 0, 2))]


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(
            heading.lstrip(">!"),
            justify="right" if heading.startswith(">") else "left",
            overflow="fold",
            no_wrap=heading.startswith("!"),
        )
    return table


def severity_counts(breaks: Mapping[str, int]) -> str:
    """Write how many breaks of each severity there are, worst first: 2/1/0."""
    return "/".join(str(breaks[name]) for name in ("CRITICAL", "MAJOR", "MINOR"))
