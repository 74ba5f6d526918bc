"""The tables of docs/cost.md: what is counted, what it costs a month, and what that consists of."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from bench.bill import Bill, Counts, Prices

ACCOUNTS = (1, 10, 100, 1000)
INTERVALS = (60, 120, 300, 600, 900, 1800, 3600)
EXAMPLES = ((1, 300), (10, 300), (10, 60), (100, 300))
_NAMES = {
    "state transitions": "Step Functions state transitions",
    "invocations": "Lambda invocations",
    "DynamoDB read units": "DynamoDB read request units",
    "DynamoDB write units": "DynamoDB write request units",
    "DynamoDB bytes added": "DynamoDB bytes added",
    "S3 puts": "S3 PUT",
    "S3 gets": "S3 GET",
    "S3 lists": "S3 LIST",
    "S3 bytes added": "S3 bytes added",
    "secret reads": "Secrets Manager reads",
    "SNS publishes": "SNS publishes (nothing to say)",
    "bytes logged by us": "Bytes our functions log",
    "bytes of events": "Bytes of Step Functions events, if all are logged",
}


def tables(counts: Counts, bill: Bill, prices: Prices, book_write: Mapping[str, int]) -> str:
    """Return all tables as Markdown."""
    return "\n".join(
        [
            *_counts(counts, book_write),
            "",
            *_month(bill, prices),
            "",
            *_services(bill),
            "",
            *_account(bill),
            "",
        ]
    )


def _counts(counts: Counts, book_write: Mapping[str, int]) -> list[str]:
    rows = [
        "| counted | each run | each Coinbase account | each dYdX account | writing one book |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, shown in _NAMES.items():
        key, half = (name, 1) if name != "DynamoDB read units" else ("DynamoDB half read units", 2)
        per = (
            counts.per_run(key),
            counts.per_account(key),
            counts.per_dydx_account(key),
            Decimal(book_write.get(key, 0)),
        )
        rows.append(f"| {shown} | {' | '.join(_number(value / half) for value in per)} |")
    return rows


def _month(bill: Bill, prices: Prices) -> list[str]:
    note = f"Dollars a month at list prices ({prices.document['region']}, {prices.document['collected']}):"
    rows = [note, "", f"| accounts | {' | '.join(f'{interval} s' for interval in INTERVALS)} |"]
    rows.append("|--:|" + "--:|" * len(INTERVALS))
    for accounts in ACCOUNTS:
        cells = [
            _dollars(bill.total(accounts, interval)) if bill.fits(accounts, interval) else "–" for interval in INTERVALS
        ]
        rows.append(f"| {accounts:,} | {' | '.join(cells)} |")
    return rows


def _services(bill: Bill) -> list[str]:
    heads = [f"{accounts} at {interval} s" for accounts, interval in EXAMPLES]
    sums: list[dict[str, Decimal]] = []
    for accounts, interval in EXAMPLES:
        found: dict[str, Decimal] = defaultdict(Decimal)
        for line in bill.lines(accounts, interval):
            found[line.service] += bill.dollars(line)
        sums.append(found)
    rows = [f"| dollars a month | {' | '.join(heads)} |", "|---|" + "--:|" * len(heads)]
    rows += [
        f"| {service} | {' | '.join(_dollars(each[service]) for each in sums)} |"
        for service in sorted(sums[1], key=lambda name: (-sums[1][name], name))
    ]
    rows.append(f"| **all** | {' | '.join(_dollars(sum(each.values(), Decimal(0))) for each in sums)} |")
    return rows


def _account(bill: Bill) -> list[str]:
    """What one more account costs each time it is read, in millionths of a dollar, storage and secret left out."""
    few, many = bill.run_dollars(10), bill.run_dollars(50)
    each = {name: (many[name] - few[name]) / 40 * 1_000_000 for name in many}
    whole = sum(each.values(), Decimal(0))
    rows = ["| one more Coinbase account, each run | millionths of a dollar | share |", "|---|--:|--:|"]
    rows += [
        f"| {name} | {each[name]:.1f} | {100 * each[name] / whole:.0f} % |"
        for name in sorted(each, key=lambda name: (-each[name], name))
        if each[name]
    ]
    rows.append(f"| **all** | {whole:.1f} | |")
    return rows


def _number(value: Decimal) -> str:
    return f"{value:,.0f}" if value == value.to_integral_value() or value > 100 else f"{value:.2f}"


def _dollars(value: Decimal) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
