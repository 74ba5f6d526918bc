"""Alerts: what a person reads at 3 a.m., the same facts for machines, and SNS's limits kept."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.money_kit import NOON, after, book, holding, item, judge, later, policy, prices, snapshot
from trueup.alerts.digest import alerts_of
from trueup.alerts.message import MAX_LINES, Alert
from trueup.alerts.publish import SnsPublisher, message
from trueup.alerts.words import money
from trueup.domain.advance import SecondLook, advance
from trueup.domain.compare import unverified
from trueup.domain.history import History
from trueup.domain.policy import Policy, default_policy
from trueup.domain.reasons import Reason, Severity
from trueup.domain.report import AccountReport, PricesUsed, RunReport, line_document

RUN_ID = "20261122T120000Z"
SAMPLE = Path(__file__).with_name("sample_email.txt")
SNS_LIMIT = 256 * 1024


def run_of(*accounts: AccountReport, run_id: str = RUN_ID) -> RunReport:
    return RunReport(
        run_id=run_id,
        started_at=NOON,
        compared_at=later(NOON, 21.5),
        policy_version="2f1d8a90c3b7",
        prices=PricesUsed("this_run", "USD", "coinbase", NOON),
        accounts=accounts,
        venues={account.account_id: "coinbase" for account in accounts},
    )


def said(*accounts: AccountReport, by: Policy | None = None, run_id: str = RUN_ID) -> list[Alert]:
    """What is said once everything has been seen by two runs in a row."""
    return alerts_of(run_of(*(seen_twice(account, by or default_policy()) for account in accounts), run_id=run_id))


def seen_twice(report: AccountReport, by: Policy) -> AccountReport:
    if report.observed_at is None:
        return report
    before = advance(replace(report, observed_at=later(report.observed_at, -300)), History(), by, "coinbase")
    return advance(report, after(History(), before), by, "coinbase").report


def only(*accounts: AccountReport, **how: Any) -> Alert:
    (alert,) = said(*accounts, **how)
    return alert


def account(account_id: str = "cb-main", **totals: str) -> AccountReport:
    """An account whose book holds ten of everything, and the venue what is said."""
    return judge(
        snapshot(("USDC", "1"), *totals.items(), account_id=account_id),
        book(("USDC", "1"), *((asset, "10") for asset in totals), account_id=account_id),
        run_id=RUN_ID,
    )


def the_whole_story() -> AccountReport:
    wallets: dict[str, Reason | None] = {"spot": None, "earn": None, "staking": Reason.PERMISSION_DENIED}
    return judge(
        snapshot(
            holding("BTC", "1.1"),
            holding("ETH", "-2"),
            holding("SOL", "7"),
            holding("USDC", "250000"),
            holding("DOGE", "90000"),
            wallets=wallets,
        ),
        book(
            holding("BTC", "1.25"),
            holding("ETH", "2"),
            holding("USDC", "250000"),
            holding("DOGE", "100000"),
            holding("AAVE", "4.5", "earn"),
            holding("DOT", "10", "staking"),
            wallets=("spot", "earn", "staking"),
        ),
        valued=prices({"BTC": "97000.5", "ETH": "3400", "DOGE": "0.15", "AAVE": "180.25"}),
        run_id=RUN_ID,
    )


def test_the_email_reads_as_the_sample_does() -> None:
    alert = only(the_whole_story())
    assert f"Subject: {alert.subject}\n\n{alert.text}" == SAMPLE.read_text()


def test_an_account_without_a_break_worth_saying_says_nothing() -> None:
    minor = account(ETH="9.95")
    assert minor.status == "MINOR"
    assert said(account(BTC="10"), minor, unverified("cb-two", Reason.UNREACHABLE, default_policy())) == []


def test_an_asset_under_a_name_nobody_knows_is_said_to_be_one() -> None:
    report = judge(
        snapshot(holding("NEWCOIN", "7", unmapped=True), holding("BTC", "1")),
        book(holding("NEWCOIN", "10"), holding("BTC", "2")),
        run_id=RUN_ID,
    )
    alert = only(report)
    assert "NEWCOIN (unknown name) in spot: quantity differs" in alert.text
    assert "BTC in spot: quantity differs" in alert.text
    assert [line.get("unmapped") for line in alert.document["breaks"]] == [None, True]


def test_only_breaks_from_the_policys_severity_on_are_said() -> None:
    report = account(ETH="9.95", X="8")  # half a per cent, worth 200; 20 %
    assert [line.severity for line in report.breaks] == [Severity.MINOR, Severity.MAJOR]
    assert [line["asset"] for line in only(report).document["breaks"]] == ["X"]
    everything = policy(alerts={"default": {"alert_from": "MINOR"}})
    assert [line["asset"] for line in only(report, by=everything).document["breaks"]] == ["X", "ETH"]
    assert said(report, by=policy(alerts={"default": {"alert_from": "CRITICAL"}})) == []
    one_asset = policy(alerts={"default": {"alert_from": "CRITICAL"}, "assets": {"ETH": {"alert_from": "MINOR"}}})
    assert [line["asset"] for line in only(report, by=one_asset).document["breaks"]] == ["ETH"]
    one_account = policy(alerts={"accounts": {"cb-main": {"alert_from": "CRITICAL"}}})
    assert said(report, by=one_account) == []


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (SecondLook(account(BTC="5")), "seen        twice in this run"),
        (SecondLook(None, "unreachable"), "seen        once; a second look failed (unreachable)"),
        (SecondLook(None, "too_many"), "seen        once; a second look failed (too_many)"),
    ],
)
def test_an_alert_says_how_often_its_break_was_seen(second: SecondLook, words: str) -> None:
    looked_at = advance(account(BTC="5"), History(), default_policy(), "coinbase", second).report
    (alert,) = alerts_of(run_of(looked_at))
    assert words in alert.text


def test_a_break_that_is_no_news_is_said_to_nobody() -> None:
    assert alerts_of(run_of(account(BTC="5"))) == []


def test_each_account_is_one_alert() -> None:
    alerts = said(account("cb-one", BTC="5", ETH="5"), account("cb-ok", BTC="10"), account("cb-two", BTC="5"))
    assert [alert.account_id for alert in alerts] == ["cb-one", "cb-two"]
    assert len(alerts[0].document["breaks"]) == 2


def test_an_alert_is_as_bad_as_its_worst_break_and_begins_with_it() -> None:
    alert = only(account(BTC="9.98", ETH="5"))
    assert [line["severity"] for line in alert.document["breaks"]] == ["CRITICAL", "MAJOR"]
    assert (alert.severity, alert.document["severity"]) == ("CRITICAL", "CRITICAL")
    assert alert.subject == "[Trueup] CRITICAL cb-main (coinbase): ETH quantity differs and 1 more"
    assert alert.text.startswith("CRITICAL: 2 breaks in account cb-main at coinbase.\n")


def test_among_equals_the_one_worth_most_comes_first() -> None:
    alert = only(account(BTC="5", ETH="5", X="-1", A="-1", USD="0"))
    assert [(line["asset"], line["severity"]) for line in alert.document["breaks"]] == [
        ("BTC", "CRITICAL"),
        ("ETH", "CRITICAL"),
        ("USD", "CRITICAL"),
        ("A", "MAJOR"),
        ("X", "MAJOR"),
    ]


def test_an_account_that_shows_nothing_is_one_problem_and_not_one_for_each_thing_it_should_hold() -> None:
    report = judge(snapshot(), [("BTC", "1"), ("ETH", "100"), ("USDC", "5000")])
    assert len(report.breaks) == 4
    alert = only(report)
    assert [line["field"] for line in alert.document["breaks"]] == ["account"]
    assert alert.kinds == ("account_empty",)
    assert alert.subject == "[Trueup] CRITICAL cb-main (coinbase): the venue shows nothing at all"
    assert "1 break in account cb-main" in alert.text
    assert "BTC" not in alert.text


def test_an_alert_has_the_same_name_however_often_it_is_sent_and_another_in_the_next_run() -> None:
    first, again = only(account(BTC="5")), only(account(BTC="4"))
    assert first.alert_id == again.alert_id == first.document["alert_id"]
    assert first.alert_id in first.text
    assert only(account(BTC="5"), run_id="20261122T120500Z").alert_id != first.alert_id
    assert only(account("cb-two", BTC="5")).alert_id != first.alert_id


def test_more_breaks_than_a_message_takes_are_counted() -> None:
    many = {f"X{number:02}": "0.5" for number in range(MAX_LINES + 3)}
    alert = only(account(**many))
    assert len(alert.document["breaks"]) == MAX_LINES
    assert alert.document["breaks_left_out"] == 3
    assert "... and 3 more in the report." in alert.text
    assert alert.text.count("\nMAJOR  X") == MAX_LINES
    assert alert.text.startswith(f"MAJOR: {MAX_LINES + 3} breaks in account")
    exactly = only(account(**dict(list(many.items())[:MAX_LINES])))
    assert exactly.document["breaks_left_out"] == 0
    assert "more in the report" not in exactly.text


def test_machines_get_the_facts_as_the_report_has_them() -> None:
    report = seen_twice(account(BTC="5"), default_policy())
    (alert,) = alerts_of(run_of(report))
    (line,) = report.breaks
    assert alert.document == {
        "schema": 1,
        "alert_id": alert.alert_id,
        "type": "breaks",
        "run_id": RUN_ID,
        "account_id": "cb-main",
        "venue": "coinbase",
        "severity": "CRITICAL",
        "kinds": ["quantity"],
        "compared_at": "2026-11-22T12:00:21.500Z",
        "base": "USD",
        "breaks": [line_document(line)],
        "breaks_left_out": 0,
        "explained": [],
        "explained_left_out": 0,
        "resolved": [],
        "resolved_left_out": 0,
        "acknowledged": [],
        "acknowledged_left_out": 0,
        "verification": None,
        "reasons": [],
        "audit": None,
        "subject": alert.subject,
        "text": alert.text,
    }


def in_flight(**totals: str) -> AccountReport:
    """An account whose book holds ten of everything; what is not at the venue is in flight."""
    items = tuple(
        item(asset, str(Decimal(total) - 10), f"w-{asset}", applied=True) for asset, total in sorted(totals.items())
    )
    return judge(
        snapshot(("USDC", "1"), *totals.items(), pending=items),
        book(("USDC", "1"), *((asset, "10") for asset in totals)),
        run_id=RUN_ID,
    )


def test_what_is_in_flight_and_worth_a_lot_is_said_as_information() -> None:
    looked_at = advance(in_flight(BTC="9"), History(), default_policy(), "coinbase").report
    (alert,) = alerts_of(run_of(looked_at))
    (line,) = looked_at.news
    assert alert.subject == "[Trueup] INFO cb-main (coinbase): BTC on its way"
    assert alert.text.startswith(
        "INFO: 1 difference in flight in account cb-main at coinbase.\n\n"
        "INFO  BTC in spot: on its way\n"
        "  book        10\n"
        "  venue       9\n"
        "  difference  -1  (10.00 % of the book)\n"
        "  worth       100,000.00 USD\n"
        "  explained   by w-BTC, in flight (else CRITICAL); nothing to do unless you do not know of it\n\n"
        "What to do next\n"
    )
    document = alert.document
    assert (document["type"], document["severity"], document["kinds"]) == ("in_flight", "OK", [])
    assert (document["breaks"], document["explained"]) == ([], [line_document(line)])


def test_breaks_come_before_what_is_in_flight_and_give_the_alert_its_severity() -> None:
    report = in_flight(BTC="9")
    both = replace(report, lines=(*report.lines, *account(ETH="0").breaks))
    (alert,) = alerts_of(run_of(advance(both, History(), default_policy(), "coinbase", SecondLook(both)).report))
    assert alert.subject == "[Trueup] CRITICAL cb-main (coinbase): ETH missing at the venue and 1 more"
    assert alert.text.startswith("CRITICAL: 1 break and 1 difference in flight in account")
    assert alert.text.index("ETH in spot") < alert.text.index("BTC in spot")
    assert [line["asset"] for line in alert.document["breaks"]] == ["ETH"]
    assert [line["asset"] for line in alert.document["explained"]] == ["BTC"]


def test_what_is_in_flight_beyond_what_a_message_takes_is_counted_apart() -> None:
    report = in_flight(BTC="9")
    many = account(**{f"X{number:02}": "0.5" for number in range(MAX_LINES)})
    (explained,) = advance(report, History(), default_policy(), "coinbase").report.news
    seen = seen_twice(many, default_policy())
    (alert,) = alerts_of(run_of(replace(seen, lines=(*seen.lines, explained))))
    document = alert.document
    assert (len(document["breaks"]), document["breaks_left_out"]) == (MAX_LINES, 0)
    assert (len(document["explained"]), document["explained_left_out"]) == (1, 0)


def test_what_could_not_be_verified_is_said_too() -> None:
    alert = only(the_whole_story())
    assert alert.document["reasons"] == ["permission_denied"]
    assert "Not everything could be verified: permission_denied." in alert.text


def test_an_alert_says_what_to_do_next() -> None:
    text = only(account(BTC="5")).text
    assert f"trueup runs show {RUN_ID} --account cb-main" in text
    assert "trueup book show cb-main" in text


def test_an_alert_is_a_witness_of_how_far_the_audit_had_come() -> None:
    position = {"seq": 41, "hash": "5a" * 32}
    report = run_of(*(seen_twice(account(name, BTC="5"), default_policy()) for name in ("cb-main", "cb-two")))
    main, two = alerts_of(report, {"audit": {"cb-main": position, "cb-two": None}})
    assert (main.document["audit"], two.document["audit"]) == (position, None)
    assert main.text.splitlines()[-1] == f"Audit cb-main:41:{'5a' * 32}"
    assert "Audit" not in two.text


def test_a_break_without_a_price_says_so() -> None:
    assert "worth       no price" in only(account(X="5", Y="5")).text


def test_money_is_written_for_people() -> None:
    assert money(Decimal("14550.075")) == "14,550.08"
    assert money(Decimal("0.005")) == "0.00"
    assert money(Decimal("1e6")) == "1,000,000.00"


# -- SNS's limits --------------------------------------------------------------------------------------------------

ABSURD = ["ü" * 512, "😀" * 512, '"' * 512, "\\" * 512, "x" * 512, "a b" * 170, "\u202e" * 512]


@pytest.mark.parametrize(
    "name", ABSURD, ids=["two bytes", "four bytes", "quotes", "backslashes", "long", "blanks", "bidi"]
)
def test_a_subject_is_one_short_ascii_line_whatever_things_are_called(name: str) -> None:
    report = judge([(name, "5"), ("USDC", "1")], [(name, "10"), ("USDC", "1")], run_id=RUN_ID)
    subject = only(report).subject
    assert subject.isascii()
    assert subject.isprintable()
    assert "\n" not in subject
    assert len(subject) < 100
    assert subject.startswith(
        "[Trueup] CRITICAL cb-main (coinbase): " if report.status == "CRITICAL" else "[Trueup] MAJOR"
    )


def test_a_subject_with_the_longest_ids_still_fits() -> None:
    subject = only(account("x" * 63, BTC="5", ETH="5")).subject
    assert len(subject) < 100


@pytest.mark.parametrize(
    "name", ABSURD, ids=["two bytes", "four bytes", "quotes", "backslashes", "long", "blanks", "bidi"]
)
def test_the_largest_message_there_can_be_stays_under_snss_limit(name: str) -> None:
    digits = "9" * 40 + "." + "9" * 40
    names = [f"{number:02}{name[2:]}" for number in range(MAX_LINES + 5)]
    theirs = [holding(asset, f"-{digits}", name, held="1") for asset in names]
    ours = [holding(asset, digits, name, held=digits) for asset in names]
    report = judge(
        snapshot(*theirs, wallets={name: None, "spot": Reason.UNREACHABLE}),
        book(*ours, wallets=(name, "spot")),
        valued=prices(dict.fromkeys(names, digits)),
        run_id="manual-01KAP2Q000ABCDEFGHJKMNPQRS",
    )
    alert = only(report, by=policy(alerts={"default": {"alert_from": "MINOR"}}))
    sent = message(alert)
    attributes = sum(len(name) + len(str(value)) for name, value in sent["MessageAttributes"].items())
    assert len(sent["Message"].encode()) + attributes < SNS_LIMIT * 0.9


def test_people_get_the_text_and_machines_the_document() -> None:
    alert = only(account(BTC="5"))
    sent = message(alert)
    assert sent["MessageStructure"] == "json"
    by_protocol = json.loads(sent["Message"])
    assert by_protocol["email"] == alert.text
    assert by_protocol["sms"] == alert.subject
    for machine in ("http", "https", "lambda", "sqs", "firehose", "default"):
        assert json.loads(by_protocol.get(machine, by_protocol["default"])) == alert.document


def test_subscribers_can_filter_by_severity_venue_account_and_kind() -> None:
    sent = message(only(account(BTC="5", ETH="0")))
    assert sent["MessageAttributes"] == {
        "type": {"DataType": "String", "StringValue": "breaks"},
        "severity": {"DataType": "String", "StringValue": "CRITICAL"},
        "venue": {"DataType": "String", "StringValue": "coinbase"},
        "account": {"DataType": "String", "StringValue": "cb-main"},
        "kind": {"DataType": "String.Array", "StringValue": '["missing_at_venue", "quantity"]'},
    }


def test_an_alert_is_published_to_its_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    class Sns:
        def publish(self, **sent: Any) -> None:
            calls.append(sent)

    monkeypatch.setattr("trueup.alerts.publish.client", lambda service: {"sns": Sns()}[service])
    alert = only(account(BTC="5"))
    SnsPublisher("arn:aws:sns:eu-central-1:111122223333:alerts").publish(alert)
    assert calls == [{"TopicArn": "arn:aws:sns:eu-central-1:111122223333:alerts", **message(alert)}]
