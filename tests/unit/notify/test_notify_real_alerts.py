"""Alerts as Trueup itself makes them, of every type, told to every channel."""

import json
from dataclasses import replace
from typing import Any

import pytest
from notify_kit import endpoint, parcels_of
from test_notify_channels import sent

from tests.unit.alerts.test_alert_kinds import BLIND, BROKEN, DARK, FINE, TOLD, besides, many, said
from tests.unit.alerts.test_alert_messages import in_flight, run_of, seen_twice, the_whole_story
from tests.unit.domain.test_domain_breaks import ANN, agreed, at, life
from trueup.alerts.digest import MAX_ACCOUNTS, alerts_of
from trueup.alerts.message import Alert
from trueup.alerts.publish import message
from trueup.domain.advance import advance
from trueup.domain.blindness import BlindNews
from trueup.domain.breaks import Acknowledged
from trueup.domain.history import History
from trueup.domain.policy import default_policy
from trueup.notify.endpoints import Kind
from trueup.notify.incidents import Incident

RESOLVED = replace(agreed(10), told=True)


def published(alert: Alert) -> dict[str, Any]:
    """The document as the topic hands it to a queue."""
    document: dict[str, Any] = json.loads(json.loads(message(alert)["Message"])["default"])
    return document


def alerts() -> dict[str, Alert]:
    over = besides(life(TOLD, Acknowledged(at(1), ANN)), RESOLVED)
    dark = besides(None, blind=(BLIND, BlindNews.UNVERIFIED))
    light = besides(None, blind=(BLIND, BlindNews.VERIFIED))
    flying = advance(in_flight(BTC="9"), History(), default_policy(), "coinbase").report
    (whole,) = alerts_of(run_of(seen_twice(the_whole_story(), default_policy())))
    digest, _ = alerts_of(run_of(*many(MAX_ACCOUNTS + 5)), {"digest": True})
    return {
        "breaks": said(BROKEN, over | dark),
        "many breaks": whole,
        "resolved": said(FINE, {"resolved": over["resolved"]}),
        "acknowledged": said(FINE, {"acknowledged": over["acknowledged"]}),
        "unverified": said(DARK, dark),
        "verified": said(FINE, light),
        "in_flight": said(flying, {}),
        "digest": digest,
    }


REAL = alerts()


def test_there_is_one_of_every_type() -> None:
    types = {"breaks", "resolved", "acknowledged", "unverified", "verified", "in_flight", "digest"}
    assert {alert.type for alert in REAL.values()} == types


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", REAL)
def test_every_channel_takes_every_alert(name: str, kind: Kind) -> None:
    assert sent(published(REAL[name]), endpoint(kind)) or kind is Kind.PAGERDUTY


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("breaks", ["trigger", "acknowledge", "resolve", "trigger"]),
        ("many breaks", ["trigger"] * 5),
        ("resolved", ["resolve"]),
        ("acknowledged", ["acknowledge"]),
        ("unverified", ["trigger"]),
        ("verified", ["resolve"]),
        ("in_flight", []),
    ],
)
def test_pagerduty_opens_acknowledges_and_closes_what_they_say(name: str, actions: list[str]) -> None:
    told = [parcel.said for parcel in parcels_of(published(REAL[name]), endpoint(Kind.PAGERDUTY))]
    assert [it.action for it in told if isinstance(it, Incident)] == actions


def test_a_digest_opens_the_incidents_it_names() -> None:
    document = published(REAL["digest"])
    told = parcels_of(document, endpoint(Kind.PAGERDUTY))
    named = [line["break_id"] for each in document["alerts"] for line in each["breaks"]]
    assert [parcel.said.key for parcel in told] == named  # type: ignore[union-attr]
    assert len(named) > MAX_ACCOUNTS
