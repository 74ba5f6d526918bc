"""Slack's incoming webhooks. Refusals are words in plain text."""

from __future__ import annotations

import re
from typing import Any

from local.channels.checks import Refused, is_text, json_of, length, unknown
from local.venues.server import Answer, Request

MOST_BLOCKS = 50
MOST_IN_A_SECTION = 3_000
MOST_IN_A_HEADER = 150
MOST_IN_ALL = 13_000
"""Not documented; found by others: msg_blocks_too_long a little above it."""
COMMAND = re.compile(r"<(!|@|#|https?:|mailto:)[^>]*>")
"""What Slack makes a mention or a link of."""


def take(request: Request) -> tuple[dict[str, Any], Answer]:
    """Take one message. Raises Refused."""
    document = json_of(request)
    if not isinstance(document, dict):
        raise _refused("invalid_payload")
    if unknown(document, ("text", "blocks", "attachments", "unfurl_links", "unfurl_media", "mrkdwn", "thread_ts")):
        raise _refused("invalid_payload")
    blocks = document.get("blocks", [])
    if not is_text(document.get("text", ""), 40_000) and not blocks:
        raise _refused("no_text")
    if not isinstance(blocks, list) or len(blocks) > MOST_BLOCKS or not all(map(_is_block, blocks)):
        raise _refused("invalid_blocks")
    if sum(length(block["text"]["text"]) for block in blocks if "text" in block) > MOST_IN_ALL:
        raise _refused("msg_blocks_too_long")
    return document, Answer.of_text("ok", status=200)


def commands_in(document: dict[str, Any]) -> list[str]:
    """Return every mention and link that a message would make."""
    texts = [document.get("text", ""), *(block["text"]["text"] for block in document.get("blocks", []))]
    return [found[0] for text in texts for found in COMMAND.finditer(text)]


def _is_block(block: object) -> bool:
    if not isinstance(block, dict):
        return False
    match block.get("type"):
        case "divider":
            return True
        case "section":
            return _is_text_object(block.get("text"), ("mrkdwn", "plain_text"), MOST_IN_A_SECTION)
        case "header":
            return _is_text_object(block.get("text"), ("plain_text",), MOST_IN_A_HEADER)
    return False


def _is_text_object(value: object, kinds: tuple[str, ...], most: int) -> bool:
    if not isinstance(value, dict) or value.get("type") not in kinds or not is_text(value.get("text"), most):
        return False
    return isinstance(value.get("verbatim", False), bool) and not unknown(value, ("type", "text", "verbatim", "emoji"))


def _refused(words: str) -> Refused:
    return Refused(Answer.of_text(words, status=400))
