"""Every worked example of docs/comparing.md comes out as its table says."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cli.strict_yaml import parse_yaml
from tests.unit.docs.test_docs_formats import ROOT
from tests.unit.money_kit import NOON, after, book, holding, judge, line_of, policy, prices, snapshot
from trueup.domain.advance import SecondLook, advance
from trueup.domain.amounts import plain
from trueup.domain.compare import unverified
from trueup.domain.correlate import Known, correlate, held_at_breaks
from trueup.domain.history import History
from trueup.domain.models import Holding, Observation, Pending, PriceSet
from trueup.domain.names import under_our_names
from trueup.domain.policy import default_policy, read_policy
from trueup.domain.reasons import REASONS, Reason
from trueup.domain.report import AccountReport, Line
from trueup.venues.aliases import canonical_together, forms
from trueup.venues.aliases import names as names_at

PAGE = (ROOT / "docs" / "comparing.md").read_text()
Row = Mapping[str, str]


def section(number: int) -> str:
    """The text of a rule."""
    return PAGE.split(f"\n## {number}. ")[1].split("\n## ")[0]


def tables(number: int) -> list[list[dict[str, str]]]:
    """The tables of a rule: rows by the words of their heading."""
    return [list(rows(block.splitlines())) for block in re.findall(r"(?:^\|.*\n)+", section(number), re.MULTILINE)]


def rows(lines: Sequence[str]) -> Iterator[dict[str, str]]:
    heading, _, *rest = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    for cells in rest:
        yield dict(zip(heading, cells, strict=True))


def each(number: int, table: int = 0) -> Any:
    """One test for each row of a rule's table."""
    found = tables(number)[table]
    return pytest.mark.parametrize("row", found, ids=[" ".join(filter(None, row.values())) for row in found])


def held(amount: str) -> list[Holding]:
    return [holding("BTC", amount)] if amount else []


def valued(price: str) -> PriceSet | None:
    """Prices that have BTC at this price, or do not."""
    if price == "no prices at all":
        return None
    return prices({"ETH": "1"} if price == "no price" else {"BTC": price, "ETH": price, "SOL": price})


def items(text: str, since: datetime | None = NOON - timedelta(minutes=2)) -> tuple[Pending, ...]:
    """Read items in flight, written as `w-1 -0.5 applied, w-2 3`."""
    found = []
    for item in filter(None, text.split(", ")):
        reference, quantity, *applied = item.split()
        assert applied in ([], ["applied"])
        found.append(Pending("spot", "BTC", Decimal(quantity), bool(applied), "transfer", reference, since))
    return tuple(found)


def said_of(line: Line) -> str:
    """What a line comes to, in the words of the tables."""
    return " ".join(filter(None, (line.outcome, line.kind, line.reason)))


def names(references: Iterable[str]) -> str:
    return " ".join(references)


# -- the rules, one by one -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", tables(1)[:2], ids=["wallets", "an empty account"])
def test_1_what_is_compared(table: list[Row]) -> None:
    read = {row["wallet"]: None if row["read"] == "whole" else REASONS[row["read"]] for row in table if row["wallet"]}
    covered = tuple({row["wallet"]: None for row in table if row["covered"] == "yes"})
    venue, believed = (
        [holding(row["asset"], row[side], row["wallet"]) for row in table if row[side]] for side in ("venue", "book")
    )
    report = judge(snapshot(*venue, wallets=read), book(*believed, wallets=covered))
    found = {(line.wallet or "", line.asset or "(whole account)"): said_of(line) for line in report.lines}
    assert found == {(row["wallet"], row["asset"]): row["what"] for row in table}


@each(1, 2)
def test_1_names_of_assets(row: Row) -> None:
    listed, believed = (
        dict(item.split() for item in row[side].split(", ")) for side in ("listed at the venue", "listed in the book")
    )
    assets = canonical_together("coinbase", listed)
    seen = snapshot(
        *(holding(assets[name].name, total, unmapped=assets[name].unmapped) for name, total in listed.items())
    )
    ours = book(*believed.items())
    read = under_our_names(Observation(seen, ours, ours), names_at("coinbase"))
    report = judge(read.snapshot, read.book, read.book_after)
    found = [f"{line.asset} {said_of(line)}{', unknown name' if line.unmapped else ''}" for line in report.lines]
    assert ", ".join(found) == row["what"]


@each(2)
def test_2_two_readings_of_the_book(row: Row) -> None:
    line = line_of(judge(held(row["venue"]), held(row["book"]), held(row["book after"]), valued=valued("100")), "BTC")
    assert said_of(line).split()[0] == row["what"]
    assert plain(line.difference or Decimal(0)) == row["difference"]
    assert line.severity is not None
    assert line.severity.name == row["severity"]


@each(2, 1)
def test_2_items_both_sides_list(row: Row) -> None:
    line = with_items(row, items(row["in flight at the venue"]), items(row["in flight in the book"]))
    assert (line.outcome, names(line.references)) == (row["what"], row["references"])


def with_items(row: Row, at_venue: tuple[Pending, ...], in_book: tuple[Pending, ...]) -> Line:
    report = judge(
        snapshot(*held(row["venue"]), pending=at_venue), book(*held(row["book"]), pending=in_book), valued=valued("100")
    )
    return line_of(report, "BTC")


@each(3)
def test_3_what_counts_as_zero(row: Row) -> None:
    line = line_of(judge(held(row["venue"]), held(row["book"])), "BTC")
    assert (line.outcome, line.kind) == (row["what"], row["kind"])


@each(4)
def test_4_tolerance(row: Row) -> None:
    assert_by(row, judge(held(row["venue"]), held(row["book"]), valued=valued(row["price"])), "BTC")


@each(4, 1)
def test_4_whose_tolerance(row: Row) -> None:
    written = re.search(r"^```yaml\n(.*?)^```", section(4), re.MULTILINE | re.DOTALL)
    assert written is not None
    report = judge(
        snapshot((row["asset"], row["venue"]), account_id=row["account"]),
        book((row["asset"], row["book"]), account_id=row["account"]),
        by=read_policy(parse_yaml(written[1].encode(), "policy"), default_policy()),
        valued=valued(row["price"]),
    )
    assert_by(row, report, row["asset"])


def assert_by(row: Row, report: AccountReport, asset: str) -> None:
    line = line_of(report, asset)
    rule = line.rule
    by = "" if rule is None else rule.field + (", cap unchecked" if rule.cap_unchecked else "")
    assert (line.outcome, by, rule.origin if rule else "") == (row["what"], row["by"], row["of"])


SINCE = {"11:58": NOON - timedelta(minutes=2), "24 h ago": NOON - timedelta(hours=24), "not said": None}


@each(5)
def test_5_what_is_in_flight(row: Row) -> None:
    since = SINCE[row["since"]]
    line = with_items(row, items(row["in flight at the venue"], since), items(row["in flight in the book"], since))
    worst = line.severity_if_unexplained
    assert (line.outcome, names(line.references)) == (row["what"], row["references"])
    assert (worst.name if worst else "") == row["otherwise"]


@each(6)
def test_6_kind(row: Row) -> None:
    assert line_of(judge(held(row["venue"]), held(row["book"])), "BTC").kind == row["kind"]


@each(6, 1)
def test_6_what_is_held(row: Row) -> None:
    def side(total: str, in_orders: str) -> list[Holding]:
        return [holding("BTC", total, held=None if in_orders == "not stated" else in_orders)]

    report = judge(side(row["venue"], row["held at the venue"]), side(row["book"], row["held in the book"]))
    found = [line for line in report.lines if line.field == "held"]
    assert ([line.outcome for line in found] or ["no line"]) == [row["what of held"]]
    assert [line.severity.name for line in found if line.severity] == row["severity"].split()


@each(7)
def test_7_severity(row: Row) -> None:
    line = line_of(judge(held(row["venue"]), held(row["book"]), valued=valued(row["price"])), "BTC")
    assert line.severity is not None
    assert line.severity.name == row["severity"]


def test_7_worth() -> None:
    *table, together = tables(7)[1]
    quotes = {row["asset"]: row["price"] for row in table if row["price"] != "no price"}
    report = judge(
        snapshot(*((row["asset"], row["venue"]) for row in table)),
        book(*((row["asset"], row["book"]) for row in table)),
        valued=prices(quotes),
    )
    worths = [line_of(report, row["asset"]).worth for row in table]
    assert ["no price" if worth is None else plain(worth) for worth in worths] == [row["worth"] for row in table]
    assert report.worth is not None
    assert f"{plain(report.worth)} and {report.breaks_unpriced} without a price" == together["worth"]


@each(8)
def test_8_what_cannot_be_verified(row: Row) -> None:
    believed = None if row["book as of"] == "none" else book(("BTC", "1"), as_of=at(row["book as of"]))
    report = judge(snapshot(("BTC", "1"), venue_time=at(row["by the venue's clock"])), believed)
    assert said_of(line_of(report, "BTC")) == row["what"]


def test_8_every_reason_there_is() -> None:
    assert set(re.findall(r"`(\w+)`", section(8).split("\n\n")[1])) == {str(reason) for reason in Reason}


def at(time: str) -> datetime:
    hours, minutes, seconds = map(int, time.split(":"))
    return NOON.replace(hour=hours, minute=minutes, second=seconds)


def look(venue: str, moment: datetime) -> AccountReport:
    """See an account whose book holds 10; `venue` may be why nobody could."""
    if venue in ("not read", *REASONS):
        return unverified("cb-main", REASONS.get(venue, Reason.UNREACHABLE), default_policy())
    return judge(
        snapshot(("BTC", venue), observed_at=moment), book(("BTC", "10"), as_of=moment), valued=prices({"BTC": "200"})
    )


def test_9_one_look_is_not_a_break() -> None:
    known = History()
    for row in tables(9)[0]:
        advanced = advance(look(row["venue"], at(row["at"])), known, default_policy(), "coinbase")
        known = after(known, advanced)
        found = history(advanced.report) if advanced.report.lines else ("", "", "", "")
        assert found == (row["severity"], row["state"], row["streak"], row["people are told"]), row["at"]


def test_9_what_is_critical_is_looked_at_again() -> None:
    known = History()
    for row in tables(9)[1]:
        again = row["ten seconds later"]
        second = None
        if again:
            seen = look(again, at(row["at"]) + timedelta(seconds=10))
            second = SecondLook(None, again) if again in REASONS else SecondLook(seen)
        advanced = advance(look(row["venue"], at(row["at"])), known, default_policy(), "coinbase", second)
        known = after(known, advanced)
        severity, state, _, told = history(advanced.report)
        assert (severity, state, told) == (row["severity"], row["state"], row["people are told"]), row["at"]


def history(report: AccountReport) -> tuple[str, str, str, str]:
    line = line_of(report, "BTC")
    assert line.severity is not None
    return line.severity.name, line.state or "", str(line.streak or ""), line.news or ""


def test_10_what_it_looks_like() -> None:
    (table,) = tables(10)
    accounts = sorted({row["account"] for row in table})
    strict = policy(tolerance={"default": {"relative": "0", "value_floor": "0"}})
    observations = [observation([row for row in table if row["account"] == account]) for account in accounts]
    reports = [judge(seen.snapshot, seen.book, seen.book_after, by=strict, valued=None) for seen in observations]
    held_there = {
        place: amounts
        for seen, report in zip(observations, reports, strict=True)
        for place, amounts in held_at_breaks(seen, report).items()
    }
    known = Known(dict.fromkeys(accounts, "coinbase"), {"coinbase": forms("coinbase")}, held_there, {})
    found = [
        (report.account_id, line.wallet, line.asset, cause_of(line))
        for report in correlate(reports, known, strict)
        for line in report.lines
        if line.field == "total"
    ]
    expected = [(row["account"], row["wallet"], row["asset"], row["looks like"]) for row in table]
    assert sorted(found) == sorted(expected)


def observation(table: Sequence[Row]) -> Observation:
    def side(name: str) -> list[Holding]:
        return [
            holding(
                row["asset"],
                row[name],
                row["wallet"],
                held=row["held in the book"] or None if name != "venue" else None,
            )
            for row in table
        ]

    account = table[0]["account"]
    before, after = (book(*side(name), account_id=account) for name in ("book", "book after"))
    return under_our_names(
        Observation(snapshot(*side("venue"), account_id=account), before, after), names_at("coinbase")
    )


def cause_of(line: Line) -> str:
    cause = line.cause
    if cause is None:
        return "nothing known"
    if cause.fraction is not None:
        return f"{cause.hint} of {cause.fraction}"
    place = " ".join(filter(None, (cause.account_id, cause.wallet, cause.asset)))
    return f"{cause.hint} {'with' if cause.hint == 'transfer' else 'of'} {place}" if place else str(cause.hint)


@each(11)
def test_11_status(row: Row) -> None:
    wallets = {name: REASONS.get(row[name]) for name in ("spot", "earn")}
    there = [holding("BTC", row[name], name) for name, reason in wallets.items() if reason is None]
    report = judge(
        snapshot(*there, wallets=wallets),
        book(holding("BTC", "1"), holding("BTC", "1", "earn"), wallets=("spot", "earn")),
    )
    assert (report.status, "yes" if report.verified else "no") == (row["status"], row["verified"])


def test_each_rule_has_worked_examples() -> None:
    assert all(tables(number) for number in range(1, 12))
    assert all(row for number in range(1, 12) for table in tables(number) for row in table)
