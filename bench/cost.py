"""What Trueup costs on AWS: requests of real runs, counted, times list prices.

`python -m bench.cost` counts again and prints. `--write` keeps the counts in measured.json and writes the tables of
docs/cost.md; `--time` measures the durations too, on a machine that is doing nothing else; `--stored` prints what is
kept, without counting.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from bench.bill import Bill, Counts, Prices
from bench.cost_tables import tables
from bench.cycle import HOLDINGS, VENUE_SECONDS, bench
from bench.imports import Side, import_seconds
from bench.runs import Accounts, count_book_write, count_run
from bench.template_facts import facts
from local.cloud.ministack import interrupted_by_signals

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
PRICES = HERE / "aws-prices.json"
PAGE = HERE.parent / "docs" / "cost.md"
BEGIN, END = "<!-- made by: python -m bench.cost --write -->\n", "<!-- end -->\n"
SAMPLES = (Accounts(1), Accounts(10), Accounts(50), Accounts(1, 1), Accounts(1, 10))
ROUNDS = 5
TRANSACTIONS_SECONDS = 0.1
"""What Coinbase takes for the transactions of one asset. They are asked for one after the other."""


def stored() -> dict[str, Any]:
    """Return what was measured last."""
    found: dict[str, Any] = json.loads(MEASURED.read_text())
    return found


def count() -> dict[str, Any]:
    """Count runs over several numbers of accounts."""
    samples = []
    for accounts in SAMPLES:
        print(f"Counting a run over {accounts.coinbase} Coinbase and {accounts.dydx} dYdX accounts", file=sys.stderr)
        samples.append({"coinbase": accounts.coinbase, "dydx": accounts.dydx, "units": count_run(accounts)})
    return {"samples": samples, "book_write": count_book_write()}


def time_functions() -> dict[str, Any]:
    """Time the functions on the local cloud, warm, and what a cold start imports and makes.

    The fastest of several times counts: what else the machine did in the others is not ours.
    """
    milliseconds: dict[str, float] = {}
    with interrupted_by_signals(), bench(coinbase=10, dydx=0, seconds=VENUE_SECONDS, each=TRANSACTIONS_SECONDS) as made:
        for _ in range(2):
            made.cycle(10)
        begun = time.time()
        for _ in range(ROUNDS):
            made.cycle(1)
        for name in ("plan", "prices", "fetch-coinbase", "compare"):
            milliseconds[name] = min(made.durations(name, begun))
        begun = time.time()
        for _ in range(ROUNDS):
            made.cycle(10)
        of_ten = min(made.durations("compare", begun))
    each = (of_ten - milliseconds["compare"]) / 9
    milliseconds |= {"compare, each account": max(0.0, each), "compare": milliseconds["compare"] - max(0.0, each)}
    cold = Side("cold", HERE.parent / "functions" / "fetch", "coinbase", "dynamodb,s3,secretsmanager")
    packages = [Path(boto3.__file__).parents[1], HERE.parent / "shared"]
    milliseconds["cold start"] = 1000 * min(import_seconds(Path(sys.executable), packages, cold) for _ in range(ROUNDS))
    waiting = {"prices": VENUE_SECONDS, "fetch-coinbase": VENUE_SECONDS + len(HOLDINGS) * TRANSACTIONS_SECONDS}
    return {
        "venue_milliseconds": {name: round(1000 * seconds) for name, seconds in waiting.items()},
        "milliseconds": {name: round(taken) for name, taken in milliseconds.items()},
        "timed_on": datetime.now(UTC).date().isoformat(),
    }


def render(measured: Mapping[str, Any]) -> str:
    """Return the tables, as they stand in docs/cost.md."""
    counts, prices, known = Counts(measured), Prices(PRICES), facts()
    return tables(counts, Bill(counts, known, prices), prices, measured["book_write"])


def with_tables(page: str, text: str) -> str:
    """Return the page with the tables put in their place. Raises ValueError when the page has no place for them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no {BEGIN.strip()} … {END.strip()}")
    return before + begin + text + end + after


def main() -> int:
    """Count, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description="What Trueup costs on AWS")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--write", action="store_true", help="keep the counts, and write docs/cost.md")
    how.add_argument("--time", action="store_true", help="measure the durations too, keep all, and write docs/cost.md")
    how.add_argument("--stored", action="store_true", help="print what is kept, without counting")
    options = parser.parse_args()
    measured = stored() if MEASURED.exists() else {}
    if not options.stored:
        measured |= count()
    if options.time:
        measured |= time_functions()
    if options.write or options.time:
        MEASURED.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n")
        PAGE.write_text(with_tables(PAGE.read_text(), render(measured)))
    print(render(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
