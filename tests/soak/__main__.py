"""`python -m tests.soak --runs 400 --seed 7`: the long soak. Ends with 1 if anything was found that may not be."""

import argparse
import secrets
import shutil
import sys
from collections import Counter
from pathlib import Path

from local.cloud.ministack import interrupted_by_signals
from tests.soak.soak import Outcome, soak


def main() -> int:
    """Run the soak and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--seed", type=int, help="the same seed plans the same rounds; drawn if not given")
    parser.add_argument("--folder", type=Path, default=Path(".trueup") / "soak", help="emptied at the beginning")
    parser.add_argument("--give-up-after", type=int, default=5, help="violations")
    options = parser.parse_args()
    seed = secrets.randbelow(10_000) if options.seed is None else options.seed
    folder = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _say(f"Seed {seed}")
    with interrupted_by_signals():
        outcome = soak(seed, options.runs, folder, _say, give_up_after=options.give_up_after)
    _say(table(outcome))
    _say(f"Seed {seed}: {len(outcome.violations)} violations")
    return 1 if outcome.violations else 0


def table(outcome: Outcome) -> str:
    """The figures, for people."""
    sections: list[tuple[str, Counter[str]]] = [
        ("What happened", outcome.figures),
        ("Faults of the venues, by answers changed", outcome.venue_faults),
        ("Faults of AWS, by requests", outcome.aws_faults),
        ("Attempts that failed in the state machine", outcome.errors),
    ]
    lines = [f"{outcome.figures['runs']} runs in {outcome.seconds:.0f} s"]
    for title, counter in sections:
        lines += ["", f"{title}: {sum(counter.values())}" if title != "What happened" else title]
        lines += [f"  {name:<64}{times:>7}" for name, times in sorted(counter.items())]
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
