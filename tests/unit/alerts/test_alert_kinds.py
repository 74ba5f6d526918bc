"""What people hear besides breaks: again, resolved, acknowledged, unverified, verified, and all of it in one digest."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.alerts.test_alert_messages import SNS_LIMIT, account, in_flight, run_of, seen_twice
from tests.unit.domain.test_domain_breaks import ANN, agreed, at, life, seen
from tests.unit.money_kit import NOON
from trueup.alerts.digest import MAX_ACCOUNTS, alerts_of
from trueup.alerts.message import MAX_LINES, Alert
from trueup.alerts.publish import message
from trueup.alerts.words import HOW_WORDS
from trueup.domain.advance import advance
from trueup.domain.blindness import Blindness, BlindNews, Told
from trueup.domain.breaks import Acknowledged, Assigned, Break, How, Look
from trueup.domain.compare import unverified
from trueup.domain.history import History
from trueup.domain.policy import default_policy
from trueup.domain.reasons import Reason
from trueup.domain.report import AccountReport, News
from trueup.domain.told import told_besides

BROKEN = seen_twice(account(BTC="5"), default_policy())
FINE = account(BTC="10")
DARK = unverified("cb-main", Reason.UNREACHABLE, default_policy())
TOLD = seen(0, confirmed=True, told="confirmed")


def besides(
    known: Break | None, look: Look | None = None, blind: tuple[Blindness | None, BlindNews | None] = (None, None)
) -> Any:
    history = History(NOON, {}, {} if known is None else {"brk-1": known})
    return told_besides(history, {} if look is None else {"brk-1": look}, *blind)


def said(report: AccountReport, told: Any) -> Alert:
    (alert,) = alerts_of(run_of(report), {"told": {"cb-main": told}})
    return alert


def test_a_break_that_is_resolved_is_said_to_those_who_were_told_with_what_resolved_it() -> None:
    alert = said(FINE, besides(life(TOLD), replace(agreed(10), told=True)))
    assert (alert.type, alert.severity, alert.kinds) == ("resolved", "OK", ())
    assert alert.subject == "[Trueup] RESOLVED cb-main (coinbase): ETH: the venue moved"
    assert alert.text.startswith("RESOLVED: 1 break resolved in account cb-main at coinbase.\n\nResolved\n")
    assert (
        "  ETH: the venue moved; open from 2026-11-22T12:00:00.000Z to 2026-11-22T12:10:00.000Z  brk-1\n" in alert.text
    )
    assert alert.document["resolved"] == [
        {
            "break_id": "brk-1", "wallet": "spot", "asset": "ETH", "field": "total", "kind": "quantity",
            "severity": "MAJOR", "how": "venue_moved", "opened_at": "2026-11-22T12:00:00.000Z",
            "resolved_at": "2026-11-22T12:10:00.000Z", "occurrences": 1, "peak_worth": "4000",
        }
    ]  # fmt: skip


def test_whoever_was_not_told_of_a_break_does_not_hear_of_its_end() -> None:
    assert besides(life(seen(0)), agreed(10)) == {}
    assert besides(None, replace(agreed(10), told=True)) == {}


def test_that_somebody_takes_care_is_said_once() -> None:
    acknowledged = life(TOLD, Acknowledged(at(1), ANN))
    alert = said(FINE, besides(acknowledged, seen(5)))
    assert (alert.type, alert.severity) == ("acknowledged", "OK")
    assert alert.subject == "[Trueup] ACKNOWLEDGED cb-main (coinbase): ETH by arn:ann"
    assert "Acknowledged\n  ETH: by arn:ann at 2026-11-22T12:01:00.000Z  brk-1\n" in alert.text
    assert besides(life(TOLD, Acknowledged(at(1), ANN), seen(5)), seen(10)) == {}
    assert besides(life(seen(0), Acknowledged(at(1), ANN)), seen(5)) == {}, "nobody was told of it"


@pytest.mark.parametrize(
    ("news", "subject", "why"),
    [
        (News.CONFIRMED, "BTC quantity differs", None),
        (News.RAISED, "worse: BTC quantity differs", "it is worse than when you were last told"),
        (News.GROWN, "grown: BTC quantity differs", "it has grown since you were last told"),
        (News.SHRUNK, "shrunk: BTC quantity differs", "it has shrunk since you were last told"),
        (News.REOPENED, "back: BTC quantity differs", "it had been resolved"),
        (News.REMINDER, "reminder: BTC quantity differs", "a reminder: it stands"),
    ],
)
def test_whoever_hears_of_it_again_hears_why(news: News, subject: str, why: str | None) -> None:
    (line,) = BROKEN.news
    alert = said(replace(BROKEN, lines=(replace(line, news=news),)), {})
    assert alert.subject == f"[Trueup] CRITICAL cb-main (coinbase): {subject}"
    assert (f"  told again  {why}\n" in alert.text) is (why is not None)
    assert ("told again" in alert.text) is (why is not None)


def test_since_when_a_break_is_open_and_whose_it_is_stands_with_it() -> None:
    (line,) = BROKEN.news
    assert line.break_id is not None
    known = life(seen(0), Assigned(at(1), ANN, "ben"))
    about = besides(known, replace(TOLD, at=at(5)))
    alert = said(BROKEN, {"open": {line.break_id: about["open"]["brk-1"]}})
    assert "  seen        2 looks in a row, since 2026-11-22T12:00:00.000Z\n" in alert.text
    assert "  owner       ben\n" in alert.text
    assert alert.document["breaks"][0]["since"] == "2026-11-22T12:00:00.000Z"
    assert alert.document["breaks"][0]["owner"] == "ben"


def test_what_is_back_is_open_since_it_came_back() -> None:
    over = life(TOLD, agreed(5))
    assert besides(over, replace(TOLD, at=at(9)))["open"]["brk-1"]["since"] == "2026-11-22T12:09:00.000Z"
    assert besides(None, TOLD)["open"]["brk-1"] == {"since": "2026-11-22T12:00:00.000Z", "owner": None}


BLIND = Blindness(at(10), at(0), 3, 3, Told.WHOLE)


def test_an_account_that_nobody_could_verify_is_said_by_its_reasons_and_is_no_ok() -> None:
    alert = said(DARK, besides(None, blind=(BLIND, BlindNews.UNVERIFIED)))
    assert (alert.type, alert.severity, alert.document["severity"]) == ("unverified", "UNVERIFIED", "UNVERIFIED")
    assert alert.subject == "[Trueup] UNVERIFIED cb-main (coinbase): 3 runs in a row: unreachable"
    assert "Since 2026-11-22T12:00:00.000Z not all of this account could be verified." in alert.text
    assert "Not everything could be verified: unreachable.\n" in alert.text
    assert alert.document["verification"] == {
        "news": "unverified", "since": "2026-11-22T12:00:00.000Z", "runs": 3,
    }  # fmt: skip


def test_that_it_is_verified_again_is_said_with_how_long_it_was_not() -> None:
    history = History(NOON, blindness=BLIND)
    told = told_besides(history, {}, Blindness(at(15), at(15), 0, 0), BlindNews.VERIFIED)
    alert = said(FINE, told)
    assert (alert.type, alert.severity) == ("verified", "OK")
    assert alert.subject == "[Trueup] VERIFIED cb-main (coinbase): again, after 3 runs"
    assert "From 2026-11-22T12:00:00.000Z on not all of this account could be verified; now all of it is." in alert.text


def test_one_message_says_everything_of_an_account_and_is_called_by_the_worst() -> None:
    told = besides(life(TOLD, Acknowledged(at(1), ANN)), replace(agreed(10), told=True)) | besides(
        None, blind=(BLIND, BlindNews.UNVERIFIED)
    )
    alert = said(BROKEN, told)
    assert (alert.type, alert.severity) == ("breaks", "CRITICAL")
    assert alert.text.startswith(
        "CRITICAL: 1 break, 1 break resolved, 1 break acknowledged and nothing or not all verified, 3 runs in a row in"
    )
    assert said(DARK, told).type == "unverified"
    del told["verification"]
    assert said(FINE, told).type == "resolved"
    flying = advance(in_flight(BTC="9"), History(), default_policy(), "coinbase").report
    assert said(flying, told).type == "in_flight"


def test_what_is_resolved_beyond_what_a_message_takes_is_counted() -> None:
    (one,) = besides(life(TOLD), replace(agreed(10), told=True))["resolved"]
    alert = said(FINE, {"resolved": [one] * (MAX_LINES + 2)})
    assert (len(alert.document["resolved"]), alert.document["resolved_left_out"]) == (MAX_LINES, 2)
    assert "  ... and 2 more\n" in alert.text
    assert alert.subject.endswith(f" and {MAX_LINES + 1} more")


# -- a digest ------------------------------------------------------------------------------------------------------


def many(count: int) -> list[AccountReport]:
    totals = {f"X{number:02}": "5" for number in range(30)}
    worst = seen_twice(account("cb-zz", BTC="5"), default_policy())
    return [*(seen_twice(account(f"cb-{n:03}", **totals), default_policy()) for n in range(count - 1)), worst]


def test_what_a_run_says_of_many_accounts_it_says_at_once_the_worst_first() -> None:
    frozen = {"digest": True, "audit": {"cb-zz": {"seq": 3, "hash": "ab" * 32}}}
    (alert,) = alerts_of(run_of(*many(3)), frozen)
    assert (alert.type, alert.severity, alert.venue, alert.account_id) == ("digest", "CRITICAL", None, None)
    assert alert.subject == "[Trueup] CRITICAL 3 accounts: 1 CRITICAL, 2 MAJOR"
    assert alert.text.index("CRITICAL cb-zz") < alert.text.index("MAJOR cb-000")
    assert "    trueup breaks list\n" in alert.text
    assert f"Audit cb-zz:3:{'ab' * 32}\n" in alert.text
    first, second, _ = alert.document["alerts"]
    assert (first["account_id"], second["breaks_left_out"], len(second["breaks"])) == ("cb-zz", 28, 2)
    assert "text" not in first
    assert sorted(message(alert)["MessageAttributes"]) == ["kind", "severity", "type"]


def test_the_same_digest_has_the_same_id_and_another_run_has_another() -> None:
    frozen = {"digest": True}
    one, again, other = (alerts_of(run_of(*many(2), run_id=run_id), frozen)[0].alert_id for run_id in ("a", "a", "b"))
    assert one == again != other


def test_of_very_many_accounts_there_are_several_digests_and_nobody_is_left_out() -> None:
    digests = alerts_of(run_of(*many(MAX_ACCOUNTS + 5)), {"digest": True})
    assert [len(alert.document["alerts"]) for alert in digests] == [MAX_ACCOUNTS, 5]
    assert len({alert.alert_id for alert in digests}) == 2
    named = [document["account_id"] for alert in digests for document in alert.document["alerts"]]
    assert (len(named), len(set(named)), named[0]) == (MAX_ACCOUNTS + 5, MAX_ACCOUNTS + 5, "cb-zz")
    assert all(len(json.dumps(message(alert)).encode()) < SNS_LIMIT for alert in digests)


def test_what_resolves_a_break_has_words_for_people() -> None:
    assert set(HOW_WORDS) == set(How)


def test_of_very_many_items_in_flight_a_message_names_some_and_counts_the_rest() -> None:
    flying = advance(in_flight(BTC="9"), History(), default_policy(), "coinbase").report
    (line,) = flying.news
    many_items = replace(line, references=tuple(f"w-{number:03}" for number in range(25)))
    alert = said(replace(flying, lines=(many_items,)), {})
    (document,) = alert.document["explained"]
    assert (document["references"][-1], document["references_left_out"]) == ("w-019", 5)
    alert = said(replace(flying, lines=(replace(line, references=("w-1",)),)), {})
    assert "references_left_out" not in alert.document["explained"][0]
