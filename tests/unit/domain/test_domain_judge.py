"""Rule 2, one amount by itself: what comes of it is stated in full, whatever comes of it."""

from decimal import Decimal, localcontext

import pytest

from trueup.domain.amounts import EXACT
from trueup.domain.judge import Bound, Judge, Judged
from trueup.domain.policy import default_policy
from trueup.domain.reasons import Severity
from trueup.domain.report import Kind, Outcome, Rule

LIMITS = default_policy().limits("cb-main", "coinbase")("BTC")


def judged(venue: str, before: str, after: str) -> Judged:
    first, second = (Bound(Decimal(venue), Decimal(reading)) for reading in (before, after))
    with localcontext(EXACT):
        return Judge("total", Decimal(100), LIMITS, prices_usable=True).of_two(first, second)


def stated(
    outcome: Outcome,
    difference: str,
    against: str,
    worth: str,
    *,
    first: bool,
    kind: Kind | None = None,
    severity: Severity = Severity.OK,
    rule: Rule | None = None,
) -> Judged:
    return Judged(
        outcome,
        Decimal(difference),
        Decimal(against),
        Decimal(worth),
        nearer_is_first=first,
        rule=rule,
        kind=kind,
        severity=severity,
    )


@pytest.mark.parametrize(
    ("venue", "before", "after", "expected"),
    [
        ("1.25", "1", "2", stated(Outcome.IN_MOTION, "0.25", "1", "25", first=True)),
        ("1.75", "1", "2", stated(Outcome.IN_MOTION, "-0.25", "2", "25", first=False)),
        ("1.5", "1", "2", stated(Outcome.IN_MOTION, "0.5", "1", "50", first=True)),
        ("2.000000001", "1", "2", stated(Outcome.IN_MOTION, "1e-9", "2", "1e-7", first=False)),
        ("0.999999999", "1", "2", stated(Outcome.IN_MOTION, "-1e-9", "1", "1e-7", first=True)),
        ("2", "2", "2", stated(Outcome.EXACT, "0", "2", "0", first=True)),
        (
            "2.000000001",
            "2",
            "2",
            stated(
                Outcome.WITHIN_TOLERANCE,
                "1e-9",
                "2",
                "1e-7",
                first=True,
                rule=Rule("quantity", Decimal("1e-8"), "default", cap_unchecked=False),
            ),
        ),
        (
            "3",
            "1",
            "2",
            stated(
                Outcome.BREAK, "1", "2", "100", first=False, kind=Kind.QUANTITY, severity=Severity.CRITICAL, rule=None
            ),
        ),
    ],
)
def test_a_judgement_says_all_it_knows_and_nothing_else(venue: str, before: str, after: str, expected: Judged) -> None:
    assert judged(venue, before, after) == expected


def test_the_only_reading_there_is_counts_as_the_first() -> None:
    judge = Judge("total", Decimal(100), LIMITS, prices_usable=True)
    with localcontext(EXACT):
        for venue in (Decimal(1), Decimal(2), Decimal(3)):
            assert judge.of_one(venue, Decimal(2)).nearer_is_first is True
            assert judge.of_one(venue, Decimal(2), first=False).nearer_is_first is False
