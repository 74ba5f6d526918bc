"""The numbers behind every judgement, and which of several rules applies.

A policy has four sections; each field resolves by itself, most specific first: account and asset, account, venue and
asset, venue, asset, default. Where a value came from is kept beside it, because a report that hides something must
be able to say by whose rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product
from typing import Any

from .amounts import MAX_DIGITS, describe, plain, shorten
from .reading import Malformed, Record, digest, read_amount, read_text
from .reasons import SEVERITIES, Severity

type_of_value = Decimal | int | bool | Severity

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
    """Rule 8, resolved for one account; all in seconds."""

    stale_venue_seconds: int
    stale_book_seconds: int
    clock_skew_seconds: int
    prices_max_age_seconds: int


Scope = tuple[str | None, str | None, str | None]
"""(account_id, venue, asset), None where the scope does not name one."""


@dataclass(frozen=True)
class Policy:
    """All settings by section and scope; `version` is the digest of their content."""

    settings: Mapping[str, Mapping[Scope, Mapping[str, Any]]]
    version: str = field(default="")

    def resolve(self, section: str, name: str, account_id: str, venue: str, asset: str | None) -> Setting:
        """Find the most specific value of one field."""
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
                return Setting(values[name], _origin(scope))
        raise KeyError(name)  # every field has a default: see default_policy

    def tolerance(self, account_id: str, venue: str, asset: str) -> Tolerance:
        """Resolve rule 4 for an asset of an account."""
        return Tolerance(*(self.resolve("tolerance", name, account_id, venue, asset) for name in _FIELDS["tolerance"]))

    def bands(self, account_id: str, venue: str, asset: str) -> Bands:
        """Resolve rule 7 for an asset of an account."""
        return Bands(*(self.resolve("severity", name, account_id, venue, asset).value for name in _FIELDS["severity"]))

    def timing(self, account_id: str, venue: str) -> Timing:
        """Resolve rule 8 for an account."""
        return Timing(*(self.resolve("timing", name, account_id, venue, None).value for name in _FIELDS["timing"]))

    def alert_from(self, account_id: str, venue: str, asset: str | None) -> Severity:
        """Resolve from which severity on a break is said to people."""
        value: Severity = self.resolve("alerts", "alert_from", account_id, venue, asset).value
        return value


def default_policy(relative: Decimal = Decimal("0.001")) -> Policy:
    """Return the built-in policy, with the deployment's own relative tolerance (0.001 is 0.1 %)."""
    defaults: dict[str, dict[str, Any]] = {
        "tolerance": {
            "relative": relative,
            "quantity": Decimal("1e-8"),
            "value_floor": Decimal(1),
            "value_cap": Decimal(1000),
        },
        "severity": {
            "minor_below": Decimal("0.05"),
            "major_up_to": Decimal("0.20"),
            "worth_minor_below": Decimal(10),
            "worth_major_from": Decimal(1000),
            "worth_critical_from": Decimal(10_000),
            "unpriced_critical": False,
        },
        "timing": {
            "stale_venue_seconds": 120,
            "stale_book_seconds": 900,
            "clock_skew_seconds": 30,
            "prices_max_age_seconds": 3600,
        },
        "alerts": {"alert_from": Severity.MAJOR},
    }
    return _versioned(Policy({section: {(None, None, None): values} for section, values in defaults.items()}))


def read_policy(document: object, base: Policy, place: str = "policy") -> Policy:
    """Read a policy file over a base policy: what the file does not say stays as it is in `base`.

    Raises Malformed naming the place and what is allowed.
    """
    settings = {section: dict(scopes) for section, scopes in base.settings.items()}
    record = Record(document, place)
    for section in _FIELDS:
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


def _written(value: type_of_value) -> str | int | bool:
    if isinstance(value, Severity):
        return value.name
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
    by_asset = name in _BY_ASSET
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
        name: reader(record.raw(name), record.at(name)) for name, reader in _FIELDS[section].items() if record.has(name)
    }
    record.done()
    return read


def _not_negative(value: object, place: str) -> Decimal:
    # YAML's whole numbers are exact; a number with a point is not, and arrives here as something else.
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 10**MAX_DIGITS:
            raise Malformed(place, f"must have at most {MAX_DIGITS} digits before the point")
        value = str(value)
    amount = read_amount(value, place)
    if amount < 0:
        raise Malformed(place, "must not be negative")
    return amount


def _seconds(value: object, place: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 604_800:
        raise Malformed(place, "must be a whole number of seconds from 1 to 604800")
    return value


def _boolean(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise Malformed(place, f"must be true or false, not {describe(value)}")
    return value


def _severity(value: object, place: str) -> Severity:
    name = read_text(value, place)
    if name not in SEVERITIES or name == "OK":
        raise Malformed(place, f"must be one of MINOR, MAJOR, CRITICAL; not {shorten(name)}")
    return SEVERITIES[name]


_FIELDS: dict[str, dict[str, Callable[[object, str], Any]]] = {
    "tolerance": dict.fromkeys(("relative", "quantity", "value_floor", "value_cap"), _not_negative),
    "severity": {
        **dict.fromkeys(
            ("minor_below", "major_up_to", "worth_minor_below", "worth_major_from", "worth_critical_from"),
            _not_negative,
        ),
        "unpriced_critical": _boolean,
    },
    "timing": dict.fromkeys(
        ("stale_venue_seconds", "stale_book_seconds", "clock_skew_seconds", "prices_max_age_seconds"), _seconds
    ),
    "alerts": {"alert_from": _severity},
}
"""In the order of the dataclasses above, which are built by position."""

_BY_ASSET = {"tolerance", "severity", "alerts"}


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
