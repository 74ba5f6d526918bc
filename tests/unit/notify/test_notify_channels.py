"""What each channel is sent is what its vendor takes: asked of simulated endpoints that refuse what vendors refuse."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from notify_kit import (
    AT,
    SIGNING_SECRET,
    acknowledged,
    alarm,
    alert,
    endpoint,
    line,
    notice,
    parcels_of,
    resolved,
)

from local.channels import discord, slack, teams
from local.channels.checks import Refused
from local.channels.pagerduty import Incidents
from local.channels.standard import Receiver
from local.venues.server import Request
from trueup.notify import chat
from trueup.notify.endpoints import Endpoint, Kind
from trueup.notify.parcels import Post, post_of
from trueup.notify.signed import signed_headers

NOW = datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC)
LONG = "\n".join(
    f"{number:>6}  {'a long line of an alert, with amounts such as 1.25 BTC ' * 2}" for number in range(2_000)
)
NASTY = (
    "<!channel> <@U123> <https://evil.example|click> & <b>bold</b> @everyone @here <@!123> <@&456>\n"
    "```\n*bold* _it_ ~no~ [text](https://evil.example) `code` \u202eevil\u202c\x00\x1b[31m\x07\n"
)
EMOJI = "😀" * 5_000
MESSAGES = {
    "a break": alert(),
    "many breaks": alert(breaks=[line(f"A{number}") for number in range(20)], breaks_left_out=7),
    "something over": resolved(),
    "something acknowledged": acknowledged(),
    "nobody can look": alert("unverified", severity="OK", reasons=["auth_failed"], runs=3),
    "somebody can look again": alert("verified", severity="OK", reasons=[], runs=0),
    "in flight": alert("in_flight", severity="OK", explained=[line(severity=None)]),
    "a digest": alert("digest", account_id=None, venue=None, alerts=[alert(), resolved()]),
    "a type of tomorrow": alert("weather", weather={"rain": True}),
    "an alert without words": {"alert_id": "alr-1", "type": "breaks"},
    "an alarm": alarm(),
    "an alarm that ends": alarm("OK"),
    "plain text": "somebody published this by hand",
    "a document of somebody else": {"detail-type": "Something", "detail": {"share": 0.5}},
    "a long text": alert(text=LONG, subject="S" * 5_000),
    "one endless line": alert(text="x" * 100_000),
    "markup": alert(text=NASTY, subject=NASTY),
    "characters that count twice": alert(text=EMOJI, subject=EMOJI),
    "an empty text": alert(text="", subject=""),
    "blanks": alert(text=" \n\n \n", subject=" "),
}


def request(post: Post) -> Request:
    headers = {"content-type": "application/json", **{name.lower(): value for name, value in post.headers.items()}}
    return Request("POST", "/", {}, "host", headers, post.body)


def takes(kind: Kind) -> Callable[[Request], Any]:
    """The simulated endpoint of a kind."""
    return {
        Kind.SLACK: slack.take,
        Kind.DISCORD: discord.take,
        Kind.TEAMS: teams.take,
        Kind.PAGERDUTY: Incidents(endpoint(Kind.PAGERDUTY).key).take,
        Kind.WEBHOOK: Receiver(SIGNING_SECRET, clock=NOW.timestamp).take,
    }[kind]


def sent(message: Any, to: Endpoint) -> list[dict[str, Any]]:
    """What an endpoint takes of a message. Raises Refused."""
    take = takes(to.kind)
    return [take(request(post_of(parcel, to, NOW)))[0] for parcel in parcels_of(message, to)]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_taken_by_every_channel(name: str, kind: Kind) -> None:
    taken = sent(MESSAGES[name], endpoint(kind))

    assert kind is Kind.PAGERDUTY or len(taken) == 1


# -- the words -------------------------------------------------------------------------------------------------------


def test_slack_shows_subject_and_text_with_its_columns() -> None:
    [message] = sent(alert(), endpoint(Kind.SLACK))

    assert [block["text"]["text"] for block in message["blocks"]] == [
        "*[Trueup] CRITICAL cb-main (coinbase): BTC quantity differs*",
        "```CRITICAL: 1 break in account cb-main at coinbase.\n\n  book        1.25\n  venue       1.1```",
    ]
    assert message["text"] == "[Trueup] CRITICAL cb-main (coinbase): BTC quantity differs"


def test_discord_shows_subject_and_text_with_its_columns() -> None:
    [message] = sent(alert(subject="[Trueup] CRITICAL cb_main"), endpoint(Kind.DISCORD))

    assert message["content"] == r"\[Trueup\] CRITICAL cb\_main"
    assert message["embeds"][0]["description"].startswith(
        "```\nCRITICAL: 1 break in account cb-main at coinbase.\n\n  book"
    )
    assert message["allowed_mentions"] == {"parse": []}


def test_teams_shows_subject_and_text_line_by_line() -> None:
    [message] = sent(alert(), endpoint(Kind.TEAMS))

    assert teams.text_of(message).splitlines() == [
        "[Trueup] CRITICAL cb-main (coinbase): BTC quantity differs",
        "CRITICAL: 1 break in account cb-main at coinbase.",
        "  book        1.25",
        "  venue       1.1",
    ]


@pytest.mark.parametrize("kind", [Kind.SLACK, Kind.DISCORD, Kind.TEAMS])
def test_a_text_that_is_too_long_is_cut_at_a_line_and_says_so(kind: Kind) -> None:
    [message] = sent(alert(text=LONG), endpoint(kind))

    said = json.dumps(message, ensure_ascii=False)
    assert "more in the report" in said
    assert "     1  a long line" in said
    assert len(said) > 5_000, "and no more is left out than has to be"


# -- nothing in an alert is markup -----------------------------------------------------------------------------------


def test_nothing_an_alert_says_becomes_a_mention_or_a_link_in_slack() -> None:
    [message] = sent(alert(text=NASTY, subject=NASTY), endpoint(Kind.SLACK))

    assert slack.commands_in(message) == []
    assert "&lt;!channel&gt;" in message["text"]


def test_nothing_an_alert_says_ends_the_block_it_stands_in() -> None:
    [in_slack] = sent(alert(text=NASTY), endpoint(Kind.SLACK))
    [in_discord] = sent(alert(text=NASTY), endpoint(Kind.DISCORD))

    for text in (in_slack["blocks"][1]["text"]["text"], in_discord["embeds"][0]["description"]):
        assert text.count("```") == 2
        assert text.startswith("```")
        assert text.endswith("```")


def test_nobody_is_mentioned_in_discord() -> None:
    [message] = sent(alert(text=NASTY, subject=NASTY), endpoint(Kind.DISCORD))

    assert discord.mentions_in(message) == []
    assert "[text](" not in message["content"]


def test_nothing_is_markup_in_teams() -> None:
    [message] = sent(alert(text=NASTY, subject=NASTY), endpoint(Kind.TEAMS))

    kinds = {element["type"] for element in message["attachments"][0]["content"]["body"]}
    assert kinds == {"RichTextBlock"}, "a TextBlock reads markdown"


@pytest.mark.parametrize("kind", [Kind.SLACK, Kind.DISCORD, Kind.TEAMS])
def test_control_characters_and_turns_of_direction_are_left_out(kind: Kind) -> None:
    [message] = sent(alert(text=NASTY, subject=NASTY), endpoint(kind))

    said = json.dumps(message, ensure_ascii=False)
    assert not {"\u202e", "\\u0000", "\\u001b", "\\u0007"} & {
        each for each in ("\u202e", "\\u0000", "\\u001b", "\\u0007") if each in said
    }


# -- webhooks --------------------------------------------------------------------------------------------------------


def test_a_signature_is_the_one_of_the_specification() -> None:
    """The vector published with Standard Webhooks."""
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_webhook_is_given_the_whole_document_under_the_alerts_own_id() -> None:
    to = endpoint(Kind.WEBHOOK)
    [parcel] = parcels_of(alert(), to)

    post = post_of(parcel, to, NOW)

    assert json.loads(post.body) == {"type": "alert.breaks", "timestamp": AT, "data": alert()}
    assert post.headers["webhook-id"] == "alr-0a1b2c3d4e5f6071"


def test_what_others_wrote_reaches_a_webhook_as_it_was() -> None:
    [message] = sent(alarm(), endpoint(Kind.WEBHOOK))

    assert (message["type"], message["data"]) == ("alarm", alarm())


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_receiver_notices_any_change(change: str) -> None:
    to = endpoint(Kind.WEBHOOK)
    [parcel] = parcels_of(alert(), to)
    post = post_of(parcel, to, NOW)
    if change == "body":
        post = Post(post.url, post.headers, post.body + b" ")
    else:
        spoilt = {"webhook-timestamp": "1795348811"}.get(change, post.headers[change] + "x")
        post = Post(post.url, post.headers | {change: spoilt}, post.body)

    with pytest.raises(Refused):
        takes(Kind.WEBHOOK)(request(post))


# -- the simulated endpoints refuse ----------------------------------------------------------------------------------

GOOD = {kind: sent(alert(), endpoint(kind))[0] for kind in (Kind.SLACK, Kind.DISCORD, Kind.TEAMS, Kind.PAGERDUTY)}


def changed(kind: Kind, path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    document = place = json.loads(json.dumps(GOOD[kind]))
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return dict(document)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        (Kind.SLACK, ("blocks", 1, "text", "text"), "x" * 3_001),
        (Kind.SLACK, ("blocks", 1, "text", "text"), ""),
        (Kind.SLACK, ("blocks",), [GOOD[Kind.SLACK]["blocks"][0]] * 51),
        (Kind.SLACK, ("blocks", 0, "type"), "heading"),
        (Kind.SLACK, ("channel",), "#general"),
        (Kind.DISCORD, ("content",), "x" * 2_001),
        (Kind.DISCORD, ("embeds", 0, "description"), "x" * 4_097),
        (Kind.DISCORD, ("embeds",), [{"description": "x" * 3_500}] * 2),
        (Kind.DISCORD, ("embeds",), [{"description": "x"}] * 11),
        (Kind.DISCORD, ("embeds", 0, "color"), 0x1000000),
        (Kind.TEAMS, ("type",), "MessageCard"),
        (Kind.TEAMS, ("attachments", 0, "contentType"), "application/json"),
        (Kind.TEAMS, ("attachments", 0, "content", "version"), "2.0"),
        (Kind.TEAMS, ("attachments", 0, "content", "body"), []),
        (Kind.TEAMS, ("attachments", 0, "content", "body", 0, "inlines", 0, "color"), "Red"),
        (Kind.TEAMS, ("attachments", 0, "content", "fallbackText"), "x" * 28_672),
        (Kind.PAGERDUTY, ("routing_key",), "f" * 32),
        (Kind.PAGERDUTY, ("event_action",), "close"),
        (Kind.PAGERDUTY, ("dedup_key",), "x" * 256),
        (Kind.PAGERDUTY, ("payload", "summary"), "x" * 1_025),
        (Kind.PAGERDUTY, ("payload", "severity"), "CRITICAL"),
        (Kind.PAGERDUTY, ("payload", "timestamp"), "yesterday"),
        (Kind.PAGERDUTY, ("payload", "source"), ""),
    ],
)
def test_an_endpoint_refuses_what_its_vendor_refuses(kind: Kind, path: tuple[Any, ...], value: Any) -> None:
    body = json.dumps(changed(kind, path, value)).encode()

    with pytest.raises(Refused):
        takes(kind)(request(Post("", {}, body)))


@pytest.mark.parametrize("kind", [Kind.SLACK, Kind.DISCORD, Kind.TEAMS, Kind.PAGERDUTY])
def test_an_endpoint_refuses_what_is_not_json(kind: Kind) -> None:
    with pytest.raises(Refused):
        takes(kind)(request(Post("", {}, b"payload={}")))


def test_what_is_shown_to_people_is_the_same_everywhere() -> None:
    made = notice(alert())

    assert chat.slack(made)["text"] in teams.text_of(chat.teams(made))


def test_a_name_that_is_an_address_becomes_no_link() -> None:
    named = notice(alert(subject="[Trueup] MAJOR cb-main (coinbase): https://claim.example/x not in the book"))
    blocks = chat.slack(named)["blocks"]
    assert blocks
    assert all(block["text"]["verbatim"] is True for block in blocks)
    assert "://" not in chat.discord(named)["content"]
    assert "claim.example/x" in chat.discord(named)["content"]
