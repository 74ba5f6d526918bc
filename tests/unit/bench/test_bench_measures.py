"""The benchmarks run, on the smallest thing they can measure; their figures are for people to read."""

import ast
import sys
import sysconfig
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.cycle import Cycle, bench, cycle_of, parts
from bench.imports import SIDES, TWIN, Side, import_seconds, link_packages, show
from bench.ratios import ratio, summary, take_turns

PACKAGES = [Path(sysconfig.get_path("purelib"))]
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_sides_take_turns() -> None:
    turns: list[str] = []

    def measure(name: str, taken: float) -> float:
        turns.append(name)
        return taken

    taken = take_turns({"a": lambda: measure("a", 1.0), "b": lambda: measure("b", 2.0)}, 3)

    assert turns == ["a", "b", "a", "b", "a", "b"]
    assert taken == {"a": [1.0] * 3, "b": [2.0] * 3}
    with pytest.raises(ValueError, match="1 or more, not 0"):
        take_turns({}, 0)


def test_a_ratio_is_that_of_the_medians_and_says_how_far_the_rounds_were_apart() -> None:
    assert ratio([1.0, 9.0, 2.0], [4.0, 9.0, 4.0]) == "0.50  (round by round from 0.25 to 1.00)"
    assert summary([0.2, 0.1, 0.9]) == "    200 ms  (from 100 to 900)"


def test_a_handler_is_imported_in_a_fresh_process_with_its_adapter_and_clients(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shared = Path(__file__).parents[3] / "shared"
    handler = SIDES[1].handler
    alone = import_seconds(Path(sys.executable), [*PACKAGES, shared], Side("alone", handler))
    whole = import_seconds(Path(sys.executable), [*PACKAGES, shared], Side("whole", handler, "coinbase", "dynamodb,s3"))
    assert min(alone, whole) > 0

    show({TWIN: [2.0], "trueup": [1.0]})
    assert "÷ on ccxt: 0.50" in capsys.readouterr().out


def test_packages_are_linked_with_and_without_byte_code(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    (installed / "thing" / "__pycache__").mkdir(parents=True)
    (installed / "thing" / "__init__.py").touch()
    (installed / "thing" / "__pycache__" / "__init__.pyc").touch()
    (installed / "other.pth").touch()

    found = {
        name: {path.name for path in link_packages(installed, tmp_path / name, byte_code=shipped).iterdir()}
        for name, shipped in (("with", True), ("without", False))
    }

    assert found == {"with": {"thing", "trueup"}, "without": {"thing", "trueup"}}
    assert (tmp_path / "with" / "thing" / "__pycache__" / "__init__.pyc").exists()
    assert not list((tmp_path / "without").rglob("__pycache__"))


def test_the_twin_imports_what_the_budget_says_it_is_built_on() -> None:
    tree = ast.parse((SIDES[0].handler / "app.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {"ccxt", "boto3", "aws_lambda_powertools"} <= names


def test_a_run_is_taken_apart_at_its_first_answer_and_its_last_request() -> None:
    def event(kind: str, milliseconds: int) -> dict[str, object]:
        return {"type": kind, "timestamp": START + timedelta(milliseconds=milliseconds)}

    history = [
        event("TaskScheduled", 1),
        event("TaskSucceeded", 100),
        event("TaskScheduled", 110),
        event("TaskScheduled", 120),
        event("TaskSucceeded", 800),
        event("TaskSucceeded", 900),
        event("TaskScheduled", 910),
        event("TaskSucceeded", 1000),
    ]
    taken = cycle_of(START, START + timedelta(milliseconds=1010), history)
    assert taken == Cycle(whole=1.01, plan=0.1, observe=0.81, compare=0.1)
    assert parts([taken]) == "plan 100, observe 810, compare 100"


@pytest.mark.slow
def test_a_cycle_over_an_account_of_each_venue_is_measured() -> None:
    with bench(coinbase=1, dydx=1, seconds=0.02) as made:
        one, two = made.cycle(1), made.cycle(2)
        assert len(made.durations("fetch-coinbase", 0)) == 2
        assert len(made.durations("fetch-dydx", 0)) == 1
    for taken in (one, two):
        assert taken.whole >= 0.02
        assert taken.plan + taken.observe + taken.compare == pytest.approx(taken.whole)
