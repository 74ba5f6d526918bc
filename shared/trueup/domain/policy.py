"""The numbers behind every judgement, and which of several rules applies.

A policy has five sections (`policy_fields`). Each field resolves by itself, most specific first: account and asset,
account, venue and asset, venue, asset, default; what nobody states is built in. Where a value came from is kept beside
it, because a report that hides something must be able to say by whose rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import Any

from .amounts import shorten
from .policy_fields import FIELDS
from .policy_scopes import (
    DEFAULT,
    Scope,
    Settings,
    origin,
    precedence,
    read_settings,
    read_values,
    settings_document,
    written,
)
from .reading import Malformed, Record, digest
from .reasons import Severity

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """A resolved value and the place it came from: `default`, `asset:BTC`, `account:cb-main/asset:BTC`…"""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Rule 4, resolved for one asset of one account: each limit with its origin."""

    relative: Setting
    quantity: Setting
    value_floor: Setting
    value_cap: Setting


@dataclass(frozen=True, slots=True)
class Bands:
    """Rule 7, resolved for one asset of one account."""

    minor_below: Decimal
    major_up_to: Decimal
    worth_minor_below: Decimal
    worth_major_from: Decimal
    worth_critical_from: Decimal
    unpriced_critical: bool


@dataclass(frozen=True, slots=True)
class Timing:
    """How old is too old, how long to wait, how often in a row (rules 5, 7, 8, 9); resolved for one account."""

    stale_venue_seconds: int
    stale_book_seconds: int
    clock_skew_seconds: int
    prices_max_age_seconds: int
    pending_max_age_seconds: int
    """An item in flight of this age or more explains nothing by itself."""
    confirm_after_seconds: int
    """A second look sooner than this does not confirm."""
    confirm_in_a_row: int
    recheck_wait_seconds: int
    in_motion_in_a_row: int


@dataclass(frozen=True, slots=True)
class Alerting:
    """What is said to people, how soon a break is to be resolved; resolved for one asset of one account."""

    alert_from: Severity
    """From which severity on a break is said."""
    explained_from_worth: Decimal
    """From which worth on (base currency) an explained difference is still said, as information."""
    worth_grown: Decimal
    """The share of the worth last said by which it must have grown to be said again."""
    worth_shrunk: Decimal
    """The share of it by which it must have shrunk to be said again; 1, all of it, is never."""
    due_minor_seconds: int
    due_major_seconds: int
    due_critical_seconds: int
    remind_minor_seconds: int
    remind_major_seconds: int
    remind_critical_seconds: int
    unverified_runs: int
    """Runs in a row after which people hear that an account cannot be verified."""
    quiet_hours: tuple[str, ...]
    """Hours of every day in which only what is critical is said (`windows`)."""
    maintenance: tuple[str, ...]
    """Windows of time in which only what is critical is said."""
    digest_above: int
    """Accounts that a run has something to say of beyond which it says so in one message; asked of no account."""

    def due_after(self, severity: Severity) -> timedelta:
        """Return how long after it is first seen a break is to be resolved."""
        return _by_severity(severity, self.due_minor_seconds, self.due_major_seconds, self.due_critical_seconds)

    def remind_after(self, severity: Severity) -> timedelta:
        """Return how long after they were last told people are reminded of a break that nobody acknowledged."""
        return _by_severity(
            severity, self.remind_minor_seconds, self.remind_major_seconds, self.remind_critical_seconds
        )


def _by_severity(severity: Severity, minor: int, major: int, critical: int) -> timedelta:
    return timedelta(seconds={Severity.CRITICAL: critical, Severity.MAJOR: major}.get(severity, minor))


@dataclass(frozen=True, slots=True)
class Limits:
    """What an amount of one asset of one account is judged by."""

    tolerance: Tolerance
    bands: Bands


@dataclass(frozen=True)
class Policy:
    """What is stated, by section and scope, and what applies where nothing is; `version` is the digest of both."""

    settings: Settings
    built_in: Mapping[str, Mapping[str, Any]]
    version: str = ""

    def resolve(self, section: str, name: str, account_id: str, venue: str, asset: str | None) -> Setting:
        """Find the most specific value of one field, and where it came from."""
        value, scope = self.find(section, name, precedence(account_id, venue, asset))
        return Setting(value, DEFAULT if scope is None else origin(scope))

    def find(self, section: str, name: str, scopes: tuple[Scope, ...]) -> tuple[Any, Scope | None]:
        """Return the value that the first of these scopes states, with the scope; else the built-in one, with None."""
        stated = self.settings[section]
        for scope in scopes:
            values = stated.get(scope)
            if values is not None and name in values:
                return values[name], scope
        field = FIELDS[section][name]
        # A policy written before a field existed does not have it.
        return self.built_in.get(section, {}).get(name, field.built_in), None

    def values(self, section: str, name: str) -> dict[str, Any]:
        """Return every value that a field has for anybody, by its origin."""
        stated = {origin(scope): values[name] for scope, values in self.settings[section].items() if name in values}
        return {DEFAULT: self.find(section, name, ())[0]} | stated

    def tolerance(self, account_id: str, venue: str, asset: str) -> Tolerance:
        """Resolve rule 4 for an asset of an account."""
        return Tolerance(*(self.resolve("tolerance", name, account_id, venue, asset) for name in FIELDS["tolerance"]))

    def bands(self, account_id: str, venue: str, asset: str) -> Bands:
        """Resolve rule 7 for an asset of an account."""
        return Bands(*(self._value("severity", name, account_id, venue, asset) for name in FIELDS["severity"]))

    def limits(self, account_id: str, venue: str) -> Callable[[str], Limits]:
        """Return what resolves rules 4 and 7 for the assets of an account: once for all that no scope names."""
        named: dict[str, Limits] = {}

        def resolved(asset: str) -> Limits:
            return Limits(self.tolerance(account_id, venue, asset), self.bands(account_id, venue, asset))

        def limits(asset: str) -> Limits:
            if asset not in self._named_assets:
                return unnamed
            found = named.get(asset)
            if found is None:
                found = named[asset] = resolved(asset)
            return found

        unnamed = resolved("")  # the name of no asset
        return limits

    def timing(self, account_id: str, venue: str) -> Timing:
        """Resolve all times for an account."""
        return Timing(*(self._value("timing", name, account_id, venue, None) for name in FIELDS["timing"]))

    def alerting(self, account_id: str, venue: str, asset: str | None) -> Alerting:
        """Resolve what is said of an asset of an account, or of the account as a whole, and how often."""
        return Alerting(*(self._value("alerts", name, account_id, venue, asset) for name in FIELDS["alerts"]))

    def fee_fractions(self, account_id: str, venue: str) -> tuple[Decimal, ...]:
        """Resolve which shares of a change are known fees (rule 10), ascending."""
        value: tuple[Decimal, ...] = self._value("correlate", "fee_fractions", account_id, venue, None)
        return value

    def _value(self, section: str, name: str, account_id: str, venue: str, asset: str | None) -> Any:
        return self.find(section, name, precedence(account_id, venue, asset))[0]

    @cached_property
    def _named_assets(self) -> frozenset[str]:
        return frozenset(asset for scopes in self.settings.values() for _, _, asset in scopes if asset is not None)

    def over(self, base: "Policy") -> "Policy":
        """Put what this policy states over another one's built-in values. Raises Malformed if bands overlap then."""
        policy = _versioned(replace(self, built_in=base.built_in))
        if self.built_in.get("severity") != base.built_in.get("severity"):
            _check_bands(policy, "policy")  # else they were checked when it was read
        return policy


def default_policy(relative: Decimal = Decimal("0.001")) -> Policy:
    """Return the built-in policy, with the deployment's own relative tolerance (0.001 is 0.1 %)."""
    built_in = {section: {name: field.built_in for name, field in fields.items()} for section, fields in FIELDS.items()}
    built_in["tolerance"]["relative"] = relative
    return _versioned(Policy({section: {} for section in FIELDS}, built_in))


def read_policy(document: object, base: Policy, place: str = "policy") -> Policy:
    """Read a policy file over a base policy: what the file does not say stays as it is in `base`.

    Raises Malformed naming the place and what is allowed.
    """
    record = Record(document, place)
    settings = read_settings(record, base.settings)
    record.done()
    policy = _versioned(Policy(settings, base.built_in))
    _check_bands(policy, place)
    return policy


def policy_document(policy: Policy) -> dict[str, Any]:
    """Write a whole policy (docs/formats.md): what is built in, and what is stated, as a file would."""
    return {"schema": SCHEMA, "version": policy.version, **_content(policy)}


def read_policy_document(document: object, place: str = "policy") -> Policy:
    """Read a whole policy back, under the version it was written with. Raises Malformed, also if it was changed since.

    Of a field that the software did not have when it was written, the value built in now applies.
    """
    record = Record(document, place)
    if record.whole("schema") != SCHEMA:
        record.fail("schema", f"must be {SCHEMA}")
    version, own, states = record.text("version"), record.record("built_in"), record.record("states")
    record.done()
    built_in = {
        section: read_values(own.raw(section), own.at(section), section) for section in FIELDS if own.has(section)
    }
    own.done()
    settings = read_settings(states, {})
    states.done()
    policy = _versioned(Policy(settings, built_in))
    if policy.version != version:
        record.fail("version", f"is {shorten(version)}, but what it states is {policy.version}: it was changed")
    return policy


def _versioned(policy: Policy) -> Policy:
    return replace(policy, version=digest(_content(policy))[:12])


def _content(policy: Policy) -> dict[str, Any]:
    built_in = {
        section: {name: written(value) for name, value in values.items()} for section, values in policy.built_in.items()
    }
    return {"built_in": built_in, "states": settings_document(policy.settings)}


def _check_bands(policy: Policy, place: str) -> None:
    """Refuse severity bands that overlap: a break would have two severities."""
    accounts, venues, assets = (
        dict.fromkeys((None, *(scope[part] for scope in policy.settings["severity"]))) for part in range(3)
    )
    # Every combination, because each field resolves by itself: a venue's band and an asset's may meet in one break.
    for scope in product(accounts, venues, assets):
        account_id, venue, asset = (name or "" for name in scope)
        bands = policy.bands(account_id, venue, asset)
        where = f"{place}.severity ({origin(scope)})"
        if bands.minor_below > bands.major_up_to:
            raise Malformed(where, "minor_below must not be above major_up_to")
        if not bands.worth_minor_below <= bands.worth_major_from <= bands.worth_critical_from:
            raise Malformed(where, "worth_minor_below, worth_major_from and worth_critical_from must not decrease")
