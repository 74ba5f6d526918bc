"""How long a million lines take to compare, exactly, and how much memory: ours, and datacompy on the same amounts.

Each comparison runs in a fresh process of the same Python, in turns, and is timed alone: its data are in memory before.
Ours starts from an observation of dataclasses and ends with a report that has a line for each key. datacompy starts
from two frames, joins them, and lists the rows that differ. It has no second reading of the book, no tolerance by
worth, no valuation, no kind and no severity. Processor time is measured, of all threads: other processes' turns are
not its own.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.mixes import MIXES, Mix
from bench.one_comparison import AS_FLOATS, OURS, SIDES, Measured
from bench.ratios import ratio, summary, take_turns

ROOT = Path(__file__).parents[1]
BUDGET = "budget below 1"
LINES = 1_000_000
FEWER = 10
"""Growth is told from so many times fewer lines."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to measure."""

    side: str
    mix: Mix
    lines: int


def tasks(lines: int) -> list[Task]:
    """Return everything that is measured, in the order of a round."""
    sides = [Task(side, mix, lines) for mix in MIXES for side in SIDES]
    return sides + [Task(OURS, mix, lines // FEWER) for mix in MIXES]


def run(python: Path, task: Task) -> Measured:
    """Measure in a fresh process. Raises CalledProcessError, and ValueError for a comparison that went wrong."""
    command = [str(python), "-m", "bench.one_comparison", task.side, str(task.mix.different), str(task.lines)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'shared'}"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT, check=True)
    found = Measured(**json.loads(done.stdout))
    if AS_FLOATS not in task.side and found.differing != task.mix.differing(task.lines):
        raise ValueError(f"{task.side} found {found.differing} lines to differ, not {task.mix.differing(task.lines)}")
    return found


def show(lines: int, taken: Mapping[Task, Sequence[Measured]]) -> None:
    """Print every side with each mix, ours against the best of those that compare exactly, and our growth."""
    for mix in MIXES:
        of_mix = {task.side: found for task, found in taken.items() if task.mix == mix and task.lines == lines}
        print(f"\n{mix.name}")
        for side, found in of_mix.items():
            print(f"  {side:28} {summary(seconds(found))}   {memory(found)}{missed(found, mix.differing(lines))}")
            if side != OURS:
                print(f"  {'':28} {against(of_mix[OURS], found)}")
        theirs = {side: found for side, found in of_mix.items() if side != OURS and AS_FLOATS not in side}
        for what, measure in (("processor time", seconds), ("memory", peaks)):
            name, best = min(theirs.items(), key=lambda side: statistics.median(measure(side[1])))
            print(f"  {what}, {OURS} ÷ {name}: {ratio(measure(of_mix[OURS]), measure(best))}, {BUDGET}")
        fewer = seconds(taken[Task(OURS, mix, lines // FEWER)])
        grown = ratio(seconds(of_mix[OURS]), [FEWER * each for each in fewer])
        print(f"  {OURS}, time of {lines:,} lines ÷ {FEWER} times that of {lines // FEWER:,}: {grown}, linear is 1")


def against(ours: Sequence[Measured], theirs: Sequence[Measured]) -> str:
    """Say how much more we take than they, by the medians."""
    time, peak = (statistics.median(of(ours)) / statistics.median(of(theirs)) for of in (seconds, peaks))
    return f"{OURS} ÷ it: time {time:.2f}, memory {peak:.2f}"


def seconds(found: Sequence[Measured]) -> list[float]:
    """Return the times."""
    return [each.seconds for each in found]


def peaks(found: Sequence[Measured]) -> list[float]:
    """Return what the whole process held at most, in bytes."""
    return [each.peak for each in found]


def memory(found: Sequence[Measured]) -> str:
    """Say what the whole process held at most, and how much of that came with comparing: medians, in megabytes."""
    whole, added = (statistics.median(each) / 1e6 for each in (peaks(found), [one.added for one in found]))
    return f"{whole:6,.0f} MB, {added:4,.0f} of them by comparing"


def missed(found: Sequence[Measured], differing: int) -> str:
    """Say how many lines that differ were taken for equal; nothing where none was."""
    worst = differing - min(each.differing for each in found)
    return f"; misses {worst:,} of {differing:,} differences" if worst else ""


def main() -> int:
    """Measure and print. Returns 64 where there is no environment with datacompy, or no /proc."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description="Comparing, against datacompy")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-bench", help="with requirements/bench.txt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=LINES, help="whole thousands")
    options = parser.parse_args()
    python = options.environment / "bin" / "python"
    if not python.exists():
        print(f"error: there is no {python}; `make bench` makes it", file=sys.stderr)
        return 64
    if not Path("/proc/self/clear_refs").exists():
        print("error: memory is measured through /proc, so this needs Linux", file=sys.stderr)
        return 64
    print(
        f"Comparing {options.lines:,} lines with exact decimals, Python {platform.python_version()}, "
        f"median of {options.rounds} fresh processes each, in turns"
    )
    measures: dict[Task, Callable[[], Measured]] = {task: partial(run, python, task) for task in tasks(options.lines)}
    show(options.lines, take_turns(measures, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
