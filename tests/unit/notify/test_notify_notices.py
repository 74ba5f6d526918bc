"""What arrives on the topic is read loosely, and goes to whom it concerns."""

import json
from typing import Any

import pytest
from notify_kit import AT, acknowledged, alarm, alert, endpoint, line, notice, parcels_of, resolved

from trueup.domain.reading import Malformed
from trueup.domain.reasons import Severity
from trueup.notify.endpoints import Kind
from trueup.notify.notices import Source, for_endpoint, read_notice
from trueup.notify.parcels import read_parcel, write_parcel


def test_an_alert_is_known_by_its_own_id_however_often_it_arrives() -> None:
    first, again = (notice(alert(), message_id=message_id) for message_id in ("one", "two"))

    assert first == again
    assert (first.id, first.at, first.severity) == ("alr-0a1b2c3d4e5f6071", AT, Severity.CRITICAL)


def test_an_alert_without_words_is_said_by_its_type_and_id() -> None:
    found = notice({"alert_id": "alr-1", "type": "weather"})
    assert (found.id, found.source, found.subject) == ("alr-1", Source.ALERT, "[Trueup] weather alr-1")
    assert found.text == found.subject


def test_an_alarm_is_known_by_its_change_of_state() -> None:
    first, again = (notice(alarm(), message_id=message_id) for message_id in ("one", "two"))
    after, later = notice(alarm("OK")), notice(alarm(at="2026-11-22T13:00:05.000+0000"))

    assert first.id == again.id
    assert len({first.id, after.id, later.id}) == 3
    assert (first.at, first.subject) == (AT, "[Trueup] ALARM trueup-RunsFailedAlarm-1")
    assert "A run of trueup failed." in first.text


def test_anything_else_is_said_as_it_is() -> None:
    text = notice("by hand", subject="Maintenance")
    bare = notice({"detail": 1}, subject=None)

    assert (text.source, text.subject, text.text) == (Source.OTHER, "Maintenance", "by hand")
    assert (bare.subject, bare.text) == ("A message on the alert topic", '{"detail": 1}')
    assert notice("by hand").id != notice("by hand", message_id="two").id, "said twice on purpose"


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 7, "breaks": "none", "resolved": None, "acknowledged": [1, "x"], "severity": "APOCALYPTIC"},
        {"type": None, "subject": 5, "text": ["x"], "compared_at": "noon", "account_id": 3},
        {"type": "digest", "alerts": {"0": "x"}},
    ],
)
def test_what_is_not_known_is_absent_and_never_stops_an_alert(changes: dict[str, Any]) -> None:
    found = notice(alert() | changes)

    assert found.subject
    assert found.text
    for kind in Kind:
        parcels_of(alert() | changes, endpoint(kind))
    assert for_endpoint(found, endpoint(severity_from=Severity.CRITICAL)) is not None


@pytest.mark.parametrize("body", ["", "[]", '{"Type": "Notification"}', '{"MessageId": "x", "Message": "y"}'])
def test_what_sns_did_not_send_is_refused(body: str) -> None:
    with pytest.raises(Malformed):
        read_notice(body)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "message", [alert(), resolved(), acknowledged(), alarm(), "text"], ids=["alert", "resolved", "ack", "alarm", "text"]
)
def test_a_parcel_arrives_as_it_was_packed(message: Any, kind: Kind) -> None:
    for parcel in parcels_of(message, endpoint(kind)):
        assert read_parcel(write_parcel(parcel)) == parcel


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": 2}, "parcel.schema: must be 1"),
        ({"endpoint": "No Name"}, "parcel.endpoint: must be lower-case letters"),
        ({"more": 1}, "parcel.more: is not a field here"),
        ({"notice": {}}, "parcel.notice.id: is missing"),
    ],
)
def test_a_parcel_nobody_packed_is_refused(change: dict[str, Any], told: str) -> None:
    [parcel] = parcels_of(alert(), endpoint())
    with pytest.raises(Malformed, match=told):
        read_parcel(json.dumps(json.loads(write_parcel(parcel)) | change))


# -- for whom --------------------------------------------------------------------------------------------------------


def hears(message: Any, **how: Any) -> bool:
    return for_endpoint(notice(message), endpoint(**how)) is not None


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        (alert(severity="CRITICAL"), True),
        (alert(severity="MAJOR", breaks=[line(severity="MAJOR")]), False),
        (alert(severity="MAJOR", breaks=[line(severity="CRITICAL")]), True),
        (resolved(), True),
        (resolved(resolved=[{"break_id": "brk-btc", "severity": "MINOR"}]), False),
        (alert("in_flight", severity="OK"), False),
        (alert("acknowledged", severity="OK", acknowledged=[{"severity": "CRITICAL"}]), True),
        (alert("acknowledged", severity="OK", acknowledged=[{"severity": "MAJOR"}]), False),
        (alert(severity="MINOR", breaks=[line(severity="MINOR")], verification={"news": "unverified"}), True),
        (alert("resolved", severity="OK", resolved=[{"severity": "MINOR"}], verification={"news": "verified"}), True),
        (alert("unverified", severity="OK"), True),
        (alert("verified", severity="OK"), True),
        (alarm(), True),
        (alarm("OK"), True),
        ("text", True),
    ],
)
def test_who_hears_from_critical_on_hears_what_is_critical_its_end_and_that_nobody_looks(
    message: Any, *, heard: bool
) -> None:
    assert hears(message, severity_from=Severity.CRITICAL) is heard
    assert hears(message)


def test_who_hears_of_some_accounts_hears_of_those_and_of_what_has_no_account() -> None:
    mine = frozenset({"cb-main"})

    assert hears(alert(), accounts=mine)
    assert not hears(alert(account_id="dydx-one"), accounts=mine)
    assert not hears(alert("unverified", account_id="dydx-one"), accounts=mine)
    assert hears(alarm(), accounts=mine)
    assert hears("text", accounts=mine)


def test_an_alarm_that_begins_as_ok_is_no_news_but_closes_what_may_be_open() -> None:
    deployed = alarm("OK") | {"OldStateValue": "INSUFFICIENT_DATA"}

    assert not hears(deployed)
    assert [parcel.said.action for parcel in parcels_of(deployed, endpoint(Kind.PAGERDUTY))] == ["resolve"]  # type: ignore[union-attr]
    assert hears(alarm("OK") | {"OldStateValue": "ALARM"})


def test_of_a_digest_everybody_hears_their_part() -> None:
    others = alert(account_id="dydx-one", subject="[Trueup] CRITICAL dydx-one", alert_id="alr-3")
    digest = alert("digest", account_id=None, alerts=[alert(), others], text="all of it")

    whole = for_endpoint(notice(digest), endpoint())
    mine = for_endpoint(notice(digest), endpoint(accounts=frozenset({"cb-main"})))

    assert whole is not None
    assert whole.text == "all of it"
    assert mine is not None
    assert [each["account_id"] for each in mine.document["alerts"]] == ["cb-main"]
    assert "dydx-one" not in mine.text
    assert for_endpoint(notice(digest), endpoint(accounts=frozenset({"somebody-else"}))) is None
