"""Chat channels: Slack, Microsoft Teams and Discord, each in the payload its vendor documents.

All say the same, in the words people are sent by e-mail: the subject, then the text, with its columns kept. Nothing in
an alert is markup: what a channel would take for it (mentions, links, formatting) is escaped or stands where none is
read. Texts are cut at line ends to fit the vendor's limits, less what may be counted otherwise than here.
"""

import json
import re
from typing import Any

from trueup.domain.reasons import Severity
from trueup.notify.notices import Notice
from trueup.notify.text import clean, cut, one_line, pieces

# Slack: 3,000 characters in a section, 50 blocks, and (found by others, not documented) about 13,000 in all blocks.
SLACK_SECTION = 2_900
SLACK_TOTAL = 11_000
SLACK_SUBJECT = 300
# Discord: 2,000 in content, 256 in a title, 4,096 in a description, 6,000 in all embeds, 10 embeds.
DISCORD_CONTENT = 1_000
DISCORD_DESCRIPTION = 4_000
DISCORD_TOTAL = 5_400
# Teams: 28 KB a message; a message is written small first and counted in bytes.
TEAMS_BYTES = 26_000
TEAMS_SUBJECT = 500

_MARKDOWN = re.compile(r"([\\*_~`|>#<\[\]()@-])")


def slack(notice: Notice) -> dict[str, Any]:
    """Return the payload of a Slack incoming webhook."""
    subject = _slack_escaped(cut(one_line(notice.subject), SLACK_SUBJECT))
    sections = [subject and f"*{subject}*"]
    # Escaping makes text longer, up to five times: the pieces are cut by what they are escaped.
    sections += [
        f"```{piece}```" for piece in pieces(_slack_escaped(_no_fences(notice.text)), SLACK_SECTION, SLACK_TOTAL)
    ]
    return {
        "text": subject,
        # Verbatim: an address in a name somebody else chose must not become a link.
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": section, "verbatim": True}}
            for section in sections
            if section
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _slack_escaped(text: str) -> str:
    """The three characters Slack reads commands from: `<!channel>`, links, entities."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _no_fences(text: str) -> str:
    """Let no text end the block of code it stands in."""
    return text.replace("`", "'")


def discord(notice: Notice) -> dict[str, Any]:
    """Return the payload of a Discord webhook; nobody is mentioned, whatever it says."""
    # Discord makes a link of whatever looks like an address: here, of what somebody else may have chosen as a name.
    subject = _MARKDOWN.sub(r"\\\1", one_line(notice.subject).replace("://", ": //"))
    color = {Severity.CRITICAL: 0xC0392B, Severity.MAJOR: 0xE67E22, Severity.MINOR: 0xF1C40F}.get(
        notice.severity or Severity.OK, 0x7F8C8D
    )
    embeds = [
        {"description": f"```\n{piece}\n```", "color": color}
        for piece in pieces(_no_fences(notice.text), DISCORD_DESCRIPTION, DISCORD_TOTAL)
    ]
    return {"content": cut(subject, DISCORD_CONTENT), "embeds": embeds, "allowed_mentions": {"parse": []}}


def teams(notice: Notice) -> dict[str, Any]:
    """Return the payload of a Teams workflow that posts what a webhook receives: one Adaptive Card.

    Lines are RichTextBlocks, in which nothing is markup, unlike in a TextBlock.
    """
    color = {Severity.CRITICAL: "Attention", Severity.MAJOR: "Warning", Severity.MINOR: "Warning"}.get(
        notice.severity or Severity.OK, "Default"
    )
    subject = cut(one_line(notice.subject), TEAMS_SUBJECT)
    body: list[dict[str, Any]] = [_run(subject, weight="Bolder", color=color)] if subject else []
    left = TEAMS_BYTES - len(json.dumps(body))
    gap = False
    for line in clean(notice.text).strip("\n").split("\n"):
        if not line.strip():
            gap = True
            continue
        block = _run(cut(line, 1_000), fontType="Monospace")
        block["spacing"] = "Medium" if gap else "None"
        gap = False
        left -= len(json.dumps(block)) + 2
        if left < 0:
            body.append(_run("… more in the report"))
            break
        body.append(block)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": subject,
        "body": body,
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _run(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
