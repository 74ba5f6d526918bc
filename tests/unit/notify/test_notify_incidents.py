"""PagerDuty: one incident for one problem, opened, acknowledged and closed under the same key, in the right order."""

from typing import Any

import pytest
from notify_kit import ALARM_ARN, AT, LATER, acknowledged, alarm, alert, endpoint, line, notice, parcels_of, resolved

from trueup.domain.reasons import Severity
from trueup.notify.endpoints import Kind
from trueup.notify.incidents import Incident, incidents, pagerduty
from trueup.notify.notices import trial_notice

TO = endpoint(Kind.PAGERDUTY)


def events(message: Any, **how: Any) -> list[tuple[str, str]]:
    return [(it.action, it.key) for it in incidents(notice(message), endpoint(Kind.PAGERDUTY, **how))]


def test_each_break_is_an_incident_by_its_break_id() -> None:
    assert events(alert(breaks=[line("BTC"), line("ETH")])) == [("trigger", "brk-btc"), ("trigger", "brk-eth")]


def test_what_is_acknowledged_and_resolved_has_the_same_key() -> None:
    assert events(acknowledged()) == [("acknowledge", "brk-btc")]
    assert events(resolved()) == [("resolve", "brk-btc")]


def test_an_account_nobody_can_look_at_is_an_incident_until_somebody_can() -> None:
    assert events(alert("unverified", severity="OK")) == [("trigger", "unverified-cb-main")]
    assert events(alert("verified", severity="OK")) == [("resolve", "unverified-cb-main")]


def test_what_a_message_says_of_verification_counts_whatever_its_type_is() -> None:
    """A message is of the type of its most pressing news, and says everything."""
    dark, light = ({"news": news, "since": AT, "runs": 3} for news in ("unverified", "verified"))
    both = alert(verification=dark, reasons=["auth_failed"])

    assert events(both) == [("trigger", "brk-btc"), ("trigger", "unverified-cb-main")]
    assert incidents(notice(both), TO)[1].summary == "[UNVERIFIED] cb-main (coinbase): auth_failed"
    assert events(resolved(verification=light)) == [("resolve", "brk-btc"), ("resolve", "unverified-cb-main")]


def test_an_alarm_is_an_incident_until_it_is_ok() -> None:
    assert events(alarm()) == [("trigger", ALARM_ARN)]
    assert events(alarm("OK")) == [("resolve", ALARM_ARN)]
    assert events(alarm("INSUFFICIENT_DATA")) == []


def test_a_message_with_news_of_several_sorts_is_several_events() -> None:
    both = alert(resolved=[{"break_id": "brk-sol"}], acknowledged=[{"break_id": "brk-ada"}])
    assert events(both) == [("trigger", "brk-btc"), ("acknowledge", "brk-ada"), ("resolve", "brk-sol")]


def test_a_digest_is_the_events_of_all_its_accounts() -> None:
    digest = alert("digest", account_id=None, alerts=[alert(), alert("unverified", account_id="dydx-one")])
    assert events(digest) == [("trigger", "brk-btc"), ("trigger", "unverified-dydx-one")]


@pytest.mark.parametrize("message", [alert("in_flight", severity="OK"), "by hand", {"detail": 1}])
def test_nobody_is_woken_for_information(message: Any) -> None:
    assert events(message) == []


def test_a_type_of_tomorrow_is_an_incident_only_if_it_is_bad() -> None:
    assert events(alert("weather", severity="MAJOR")) == [("trigger", "alr-0a1b2c3d4e5f6071")]
    assert events(alert("weather", severity="OK")) == []


def test_a_break_below_what_the_endpoint_hears_opens_nothing_but_its_end_is_always_told() -> None:
    mixed = alert(
        breaks=[line("BTC"), line("ETH", severity="MINOR")], resolved=[{"break_id": "x", "severity": "MINOR"}]
    )
    assert events(mixed, severity_from=Severity.CRITICAL) == [("trigger", "brk-btc"), ("resolve", "x")]


def test_a_minor_end_reaches_an_endpoint_that_hears_from_critical_on() -> None:
    """The break may have been critical when it was opened there."""
    small = resolved(resolved=[{"break_id": "brk-btc", "severity": "MINOR"}])
    to = endpoint(Kind.PAGERDUTY, severity_from=Severity.CRITICAL)
    assert [parcel.said.action for parcel in parcels_of(small, to)] == ["resolve"]  # type: ignore[union-attr]


def test_an_event_says_what_how_bad_and_what_to_type() -> None:
    [incident] = incidents(notice(alert(breaks_left_out=3)), TO)

    event = pagerduty(incident, TO.key)

    assert event == {
        "routing_key": TO.key,
        "event_action": "trigger",
        "dedup_key": "brk-btc",
        "client": "Trueup",
        "payload": {
            "summary": "[CRITICAL] cb-main (coinbase): BTC in spot quantity -0.15 worth 14550.075 USD",
            "source": "cb-main (coinbase)",
            "severity": "critical",
            "timestamp": AT,
            "group": "cb-main",
            "custom_details": {
                "wallet": "spot",
                "asset": "BTC",
                "field": "total",
                "kind": "quantity",
                "news": "confirmed",
                "book": "1.25",
                "venue": "1.1",
                "difference": "-0.15",
                "worth": "14550.075",
                "break_id": "brk-btc",
                "more_breaks_in_this_account": 3,
                "next": "trueup runs show 20261122T120000Z --account cb-main",
                "take_it": "trueup breaks ack brk-btc",
            },
        },
    }


def test_an_end_carries_nothing_but_its_key() -> None:
    [incident] = incidents(notice(resolved()), TO)
    assert pagerduty(incident, TO.key).keys() == {"routing_key", "event_action", "dedup_key", "client"}


def test_a_key_that_is_too_long_is_shortened_the_same_way_each_time() -> None:
    message = alarm() | {"AlarmArn": ALARM_ARN + "x" * 300}
    [(_, opened)], [(_, closed)] = events(message), events(message | {"NewStateValue": "OK"})
    [(_, other)] = events(message | {"AlarmArn": ALARM_ARN + "x" * 301})
    assert len(opened) == 255
    assert opened == closed != other


def test_a_test_opens_an_incident_and_closes_it() -> None:
    assert [it.action for it in incidents(trial_notice("test-1", AT), TO)] == ["trigger", "resolve"]


@pytest.mark.parametrize(
    ("mine", "since", "overtaken"),
    [
        (("trigger", AT), ("resolve", LATER), True),
        (("acknowledge", AT), ("resolve", LATER), True),
        (("resolve", AT), ("trigger", LATER), True),
        (("resolve", AT), ("acknowledge", LATER), True),
        (("trigger", AT), ("trigger", LATER), False),
        (("acknowledge", AT), ("trigger", LATER), False),
        (("trigger", LATER), ("resolve", AT), False),
        (("resolve", LATER), ("trigger", AT), False),
        (("resolve", AT), ("trigger", AT), False),
    ],
)
def test_nothing_is_opened_that_was_closed_since_nor_closed_that_was_opened_since(
    mine: tuple[Any, str], since: tuple[str, str], *, overtaken: bool
) -> None:
    action, at = mine
    assert Incident(action, "brk-btc", at).overtaken_by(*since) is overtaken
