"""What endpoints were told is noted, by endpoint, and forgotten after a month."""

from datetime import UTC, datetime

from trueup.store import keys
from trueup.store.deliveries import Deliveries
from trueup.store.rows import Rows

NOW = datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC)
AT, LATER = "2026-11-22T12:00:05.000Z", "2026-11-22T12:05:05.000Z"


def test_what_one_endpoint_was_told_another_was_not(rows: Rows) -> None:
    deliveries = Deliveries(rows, lambda: NOW)
    assert not deliveries.was_told("ops", "alr-1")

    deliveries.told("ops", "alr-1")

    assert deliveries.was_told("ops", "alr-1")
    assert not deliveries.was_told("ops", "alr-2")
    assert not deliveries.was_told("other", "alr-1")


def test_the_last_thing_told_of_an_incident_is_the_latest_one_whatever_came_after_it(rows: Rows) -> None:
    deliveries = Deliveries(rows, lambda: NOW)
    assert deliveries.last_of("on-call", "brk-1") is None

    for action, at in (("trigger", AT), ("resolve", LATER), ("trigger", AT)):
        deliveries.told_of("on-call", "brk-1", action, at)

    assert deliveries.last_of("on-call", "brk-1") == ("resolve", LATER)
    assert deliveries.last_of("on-call", "brk-2") is None


def test_rows_expire_after_a_month(rows: Rows) -> None:
    deliveries = Deliveries(rows, lambda: NOW)
    deliveries.told("ops", "alr-1")
    deliveries.told_of("ops", "brk-1", "trigger", AT)

    for key in (keys.sent("ops", "alr-1"), keys.incident("ops", "brk-1")):
        row = rows.get(*key)
        assert row is not None
        assert row["expires_at"] == int(NOW.timestamp()) + 30 * 86_400
