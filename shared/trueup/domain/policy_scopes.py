"""Whom a value of a policy is for, in words, and how a file nests it: default, assets, venues, accounts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .amounts import plain
from .policy_fields import BY_ASSET, FIELDS
from .reading import Record
from .reasons import Severity

DEFAULT = "default"

Scope = tuple[str | None, str | None, str | None]
"""(account_id, venue, asset), None where the scope does not name one."""

Settings = Mapping[str, Mapping[Scope, Mapping[str, Any]]]
"""Values by section, scope and field."""

EVERYBODY: Scope = (None, None, None)


def precedence(account_id: str | None, venue: str | None, asset: str | None) -> tuple[Scope, ...]:
    """Return the scopes that speak for an asset of an account, most specific first."""
    return (
        (account_id, None, asset),
        (account_id, None, None),
        (None, venue, asset),
        (None, venue, None),
        (None, None, asset),
        EVERYBODY,
    )


def origin(scope: Scope) -> str:
    """Name a scope: `default`, `asset:BTC`, `account:cb-main/asset:BTC`…"""
    account_id, venue, asset = scope
    parts = [
        f"{word}:{name}"
        for word, name in (("account", account_id), ("venue", venue), ("asset", asset))
        if name is not None
    ]
    return "/".join(parts) or DEFAULT


def written(value: Any) -> Any:
    """Write a value as a document holds it: amounts as plain strings."""
    if isinstance(value, Severity):
        return value.name
    if isinstance(value, tuple):
        return [written(item) for item in value]
    return plain(value) if isinstance(value, Decimal) else value


def read_settings(record: Record, base: Settings) -> dict[str, dict[Scope, Mapping[str, Any]]]:
    """Read all sections over what is set already; the caller takes what else the record has. Raises Malformed."""
    settings = {section: dict(base.get(section, {})) for section in FIELDS}
    for section in FIELDS:
        if not record.has(section):
            continue
        for scope, at, values in _scopes(record.record(section), section):
            read = read_values(values, at, section)
            settings[section][scope] = {**settings[section].get(scope, {}), **read}
    return settings


def read_values(values: object, place: str, section: str) -> dict[str, Any]:
    """Read values of a section by the names of its fields. Raises Malformed."""
    record = Record(values, place)
    read = {
        name: field.read(record.raw(name), record.at(name))
        for name, field in FIELDS[section].items()
        if record.has(name)
    }
    record.done()
    return read


def settings_document(settings: Settings) -> dict[str, Any]:
    """Write settings as a policy file has them; scopes and sections without a value are left out."""
    document: dict[str, Any] = {}
    for section, scopes in settings.items():
        for scope, values in scopes.items():
            if values:
                place = _nested(document.setdefault(section, {}), scope)
                place.update({name: written(value) for name, value in values.items()})
    return document


def _scopes(section: Record, name: str) -> list[tuple[Scope, str, Any]]:
    found: list[tuple[Scope, str, Any]] = []
    if section.has(DEFAULT):
        found.append((EVERYBODY, section.at(DEFAULT), section.raw(DEFAULT)))
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


def _nested(section: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Return the object of a section that holds the values of a scope, made if it is not there yet."""
    account_id, venue, asset = scope
    if scope == EVERYBODY:
        path = [DEFAULT]
    else:
        path = [
            part
            for plural, name in (("accounts", account_id), ("venues", venue), ("assets", asset))
            if name is not None
            for part in (plural, name)
        ]
    place = section
    for part in path:
        place = place.setdefault(part, {})
    return place
