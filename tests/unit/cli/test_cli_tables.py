"""What people see: 80 columns are enough, nothing depends on colour, no digit is made up."""

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from cli_kit import SNAPSHOT, changed
from rich.console import Console

from cli import exits
from cli.tables import (
    account_report_table,
    age,
    amount,
    book_table,
    money,
    snapshot_table,
    totals_line,
    worst_lines_first,
)
from trueup.domain.compare import compare, unverified
from trueup.domain.documents import read_book, read_prices, read_snapshot
from trueup.domain.models import Observation
from trueup.domain.policy import default_policy
from trueup.domain.reasons import Reason, Severity
from trueup.domain.report import AccountReport, Cause, Hint, Outcome, State

POLICY = default_policy()
AT = "2026-11-22T12:00:00Z"


def shown(*parts, width=80, colour=False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=colour, highlight=False, markup=False)
    for part in parts:
        console.print(part)
    return console.file.getvalue()


def report(venue: dict[str, str], book: dict[str, str], wallet_state="complete", covers=("spot",), prices=None):
    def holdings(amounts):
        return [{"wallet": "spot", "asset": asset, "total": total} for asset, total in amounts.items()]

    snapshot = changed(SNAPSHOT, observed_at=AT, wallets={"spot": wallet_state}, holdings=holdings(venue))
    a_book = None
    if covers is not None:
        document = {"account_id": "cb-main", "as_of": AT, "version": "1", "wallets": list(covers)}
        a_book = read_book(document | {"holdings": holdings(book) if covers else []})
    price_set = read_prices({"base": "USD", "as_of": AT, "source": "t", "prices": prices}) if prices else None
    return compare(Observation(read_snapshot(snapshot), a_book, a_book), POLICY, price_set)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("1.25", "1.25"),
        ("-1234567.5", "-1,234,567.5"),
        ("0.12345678", "0.12345678"),
        ("0.123456789", "0.12345678…"),
        ("-0.999999999", "-0.99999999…"),
        ("0.000000000000000001", "1.00E-18"),
        ("1e39", "1" + ",000" * 13),
        ("100", "100"),
    ],
)
def test_an_amount_is_cut_visibly_and_never_rounded_to_nothing(value, text):
    assert amount(Decimal(value)) == text


def test_money_has_two_places_and_no_price_is_not_zero():
    assert money(Decimal("14550.075")) == "14,550.08"
    assert money(Decimal("1e45")) == "1" + ",000" * 15 + ".00"
    assert money(None) == "no price"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (61, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_an_age_is_in_the_largest_unit(seconds, text):
    assert age(seconds) == text


def test_what_could_not_be_read_is_never_shown_as_zero():
    text = shown(account_report_table(report({}, {"BTC": "1"}, wallet_state="failed: permission_denied")))
    assert "not read" in text
    assert "permission" in text


def test_a_venue_that_was_read_keeps_its_amount_when_the_book_is_missing():
    text = shown(account_report_table(report({"BTC": "2"}, {}, covers=None)))
    assert "no book" in text
    assert "2" in text.split("no book")[1]
    assert "not covered" in shown(account_report_table(report({"BTC": "2"}, {}, covers=())))


def test_the_worst_line_comes_first_and_lines_that_agree_are_counted():
    table = report(
        {"SOL": "495", "ETH": "1", "BTC": "1", "ADA": "1000.5"},
        {"SOL": "500", "ETH": "2", "BTC": "1", "ADA": "1000"},
        prices={"SOL": "180", "ETH": "3400", "BTC": "97000", "ADA": "0.5"},
    )
    text = shown(account_report_table(table))
    assert text.index("ETH") < text.index("SOL")
    assert "BTC" not in text
    assert "2 lines agree (1 exact, 1 within tolerance)" in text
    assert "BTC" in shown(account_report_table(table, show_all=True))


def test_the_bottom_line_adds_up_gross_and_says_what_has_no_price():
    over = report({"BTC": "2"}, {"BTC": "1"}, prices={"BTC": "10000"})
    short = report({"BTC": "1"}, {"BTC": "2"}, prices={"BTC": "10000"})
    unpriced = report({"XYZ": "5"}, {}, prices={"BTC": "10000"})
    blind = unverified("cb-two", Reason.UNREACHABLE, POLICY)
    text = totals_line([over, short, unpriced, blind], base="USD").plain
    assert text == (
        "3 of 4 accounts verified, 3 of 3 lines; not looked at: cb-two; CRITICAL 2, MAJOR 1; "
        "gross worth 20,000.00 USD and 1 without a price"
    )
    assert totals_line([], base="USD").plain == "0 of 0 accounts verified, 0 of 0 lines; no break"


def test_the_worth_of_an_account_is_gross_and_says_what_has_no_price():
    both = report({"BTC": "2", "ETH": "1", "XYZ": "5"}, {"BTC": "1", "ETH": "2"}, prices={"BTC": "10000", "ETH": "400"})
    assert "gross worth 10,400.00 USD and 1 without a price" in shown(account_report_table(both, base="USD"))
    assert "gross worth" not in shown(account_report_table(both))
    assert "gross worth" not in shown(account_report_table(report({"BTC": "1"}, {"BTC": "1"}), base="USD"))
    unread = report({}, {"BTC": "1"}, wallet_state="failed: permission_denied")
    assert "gross worth" not in shown(account_report_table(unread, base="USD"))


def explained(references: tuple[str, ...], worst: Severity = Severity.CRITICAL) -> AccountReport:
    found = report({"BTC": "1"}, {"BTC": "2"}, prices={"BTC": "100"})
    amounts = {"kind": None, "severity": Severity.OK, "break_id": None}
    line = replace(found.lines[0], outcome=Outcome.EXPLAINED, severity_if_unexplained=worst, **amounts)
    return replace(found, lines=(replace(line, references=references),))


@pytest.mark.parametrize(
    ("references", "said"),
    [
        ((), "explained by an item without a reference, in flight (else CRITICAL)"),
        (("w-1",), "explained by w-1, in flight (else CRITICAL)"),
        (("w-1", "w-2", "w-3"), "explained by w-1, w-2, w-3, in flight (else CRITICAL)"),
        (
            tuple(f"w-{index}" for index in range(1, 6)),
            "explained by w-1, w-2, w-3 and 2 more, in flight (else CRITICAL)",
        ),
    ],
)
def test_an_explained_line_is_shown_with_what_explains_it_and_what_it_would_be_otherwise(references, said):
    text = shown(account_report_table(explained(references)), width=200)
    assert said in text
    assert "agree" not in text


def test_the_bottom_line_counts_what_is_explained():
    line = totals_line([explained(("w-1",)), explained(("w-2",))], base="USD").plain
    assert line == "2 of 2 accounts verified, 2 of 2 lines; 2 explained by what is in flight; no break"


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (
            Cause(Hint.TRANSFER, "cb-2", "earn", "BTC"),
            "quantity differs; maybe a transfer with cb-2 earn BTC",
        ),
        (
            Cause(Hint.ALIAS, "cb-main", "spot", "WBTC"),
            "quantity differs; maybe another name of cb-main spot WBTC",
        ),
        (
            Cause(Hint.FEE, fraction=Decimal("0.0060")),
            "quantity differs; maybe a fee of 0.6 %",
        ),
        (Cause(Hint.FEE, fraction=Decimal("0.1")), "maybe a fee of 10 %"),
        (Cause(Hint.OPEN_ORDER), "quantity differs; maybe open orders"),
    ],
)
def test_a_break_with_a_hint_at_its_cause_says_so_as_a_guess(cause, said):
    found = report({"BTC": "1"}, {"BTC": "2"})
    found = replace(found, lines=(replace(found.lines[0], cause=cause),))
    assert said in shown(account_report_table(found), width=200)


def test_a_break_comes_before_what_is_not_read_and_that_before_what_is_explained():
    broken = report({"BTC": "1"}, {"BTC": "2"}).lines[0]
    unread = report({}, {"BTC": "2"}, wallet_state="failed: incomplete").lines[0]
    lines = [explained(("w-1",)).lines[0], unread, broken]
    assert worst_lines_first(lines) == [broken, unread, lines[0]]


def test_80_columns_are_enough_and_nothing_is_lost_without_colour():
    long = report({"BTC": "12345678.123456789"}, {"BTC": "-98765432.12345678"}, prices={"BTC": "97000.5"})
    text = shown(account_report_table(long))
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "CRITICAL" in text
    assert "\x1b[" in shown(account_report_table(long), colour=True)


def test_a_venues_text_is_never_taken_for_markup():
    odd = changed(SNAPSHOT, holdings=[{"wallet": "spot", "asset": "[red]X[/red]", "total": "1"}])
    assert "[red]X[/red]" in shown(snapshot_table(read_snapshot(odd)), width=120)


def test_a_message_cannot_break_out_of_its_line():
    text = shown(account_report_table(unverified("a", Reason.UNREACHABLE, POLICY), detail="x\x1b[2Jy\nOK, verified"))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2


def test_no_report_at_all_is_not_an_all_clear():
    assert exits.verdict([]) == exits.UNVERIFIED


def test_a_break_that_a_run_saw_once_says_so():
    seen = replace(report({"BTC": "1"}, {"BTC": "2"}), run_id="20261122T120000Z")
    assert "CRITICAL quantity differs; seen once" in shown(account_report_table(seen), width=120)
    (line,) = seen.lines
    confirmed = replace(seen, lines=(replace(line, state=State.CONFIRMED),))
    assert "seen once" not in shown(account_report_table(confirmed), width=120)


def test_a_comparison_of_files_does_not_say_how_often():
    assert "seen once" not in shown(account_report_table(report({"BTC": "1"}, {"BTC": "2"})), width=120)


@pytest.mark.parametrize("side", ["venue", "book"])
def test_both_sides_show_what_is_in_flight(side):
    item = {"wallet": "spot", "asset": "USDC", "quantity": "-500.25", "applied": True, "kind": "withdrawal"}
    if side == "venue":
        text = shown(snapshot_table(read_snapshot(changed(SNAPSHOT, pending=[item | {"reference": "w-1"}]))))
    else:
        document = {"account_id": "cb-main", "as_of": AT, "version": "1", "wallets": ["spot"], "holdings": []}
        text = shown(book_table(read_book(document | {"pending": [item | {"reference": "w-1"}]})))
    assert text.splitlines()[-2].split() == ["wallet", "asset", "in", "flight", "applied", "kind", "reference"]
    assert text.splitlines()[-1].split() == ["spot", "USDC", "-500.25", "yes", "withdrawal", "w-1"]


def test_a_side_with_nothing_in_flight_says_nothing_of_it():
    assert "in flight" not in shown(snapshot_table(read_snapshot(changed(SNAPSHOT, pending=[]))))


def test_a_chains_long_reference_fits_in_80_columns():
    reference = "A" * 64 + "/perp/0/USDC"
    item = {"wallet": "spot", "asset": "USDC", "quantity": "1", "applied": True, "kind": "transfer"}
    text = shown(snapshot_table(read_snapshot(changed(SNAPSHOT, pending=[item | {"reference": reference}]))))
    assert max(map(len, text.splitlines())) <= 80
    assert reference in "".join(line.split()[-1] for line in text.splitlines()[-3:])
