"""What people are told besides lines: since when, what is over, who takes care, what nobody could verify."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.domain.test_domain_breaks import ANN, agreed, at, explained, life, seen, sides
from tests.unit.money_kit import NOON
from trueup.domain.blindness import Blindness, BlindNews, Told
from trueup.domain.breaks import Acknowledged, Assigned, Break, Look
from trueup.domain.history import History, Track
from trueup.domain.reasons import Severity
from trueup.domain.told import told_besides

SAID = seen(0, confirmed=True, told="confirmed")
ABOUT = {"break_id": "brk-1", "wallet": "spot", "asset": "ETH", "field": "total"}
AT_NOON = "2026-11-22T12:00:00.000Z"


def told(known: Break | None, look: Look) -> dict[str, Any]:
    history = History(NOON, breaks={} if known is None else {"brk-1": known})
    return told_besides(history, {"brk-1": look}, None, None)


def test_of_nothing_there_is_nothing_to_tell() -> None:
    assert told_besides(History(), {}, None, None) == {}
    assert told(None, seen(0)) == {}
    assert told(life(SAID), seen(5)) == {}


def test_of_a_break_that_is_said_since_when_it_is_open_and_whose_it_is() -> None:
    again = replace(SAID, at=at(9))
    assert told(None, SAID) == {"open": {"brk-1": {"since": AT_NOON, "owner": None}}}
    assert told(life(seen(0), Assigned(at(1), ANN, "ben")), again)["open"] == {
        "brk-1": {"since": AT_NOON, "owner": "ben"}
    }
    back = told(life(seen(0), Assigned(at(1), ANN, "ben"), agreed(5)), again)["open"]
    assert back == {"brk-1": {"since": "2026-11-22T12:09:00.000Z", "owner": "ben"}}


def test_of_a_break_that_is_over_everything_that_happened() -> None:
    known = life(seen(0, "5"), replace(SAID, at=at(5)))
    assert told(known, replace(agreed(10, sides("9", "9"), adjusted=True), told=True)) == {
        "resolved": [
            ABOUT
            | {
                "kind": "quantity",
                "severity": "MAJOR",
                "how": "adjusted",
                "opened_at": AT_NOON,
                "resolved_at": "2026-11-22T12:10:00.000Z",
                "occurrences": 2,
                "peak_worth": "20000",
            }
        ]
    }
    unpriced = replace(SAID, worth=None)
    (over,) = told(life(unpriced), replace(agreed(10), told=True))["resolved"]
    assert over["peak_worth"] is None
    back = life(seen(0), agreed(5), replace(SAID, at=at(10)))
    (over,) = told(back, replace(agreed(15), told=True))["resolved"]
    assert over["opened_at"] == "2026-11-22T12:10:00.000Z", "since it came back"


def test_whoever_was_not_told_of_it_hears_nothing_of_its_end() -> None:
    assert told(life(SAID), agreed(10)) == {}
    assert told(None, replace(agreed(10), told=True)) == {}


@pytest.mark.parametrize("look", [seen(5), explained(5, "w-1"), agreed(5)])
def test_that_somebody_takes_care_is_told_with_the_next_look_and_once(look: Look) -> None:
    known = life(SAID, Acknowledged(at(1), ANN))
    taken = ABOUT | {"severity": "MAJOR", "by": ANN, "at": "2026-11-22T12:01:00.000Z"}
    assert told(known, look) == {"acknowledged": [taken]}
    assert told(life(SAID, Acknowledged(at(1), ANN), seen(2)), look) == {}
    assert told(life(seen(0), Acknowledged(at(1), ANN)), look) == {}, "nobody knows of it"
    assert told(life(SAID, Acknowledged(at(0), ANN)), look) == {}, "the look of that moment told it"


def test_of_several_breaks_each_is_told_in_the_order_of_their_names() -> None:
    over = replace(agreed(10), told=True)
    breaks = {name: replace(life(SAID), place=replace(life(SAID).place, break_id=name)) for name in ("brk-2", "brk-1")}
    found = told_besides(History(breaks=breaks), {"brk-2": over, "brk-1": over, "brk-0": SAID}, None, None)
    assert [each["break_id"] for each in found["resolved"]] == ["brk-1", "brk-2"]
    assert list(found["open"]) == ["brk-0"]


BLIND = Blindness(at(10), at(0), 3, 3, Told.WHOLE)


def test_that_an_account_is_not_verified_is_told_with_how_long_and_that_it_is_again_with_how_long_it_was_not() -> None:
    assert told_besides(History(), {}, BLIND, BlindNews.UNVERIFIED) == {
        "verification": {"news": "unverified", "since": AT_NOON, "runs": 3}
    }
    assert told_besides(History(blindness=BLIND), {}, Blindness(at(15), at(15), 0, 0), BlindNews.VERIFIED) == {
        "verification": {"news": "verified", "since": AT_NOON, "runs": 3}
    }
    assert told_besides(History(blindness=BLIND), {}, BLIND, None) == {}
    before = replace(BLIND, since=at(-60))
    assert told_besides(History(blindness=before), {}, BLIND, BlindNews.UNVERIFIED)["verification"]["since"] == AT_NOON


def test_what_is_over_is_as_bad_as_people_were_told_it_was() -> None:
    track = Track("brk-1", "spot", "ETH", "total", open=True, said=Severity.CRITICAL)
    for said, severity in ((track, "CRITICAL"), (replace(track, said=Severity.MINOR), "MAJOR"), (None, "MAJOR")):
        history = History(tracks={} if said is None else {"brk-1": said}, breaks={"brk-1": life(SAID)})
        (over,) = told_besides(history, {"brk-1": replace(agreed(10), told=True)}, None, None)["resolved"]
        assert over["severity"] == severity
