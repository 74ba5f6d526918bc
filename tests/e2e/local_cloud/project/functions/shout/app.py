"""Raises an error of the name it is told."""

from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    print(f"asked for {event['error'] or 'nothing'}")
    if event["error"]:
        raise type(event["error"], (Exception,), {})("cb-main: the venue said no")
    return {"said": "nothing"}
