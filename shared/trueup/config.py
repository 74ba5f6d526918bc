"""What a function is told by its environment, checked once, with a clear line for what is wrong."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from trueup.domain.amounts import NotAnAmount, parse_amount, plain, shorten
from trueup.domain.base_urls import check_base_url
from trueup.errors import ConfigInvalid

if TYPE_CHECKING:
    from trueup.domain.policy import Policy


class Room(NamedTuple):
    """What fits into an interval at most: the timing table of template.yaml has the arithmetic."""

    retries: int
    timeout_milliseconds: int
    recheck_wait_seconds: int
    """Before a second look, also when a first one has used up all those retries."""


ROOM = {
    60: Room(1, 6_000, 10),
    120: Room(3, 9_000, 11),
    300: Room(4, 24_000, 15),
    600: Room(6, 33_000, 65),
    900: Room(10, 38_000, 65),
    1800: Room(10, 60_000, 280),
    3600: Room(10, 60_000, 1_450),
}
INTERVALS = tuple(ROOM)
_Environment = Mapping[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stores:
    """Where rows and objects are."""

    table_name: str
    bucket_name: str
    retention_days: int

    @classmethod
    def from_env(cls, env: _Environment) -> "Stores":
        """Read TABLE_NAME, BUCKET_NAME, RETENTION_DAYS."""
        return cls(_text(env, "TABLE_NAME"), _text(env, "BUCKET_NAME"), _whole(env, "RETENTION_DAYS", 1, 36_500))


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What Plan needs."""

    stores: Stores
    enabled: bool
    interval_seconds: int
    relative: Decimal
    """The default relative tolerance: 0.001 for a threshold of 0.1 %."""
    max_concurrency: int
    fetch_functions: Mapping[str, str]
    """The function of each venue that is deployed."""

    @classmethod
    def from_env(cls, env: _Environment) -> "PlanSettings":
        """Read the environment. Raises ConfigInvalid naming the variable and what is allowed."""
        interval = _interval(env)
        # The run's first step refuses for all of them, before anything is read: a retry or a request that cannot fit
        # would show only when a venue is down, as a run that never reports.
        retries, timeout = _whole(env, "RECONCILIATION_MAX_RETRIES", 0, 10), _timeout(env)
        _fits(interval, "RECONCILIATION_MAX_RETRIES", retries, 0, ROOM[interval].retries)
        _fits(interval, "RECONCILIATION_TIMEOUT_MILLISECONDS", timeout, 1000, ROOM[interval].timeout_milliseconds)
        return cls(
            stores=Stores.from_env(env),
            enabled=_choice(env, "RECONCILIATION_ENABLED", {"true": True, "false": False}),
            interval_seconds=interval,
            relative=threshold(_text(env, "RECONCILIATION_THRESHOLD_PERCENTAGE")),
            max_concurrency=_whole(env, "MAX_CONCURRENCY", 1, 1000),
            fetch_functions=_functions(env, "FETCH_FUNCTIONS"),
        )


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """What a venue's fetch function needs."""

    stores: Stores
    venue: str
    secret_prefix: str
    timeout_milliseconds: int
    book_allowed_hosts: frozenset[str]
    """Hosts that may be asked for a book although they are not on the public internet."""
    stack_name: str

    @classmethod
    def from_env(cls, env: _Environment) -> "FetchSettings":
        """Read the environment. Raises ConfigInvalid naming the variable and what is allowed."""
        return cls(
            stores=Stores.from_env(env),
            venue=_text(env, "VENUE"),
            secret_prefix=_text(env, "SECRET_PREFIX"),
            timeout_milliseconds=_timeout(env),
            stack_name=_text(env, "STACK_NAME"),
            book_allowed_hosts=allowed_hosts(env.get("BOOK_ALLOWED_HOSTS", "")),
        )


@dataclass(frozen=True, slots=True)
class BookSettings:
    """What taking a pushed book needs."""

    stores: Stores

    @classmethod
    def from_env(cls, env: _Environment) -> "BookSettings":
        """Read the environment. Raises ConfigInvalid naming the variable and what is allowed."""
        return cls(Stores.from_env(env))


@dataclass(frozen=True, slots=True)
class PricesSettings:
    """What the price fetch needs."""

    stores: Stores
    base_currency: str
    base_url: str
    timeout_milliseconds: int

    @classmethod
    def from_env(cls, env: _Environment) -> "PricesSettings":
        """Read the environment. Raises ConfigInvalid naming the variable and what is allowed."""
        return cls(
            stores=Stores.from_env(env),
            base_currency=_currency(env),
            base_url=_checked(env, "PRICES_BASE_URL", check_base_url),
            timeout_milliseconds=_timeout(env),
        )


@dataclass(frozen=True, slots=True)
class CompareSettings:
    """What Compare needs."""

    stores: Stores
    topic_arn: str
    base_currency: str
    fetch_functions: Mapping[str, str]
    max_concurrency: int
    stack_name: str
    heartbeat_arn: str | None
    """The secret with the address that is asked after each run; None where nobody watches."""

    @classmethod
    def from_env(cls, env: _Environment) -> "CompareSettings":
        """Read the environment. Raises ConfigInvalid naming the variable and what is allowed."""
        return cls(
            stores=Stores.from_env(env),
            topic_arn=_text(env, "TOPIC_ARN"),
            base_currency=_currency(env),
            fetch_functions=_functions(env, "FETCH_FUNCTIONS"),
            max_concurrency=_whole(env, "MAX_CONCURRENCY", 1, 1000),
            stack_name=_text(env, "STACK_NAME"),
            heartbeat_arn=env.get("HEARTBEAT_ARN") or None,
        )


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """What telling endpoints needs."""

    table_name: str
    endpoints_secret: str
    queue_url: str
    dead_letter_queue_url: str
    allowed_hosts: frozenset[str]
    """Hosts that may be told although they are not on the public internet."""
    first_wait_seconds: int
    """Before the second attempt; each further wait is twice as long."""
    most_attempts: int

    @classmethod
    def from_env(cls, env: _Environment) -> "NotifySettings":
        """Read the environment. Raises ConfigInvalid naming the variable and what is allowed."""
        return cls(
            table_name=_text(env, "TABLE_NAME"),
            endpoints_secret=_text(env, "ALERT_ENDPOINTS"),
            queue_url=_text(env, "DELIVERY_QUEUE_URL"),
            dead_letter_queue_url=_text(env, "DELIVERY_DEAD_LETTER_QUEUE_URL"),
            allowed_hosts=allowed_hosts(env.get("ALERT_ALLOWED_HOSTS", ""), "ALERT_ALLOWED_HOSTS"),
            first_wait_seconds=_whole(env, "FIRST_WAIT_SECONDS", 1, 900),
            most_attempts=_whole(env, "MOST_ATTEMPTS", 1, 100),
        )


_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)


def allowed_hosts(text: str, name: str = "BOOK_ALLOWED_HOSTS") -> frozenset[str]:
    """Read BookAllowedHosts or AlertAllowedHosts: hosts, by commas; none in an empty text. Raises ConfigInvalid."""
    hosts = [host.strip().lower() for host in text.split(",")] if text else []
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ConfigInvalid(f"{name} must be hosts such as books.internal, by commas; not {shorten(host)}")
    return frozenset(hosts)


LOWEST_THRESHOLD, HIGHEST_THRESHOLD = Decimal("0.0001"), Decimal(10)
_THRESHOLD_DIGITS = 20
"""Behind the point: within what a division by 100 keeps in any context, and a report takes as a limit."""


def threshold(text: str) -> Decimal:
    """Read a threshold in per cent (0.1 is 0.1 %) as a share (0.001). Raises ConfigInvalid."""
    name = "RECONCILIATION_THRESHOLD_PERCENTAGE"
    try:
        percentage = parse_amount(text, _THRESHOLD_DIGITS)
    except NotAnAmount as error:
        raise ConfigInvalid(f"{name} {error}") from None
    if not LOWEST_THRESHOLD <= percentage <= HIGHEST_THRESHOLD:
        raise ConfigInvalid(
            f"{name} must be from {plain(LOWEST_THRESHOLD)} to {plain(HIGHEST_THRESHOLD)} (per cent); "
            f"not {plain(percentage)}"
        )
    return percentage.scaleb(-2)


def check_recheck_wait(policy: "Policy", interval: int) -> None:
    """Refuse a policy by which somebody's second look waits longer than the interval allows. Raises ConfigInvalid."""
    most = ROOM[interval].recheck_wait_seconds
    for origin, seconds in policy.values("timing", "recheck_wait_seconds").items():
        if seconds > most:
            raise ConfigInvalid(
                f"policy: timing: recheck_wait_seconds ({origin}) must be from 1 to {most} with "
                f"RECONCILIATION_INTERVAL_SECONDS={interval}, not {seconds}; put a policy that waits less "
                "(`trueup policy put FILE`), or deploy with a longer interval"
            )


def _text(env: _Environment, name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise ConfigInvalid(f"{name} is not set; the template sets it: deploy again")
    return value


def _checked(env: _Environment, name: str, check: Callable[[str], T]) -> T:
    try:
        return check(_text(env, name))
    except ValueError as error:
        raise ConfigInvalid(f"{name} {error}") from None


def _whole(env: _Environment, name: str, lowest: int, highest: int) -> int:
    text = _text(env, name)
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not lowest <= int(text) <= highest:
        raise ConfigInvalid(f"{name} must be a whole number from {lowest} to {highest}; not {shorten(text)}")
    return int(text)


def _choice(env: _Environment, name: str, allowed: Mapping[str, T]) -> T:
    text = _text(env, name)
    if text not in allowed:
        raise ConfigInvalid(f"{name} must be one of {', '.join(allowed)}; not {shorten(text)}")
    return allowed[text]


def _interval(env: _Environment) -> int:
    interval = _whole(env, "RECONCILIATION_INTERVAL_SECONDS", INTERVALS[0], INTERVALS[-1])
    if interval not in ROOM:
        raise ConfigInvalid(
            f"RECONCILIATION_INTERVAL_SECONDS must be one of {', '.join(map(str, INTERVALS))}; not {interval}"
        )
    return interval


def _fits(interval: int, name: str, value: int, lowest: int, highest: int) -> None:
    if value > highest:
        raise ConfigInvalid(
            f"{name} must be from {lowest} to {highest} with RECONCILIATION_INTERVAL_SECONDS={interval}; not {value}"
        )


def _timeout(env: _Environment) -> int:
    return _whole(env, "RECONCILIATION_TIMEOUT_MILLISECONDS", 1000, 60_000)


def _currency(env: _Environment) -> str:
    text = _text(env, "BASE_CURRENCY")
    if not re.fullmatch(r"[A-Z]{3,5}", text):
        raise ConfigInvalid(f"BASE_CURRENCY must be a currency such as USD; not {shorten(text)}")
    return text


def _functions(env: _Environment, name: str) -> dict[str, str]:
    try:
        value: Any = json.loads(_text(env, name))
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(arn, str) and arn for arn in value.values()):
        raise ConfigInvalid(f"{name} must be a JSON object of venue to function ARN; deploy again")
    return value
