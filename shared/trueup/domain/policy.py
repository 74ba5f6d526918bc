"""The numbers behind every judgement, and which of several rules applies.

A policy has five sections (`policy_fields`). Each field resolves by itself, most specific first: account and asset,
account, venue and asset, venue, asset, default. Where a value came from is kept beside it, because a report that hides
something must be able to say by whose rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import Any

from .amounts import plain
from .policy_fields import BY_ASSET, FIELDS
from .reading import Malformed, Record, digest
from .reasons import Severity

DEFAULT = "default"


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
class Limits:
    """What an amount of one asset of one account is judged by."""

    tolerance: Tolerance
    bands: Bands


Scope = tuple[str | None, str | None, str | None]
"""(account_id, venue, asset), None where the scope does not name one."""


@dataclass(frozen=True)
class Policy:
    """All settings by section and scope; `version` is the digest of their content."""

    settings: Mapping[str, Mapping[Scope, Mapping[str, Any]]]
    version: str = field(default="")

    def resolve(self, section: str, name: str, account_id: str, venue: str, asset: str | None) -> Setting:
        """Find the most specific value of one field, and where it came from."""
        value, scope = self._find(section, name, account_id, venue, asset)
        return Setting(value, _origin(scope))

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

    def alert_from(self, account_id: str, venue: str, asset: str | None) -> Severity:
        """Resolve from which severity on a break is said to people."""
        value: Severity = self._value("alerts", "alert_from", account_id, venue, asset)
        return value

    def explained_from_worth(self, account_id: str, venue: str, asset: str | None) -> Decimal:
        """Resolve from which worth on (base currency) an explained difference is still said, as information."""
        value: Decimal = self._value("alerts", "explained_from_worth", account_id, venue, asset)
        return value

    def fee_fractions(self, account_id: str, venue: str) -> tuple[Decimal, ...]:
        """Resolve which shares of a change are known fees (rule 10), ascending."""
        value: tuple[Decimal, ...] = self._value("correlate", "fee_fractions", account_id, venue, None)
        return value

    def _value(self, section: str, name: str, account_id: str, venue: str, asset: str | None) -> Any:
        return self._find(section, name, account_id, venue, asset)[0]

    def _find(self, section: str, name: str, account_id: str, venue: str, asset: str | None) -> tuple[Any, Scope]:
        scopes = self.settings[section]
        for scope in (
            (account_id, None, asset),
            (account_id, None, None),
            (None, venue, asset),
            (None, venue, None),
            (None, None, asset),
            (None, None, None),
        ):
            values = scopes.get(scope)
            if values is not None and name in values:
                return values[name], scope
        raise KeyError(name)  # every field has a default: see default_policy

    @cached_property
    def _named_assets(self) -> frozenset[str]:
        return frozenset(asset for scopes in self.settings.values() for _, _, asset in scopes if asset is not None)


def default_policy(relative: Decimal = Decimal("0.001")) -> Policy:
    """Return the built-in policy, with the deployment's own relative tolerance (0.001 is 0.1 %)."""
    defaults = {section: {name: field.built_in for name, field in fields.items()} for section, fields in FIELDS.items()}
    defaults["tolerance"]["relative"] = relative
    return _versioned(Policy({section: {(None, None, None): values} for section, values in defaults.items()}))


def read_policy(document: object, base: Policy, place: str = "policy") -> Policy:
    """Read a policy file over a base policy: what the file does not say stays as it is in `base`.

    Raises Malformed naming the place and what is allowed.
    """
    settings = {section: dict(scopes) for section, scopes in base.settings.items()}
    record = Record(document, place)
    for section in FIELDS:
        if not record.has(section):
            continue
        for scope, at, values in _scopes(record.record(section), section):
            read = _values(values, at, section)
            settings[section][scope] = {**settings[section].get(scope, {}), **read}
    record.done()
    policy = _versioned(Policy(settings))
    _check_bands(policy, place)
    return policy


def _versioned(policy: Policy) -> Policy:
    document = {
        section: {
            _origin(scope): {name: _written(value) for name, value in values.items()}
            for scope, values in scopes.items()
        }
        for section, scopes in policy.settings.items()
    }
    return replace(policy, version=digest(document)[:12])


def _written(value: Any) -> Any:
    if isinstance(value, Severity):
        return value.name
    if isinstance(value, tuple):
        return [_written(item) for item in value]
    return plain(value) if isinstance(value, Decimal) else value


def _origin(scope: Scope) -> str:
    account_id, venue, asset = scope
    parts = [
        f"{word}:{name}"
        for word, name in (("account", account_id), ("venue", venue), ("asset", asset))
        if name is not None
    ]
    return "/".join(parts) or DEFAULT


def _scopes(section: Record, name: str) -> list[tuple[Scope, str, Any]]:
    found: list[tuple[Scope, str, Any]] = []
    if section.has("default"):
        found.append(((None, None, None), section.at("default"), section.raw("default")))
    by_asset = name in BY_ASSET
    if by_asset and section.has("assets"):
        found += [((None, None, asset), at, values) for asset, at, values in section.entries("assets")]
    for plural in ("venues", "accounts"):
        if not section.has(plural):
            continue
        for owner, at, values in section.entries(plural):
            scope = (None, owner) if plural == "venues" else (owner, None)
            inner = Record(values, at)
            if by_asset and inner.has("assets"):
                found += [((*scope, asset), place, value) for asset, place, value in inner.entries("assets")]
            own = {key: value for key, value in values.items() if not (by_asset and key == "assets")}
            found.append(((*scope, None), at, own))
    section.done()
    return found


def _values(values: object, place: str, section: str) -> dict[str, Any]:
    record = Record(values, place)
    read = {
        name: field.read(record.raw(name), record.at(name))
        for name, field in FIELDS[section].items()
        if record.has(name)
    }
    record.done()
    return read


def _check_bands(policy: Policy, place: str) -> None:
    """Refuse severity bands that overlap: a break would have two severities."""
    accounts, venues, assets = (
        dict.fromkeys((None, *(scope[part] for scope in policy.settings["severity"]))) for part in range(3)
    )
    # Every combination, because each field resolves by itself: a venue's band and an asset's may meet in one break.
    for scope in product(accounts, venues, assets):
        account_id, venue, asset = (name or "" for name in scope)
        bands = policy.bands(account_id, venue, asset)
        where = f"{place}.severity ({_origin(scope)})"
        if bands.minor_below > bands.major_up_to:
            raise Malformed(where, "minor_below must not be above major_up_to")
        if not bands.worth_minor_below <= bands.worth_major_from <= bands.worth_critical_from:
            raise Malformed(where, "worth_minor_below, worth_major_from and worth_critical_from must not decrease")
