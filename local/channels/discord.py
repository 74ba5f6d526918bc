"""Discord's Execute Webhook. Refusals are JSON with a code of Discord's."""

from __future__ import annotations

import re
from typing import Any

from local.channels.checks import Refused, json_of, length, unknown
from local.venues.server import Answer, Request

INVALID_FORM, EMPTY_MESSAGE = 50035, 50006
MOST_IN_ALL_EMBEDS = 6_000
FIELDS = ("content", "username", "avatar_url", "tts", "embeds", "allowed_mentions", "flags", "thread_name")
MENTION = re.compile(r"@everyone|@here|<@[!&]?\d+>")


def take(request: Request) -> tuple[dict[str, Any], Answer]:
    """Take one message. Raises Refused."""
    document = json_of(request)
    if not isinstance(document, dict) or unknown(document, FIELDS):
        raise _invalid("body")
    content, embeds = document.get("content", ""), document.get("embeds", [])
    if not isinstance(content, str) or length(content) > 2_000:
        raise _invalid("content")
    if not isinstance(embeds, list) or len(embeds) > 10:
        raise _invalid("embeds")
    if not content.strip() and not embeds:
        raise Refused(Answer.of_json({"message": "Cannot send an empty message", "code": EMPTY_MESSAGE}, status=400))
    if sum(_embed(embed, index) for index, embed in enumerate(embeds)) > MOST_IN_ALL_EMBEDS:
        raise _invalid("embeds")
    parse = document.get("allowed_mentions", {}).get("parse", [])
    if not set(parse) <= {"roles", "users", "everyone"}:
        raise _invalid("allowed_mentions")
    return document, Answer(204, content_type="")


def mentions_in(document: dict[str, Any]) -> list[str]:
    """Return who is mentioned by a message: nobody where it says so. Embeds mention nobody."""
    if document.get("allowed_mentions", {"parse": None}).get("parse") == []:
        return []
    return MENTION.findall(document.get("content", ""))


def _embed(embed: object, index: int) -> int:
    """Check an embed and return how many characters it has."""
    if not isinstance(embed, dict) or unknown(embed, ("title", "description", "color", "timestamp", "url", "fields")):
        raise _invalid(f"embeds.{index}")
    total = 0
    for name, most in (("title", 256), ("description", 4_096)):
        text = embed.get(name, "")
        if not isinstance(text, str) or length(text) > most:
            raise _invalid(f"embeds.{index}.{name}")
        total += length(text)
    color = embed.get("color", 0)
    if not total or not isinstance(color, int) or not 0 <= color <= 0xFFFFFF:
        raise _invalid(f"embeds.{index}")
    return total


def _invalid(field: str) -> Refused:
    return Refused(
        Answer.of_json({"message": "Invalid Form Body", "code": INVALID_FORM, "errors": {field: {}}}, status=400)
    )
