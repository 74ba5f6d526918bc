"""One comparison in a process of its own: `python -m bench.one_comparison SIDE PER_CENT_DIFFERENT LINES` prints JSON.

The data are made first. Then the memory's high-water mark is set back, and only the comparison is timed.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.mixes import WALLET_SIZE, Mix, asset_name, listed

OURS = "trueup"
PANDAS, POLARS = "datacompy, pandas", "datacompy, Polars"
AS_FLOATS = ", as floats"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Measured:
    """One comparison: processor time of all threads, and memory in bytes."""

    seconds: float
    peak: int
    """The most the whole process held while comparing, its data and libraries included."""
    added: int
    """Of that, what it did not hold before."""
    differing: int
    """Lines it said are not equal."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A comparison whose data are in memory, and how to count the lines that its result says are not equal."""

    compare: Callable[[], Any]
    count: Callable[[Any], int]


def trueup(mix: Mix, lines: int) -> Prepared:
    """An observation of dataclasses, all assets priced; the account's report has a line for each key."""
    from trueup.domain.compare import compare
    from trueup.domain.models import Book, Holding, Observation, PriceSet, Snapshot
    from trueup.domain.policy import default_policy
    from trueup.domain.report import AccountReport, Outcome

    def holdings(side: str) -> tuple[Holding, ...]:
        return tuple(Holding(*listing) for listing in listed(mix, lines, side))

    venue, before, after = (holdings(side) for side in ("venue", "before", "after"))
    wallets = tuple(sorted({holding.wallet for side in (venue, before) for holding in side}))
    observation = Observation(
        Snapshot("bench", "dydx", NOON, dict.fromkeys(wallets), venue),
        Book("bench", NOON, "1", wallets, before),
        Book("bench", NOON, "2", wallets, after),
    )
    quotes = {asset_name(number): Decimal(1 + number % 100) for number in range(WALLET_SIZE)}
    prices = PriceSet("USD", NOON, "bench", quotes)

    def differing(report: AccountReport) -> int:
        return sum(line.outcome is not Outcome.EXACT for line in report.lines)

    return Prepared(lambda: compare(observation, default_policy(), prices), differing)


def datacompy_pandas(mix: Mix, lines: int, *, exact: bool = True) -> Prepared:
    """Two pandas frames whose totals are Decimal objects."""
    import datacompy
    import pandas

    frames = [
        pandas.DataFrame({"wallet": wallets, "asset": assets, "total": pandas.Series(totals, dtype=object)})
        for wallets, assets, totals in (_columns(mix, lines, side) for side in ("venue", "before"))
    ]
    return _joined(datacompy.PandasCompare, frames, exact=exact)


def datacompy_polars(mix: Mix, lines: int, *, exact: bool = True) -> Prepared:
    """Two Polars frames whose totals are its own decimals: 38 digits, 24 of them behind the point."""
    import datacompy
    import polars

    kind = polars.Decimal(38, 24)
    frames = [
        polars.DataFrame({"wallet": wallets, "asset": assets, "total": polars.Series(totals, dtype=kind)})
        for wallets, assets, totals in (_columns(mix, lines, side) for side in ("venue", "before"))
    ]
    return _joined(datacompy.PolarsCompare, frames, exact=exact)


def _columns(mix: Mix, lines: int, side: str) -> tuple[list[str], list[str], list[Decimal]]:
    wallets, assets, totals = zip(*listed(mix, lines, side), strict=True)
    return list(wallets), list(assets), list(totals)


def _joined(compare: Any, frames: list[Any], *, exact: bool) -> Prepared:
    """Join on wallet and asset, and list the rows that differ and those that one side has alone.

    datacompy itself takes decimals for floats. A comparator of one's own, which it has a place for, makes it exact.
    """
    from datacompy.comparator.base import BaseComparator

    class Equal(BaseComparator):  # type: ignore[misc]  # datacompy is only where it is measured
        def compare(self, col1: Any, col2: Any, **_: Any) -> Any:
            return col1 == col2

    def run() -> tuple[Any, ...]:
        done = compare(*frames, join_columns=["wallet", "asset"], custom_comparators=[Equal()] if exact else None)
        return done, done.all_mismatch(), done.df1_unq_rows, done.df2_unq_rows

    return Prepared(run, lambda found: sum(map(len, found[1:])))


SIDES: Mapping[str, Callable[[Mix, int], Prepared]] = {
    OURS: trueup,
    PANDAS: datacompy_pandas,
    POLARS: datacompy_polars,
    PANDAS + AS_FLOATS: lambda mix, lines: datacompy_pandas(mix, lines, exact=False),
    POLARS + AS_FLOATS: lambda mix, lines: datacompy_polars(mix, lines, exact=False),
}


def measured(prepared: Prepared) -> Measured:
    """Compare once, and say what it took. Linux only: the high-water mark is set back through /proc."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak()
    begun = time.process_time()
    result = prepared.compare()
    seconds = time.process_time() - begun
    peak = _peak()
    return Measured(seconds, peak, peak - before, prepared.count(result))


def _peak() -> int:
    # Not resource's ru_maxrss: it counts what the parent held before this program began, and cannot be set back.
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def main() -> int:
    """Measure one side with one mix."""
    side, different, lines = sys.argv[1:]
    print(json.dumps(asdict(measured(SIDES[side](Mix(f"{different} %", int(different)), int(lines))))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
