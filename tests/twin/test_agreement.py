"""The product and its naive twin say the same, line by line, of observations nobody would wish for."""

import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from tests.twin import rules
from tests.twin.agreement import count, differ, differences, product, shrunk
from tests.twin.generate import made

QUICK = 1000
"""Observations a part; there are three. `make agreement COUNT=100000` compares as many as one likes."""


@pytest.mark.parametrize("part", range(3))
def test_the_product_and_its_twin_agree_on_every_observation(part: int) -> None:
    for number in range(QUICK * part, QUICK * (part + 1)):
        case = made(f"1/{number}", pending=part != 0)
        if differ(case):
            least = shrunk(case)
            pytest.fail("\n".join([f"observation {number}", json.dumps(least), *differences(least)]))


MUST_BE_MET = {
    "status": {"OK", "MINOR", "MAJOR", "CRITICAL", "UNVERIFIED"},
    "verified": {"True", "False"},
    "reasons": {
        "unreachable", "rate_limited", "auth_failed", "permission_denied", "geo_blocked", "maintenance", "bad_response",
        "incomplete", "stale_venue", "no_book", "stale_book", "clock_skew", "book_not_covering",
    },
    "field": {"total", "held", "account"},
    "outcome": {"exact", "within_tolerance", "in_motion", "explained", "break", "unverified"},
    "kind": {"sign_flip", "missing_at_venue", "unexpected_at_venue", "quantity", "account_empty"},
    "severity": {"OK", "MINOR", "MAJOR", "CRITICAL"},
    "severity_if_unexplained": {"MINOR", "MAJOR", "CRITICAL"},
    "rule": {"quantity", "value_floor", "relative", "relative cap_unchecked"},
    "origin": {"account/asset:…", "account", "venue:coinbase/asset:…", "venue:coinbase", "asset:…", "default"},
    "books": {"one reading", "two readings"},
    "references": {"1", "2", "3", "4"},
}  # fmt: skip


def test_the_observations_meet_every_outcome_kind_severity_reason_rule_and_origin() -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for number in range(600):
        count(rules.compare(made(f"1/{number}")), counts)
    assert {name: wanted - counts[name].keys() for name, wanted in MUST_BE_MET.items()} == {
        name: set() for name in MUST_BE_MET
    }


def test_the_same_seed_makes_the_same_observation_and_another_one_another() -> None:
    assert made("7") == made("7")
    assert made("7") != made("8")


def test_a_disagreement_is_shown_at_its_smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_tolerance(terms: Any, difference: Any, whole: Any) -> None:
        return None

    monkeypatch.setattr(rules, "within", without_tolerance)
    case = next(case for case in (made(f"1/{n}", pending=False) for n in range(100)) if differ(case))
    least = shrunk(case)
    assert differ(least)
    assert len(product(least)["lines"]) == 1
    assert len(least["snapshot"]["holdings"] + least["book"]["holdings"]) <= 2
    assert "outcome: product 'within_tolerance', twin 'break'" in " ".join(differences(least))
