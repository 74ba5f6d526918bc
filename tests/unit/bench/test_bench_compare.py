"""The comparison of a million lines compares what it says, and its arithmetic is right; its figures are for people."""

import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from bench.compare import LINES, Task, main, missed, run, show, tasks
from bench.mixes import DIFFERENCES, MIXES, Mix, listed
from bench.one_comparison import AS_FLOATS, OURS, PANDAS, POLARS, SIDES, Measured, Prepared, measured, trueup
from trueup.domain.report import Outcome

SIDE_NAMES = ("venue", "before", "after")
REALISTIC, ALL_DIFFERENT = MIXES


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.name)
def test_so_many_lines_differ_as_the_mix_says(mix: Mix) -> None:
    venue, before, after = ({(w, a): total for w, a, total in listed(mix, 3000, side)} for side in SIDE_NAMES)
    keys = venue.keys() | before.keys()
    assert len(keys) == 3000
    assert sum(venue.get(key) != before.get(key) for key in keys) == mix.differing(3000)
    assert len({wallet for wallet, _ in keys}) == 3
    assert before.keys() == after.keys()


def test_every_side_lists_a_wallet_after_the_other_each_in_an_order_of_its_own_and_a_name_once() -> None:
    listings = [list(listed(Mix("all equal", 0), 2000, side)) for side in SIDE_NAMES]
    assert len({tuple(asset for _, asset, _ in listing) for listing in listings}) == 3
    names: dict[str, set[int]] = {}
    for listing in listings:
        assert [wallet for wallet, _, _ in listing] == sorted(wallet for wallet, _, _ in listing)
        assert len({(wallet, asset) for wallet, asset, _ in listing}) == len(listing)
        for _, asset, _ in listing:
            names.setdefault(asset, set()).add(id(asset))
    assert all(len(copies) == 1 for copies in names.values())


def test_the_same_line_has_the_same_amounts_whenever_it_is_made_and_they_fit_every_side() -> None:
    assert list(listed(REALISTIC, 1000, "venue")) == list(listed(REALISTIC, 1000, "venue"))
    for side in SIDE_NAMES:
        for _, _, total in listed(ALL_DIFFERENT, 5000, side):
            whole, _, places = f"{total:f}".partition(".")
            assert len(whole) <= 14
            assert len(places) <= 24, "beyond what datacompy's Polars side is given room for"


@pytest.mark.parametrize("lines", [0, 999, 1500])
def test_lines_are_whole_wallets(lines: int) -> None:
    with pytest.raises(ValueError, match=f"whole thousands, not {lines}"):
        next(listed(REALISTIC, lines, "venue"))


def test_each_way_to_differ_comes_out_as_what_it_is_called() -> None:
    found = trueup(ALL_DIFFERENT, 6000)
    report = found.compare()
    assert report.verified
    assert found.count(report) == 6000
    each = len(report.lines) // len(DIFFERENCES)
    assert Counter(line.kind for line in report.lines if line.outcome is Outcome.BREAK) == {
        "missing_at_venue": each,
        "unexpected_at_venue": each,
        "quantity": each,
    }
    assert Counter(line.outcome for line in report.lines) == {
        "break": 3 * each,
        "within_tolerance": 2 * each,
        "in_motion": each,
    }
    assert {line.rule.field for line in report.lines if line.rule} == {"quantity", "relative", "value_floor"}
    assert all(line.price is not None for line in report.lines)


def test_what_is_measured_is_the_comparison_alone() -> None:
    calls: list[str] = []
    kept: list[bytearray] = []

    def compare() -> list[str]:
        calls.append("compare")
        kept.append(bytearray(b"x" * 30_000_000))
        return calls

    def count(found: list[str]) -> int:
        calls.append("count")
        return len(found)

    made = bytearray(b"x" * 100_000_000)  # as while the data were made
    del made
    found = measured(Prepared(compare, count))
    assert calls == ["compare", "count"]
    assert found.differing == 2
    assert 25_000_000 < found.added < found.peak
    assert found.seconds >= 0


def test_ours_is_measured_in_a_fresh_process() -> None:
    found = run(Path(sys.executable), Task(OURS, REALISTIC, 1000))
    assert found.differing == 50
    assert found.seconds > 0
    assert 0 < found.added < found.peak


def test_a_comparison_that_finds_something_else_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mix, "differing", lambda mix, lines: 51)
    with pytest.raises(ValueError, match="trueup found 50 lines to differ, not 51"):
        run(Path(sys.executable), Task(OURS, REALISTIC, 1000))
    with pytest.raises(subprocess.CalledProcessError):
        run(Path(sys.executable), Task("nobody", REALISTIC, 1000))


def test_every_side_is_measured_with_every_mix_and_ours_with_a_tenth_too() -> None:
    found = tasks(LINES)
    assert [task for task in found if task.lines == LINES] == [
        Task(side, mix, LINES) for mix in MIXES for side in SIDES
    ]
    assert [task for task in found if task.lines != LINES] == [Task(OURS, mix, LINES // 10) for mix in MIXES]


def test_ours_is_held_against_the_best_of_those_that_compare_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    def twice(seconds: float, peak: int, differing: int) -> list[Measured]:
        return [Measured(seconds, peak * 10**6, 10**6, differing)] * 2

    taken = {task: twice(9, 900, task.mix.differing(1000)) for task in tasks(1000)}
    taken |= {
        Task(OURS, REALISTIC, 1000): twice(4, 300, 50),
        Task(OURS, REALISTIC, 100): twice(0.5, 30, 5),
        Task(PANDAS, REALISTIC, 1000): twice(8, 200, 50),
        Task(POLARS, REALISTIC, 1000): twice(2, 600, 50),
        Task(PANDAS + AS_FLOATS, REALISTIC, 1000): twice(1, 100, 40),
    }
    show(1000, taken)
    told = capsys.readouterr().out.split("\n\n")[0]
    assert f"processor time, trueup ÷ {POLARS}: 2.00" in told
    assert f"memory, trueup ÷ {PANDAS}: 1.50" in told
    assert "time of 1,000 lines ÷ 10 times that of 100: 0.80" in told
    assert "300 MB,    1 of them by comparing" in told
    assert told.count("trueup ÷ it: ") == 4
    assert "trueup ÷ it: time 0.50, memory 1.50" in told
    assert "trueup ÷ it: time 4.00, memory 3.00" in told
    assert told.count("misses") == 1
    assert "misses 10 of 50 differences" in told


def test_what_misses_nothing_says_nothing() -> None:
    found = [Measured(1, 1, 1, 50), Measured(1, 1, 1, 48)]
    assert missed(found[:1], 50) == ""
    assert missed(found, 50) == "; misses 2 of 50 differences"


def test_without_its_environment_it_says_how_to_make_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench.compare", "--environment", str(tmp_path)])
    assert main() == 64
    assert "`make bench` makes it" in capsys.readouterr().err


def test_an_amount_is_exact_in_all_its_places() -> None:
    last_digits = [
        (venue, before)
        for venue, before, _ in map(ALL_DIFFERENT.amounts, range(600))
        if venue is not None and before is not None and venue - before == Decimal("1e-18")
    ]
    assert len(last_digits) == 100
    assert all(venue != before and float(venue) == float(before) for venue, before in last_digits)
