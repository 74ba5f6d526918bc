"""What a server says for itself, made fit to stand in one of our errors."""

import re
from typing import Any

from trueup.domain.reading import Malformed, parse_json

WORDS = 200
"""How much of a server's own words an error carries."""
# A number with a fraction may be a balance. Codes, times in whole seconds and addresses (192.0.2.1) have none.
_FRACTION = re.compile(r"(?<![\w.,])\d[\d,]*\.\d+(?![\w.])")


def shown(text: str) -> str:
    """Make somebody else's text fit for an error line: one line, no control characters, cut."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= WORDS else text[: WORDS - 1] + "…"


def redacted(content: bytes | bytearray, secrets: tuple[bytes, ...]) -> bytes:
    """Take out of a body every secret in it, longest first; also the beginning of one which the body's end cuts off."""
    content = bytes(content)
    for secret in secrets:
        content = content.replace(secret, b"[redacted]")
        for length in range(min(len(secret), len(content)), 7, -1):
            if content.endswith(secret[:length]):
                content = content[:-length] + b"[redacted]"
                break
    return content


def own_words(content: bytes) -> str:
    """Say what the server said: its message fields, or the text of its page. What may be a balance is left out."""
    return _FRACTION.sub("[number]", _words(content))


def _words(content: bytes) -> str:
    body = json_or_none(content)
    if isinstance(body, dict):
        first = body.get("errors")
        inner = first[0] if isinstance(first, list) and first and isinstance(first[0], dict) else {}
        found = [
            value
            for holder in (body, inner)
            for key in ("code", "id", "error", "message", "msg", "error_details", "param")
            if isinstance(value := holder.get(key), str) and value
        ]
        if found:
            return shown(", ".join(dict.fromkeys(found)).rstrip("."))
    text = re.sub(r"<[^<>]{0,2000}>", " ", content[:4000].decode("utf-8", "replace"))
    return shown(text) or "(no words)"


def json_or_none(content: bytes) -> Any:
    """Parse a body that may be anything. None when it is not JSON, or not JSON we accept."""
    try:
        return parse_json(content, "")
    except Malformed:
        return None
