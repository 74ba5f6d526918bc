"""Reads seed files and control requests strictly: every complaint names the field and what is allowed there."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class FieldError(ValueError):
    """A field is missing, misspelt or of the wrong shape. The message is one line, fit for a person."""


def parse_json(text: str | bytes) -> object:
    """JSON whose objects repeat no key. Raises FieldError."""
    try:
        parsed: object = json.loads(text, object_pairs_hook=_without_repeats)
    except FieldError:
        raise
    except (ValueError, RecursionError) as error:
        raise FieldError(f"not JSON: {error}") from error
    return parsed


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise FieldError(f"{repeated}: given twice in one object")
    return document


def as_object(value: object, where: str) -> dict[str, object]:
    """A JSON object with any names."""
    if not isinstance(value, dict):
        raise FieldError(f"{where}: expected an object, got {_shown(value)}")
    return value


def as_record(
    value: object, where: str, *, required: Collection[str] = (), optional: Collection[str] = ()
) -> dict[str, object]:
    """A JSON object with these names and no others."""
    record = as_object(value, where)
    for name in required:
        if name not in record:
            raise FieldError(f"{_at(where, name)}: missing")
    for name in record:
        if name not in required and name not in optional:
            allowed = ", ".join([*required, *optional])
            raise FieldError(f"{_at(where, name)}: unknown field (allowed: {allowed})")
    return record


def as_list(value: object, where: str) -> list[object]:
    """A JSON array."""
    if not isinstance(value, list):
        raise FieldError(f"{where}: expected a list, got {_shown(value)}")
    return value


def as_text(value: object, where: str) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise FieldError(f"{where}: expected a string, got {_shown(value)}")
    return value


def as_amount(value: object, where: str) -> str:
    """A finite decimal number, written as a string and returned as it was written."""
    if isinstance(value, str):
        try:
            if Decimal(value).is_finite():
                return value
        except InvalidOperation:
            pass
    raise FieldError(f'{where}: expected a decimal string such as "1.25", got {_shown(value)}')


def as_integer(value: object, where: str, *, minimum: int) -> int:
    """A whole JSON number, at least `minimum`."""
    if type(value) is not int or value < minimum:
        raise FieldError(f"{where}: expected a whole number of {minimum} or more, got {_shown(value)}")
    return value


def as_boolean(value: object, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise FieldError(f"{where}: expected true or false, got {_shown(value)}")
    return value


def as_amounts(value: object, where: str) -> dict[str, str]:
    """An object of names and decimal strings: prices, or quantities by asset."""
    return {name: as_amount(each, f"{where}.{name}") for name, each in as_object(value, where).items()}


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _shown(value: object) -> str:
    """A short description; never a whole document, never a long string (it might be a key)."""
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, str) and len(value) > 40:
        return f"a string of {len(value)} characters"
    return json.dumps(value)
