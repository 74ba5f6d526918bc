"""Discrepancy detection: what counts as one and what does not."""

from decimal import Decimal

from tests.unit.money_kit import judge, line_of, one, the_line
from trueup.domain.reasons import Severity
from trueup.domain.report import Kind, Outcome


def test_a_missing_currency_is_detected_on_either_side() -> None:
    report = judge([("ETH", "10"), ("USDC", "7")], [("BTC", "1"), ("ETH", "10")])
    btc, usdc = line_of(report, "BTC"), line_of(report, "USDC")
    assert (btc.kind, btc.book, btc.venue, btc.severity) == (Kind.MISSING_AT_VENUE, 1, 0, Severity.CRITICAL)
    assert (usdc.kind, usdc.book, usdc.venue) == (Kind.UNEXPECTED_AT_VENUE, 0, 7)


def test_a_mismatch_above_the_threshold_is_detected() -> None:
    line = the_line(judge([("BTC", "0.5")], [("BTC", "1.0")]))
    assert (line.outcome, line.kind, line.severity) == (Outcome.BREAK, Kind.QUANTITY, Severity.CRITICAL)
    assert (line.difference, line.relative, line.worth) == (Decimal("-0.5"), Decimal("0.5"), 50_000)


def test_a_mismatch_above_the_threshold_is_critical_without_prices_too() -> None:
    assert one("0.5", "1.0", valued=None).severity is Severity.CRITICAL


def test_a_difference_below_the_threshold_is_ignored() -> None:
    line = one("1000.9", "1000", asset="USDC")
    assert (line.outcome, line.severity) == (Outcome.WITHIN_TOLERANCE, Severity.OK)


def test_a_difference_of_precision_is_ignored() -> None:
    line = one("1.00000001", "1.00000000", asset="COIN", valued=None)
    assert (line.outcome, line.severity) == (Outcome.WITHIN_TOLERANCE, Severity.OK)
    assert line.rule is not None
    assert line.rule.field == "quantity"


def test_a_balance_of_zero_is_detected() -> None:
    line = one("0", "2")
    assert (line.outcome, line.kind, line.severity) == (Outcome.BREAK, Kind.MISSING_AT_VENUE, Severity.CRITICAL)
    assert line.relative == 1


def test_zero_on_both_sides_is_no_discrepancy() -> None:
    assert one("0", "0.00").outcome is Outcome.EXACT
