"""Reconciliation logic: what the report says about what was found."""

from decimal import Decimal

import pytest

from tests.unit.money_kit import judge, one, policy
from trueup.domain.reasons import Severity
from trueup.domain.report import account_report_document


def test_the_report_holds_both_sides() -> None:
    (line,) = account_report_document(judge([("BTC", "0.5")], [("BTC", "1.0")]))["lines"]
    assert (line["book"], line["book_after"], line["venue"], line["difference"]) == ("1", "1", "0.5", "-0.5")


def test_sides_that_agree_have_no_discrepancies() -> None:
    held = [("BTC", "1.25"), ("ETH", "10"), ("USDC", "1000.01")]
    report = judge(held, held)
    assert (report.status, report.verified, report.breaks) == ("OK", True, ())
    assert len(report.lines) == 3


def test_several_discrepancies_are_all_reported_in_a_fixed_order() -> None:
    theirs, ours = [("ETH", "9"), ("BTC", "0.5"), ("DOGE", "5000")], [("USDC", "500"), ("BTC", "1"), ("ETH", "10")]
    report = judge(theirs, ours)
    assert [line.asset for line in report.breaks] == ["BTC", "DOGE", "ETH", "USDC"]
    assert judge(theirs[::-1], ours[::-1]) == report


@pytest.mark.parametrize(
    ("venue", "severity"),
    [
        ("99", Severity.MINOR),
        ("95.01", Severity.MINOR),
        ("95", Severity.MAJOR),
        ("90", Severity.MAJOR),
        ("80", Severity.MAJOR),
        ("79.99", Severity.CRITICAL),
        ("50", Severity.CRITICAL),
        ("150", Severity.CRITICAL),
    ],
)
def test_severity_follows_the_share_of_the_book(venue: str, severity: Severity) -> None:
    # Prices listed as unnecessary, so that the share alone decides.
    by = policy(severity={"default": {"unpriced_critical": True}})
    assert one(venue, "100", asset="COIN", by=by).severity is severity
    assert one(f"-{venue}", "-100", asset="COIN", by=by).severity is severity


def test_a_share_is_reported_rounded_but_judged_exactly() -> None:
    line = one("95.0000000001", "100", asset="COIN")
    assert (line.relative, line.severity) == (Decimal("0.05"), Severity.MINOR)
