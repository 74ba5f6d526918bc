"""Rule 2, one amount by itself: what comes of it is stated in full, whatever comes of it."""

from decimal import Decimal, localcontext

import pytest

from trueup.domain.amounts import EXACT
from trueup.domain.judge import Bound, Judged, judge
from trueup.domain.policy import default_policy
from trueup.domain.reasons import Severity
from trueup.domain.report import Kind, Outcome, Rule

LIMITS = default_policy().limits("cb-main", "coinbase")("BTC")


def judged(venue: str, before: str, after: str) -> Judged:
    first, second = (Bound(Decimal(venue), Decimal(reading)) for reading in (before, after))
    with localcontext(EXACT):
        return judge("total", first, second, Decimal(100_000), LIMITS, prices_usable=True)


@pytest.mark.parametrize(
    ("venue", "before", "after", "outcome", "difference", "against", "nearer_is_first"),
    [
        ("1.25", "1", "2", Outcome.IN_MOTION, "0.25", "1", True),
        ("1.75", "1", "2", Outcome.IN_MOTION, "-0.25", "2", False),
        ("1.5", "1", "2", Outcome.IN_MOTION, "0.5", "1", True),
        ("2.000000001", "1", "2", Outcome.IN_MOTION, "1e-9", "2", False),
        ("0.999999999", "1", "2", Outcome.IN_MOTION, "-1e-9", "1", True),
        ("2", "2", "2", Outcome.EXACT, "0", "2", True),
    ],
)
def test_what_is_no_break_has_no_kind_no_rule_and_is_ok(
    venue: str, before: str, after: str, outcome: Outcome, difference: str, against: str, nearer_is_first: bool
) -> None:
    assert judged(venue, before, after) == Judged(
        outcome, Decimal(difference), Decimal(against), nearer_is_first, kind=None, severity=Severity.OK, rule=None
    )


def test_what_is_within_tolerance_names_the_rule_that_let_it_pass() -> None:
    rule = Rule("quantity", Decimal("1e-8"), "default", cap_unchecked=False)
    assert judged("2.000000001", "2", "2") == Judged(
        Outcome.WITHIN_TOLERANCE, Decimal("1e-9"), Decimal(2), True, kind=None, severity=Severity.OK, rule=rule
    )


def test_a_break_has_a_kind_and_a_severity_and_no_rule() -> None:
    assert judged("3", "1", "2") == Judged(
        Outcome.BREAK, Decimal(1), Decimal(2), False, kind=Kind.QUANTITY, severity=Severity.CRITICAL, rule=None
    )
