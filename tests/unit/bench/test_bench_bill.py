"""From counts to dollars: every line is a quantity times a list price, and the quantities are the counted ones."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bench.bill import SERVICES, Bill, Counts, Prices
from bench.cost import PRICES
from bench.template_facts import Facts, facts

MEASURED = {
    "samples": [
        {
            "coinbase": accounts,
            "dydx": dydx,
            "units": {
                "state transitions": 11 + accounts + dydx,
                "invocations": 3 + accounts + dydx,
                "DynamoDB write units": 3 + 4 * (accounts + dydx),
                "DynamoDB half read units": 4 + 8 * (accounts + dydx),
                "DynamoDB bytes added": 1000 * (accounts + dydx),
                "S3 puts": 3 + accounts + dydx,
                "S3 lists": 1,
                "S3 gets": 3 + 2 * (accounts + dydx),
                "S3 bytes added": 2000 * (accounts + dydx),
                "secret reads": accounts,
                "bytes logged by us": 1000,
                "bytes of events": 2000 * (accounts + dydx),
            },
        }
        for accounts, dydx in ((1, 0), (10, 0), (50, 0), (1, 1), (1, 10))
    ],
    "venue_milliseconds": {"prices": 500, "fetch-coinbase": 550},
    "milliseconds": {
        "plan": 100,
        "prices": 500,
        "fetch-coinbase": 600,
        "compare": 200,
        "compare, each account": 10,
        "cold start": 300,
    },
}
FACTS = Facts(
    memory={"plan": 1769, "prices": 1769, "fetch-coinbase": 1769, "fetch-dydx": 1769, "compare": 1769},
    log_groups=7,
    alarms=4,
    dashboards=1,
    metrics=12,
    logs_all_events=False,
    traced=True,
    retention_days=30,
    log_retention_days=30,
    execution_seconds={60: 59, 300: 295},
    compare_seconds={60: 5, 300: 26},
)


def bill(known: Facts = FACTS) -> Bill:
    return Bill(Counts(MEASURED), known, Prices(PRICES))


def quantity(name: str, accounts: int, known: Facts = FACTS) -> Decimal:
    (line,) = [line for line in bill(known).lines(accounts, 300) if line.price == name]
    return line.quantity


def test_every_price_is_used_and_says_where_it_is_from() -> None:
    prices = Prices(PRICES).document["prices"]
    assert prices.keys() == SERVICES.keys()
    for name, entry in prices.items():
        assert entry["source"].startswith("https://aws.amazon.com/"), name
        assert Decimal(entry["usd"]) > 0


def test_a_months_quantities_are_the_counted_ones_times_its_8640_runs() -> None:
    assert quantity("state transitions", 20) == 8640 * 31
    assert quantity("DynamoDB write units", 20) == 8640 * 83
    assert quantity("DynamoDB read units", 20) == 8640 * 82
    assert quantity("S3 puts and lists", 20) == 8640 * 24
    assert quantity("secret reads", 20) == 8640 * 20
    assert quantity("secrets", 20) == 20
    # 20 secrets, 4 functions with a key each for table and bucket, 7 log groups
    assert quantity("KMS requests", 20) == 8640 * (20 + 8 + 7)


def test_storage_is_what_has_gathered_when_the_first_of_it_expires() -> None:
    assert quantity("S3 GB-months", 1) == Decimal(8640 * 2000) / 2**30
    assert quantity("DynamoDB GB-months", 1) == quantity("DynamoDB PITR GB-months", 1) == Decimal(8640 * 1000) / 2**30
    assert quantity("S3 GB-months", 1, replace(FACTS, retention_days=300)) == Decimal(86_400 * 2000) / 2**30


def test_memory_time_is_that_of_functions_that_all_start_cold() -> None:
    # plan 100 + 300, prices 500 + 300, fetch 20 × 600 + 8 × 300, compare 200 + 20 × 10 + 300, at a whole processor
    milliseconds = 400 + 800 + 20 * 600 + 8 * 300 + 700
    assert quantity("GB-seconds", 20) == 8640 * Decimal(milliseconds) / 1000 * 1769 / 1024


def test_less_memory_slows_what_is_not_waiting_for_the_venue() -> None:
    half = replace(FACTS, memory=dict.fromkeys(FACTS.memory, 1769 // 2))
    slower = Decimal(1769) / (1769 // 2)
    waiting = 500 + 20 * 550
    computing = 400 + 300 + 20 * 50 + 8 * 300 + 700
    expected = (waiting + computing * slower) / 1000 * (1769 // 2) / 1024
    assert abs(bill(half).gigabyte_seconds(20) - expected) < Decimal("1e-20")


def test_watching_costs_the_same_however_many_accounts_there_are() -> None:
    for name, number in (("alarms", 4), ("dashboards", 1), ("custom metrics", 12)):
        assert quantity(name, 1) == quantity(name, 1000) == number


def test_logging_every_event_of_the_state_machine_is_paid() -> None:
    more = quantity("log GB", 20, replace(FACTS, logs_all_events=True)) - quantity("log GB", 20)
    assert more == Decimal(8640 * 20 * 2000) / 2**30


def test_the_sum_is_the_sum_of_its_lines() -> None:
    lines = bill().lines(10, 300)
    prices = Prices(PRICES)
    assert bill().total(10, 300) == sum(line.quantity * prices.of(line.price) for line in lines)
    assert quantity("state transitions", 10) * prices.of("state transitions") == Decimal(8640 * 21) * Decimal(
        "0.000025"
    )


@pytest.mark.parametrize(("accounts", "interval", "fits"), [(8, 60, True), (700, 60, False), (700, 300, True)])
def test_more_accounts_than_waves_of_eight_have_time_for_do_not_fit(accounts: int, interval: int, fits: bool) -> None:
    patient = replace(FACTS, compare_seconds={60: 600, 300: 600})
    assert bill(patient).fits(accounts, interval) is fits


@pytest.mark.parametrize(("accounts", "fits"), [(2500, True), (2600, False)])
def test_more_accounts_than_compare_has_time_for_do_not_fit(accounts: int, fits: bool) -> None:
    # 200 + 300 milliseconds and 10 for each account, in 26 seconds
    patient = replace(FACTS, execution_seconds={300: 6000})
    assert bill(patient).fits(accounts, 300) is fits


def test_what_the_bill_depends_on_is_read_from_the_template() -> None:
    known = facts()
    assert known.memory.keys() == {"plan", "prices", "fetch-coinbase", "fetch-dydx", "compare"}
    assert known.execution_seconds.keys() == {60, 120, 300, 600, 900, 1800, 3600}
    assert known.compare_seconds.keys() == known.execution_seconds.keys()
    assert known.alarms >= 6
    assert known.dashboards == 1
    assert known.log_groups == len(known.memory) + 1
