"""How often the product and its twin agree: `python -m tests.twin 100000 --seed 1`."""

import argparse
import json
from collections import Counter, defaultdict

from tests.twin.agreement import count, differ, differences, product, shrunk
from tests.twin.generate import made


def main() -> int:
    """Print the count, what was met on the way, and each disagreement at its smallest; 1 if there is one."""
    options = argparse.ArgumentParser(prog="python -m tests.twin", description=__doc__)
    options.add_argument("count", type=int, nargs="?", default=3000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--without-pending", action="store_true", help="nothing in flight")
    options.add_argument("--show", type=int, default=3, help="how many disagreements to shrink and print")
    chosen = options.parse_args()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    agreed, shown = 0, 0
    for number in range(chosen.count):
        case = made(f"{chosen.seed}/{number}", pending=not chosen.without_pending)
        count(product(case), counts)
        if not differ(case):
            agreed += 1
        elif shown < chosen.show:
            shown += 1
            least = shrunk(case)
            print(f"\nobservation {number} of seed {chosen.seed}, at its smallest:")
            for name, document in least.items():
                print(f"{name}.json  {json.dumps(document)}")
            for line in differences(least):
                print(f"  {line}")
    for name, met in counts.items():
        print(f"{name + ':':<25}" + ", ".join(f"{what} {times:,}" for what, times in met.most_common()))
    print(f"agreed on {agreed:,} of {chosen.count:,} observations (seed {chosen.seed})")
    return 0 if agreed == chosen.count else 1


if __name__ == "__main__":
    raise SystemExit(main())
