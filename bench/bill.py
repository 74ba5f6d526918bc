"""From what was counted to dollars a month: every line is a quantity times a list price."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

from bench.template_facts import Facts
from trueup.venues.registry import VENUES

MONTH_SECONDS = 30 * 86_400
GIGABYTE = 2**30
FULL_PROCESSOR_MB = 1769
"""At this much memory a function has one whole processor; below, its share of one."""
PLATFORM_LOG_BYTES = 700
"""Lambda's own two log events an invocation (platform.start and platform.report, with the ids of the trace)."""
AT_ONCE = VENUES["coinbase"].max_concurrency


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill. `price` is a name of aws-prices.json."""

    service: str
    price: str
    quantity: Decimal


SERVICES = {
    "state transitions": "Step Functions",
    "invocations": "Lambda",
    "GB-seconds": "Lambda",
    "DynamoDB write units": "DynamoDB",
    "DynamoDB read units": "DynamoDB",
    "DynamoDB GB-months": "DynamoDB",
    "DynamoDB PITR GB-months": "DynamoDB",
    "S3 puts and lists": "S3",
    "S3 gets": "S3",
    "S3 GB-months": "S3",
    "secrets": "Secrets Manager",
    "secret reads": "Secrets Manager",
    "KMS keys": "KMS",
    "KMS requests": "KMS",
    "log GB": "CloudWatch",
    "log GB-months": "CloudWatch",
    "alarms": "CloudWatch",
    "custom metrics": "CloudWatch",
    "dashboards": "CloudWatch",
    "X-Ray traces": "X-Ray",
    "scheduled starts": "EventBridge Scheduler",
    "SNS publishes": "SNS",
}


class Prices:
    """The list prices of aws-prices.json."""

    def __init__(self, path: Path) -> None:
        self.document: Mapping[str, Any] = json.loads(path.read_text())

    def of(self, name: str) -> Decimal:
        """Return the price of one unit in dollars. Raises KeyError for a name the file does not have."""
        entry = self.document["prices"][name]
        return Decimal(entry["usd"]) / Decimal(entry["per"])


class Counts:
    """What was counted for several numbers of accounts, taken apart into a run's part and each account's."""

    def __init__(self, measured: Mapping[str, Any]) -> None:
        self._samples: dict[tuple[int, int], Mapping[str, int]] = {
            (each["coinbase"], each["dydx"]): each["units"] for each in measured["samples"]
        }
        self.milliseconds: Mapping[str, int] = measured["milliseconds"]
        self.venue_milliseconds: Mapping[str, int] = measured["venue_milliseconds"]
        self.names = sorted({name for units in self._samples.values() for name in units})

    def sample(self, coinbase: int, dydx: int = 0) -> Mapping[str, int]:
        """Return the counts of one measured run."""
        return self._samples[coinbase, dydx]

    def per_account(self, name: str) -> Decimal:
        """Return what each Coinbase account adds: between the smallest and the largest run counted."""
        small, large = self.sizes[0], self.sizes[-1]
        more = self.sample(large).get(name, 0) - self.sample(small).get(name, 0)
        return Decimal(more) / (large - small)

    def per_dydx_account(self, name: str) -> Decimal:
        """Return what each dYdX account after the first adds."""
        few, many = sorted(dydx for _, dydx in self._samples if dydx)
        return Decimal(self.sample(1, many).get(name, 0) - self.sample(1, few).get(name, 0)) / (many - few)

    def per_run(self, name: str) -> Decimal:
        """Return what a run takes besides its accounts."""
        small = self.sizes[0]
        return self.sample(small).get(name, 0) - small * self.per_account(name)

    def of_run(self, name: str, accounts: int) -> Decimal:
        """Return what a run over so many Coinbase accounts takes."""
        return self.per_run(name) + accounts * self.per_account(name)

    @property
    def sizes(self) -> list[int]:
        """The numbers of Coinbase accounts that were counted."""
        return sorted(coinbase for coinbase, dydx in self._samples if not dydx)


class Bill:
    """What so many Coinbase accounts cost, read every `interval` seconds."""

    def __init__(self, counts: Counts, facts: Facts, prices: Prices) -> None:
        self._counts = counts
        self._facts = facts
        self._prices = prices

    def lines(self, accounts: int, interval: int) -> list[Line]:
        """Return every line of a month, once storage has filled up for as long as it is kept."""
        runs = Decimal(MONTH_SECONDS) / interval
        month = {name: quantity * runs for name, quantity in self.run(accounts).items()}
        kept = Decimal(self._facts.retention_days * 86_400) / interval / GIGABYTE
        rows = self._counts.of_run("DynamoDB bytes added", accounts) * kept
        logged = month.pop("log bytes") / GIGABYTE
        month |= {
            "DynamoDB GB-months": rows,
            "DynamoDB PITR GB-months": rows,
            "S3 GB-months": self._counts.of_run("S3 bytes added", accounts) * kept,
            "log GB": logged,
            "log GB-months": logged * self._facts.log_retention_days / 30,
            "secrets": Decimal(accounts),
            "KMS keys": Decimal(1),
            "alarms": Decimal(self._facts.alarms),
            "custom metrics": Decimal(self._facts.metrics),
            "dashboards": Decimal(self._facts.dashboards),
        }
        return [Line(service, name, month[name]) for name, service in SERVICES.items()]

    def run(self, accounts: int) -> dict[str, Decimal]:
        """Return what one run uses, in the units that are billed."""
        counted = {name: self._counts.of_run(name, accounts) for name in self._counts.names}
        functions = 4  # plan, prices, compare, and one fetch function
        return {
            "state transitions": counted["state transitions"],
            "invocations": counted["invocations"],
            "GB-seconds": self.gigabyte_seconds(accounts),
            "DynamoDB write units": counted["DynamoDB write units"],
            "DynamoDB read units": counted["DynamoDB half read units"] / 2,
            "S3 puts and lists": counted["S3 puts"] + counted["S3 lists"],
            "S3 gets": counted["S3 gets"],
            "secret reads": counted["secret reads"],
            # Every secret; and for each function its table key and its bucket key; and for each group its logs. S3 and
            # DynamoDB keep those for minutes, so that a run asks once for each at most.
            "KMS requests": counted["secret reads"] + 2 * functions + self._facts.log_groups,
            "X-Ray traces": Decimal(self._facts.traced),
            "scheduled starts": Decimal(1),
            "SNS publishes": counted.get("SNS publishes", Decimal(0)),
            "log bytes": counted["bytes logged by us"]
            + PLATFORM_LOG_BYTES * counted["invocations"]
            + (counted["bytes of events"] if self._facts.logs_all_events else 0),
        }

    def gigabyte_seconds(self, accounts: int) -> Decimal:
        """Return the memory-time of one run whose functions all start cold: more than it will be."""
        cold = min(accounts, AT_ONCE)
        return (
            self._memory_time("plan", self._warm("plan") + self._cold("plan"))
            + self._memory_time("prices", self._warm("prices") + self._cold("prices"))
            + self._memory_time("fetch-coinbase", accounts * self._warm("fetch-coinbase"))
            + self._memory_time("fetch-coinbase", cold * self._cold("fetch-coinbase"))
            + self._memory_time("compare", self._warm("compare", accounts) + self._cold("compare"))
        )

    def fits(self, accounts: int, interval: int) -> bool:
        """Tell whether a run over so many Coinbase accounts can end in time: its waves of fetches, and its Compare."""
        waves = ceil(accounts / AT_ONCE)
        compare = self._warm("compare", accounts) + self._cold("compare")
        fetches = waves * self._warm("fetch-coinbase") + self._cold("fetch-coinbase")
        whole = self._warm("plan") + self._cold("plan") + fetches + compare
        limits = self._facts.execution_seconds[interval], self._facts.compare_seconds[interval]
        return whole <= 1000 * limits[0] and compare <= 1000 * limits[1]

    def dollars(self, line: Line) -> Decimal:
        """Return what a line costs."""
        return line.quantity * self._prices.of(line.price)

    def run_dollars(self, accounts: int) -> dict[str, Decimal]:
        """Return what one run costs, by the name of the price; what is kept afterwards is not in it."""
        used = self.run(accounts)
        used["log GB"] = used.pop("log bytes") / GIGABYTE
        return {name: quantity * self._prices.of(name) for name, quantity in used.items()}

    def total(self, accounts: int, interval: int) -> Decimal:
        """Return what a month costs."""
        return sum((self.dollars(line) for line in self.lines(accounts, interval)), Decimal(0))

    def _warm(self, function: str, accounts: int = 0) -> Decimal:
        """Milliseconds of a warm invocation: waiting takes as long, everything else as if it were all computing."""
        measured = Decimal(self._counts.milliseconds[function])
        if function == "compare":
            measured += accounts * Decimal(self._counts.milliseconds["compare, each account"])
        waiting = self._counts.venue_milliseconds.get(function, 0)
        return waiting + max(Decimal(0), measured - waiting) * self._slower(function)

    def _cold(self, function: str) -> Decimal:
        return self._counts.milliseconds["cold start"] * self._slower(function)

    def _slower(self, function: str) -> Decimal:
        return max(Decimal(1), Decimal(FULL_PROCESSOR_MB) / self._facts.memory[function])

    def _memory_time(self, function: str, milliseconds: Decimal) -> Decimal:
        return milliseconds / 1000 * self._facts.memory[function] / 1024
