"""What a function is told by its environment: one clear line for whatever is wrong with it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import policy
from trueup.config import (
    INTERVALS,
    ROOM,
    BookSettings,
    CompareSettings,
    FetchSettings,
    NotifySettings,
    PlanSettings,
    PricesSettings,
    Stores,
    check_recheck_wait,
    threshold,
)
from trueup.domain.policy import default_policy
from trueup.errors import ConfigInvalid

ENVIRONMENT = {
    "TABLE_NAME": "trueup-table",
    "BUCKET_NAME": "trueup-evidence",
    "RETENTION_DAYS": "400",
    "RECONCILIATION_ENABLED": "true",
    "RECONCILIATION_INTERVAL_SECONDS": "300",
    "RECONCILIATION_THRESHOLD_PERCENTAGE": "0.1",
    "RECONCILIATION_TIMEOUT_MILLISECONDS": "5000",
    "RECONCILIATION_MAX_RETRIES": "3",
    "MAX_CONCURRENCY": "8",
    "FETCH_FUNCTIONS": '{"coinbase": "arn:coinbase", "dydx": "arn:dydx"}',
    "VENUE": "coinbase",
    "SECRET_PREFIX": "trueup/",
    "PRICES_BASE_URL": "https://api.coinbase.com",
    "BASE_CURRENCY": "USD",
    "TOPIC_ARN": "arn:topic",
    "STACK_NAME": "trueup",
}
STORES = Stores("trueup-table", "trueup-evidence", 400)
SETTINGS: dict[str, Any] = {
    "plan": PlanSettings,
    "fetch": FetchSettings,
    "prices": PricesSettings,
    "compare": CompareSettings,
    "book": BookSettings,
}
NEEDED = {
    "plan": [*(name for name in ENVIRONMENT if name.startswith("RECON")), "MAX_CONCURRENCY", "FETCH_FUNCTIONS"],
    "fetch": ["VENUE", "SECRET_PREFIX", "RECONCILIATION_TIMEOUT_MILLISECONDS", "STACK_NAME"],
    "prices": ["BASE_CURRENCY", "PRICES_BASE_URL", "RECONCILIATION_TIMEOUT_MILLISECONDS"],
    "compare": [
        "TOPIC_ARN",
        "BASE_CURRENCY",
        "MAX_CONCURRENCY",
        "FETCH_FUNCTIONS",
        "STACK_NAME",
    ],
    "book": [],
}
OF_ALL = ["TABLE_NAME", "BUCKET_NAME", "RETENTION_DAYS"]


def test_each_function_reads_its_own_settings() -> None:
    assert PlanSettings.from_env(ENVIRONMENT) == PlanSettings(
        STORES, True, 300, Decimal("0.001"), 8, {"coinbase": "arn:coinbase", "dydx": "arn:dydx"}
    )
    assert FetchSettings.from_env(ENVIRONMENT) == FetchSettings(
        STORES, "coinbase", "trueup/", 5000, frozenset(), "trueup"
    )
    assert PricesSettings.from_env(ENVIRONMENT) == PricesSettings(STORES, "USD", "https://api.coinbase.com", 5000)
    assert CompareSettings.from_env(ENVIRONMENT) == CompareSettings(
        STORES, "arn:topic", "USD", {"coinbase": "arn:coinbase", "dydx": "arn:dydx"}, 8, "trueup", None
    )


@pytest.mark.parametrize(
    ("given", "secret"), [({}, None), ({"HEARTBEAT_ARN": ""}, None), ({"HEARTBEAT_ARN": "arn"}, "arn")]
)
def test_a_heartbeat_is_there_only_where_somebody_watches(given: dict[str, str], secret: str | None) -> None:
    assert CompareSettings.from_env(ENVIRONMENT | given).heartbeat_arn == secret


@pytest.mark.parametrize(
    ("text", "hosts"),
    [("", set()), ("books.internal", {"books.internal"}), ("A.internal, 10.0.0.7", {"a.internal", "10.0.0.7"})],
)
def test_hosts_that_may_be_asked_for_a_book_are_read(text: str, hosts: set[str]) -> None:
    assert FetchSettings.from_env(ENVIRONMENT | {"BOOK_ALLOWED_HOSTS": text}).book_allowed_hosts == hosts


@pytest.mark.parametrize("text", ["a,", "https://a", "a:443", "*", " "])
def test_hosts_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"^BOOK_ALLOWED_HOSTS must be hosts such as books\.internal"):
        FetchSettings.from_env(ENVIRONMENT | {"BOOK_ALLOWED_HOSTS": text})


@pytest.mark.parametrize("function", NEEDED)
def test_a_function_needs_what_it_uses_and_nothing_else(function: str) -> None:
    wanted = {name: ENVIRONMENT[name] for name in OF_ALL + NEEDED[function]}
    SETTINGS[function].from_env(wanted)


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize(
    ("function", "name"), [(function, name) for function, own in NEEDED.items() for name in OF_ALL + own]
)
def test_a_variable_that_is_not_set_is_named(function: str, name: str, value: str | None) -> None:
    env = {key: text for key, text in ENVIRONMENT.items() if key != name}
    if value is not None:
        env[name] = value
    with pytest.raises(ConfigInvalid, match=rf"^{name} is not set; the template sets it: deploy again$"):
        SETTINGS[function].from_env(env)


@pytest.mark.parametrize(
    ("function", "name", "value", "problem"),
    [
        ("plan", "RETENTION_DAYS", "0", "must be a whole number from 1 to 36500; not '0'"),
        ("plan", "RETENTION_DAYS", "40 days", "must be a whole number from 1 to 36500; not '40 days'"),
        ("plan", "RETENTION_DAYS", "1e2", "must be a whole number"),
        ("plan", "RETENTION_DAYS", "-5", "must be a whole number"),
        ("plan", "RETENTION_DAYS", "４００", "must be a whole number"),
        ("plan", "RETENTION_DAYS", "9" * 5000, "must be a whole number"),
        ("plan", "RECONCILIATION_ENABLED", "True", "must be one of true, false; not 'True'"),
        ("plan", "RECONCILIATION_ENABLED", "1", "must be one of true, false; not '1'"),
        ("plan", "RECONCILIATION_INTERVAL_SECONDS", "90", "must be one of 60, 120, 300, 600, 900, 1800, 3600; not 90"),
        ("plan", "RECONCILIATION_INTERVAL_SECONDS", "59", "must be a whole number from 60 to 3600; not '59'"),
        ("plan", "RECONCILIATION_INTERVAL_SECONDS", "5 min", "must be a whole number from 60 to 3600; not '5 min'"),
        ("plan", "RECONCILIATION_MAX_RETRIES", "11", "must be a whole number from 0 to 10; not '11'"),
        ("plan", "RECONCILIATION_MAX_RETRIES", "-1", "must be a whole number from 0 to 10; not '-1'"),
        (
            "plan",
            "RECONCILIATION_MAX_RETRIES",
            "5",
            "must be from 0 to 4 with RECONCILIATION_INTERVAL_SECONDS=300; not 5",
        ),
        ("plan", "RECONCILIATION_TIMEOUT_MILLISECONDS", "60001", "must be a whole number from 1000 to 60000"),
        (
            "plan",
            "RECONCILIATION_TIMEOUT_MILLISECONDS",
            "24001",
            "must be from 1000 to 24000 with RECONCILIATION_INTERVAL_SECONDS=300; not 24001",
        ),
        ("plan", "RECONCILIATION_THRESHOLD_PERCENTAGE", "11", "must be from 0.0001 to 10 (per cent); not 11"),
        ("plan", "MAX_CONCURRENCY", "0", "must be a whole number from 1 to 1000; not '0'"),
        ("plan", "MAX_CONCURRENCY", "1001", "must be a whole number from 1 to 1000; not '1001'"),
        ("plan", "FETCH_FUNCTIONS", "coinbase", "must be a JSON object of venue to function ARN"),
        ("plan", "FETCH_FUNCTIONS", "[]", "must be a JSON object of venue to function ARN"),
        ("plan", "FETCH_FUNCTIONS", '{"coinbase": ""}', "must be a JSON object of venue to function ARN"),
        ("plan", "FETCH_FUNCTIONS", '{"coinbase": null}', "must be a JSON object of venue to function ARN"),
        ("plan", "FETCH_FUNCTIONS", '{"coinbase": {"x": 1}}', "must be a JSON object of venue to function ARN"),
        ("fetch", "RECONCILIATION_TIMEOUT_MILLISECONDS", "999", "must be a whole number from 1000 to 60000; not '999'"),
        ("fetch", "RECONCILIATION_TIMEOUT_MILLISECONDS", "60001", "must be a whole number from 1000 to 60000"),
        ("fetch", "RECONCILIATION_TIMEOUT_MILLISECONDS", "5.0", "must be a whole number from 1000 to 60000"),
        ("prices", "PRICES_BASE_URL", "http://api.coinbase.com", "must be https"),
        ("prices", "PRICES_BASE_URL", "api.coinbase.com", "must be a plain address"),
        ("prices", "BASE_CURRENCY", "usd", "must be a currency such as USD; not 'usd'"),
        ("prices", "BASE_CURRENCY", "US", "must be a currency such as USD; not 'US'"),
        ("prices", "BASE_CURRENCY", "USD\n", "must be a currency such as USD"),
        ("compare", "BASE_CURRENCY", "DOLLAR", "must be a currency such as USD; not 'DOLLAR'"),
        ("plan", "RECONCILIATION_THRESHOLD_PERCENTAGE", "0.1%", "must be a decimal number"),
        ("plan", "RECONCILIATION_THRESHOLD_PERCENTAGE", "0,1", "must be a decimal number"),
        ("plan", "RECONCILIATION_THRESHOLD_PERCENTAGE", "NaN", "must be a decimal number"),
        ("plan", "RECONCILIATION_THRESHOLD_PERCENTAGE", "0", "must be from 0.0001 to 10 (per cent); not 0"),
        ("plan", "RECONCILIATION_THRESHOLD_PERCENTAGE", "-1", "must be from 0.0001 to 10 (per cent); not -1"),
        ("plan", "RECONCILIATION_THRESHOLD_PERCENTAGE", "0.00009", "must be from 0.0001 to 10 (per cent)"),
        ("plan", "RECONCILIATION_THRESHOLD_PERCENTAGE", "10.1", "must be from 0.0001 to 10 (per cent); not 10.1"),
        (
            "plan",
            "RECONCILIATION_THRESHOLD_PERCENTAGE",
            "0." + "1" * 39,
            "must have at most 20 digits after the point",
        ),
    ],
)
def test_a_variable_that_is_wrong_is_named_with_what_is_allowed(
    function: str, name: str, value: str, problem: str
) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        SETTINGS[function].from_env(ENVIRONMENT | {name: value})
    message = str(refused.value)
    assert message.startswith(f"{name} {problem}")
    assert "\n" not in message
    assert len(message) < 200


@pytest.mark.parametrize("interval", INTERVALS)
def test_every_interval_the_template_offers_is_taken(interval: int) -> None:
    found = PlanSettings.from_env(ENVIRONMENT | {"RECONCILIATION_INTERVAL_SECONDS": str(interval), **room(interval)})
    assert found.interval_seconds == interval


def room(interval: int) -> dict[str, str]:
    """As many retries and as long a request as fit."""
    retries, timeout, _ = ROOM[interval]
    return {"RECONCILIATION_MAX_RETRIES": str(retries), "RECONCILIATION_TIMEOUT_MILLISECONDS": str(timeout)}


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("name", ["RECONCILIATION_MAX_RETRIES", "RECONCILIATION_TIMEOUT_MILLISECONDS"])
def test_what_cannot_fit_the_interval_is_refused_before_anything_is_read(interval: int, name: str) -> None:
    most = int(room(interval)[name])
    env = ENVIRONMENT | room(interval) | {"RECONCILIATION_INTERVAL_SECONDS": str(interval), name: str(most + 1)}
    with pytest.raises(ConfigInvalid) as refused:
        PlanSettings.from_env(env)
    message = str(refused.value)
    assert message.startswith(f"{name} must be ")
    assert f" to {most}" in message
    assert message.endswith(f"not {most + 1}" if " with " in message else f"not '{most + 1}'")


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_policy_may_wait_as_long_as_the_interval_has_room_for_and_no_longer(interval: int) -> None:
    most = ROOM[interval].recheck_wait_seconds
    check_recheck_wait(default_policy(), interval)
    check_recheck_wait(policy(timing={"default": {"recheck_wait_seconds": most}}), interval)
    with pytest.raises(
        ConfigInvalid, match=rf"\(default\) must be from 1 to {most} with .*={interval}, not {most + 1};"
    ):
        check_recheck_wait(policy(timing={"default": {"recheck_wait_seconds": most + 1}}), interval)


@pytest.mark.parametrize(
    ("percentage", "share"),
    [
        ("0.1", "0.001"),
        ("10", "0.1"),
        ("0.0001", "0.000001"),
        ("1e0", "0.01"),
        ("0.12345678901234567891", "0.0012345678901234567891"),
    ],
)
def test_a_threshold_in_per_cent_is_a_share_exactly(percentage: str, share: str) -> None:
    assert threshold(percentage) == Decimal(share)


def test_a_switched_off_stack_says_so() -> None:
    assert PlanSettings.from_env(ENVIRONMENT | {"RECONCILIATION_ENABLED": "false"}).enabled is False


def test_no_venue_deployed_is_an_empty_object() -> None:
    assert PlanSettings.from_env(ENVIRONMENT | {"FETCH_FUNCTIONS": json.dumps({})}).fetch_functions == {}


# -- telling endpoints: it needs none of the stores but the table ----------------------------------------------------

NOTIFY = {
    "TABLE_NAME": "trueup-table",
    "ALERT_ENDPOINTS": "trueup/alert-endpoints",
    "DELIVERY_QUEUE_URL": "https://sqs/deliveries.fifo",
    "DELIVERY_DEAD_LETTER_QUEUE_URL": "https://sqs/dead-deliveries.fifo",
    "FIRST_WAIT_SECONDS": "15",
    "MOST_ATTEMPTS": "10",
}


def test_what_tells_endpoints_reads_its_own_settings() -> None:
    assert NotifySettings.from_env(NOTIFY | {"ALERT_ALLOWED_HOSTS": "hooks.internal"}) == NotifySettings(
        "trueup-table",
        "trueup/alert-endpoints",
        "https://sqs/deliveries.fifo",
        "https://sqs/dead-deliveries.fifo",
        frozenset({"hooks.internal"}),
        15,
        10,
    )


@pytest.mark.parametrize("name", NOTIFY)
def test_what_tells_endpoints_names_what_is_not_set(name: str) -> None:
    with pytest.raises(ConfigInvalid, match=rf"^{name} is not set; the template sets it: deploy again$"):
        NotifySettings.from_env({key: text for key, text in NOTIFY.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("FIRST_WAIT_SECONDS", "0", "must be a whole number from 1 to 900; not '0'"),
        ("FIRST_WAIT_SECONDS", "1.5", "must be a whole number from 1 to 900; not '1.5'"),
        ("MOST_ATTEMPTS", "101", "must be a whole number from 1 to 100; not '101'"),
        ("ALERT_ALLOWED_HOSTS", "https://x", "must be hosts such as books.internal, by commas; not 'https://x'"),
    ],
)
def test_what_tells_endpoints_names_what_is_wrong_and_what_is_allowed(name: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        NotifySettings.from_env(NOTIFY | {name: value})
    assert str(refused.value) == f"{name} {problem}"
