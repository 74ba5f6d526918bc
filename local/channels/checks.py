"""What the simulated endpoints have in common: a refusal, and how vendors count."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from local.venues.server import Answer, Request


class Refused(Exception):
    """A vendor's refusal, as it answers."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer


def json_of(request: Request) -> Any:
    """Parse a JSON body sent as such; None where it is none."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return None
    try:
        return json.loads(request.body)
    except ValueError:
        return None


def length(text: str) -> int:
    """Count UTF-16 units, as JavaScript does."""
    return sum(2 if ord(letter) > 0xFFFF else 1 for letter in text)


def is_text(value: object, most: int) -> bool:
    """Tell a text that is not empty nor too long."""
    return isinstance(value, str) and 0 < length(value) <= most


def unknown(document: dict[str, Any], known: Collection[str]) -> list[str]:
    """List the fields that nobody documents."""
    return sorted(document.keys() - set(known))
