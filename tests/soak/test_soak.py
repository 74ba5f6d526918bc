"""The soak, short; and that what judges it would notice."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.soak.accounts import BY_ID
from tests.soak.plan import plan_round
from tests.soak.rules import Holdings, lines_of
from tests.soak.soak import soak
from tests.soak.stored import GENESIS, chain_faults, sha256
from tests.soak.truth import AccountTruth, BookState, Serve, VenueState
from tests.soak.verdict import Violation, Window, account_violations, run_violations

USDC, BTC = ("spot", "USDC"), ("spot", "BTC")
AT_REST = {USDC: Decimal(42000), BTC: Decimal("0.4")}
PRICES = {"BTC": Decimal(97000), "USDC": Decimal(1)}
WINDOW = Window(100.0, 110.0)


@pytest.mark.slow
def test_twenty_five_runs_under_random_faults_leave_nothing_false_lost_doubled_or_unsaid(tmp_path: Path) -> None:
    said: list[str] = []

    # A seed whose first rounds have every fault of the venues, and Compare killed, but nothing that takes long.
    outcome = soak(seed=27, runs=25, folder=tmp_path, say=said.append)

    assert not outcome.violations, "\n".join(said)
    assert outcome.figures["runs"] >= 25
    assert outcome.figures["alerts received"] > 0
    assert outcome.figures["accounts unverified"] > 0
    assert sum(outcome.venue_faults.values()) > 0
    assert sum(outcome.aws_faults.values()) > 0


def test_a_round_is_planned_from_the_seed_and_its_number_alone() -> None:
    assert plan_round(7, 31) == plan_round(7, 31)
    assert plan_round(7, 31) != plan_round(8, 31)
    assert plan_round(7, 31) != plan_round(7, 32)


def test_over_many_rounds_everything_happens_that_can() -> None:
    plans = [plan_round(1, number) for number in range(600)]

    assert {fault.kind for plan in plans for fault in plan.venue_faults} >= {"empty body", "429", "hang", "cut body"}
    assert len({fault.kind for plan in plans for fault in plan.venue_faults}) == 30
    assert {fault.service for plan in plans for fault in plan.aws_faults} == {"dynamodb", "s3", "sns", "secretsmanager"}
    assert {plan.kill.function for plan in plans if plan.kill} > {"PlanFunction", "CompareFunction"}
    assert any(start.copies == 2 for plan in plans for start in plan.starts)
    assert any(len(plan.starts) == 3 for plan in plans)


# -- the judge would notice ------------------------------------------------------------------------------------------


def quiet(*, served: bool = True) -> AccountTruth:
    """An account at rest, read once in the window (or not at all)."""
    truth = AccountTruth(BY_ID["cb-quiet"])
    truth.venue.append(VenueState(1.0, AT_REST))
    truth.book.append(BookState("1", 1.0, 2.0, AT_REST))
    if served:
        truth.serves.append(Serve(105.0, 105.0, "whole"))
    return truth


def report(venue: Holdings, before: Holdings, after: Holdings, status: str = "OK") -> dict[str, Any]:
    """What a product would say that saw this."""
    lines = lines_of(venue, before, after, PRICES)
    return {
        "account_id": "cb-quiet",
        "status": status,
        "verified": True,
        "reasons": [],
        "lines": [
            {
                name: None if value is None else str(value) if isinstance(value, Decimal) else value
                for name, value in vars(line).items()
            }
            for line in lines
        ],
    }


def judged(said: dict[str, Any], truth: AccountTruth) -> list[str]:
    found = account_violations(said, truth, WINDOW, PRICES, frozenset({"unreachable"}))
    return [violation.what for violation in found]


def test_what_was_true_is_no_violation() -> None:
    assert judged(report(AT_REST, AT_REST, AT_REST), quiet()) == []


def test_a_match_nobody_can_have_seen_is_noticed() -> None:
    assert judged(report(AT_REST, AT_REST, AT_REST), quiet(served=False)) == ["a failed read became a verdict"]


def test_a_zero_nobody_served_is_noticed() -> None:
    said = report({}, AT_REST, AT_REST, "CRITICAL")

    assert judged(said, quiet()) == ["the report shows what was never true together"]


def test_a_break_called_a_match_is_noticed() -> None:
    truth = quiet()
    short = {**AT_REST, BTC: Decimal("0.1")}
    truth.venue.append(VenueState(50.0, short))
    said = report(short, AT_REST, AT_REST, "CRITICAL")
    assert judged(said, truth) == []
    for line in said["lines"]:
        line.update(outcome="exact", severity="OK", kind=None)

    assert judged({**said, "status": "OK"}, truth) == ["the report shows what was never true together"]


def test_a_book_that_moved_while_the_answer_was_on_its_way_must_be_read_again() -> None:
    truth = quiet()
    later = {**AT_REST, USDC: Decimal(40000)}
    truth.serves[0] = Serve(105.0, 106.0, "whole")
    truth.book.append(BookState("2", 105.2, 105.8, later))

    assert judged(report(AT_REST, AT_REST, later), truth) == []
    assert judged(report(AT_REST, AT_REST, AT_REST), truth) == ["the report shows what was never true together"]


def test_a_book_written_after_the_answer_cannot_have_been_read_before_it() -> None:
    truth = quiet()
    later = {**AT_REST, USDC: Decimal(40000)}
    truth.book.append(BookState("2", 106.0, 106.1, later))

    assert judged(report(AT_REST, later, later, "MAJOR"), truth) == ["the report shows what was never true together"]


def test_a_verdict_on_an_account_nobody_looked_at_is_noticed() -> None:
    said = report(AT_REST, AT_REST, AT_REST) | {"status": "UNVERIFIED", "verified": False, "reasons": ["unreachable"]}

    assert judged(said, quiet()) == ["an account nobody could look at has a verdict"]


def test_an_unexplained_reason_is_noticed() -> None:
    said = {"status": "UNVERIFIED", "verified": False, "reasons": ["no_book"], "lines": []}

    assert judged(said, quiet()) == ["a reason nothing of what was done explains"]


@pytest.mark.parametrize("listed", [[], ["cb-quiet", "cb-quiet"]])
def test_an_account_left_out_or_listed_twice_is_noticed(listed: list[str]) -> None:
    account = report(AT_REST, AT_REST, AT_REST)
    whole = {"status": "OK", "verified": True, "counts": {}, "accounts": [account for _ in listed]}

    found: list[Violation] = run_violations(whole, ["cb-quiet"])

    assert found[0].what == "every account is in every report, exactly once"


Rows = list[dict[str, Any]]


def chain(numbers: tuple[int, ...] = (1, 2, 3, 4), *, forked: bool = False) -> Rows:
    """A chain with these numbers; forked: the last row follows the first."""
    rows: Rows = []
    for place, seq in enumerate(numbers):
        row: dict[str, Any] = {name: f"{name} {seq}" for name in ("account_id", "run_id", "at", "status")}
        before = rows[0] if forked and place == len(numbers) - 1 else rows[-1] if rows else {"hash": GENESIS}
        row |= {"seq": seq, "prev": before["hash"]}
        rows.append(row | {"hash": sha256(row)})
    return rows


def faults_of(rows: Rows) -> list[str]:
    return chain_faults(rows, {"seq": len(rows), "hash": rows[-1]["hash"]})


@pytest.mark.parametrize(
    ("rows", "said"),
    [(chain((1, 2, 4)), "missing or doubled"), (chain((1, 2, 2)), "missing or doubled"), (chain(forked=True), "names")],
    ids=["a number left out", "a number twice", "a fork"],
)
def test_a_chain_whose_rows_are_sound_but_do_not_follow_each_other_is_noticed(rows: Rows, said: str) -> None:
    assert faults_of(chain()) == []

    assert said in faults_of(rows)[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows.pop(1),
        lambda rows: rows.append(rows[1]),
        lambda rows: rows[1].update(status="OK"),
        lambda rows: rows.pop(),
    ],
    ids=["lost", "doubled", "rewritten", "the last one lost"],
)
def test_a_chain_that_lost_doubled_or_changed_a_row_is_noticed(spoil: Callable[[Rows], None]) -> None:
    rows = chain()
    head = {"seq": 4, "hash": rows[-1]["hash"]}

    spoil(rows)

    assert chain_faults(rows, head)


def test_no_two_rounds_break_an_account_by_the_same_amount() -> None:
    shares = [
        (change.account_id, change.share)
        for number in range(200)
        for change in plan_round(3, number).changes
        if change.kind == "venue loses much"
    ]

    assert len(shares) > 20
    assert len(set(shares)) == len(shares)
