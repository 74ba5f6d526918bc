"""Alerts reach the endpoints on the local cloud, with IAM enforced: the real stack, and five simulated channels.

One of them is dead. The others do not notice; what it did not take is a dead letter, and arrives when it is moved back.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.channels.server import Channels
from local.cloud import deploy
from local.cloud.deploy import Deployment
from local.cloud.ministack import LocalCloud
from local.venues.server import Answer
from tests.leaks.plugin import PRODUCED
from tests.unit.cli.cli_kit import Ran, trueup
from tests.unit.notify.notify_kit import acknowledged, alarm, alert, resolved
from trueup.aws import client, use_session

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STACK = "endpoints"
SECRET = "endpoints/alert-endpoints"
KINDS = ["discord", "pagerduty", "slack", "teams", "webhook"]
GONE = Answer.of_text("no_service", status=404)
BUSY = Answer(429, b"later", content_type="text/plain", headers=(("Retry-After", "10"),))
DOWN = Answer.of_text("try later", status=503)


@dataclass
class Desk:
    """The deployed stack, the channels, and the operator's command."""

    cloud: LocalCloud
    deployment: Deployment
    channels: Channels

    def say(self, message: Any) -> None:
        """Publish on the topic, as Compare and CloudWatch do."""
        text = message if isinstance(message, str) else json.dumps(message)
        client("sns").publish(TopicArn=self.deployment.outputs["TopicArn"], Message=text, Subject="Trueup")

    def heard(self, *kinds: str, count: int) -> bool:
        """Wait until each of these channels has taken so many messages."""
        return self.channels.wait_for(lambda: all(len(self.channels.taken.get(it, [])) >= count for it in kinds), 60)

    def trueup(self, *arguments: str) -> Ran:
        return trueup("alerts", *arguments, "--stack-name", STACK)

    def dead_letters(self, count: int) -> list[dict[str, Any]]:
        """Wait until nothing is on its way, and so many are dead letters; return those."""
        deadline = time.monotonic() + 60
        while True:
            found = self.trueup("list", "--json").document
            if (found["count"], found["on_their_way"]) == (count, 0):
                break
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        listed: list[dict[str, Any]] = found["dead_letters"]
        return listed


@pytest.fixture(scope="module")
def deployed(cloud: LocalCloud) -> Iterator[Desk]:
    use_session(cloud.session())
    with Channels() as channels:
        for token in channels.tokens:
            PRODUCED.canaries.add_secret("what opens an endpoint", token)
        deployment = deploy.deploy(
            cloud,
            ROOT / "template.yaml",
            stack_name=STACK,
            parameters={"AlertEndpointsSecret": SECRET, "AlertAllowedHosts": "127.0.0.1"},
        )
        client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(channels.endpoints()))
        function = deployment.resources["NotifyFunction"]
        variables = client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        # Waits of one and two seconds, then it is given up.
        quick = variables | {"FIRST_WAIT_SECONDS": "1", "MOST_ATTEMPTS": "3"}
        client("lambda").update_function_configuration(FunctionName=function, Environment={"Variables": quick})
        yield Desk(cloud, deployment, channels)


@pytest.fixture
def desk(deployed: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk with nothing heard yet and nothing broken."""
    monkeypatch.setattr("cli.cloud.use_profile", lambda region, *, local: use_session(deployed.cloud.session()))
    deployed.channels.taken.clear()
    deployed.channels.refused.clear()
    yield deployed
    for kind in KINDS:
        deployed.channels.fail(kind, None)
    deployed.dead_letters(0)


def unique(message: dict[str, Any], alert_id: str, **changes: Any) -> dict[str, Any]:
    return message | {"alert_id": alert_id} | changes


def test_every_channel_takes_an_alert_and_an_alarm(desk: Desk) -> None:
    desk.say(unique(alert(), "alr-one"))
    assert desk.heard(*KINDS, count=1), (desk.channels.taken, desk.channels.refused)
    desk.say(alarm())
    assert desk.heard(*KINDS, count=2), (desk.channels.taken, desk.channels.refused)

    assert desk.channels.refused == {}
    assert desk.channels.incidents.state["brk-btc"] == "triggered"
    assert desk.channels.taken["webhook"][0]["data"]["alert_id"] == "alr-one"
    assert desk.channels.receiver.ids[0] == "alr-one"


def test_an_alert_that_is_sent_twice_is_heard_once(desk: Desk) -> None:
    for _ in range(2):
        desk.say(unique(alert(), "alr-twice"))
    desk.say("the end")

    assert desk.heard("slack", count=2)
    assert [it["text"].startswith("[Trueup]") for it in desk.channels.taken["slack"]] == [True, False]


def test_a_break_is_one_incident_from_its_beginning_to_its_end(desk: Desk) -> None:
    states = desk.channels.incidents.state
    for message, state in (
        (unique(alert(), "alr-3", compared_at="2026-11-22T13:00:05Z"), "triggered"),
        (unique(acknowledged(), "alr-4", compared_at="2026-11-22T13:01:05Z"), "acknowledged"),
        (unique(resolved(), "alr-5", compared_at="2026-11-22T13:05:05Z"), "resolved"),
    ):
        desk.say(message)
        assert desk.channels.wait_for(lambda state=state: states.get("brk-btc") == state), state  # type: ignore[misc]


def test_a_dead_endpoint_keeps_nobody_waiting_and_its_alerts_until_it_lives_again(desk: Desk) -> None:
    living = [kind for kind in KINDS if kind != "slack"]
    desk.channels.fail("slack", BUSY)

    desk.say(unique(alert(), "alr-6", compared_at="2026-11-22T14:00:05Z"))
    assert desk.heard(*living, count=1)
    desk.say(unique(resolved(), "alr-7", compared_at="2026-11-22T14:05:05Z"))
    assert desk.heard(*living, count=2)
    assert len(desk.channels.refused["slack"]) == 1, "they wait for nobody, while it is waited for"

    desk.channels.fail("slack", DOWN)
    letters = desk.dead_letters(2)
    assert [(it["endpoint"], it["reason"]) for it in letters] == [("slack", "answered 503: try later")] * 2
    assert len(desk.channels.refused["slack"]) == 6, "three attempts each"
    assert "2 dead letters, 0 messages on the way" in desk.trueup("list").out

    desk.channels.fail("slack", None)
    assert desk.trueup("redrive").out == "2 messages moved back\n"
    assert desk.heard("slack", count=2)
    assert [it["text"] for it in desk.channels.taken["slack"]] == [
        "[Trueup] CRITICAL cb-main (coinbase): BTC quantity differs"
    ] * 2
    assert [len(desk.channels.taken[kind]) for kind in living] == [2] * 4, "nobody else hears it twice"
    assert desk.trueup("redrive").out == "no dead letters, nothing to move\n"


def test_what_is_refused_for_good_is_a_dead_letter_at_once_and_reopens_nothing_later(desk: Desk) -> None:
    desk.channels.fail("pagerduty", Answer.of_json({"status": "invalid event"}, status=400))
    desk.say(unique(alert(), "alr-8", compared_at="2026-11-22T15:00:05Z"))
    desk.dead_letters(1)
    assert len(desk.channels.refused["pagerduty"]) == 1
    desk.channels.fail("pagerduty", None)
    desk.say(unique(resolved(), "alr-9", compared_at="2026-11-22T15:05:05Z"))
    assert desk.heard("pagerduty", count=1)

    desk.trueup("redrive")
    desk.dead_letters(0)
    desk.say(unique(alert("unverified", account_id="cb-late"), "alr-10"))

    assert desk.heard("pagerduty", count=2)
    assert [it["dedup_key"] for it in desk.channels.taken["pagerduty"]] == ["brk-btc", "unverified-cb-late"]
    assert desk.channels.incidents.state["brk-btc"] == "resolved"


def test_a_test_says_what_each_endpoint_answered(desk: Desk) -> None:
    desk.channels.fail("teams", GONE)

    ran = desk.trueup("test", "--json")

    assert ran.code == 1
    assert {it["endpoint"]: it["answer"] for it in ran.document["endpoints"]} == {
        "slack": "answered 200",
        "discord": "answered 204",
        "teams": "answered 404: no_service",
        "pagerduty": "answered 202",
        "webhook": "answered 204",
    }
    assert desk.trueup("test", "--endpoint", "slack").code == 0
    assert [len(desk.channels.taken.get(kind, [])) for kind in KINDS] == [1, 2, 2, 0, 1]
    assert desk.trueup("test", "--endpoint", "nobody").err == (
        "trueup: ConfigInvalid: there is no endpoint nobody; there are slack, discord, teams, pagerduty, webhook\n"
    )


def test_no_log_has_an_address_or_a_key(desk: Desk) -> None:
    logs = client("logs")
    group = f"/aws/lambda/{STACK}/notify"
    events = [
        event["message"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]
    text = "".join(events)
    assert "delivered" in text, "there is a log"
    assert [token for token in desk.channels.tokens if token in text] == []
    assert "14550.075" not in text, "nor a balance"
