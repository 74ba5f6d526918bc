"""A Teams workflow that posts what its webhook receives: a message with Adaptive Cards, at most 28 KB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.channels.checks import Refused, json_of, unknown
from local.venues.server import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES = 28 * 1024
CARD = "application/vnd.microsoft.card.adaptive"
VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5")
_STYLE: Mapping[str, tuple[str, ...]] = {
    "weight": ("Lighter", "Default", "Bolder"),
    "color": ("Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"),
    "fontType": ("Default", "Monospace"),
    "size": ("Default", "Small", "Medium", "Large", "ExtraLarge"),
}
_SPACING = ("None", "Small", "Default", "Medium", "Large", "ExtraLarge", "Padding")


def take(request: Request) -> tuple[dict[str, Any], Answer]:
    """Take one message. Raises Refused."""
    if len(request.body) > MOST_BYTES:
        raise _refused("RequestEntityTooLarge", "the message is larger than 28 KB", status=413)
    document = json_of(request)
    if not isinstance(document, dict) or document.get("type") != "message":
        raise _mismatch("type must be message")
    attachments = document.get("attachments")
    if not isinstance(attachments, list) or not attachments or unknown(document, ("type", "attachments")):
        raise _mismatch("attachments must be a list of cards")
    for attachment in attachments:
        if not isinstance(attachment, dict) or unknown(attachment, ("contentType", "contentUrl", "content")):
            raise _mismatch("an attachment is no object")
        if attachment.get("contentType") != CARD or attachment.get("contentUrl") is not None:
            raise _mismatch("contentType must be of an adaptive card")
        _card(attachment.get("content"))
    return document, Answer(202, content_type="")


def text_of(document: dict[str, Any]) -> str:
    """Return the lines that a message shows; none of it is markup."""
    elements = [element for attachment in document["attachments"] for element in attachment["content"]["body"]]
    return "\n".join("".join(run["text"] for run in element.get("inlines", [element])) for element in elements)


def _card(card: object) -> None:
    known = ("$schema", "type", "version", "fallbackText", "body", "msteams")
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard" or unknown(card, known):
        raise _mismatch("content must be an AdaptiveCard")
    if card.get("version") not in VERSIONS:
        raise _mismatch("version is not one Teams shows")
    if not isinstance(card.get("body"), list) or not card["body"]:
        raise _mismatch("body must have elements")
    for element in card["body"]:
        _element(element)


def _element(element: object) -> None:
    if not isinstance(element, dict) or element.get("spacing", "None") not in _SPACING:
        raise _mismatch("an element is not one of a card")
    match element.get("type"):
        case "TextBlock":
            _styled(element, ("type", "text", "wrap", "spacing"))
        case "RichTextBlock":
            inlines = element.get("inlines")
            if not isinstance(inlines, list) or not inlines or unknown(element, ("type", "inlines", "spacing")):
                raise _mismatch("inlines must be a list of runs")
            for run in inlines:
                if not isinstance(run, dict) or run.get("type") != "TextRun":
                    raise _mismatch("an inline must be a TextRun")
                _styled(run, ("type", "text"))
        case other:
            raise _mismatch(f"{other} is not an element of a card")


def _styled(element: dict[str, Any], known: tuple[str, ...]) -> None:
    if not isinstance(element.get("text"), str) or not element["text"] or unknown(element, (*known, *_STYLE)):
        raise _mismatch("text must be a text")
    for name, values in _STYLE.items():
        if element.get(name, values[0]) not in values:
            raise _mismatch(f"{name} must be one of {', '.join(values)}")


def _mismatch(words: str) -> Refused:
    return _refused("TriggerInputSchemaMismatch", words, status=400)


def _refused(code: str, words: str, *, status: int) -> Refused:
    return Refused(Answer.of_json({"error": {"code": code, "message": words}}, status=status))
