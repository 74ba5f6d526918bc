"""Compare: the whole run judged once, said again after any crash, and no account ever left out."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.unit.money_kit import NOON, STRICT, book, holding, later, policy, prices, snapshot
from trueup.alerts.message import Alert
from trueup.domain.documents import observation_document
from trueup.domain.models import Book, Observation, Snapshot
from trueup.domain.policy import Policy, default_policy
from trueup.domain.reading import canonical_json, digest
from trueup.domain.reasons import REASON_OF_ERROR, Reason
from trueup.errors import ConfigInvalid, StoreUnavailable
from trueup.steps.compare import CompareRequest, CompareStep, read_request
from trueup.steps.judging import Judging
from trueup.store import keys
from trueup.store.audit import Audit, Entry, seal
from trueup.store.histories import Histories
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.store.prices import PriceSets
from trueup.store.rows import Condition, Row
from trueup.store.runs import Manifest, Runs
from trueup.venues.aliases import assets_version
from trueup.venues.registry import VENUES

RUN_ID = "20261122T120000Z"
EXECUTION = "execution-1"
REQUEST = CompareRequest(RUN_ID, EXECUTION)
AGAIN = CompareRequest(RUN_ID, EXECUTION, second=True)


class Crash(Exception):
    """The function died here."""


class CrashingRows(MemoryRows):
    """Dies after (or instead of) one of its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.dies_at: int | None = None
        self.too_late = False
        self.counting = threading.Lock()

    def put_all(self, puts: Sequence[tuple[Row, Condition | None]]) -> bool:
        with self.counting:
            self.writes += 1
            dies = self.writes == self.dies_at
        if dies and not self.too_late:
            raise Crash
        result = super().put_all(puts)
        if dies:
            raise Crash
        return result


@dataclass
class Mailbox:
    """Everything that was published; may refuse one message."""

    sent: list[Alert] = field(default_factory=list)
    dies_at: int | None = None
    too_late: bool = False
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, alert: Alert) -> None:
        with self.one_at_a_time:
            dies = len(self.sent) + 1 == self.dies_at
            if dies:
                self.dies_at = None
                if not self.too_late:
                    raise Crash
            self.sent.append(alert)
            if dies:
                raise Crash


class Desk:
    """A run that was planned and fetched, with everything in memory."""

    def __init__(self) -> None:
        self.rows, self.objects, self.mailbox = CrashingRows(), MemoryObjects(), Mailbox()
        self.runs = Runs(self.rows, self.objects, retention_days=400)
        self.minutes = 0.0

    def plan(
        self, wallets: dict[str, tuple[str, ...]] | None = None, by: Policy | None = None, **accounts: str
    ) -> None:
        self.runs.claim(RUN_ID, EXECUTION, NOON)
        named = {account_id.replace("_", "-"): venue for account_id, venue in accounts.items()}
        self.runs.write_manifest(Manifest(RUN_ID, NOON, named, wallets or {}, by or default_policy()))

    def observe(self, seen: Snapshot, believed: Book | None, under: str | None = None) -> None:
        document = observation_document(RUN_ID, Observation(seen, believed, believed), NOON, NOON, [])
        self.objects.put_once(keys.observation_object(RUN_ID, under or seen.account_id), document)

    def fail(self, account_id: str, error: str, message: str = "words") -> None:
        failure = json.dumps({"Error": error, "Cause": message})
        self.rows.put({"pk": f"RUN#{RUN_ID}", "sk": f"FAILURE#{account_id}", "failure": failure})

    def price(self) -> None:
        PriceSets(self.rows, self.objects).freeze(RUN_ID, prices())

    def step(self, by: Policy | None = None, objects: MemoryObjects | None = None) -> CompareStep:
        """Compare by the run's own policy; `by` another one is what must never happen."""
        self.minutes += 1
        minutes, objects = self.minutes, objects or self.objects
        runs, histories = Runs(self.rows, objects, retention_days=400), Histories(self.rows, 400)
        return CompareStep(
            judging=lambda frozen: Judging(
                objects=objects,
                runs=runs,
                prices=PriceSets(self.rows, objects),
                histories=histories,
                audit=Audit(self.rows, 400),
                policy=by or frozen,
                base="USD",
                # Every attempt begins later: a report computed again would not be the same.
                clock=lambda: later(NOON, minutes * 60),
            ),
            objects=objects,
            runs=runs,
            audit=Audit(self.rows, 400),
            histories=histories,
            publisher=self.mailbox,
            fetch_functions={"coinbase": "arn:coinbase", "dydx": "arn:dydx"},
            max_concurrency=8,
        )

    def judge(self, by: Policy | None = None) -> dict[str, Any]:
        """Compare; what is in doubt is not seen a second time, so that the first look counts."""
        answer = self.step(by).run(REQUEST)
        return self.step(by).run(AGAIN) if answer["next"] == "recheck" else answer

    def report(self) -> dict[str, Any]:
        document: dict[str, Any] | None = self.objects.get(keys.report_object(RUN_ID))
        assert document is not None
        return document

    def reports(self) -> dict[str, dict[str, Any]]:
        return {account["account_id"]: account for account in self.report()["accounts"]}

    def everything(self) -> str:
        """Return all that is stored, as one text."""
        return canonical_json(
            {
                "rows": {f"{pk}|{sk}": row for (pk, sk), row in self.rows._rows.items()},
                "objects": self.objects._objects,
            }
        )


def seen(account_id: str, *held: Any, **how: Any) -> Snapshot:
    return snapshot(("USDC", "1"), *held, account_id=account_id, **how)


def believed(account_id: str, *held: Any, **how: Any) -> Book:
    return book(("USDC", "1"), *held, account_id=account_id, **how)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A run with an account that matches, two that do not, and one nobody could read."""
    desk.plan(cb_fine="coinbase", cb_short="coinbase", cb_long="coinbase", dydx_dark="dydx")
    desk.price()
    desk.observe(seen("cb-fine", ("BTC", "1")), believed("cb-fine", ("BTC", "1")))
    desk.observe(seen("cb-short", ("BTC", "1")), believed("cb-short", ("BTC", "2")))
    desk.observe(seen("cb-long", ("ETH", "9")), believed("cb-long", ("ETH", "3")))
    desk.fail("dydx-dark", "VenueGeoBlocked", "account dydx-dark at dydx: 403")
    return desk


def test_every_account_of_the_manifest_is_in_the_report_in_order_of_its_id(busy: Desk) -> None:
    answer = busy.judge()
    assert answer == {
        "next": "reported",
        "run_id": RUN_ID,
        "status": "CRITICAL",
        "verified": False,
        "accounts": 4,
        "accounts_verified": 3,
    }
    assert {name: account["status"] for name, account in busy.reports().items()} == {
        "cb-fine": "OK",
        "cb-long": "CRITICAL",
        "cb-short": "CRITICAL",
        "dydx-dark": "UNVERIFIED",
    }
    assert list(busy.reports()) == sorted(busy.reports())


def test_one_alert_goes_out_for_each_account_with_something_to_say(busy: Desk) -> None:
    busy.judge()
    assert sorted(alert.account_id for alert in busy.mailbox.sent) == ["cb-long", "cb-short"]


def test_the_end_of_a_run_is_written_down_with_its_seal(busy: Desk) -> None:
    busy.judge()
    found = busy.runs.get(RUN_ID)
    assert found is not None
    hashes = {}
    for account_id in busy.reports():
        last = Audit(busy.rows, 400).last(account_id)
        assert last is not None
        assert last["report_sha256"] == digest(busy.reports()[account_id])
        assert last["evidence_sha256"] == busy.reports()[account_id]["evidence_sha256"]
        hashes[account_id] = last["hash"]
    assert found["seal"] == seal(hashes)
    assert (found["state"], found["status"], found["verified"]) == ("finished", "CRITICAL", False)
    assert found["counts"]["accounts_unverified"] == 1
    assert found["report_sha256"] == digest(busy.report())
    assert sorted(found["alerts"]) == sorted(alert.alert_id for alert in busy.mailbox.sent)


def test_what_follows_a_report_follows_it_once_and_only_for_the_execution_that_has_the_run(busy: Desk) -> None:
    followed: list[str] = []

    def compare(execution: str) -> None:
        step = replace(busy.step(), once_reported=lambda report: followed.append(report.run_id))
        step.run(CompareRequest(RUN_ID, execution, second=True))

    compare("another execution")
    assert followed == []
    for _ in range(2):
        compare(EXECUTION)
    assert followed == [RUN_ID]


def test_a_book_that_uses_the_venues_own_name_agrees_and_the_evidence_keeps_its_word(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    desk.observe(snapshot(holding("CELO", "5", venue_asset="CGLD"), ("BTC", "1")), book(("CGLD", "5"), ("BTC", "1")))
    assert desk.judge()["status"] == "OK"
    assert [line["asset"] for line in desk.reports()["cb-main"]["lines"]] == ["BTC", "CELO"]
    evidence = desk.objects.get(keys.observation_object(RUN_ID, "cb-main"))
    assert [held["asset"] for held in evidence["book"]["holdings"]] == ["CGLD", "BTC"]
    assert desk.reports()["cb-main"]["evidence_sha256"] == digest(evidence)


def test_a_name_nobody_knows_is_compared_and_flagged_in_the_report(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    desk.observe(snapshot(holding("NEWCOIN", "5", unmapped=True)), book(("NEWCOIN", "5"), ("BTCC", "1")))
    desk.judge()
    assert [(line["asset"], line["outcome"], line["unmapped"]) for line in desk.reports()["cb-main"]["lines"]] == [
        ("BTCC", "break", True),
        ("NEWCOIN", "exact", True),
    ]


def test_a_report_says_by_which_tables_names_were_read(busy: Desk) -> None:
    busy.judge()
    assert busy.report()["assets_version"] == assets_version()


def test_a_run_nobody_could_verify_ends_failed(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    assert desk.judge()["status"] == "UNVERIFIED"
    found = desk.runs.get(RUN_ID)
    assert found is not None
    assert found["state"] == "failed"


def test_a_run_without_accounts_verified_nothing(desk: Desk) -> None:
    desk.plan()
    answer = desk.judge()
    assert (answer["status"], answer["verified"]) == ("UNVERIFIED", False)


@pytest.mark.parametrize(("error", "reason"), REASON_OF_ERROR.items())
def test_what_the_state_machine_wrote_down_becomes_the_reason(desk: Desk, error: str, reason: Reason) -> None:
    desk.plan(cb_main="coinbase")
    desk.fail("cb-main", error, "account cb-main: words")
    desk.judge()
    report = desk.reports()["cb-main"]
    assert (report["status"], report["reasons"], report["lines"]) == ("UNVERIFIED", [str(reason)], [])
    assert desk.report()["failures"] == [{"account_id": "cb-main", "error": error, "message": "account cb-main: words"}]


@pytest.mark.parametrize("error", ["States.Timeout", "Lambda.Unknown", "ConfigInvalid", "StoreUnavailable"])
def test_any_other_failure_is_a_missing_observation_with_the_failures_own_name(desk: Desk, error: str) -> None:
    desk.plan(cb_main="coinbase")
    desk.fail("cb-main", error)
    desk.judge()
    assert desk.reports()["cb-main"]["reasons"] == ["missing_observation"]
    assert desk.report()["failures"][0]["error"] == error


def test_an_account_nobody_looked_at_is_reported_and_says_where_to_look(desk: Desk) -> None:
    desk.plan(kraken_main="kraken")
    desk.judge()
    assert desk.reports()["kraken-main"]["reasons"] == ["missing_observation"]
    (failure,) = desk.report()["failures"]
    assert failure["error"] == "MissingObservation"
    assert "is kraken among the stack's Venues?" in failure["message"]


def test_an_observation_that_succeeded_at_last_counts_more_than_a_failure_before_it(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    desk.fail("cb-main", "VenueUnavailable")
    desk.observe(seen("cb-main"), believed("cb-main"))
    assert desk.judge()["verified"] is True
    assert desk.report()["failures"] == []


def test_failed_prices_are_told_and_lower_nothing(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    desk.fail("PRICES", "VenueUnavailable", "prices: 503")
    desk.observe(seen("cb-main", ("BTC", "0")), believed("cb-main", ("BTC", "0.00001")))
    assert desk.judge()["status"] == "CRITICAL"
    assert desk.report()["prices"]["origin"] == "none"
    assert desk.report()["failures"] == [
        {"account_id": "PRICES", "error": "VenueUnavailable", "message": "prices: 503"}
    ]


def test_a_wallet_somebody_asked_for_and_nobody_read_keeps_the_account_from_being_verified(desk: Desk) -> None:
    desk.plan({"cb-main": ("spot", "earn")}, cb_main="coinbase")
    desk.observe(seen("cb-main"), believed("cb-main"))
    answer = desk.judge()
    assert (answer["status"], answer["verified"]) == ("OK", False)
    assert desk.reports()["cb-main"]["reasons"] == ["incomplete"]


DAMAGE: dict[str, Any] = {
    "not an observation": {"schema": 1},
    "a list": [],
    "an amount as a number": {"snapshot": {"account_id": "cb-bad", "holdings": [{"total": 5}]}},
}


@pytest.mark.parametrize("document", DAMAGE.values(), ids=DAMAGE)
def test_unreadable_evidence_is_one_unverified_account_and_not_the_end_of_the_run(desk: Desk, document: Any) -> None:
    desk.plan(cb_bad="coinbase", cb_fine="coinbase")
    desk.objects.put_once(keys.observation_object(RUN_ID, "cb-bad"), document)
    desk.observe(seen("cb-fine"), believed("cb-fine"))
    answer = desk.judge()
    assert (answer["status"], answer["accounts_verified"]) == ("OK", 1)
    assert desk.reports()["cb-bad"]["status"] == "UNVERIFIED"
    (failure,) = desk.report()["failures"]
    assert failure["account_id"] == "cb-bad"
    assert "observation" in failure["message"]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1, "a": 2}', '{"answers": [1.5]}', r'"\ud800"'])
def test_evidence_that_is_no_document_at_all_is_one_unverified_account(desk: Desk, text: str) -> None:
    desk.plan(cb_bad="coinbase", cb_fine="coinbase")
    desk.objects._objects[keys.observation_object(RUN_ID, "cb-bad")] = text
    desk.observe(seen("cb-fine"), believed("cb-fine"))
    assert desk.judge()["accounts_verified"] == 1


def test_evidence_of_another_account_proves_nothing_about_this_one(desk: Desk) -> None:
    desk.plan(cb_bad="coinbase", cb_fine="coinbase")
    desk.observe(seen("cb-fine"), believed("cb-fine"))
    desk.observe(seen("cb-fine"), believed("cb-fine"), under="cb-bad")
    assert desk.judge()["accounts_verified"] == 1
    assert desk.reports()["cb-bad"]["reasons"] == ["missing_observation"]
    assert "another account's evidence" in desk.report()["failures"][0]["message"]


def test_a_run_that_was_never_planned_is_refused(desk: Desk) -> None:
    with pytest.raises(ConfigInvalid, match="there is no manifest"):
        desk.judge()


# -- after a crash -------------------------------------------------------------------------------------------------


def test_the_first_report_that_was_frozen_is_the_one_that_counts(busy: Desk) -> None:
    busy.judge()
    before = busy.everything()
    # A later attempt, by another policy and with evidence that came too late.
    busy.observe(seen("dydx-dark", venue="dydx"), believed("dydx-dark"))
    late = busy.objects._objects.pop(keys.observation_object(RUN_ID, "dydx-dark"))
    assert late
    answer = busy.judge(policy(severity={"default": {"worth_critical_from": "1e9", "major_up_to": "9"}}))
    assert answer["status"] == "CRITICAL"
    assert busy.everything() == before
    by_id = sorted(busy.mailbox.sent, key=lambda alert: alert.alert_id)
    assert by_id[0::2] == by_id[1::2]


def test_an_attempt_that_lost_the_race_to_freeze_the_report_goes_on_with_the_winners(busy: Desk) -> None:
    class Losing(MemoryObjects):
        """Another attempt freezes its report just before ours."""

        def put_once(self, key: str, document: object) -> bool:
            if key == keys.report_object(RUN_ID) and self.get(key) is None:
                assert isinstance(document, dict)
                super().put_once(key, document | {"compared_at": "2026-11-22T12:59:00.000Z"})
            return super().put_once(key, document)

    losing = Losing()
    losing._objects = busy.objects._objects
    busy.step(objects=losing).run(REQUEST)
    busy.step(objects=losing).run(AGAIN)
    last = Audit(busy.rows, 400).last("cb-fine")
    assert last is not None
    assert last["at"] == "2026-11-22T12:59:00.000Z"


def writes_of_a_run(desk: Desk) -> int:
    before = desk.rows.writes
    desk.judge()
    return desk.rows.writes - before


ROW_WRITES = 9  # three looks, one account unverified, four audit rows, the run's end: see the test that counts them


def test_a_run_of_four_accounts_three_of_them_looked_at_writes_nine_times(busy: Desk) -> None:
    assert writes_of_a_run(busy) == ROW_WRITES


@pytest.mark.parametrize("too_late", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("dies_at", range(1, ROW_WRITES + 1))
def test_a_crash_at_any_write_changes_nothing_once_it_is_tried_again(busy: Desk, dies_at: int, too_late: bool) -> None:
    undisturbed = Desk()
    undisturbed.rows._rows, undisturbed.objects._objects = (
        dict(busy.rows._rows),
        dict(busy.objects._objects),
    )
    expected = undisturbed.judge()
    busy.rows.dies_at, busy.rows.too_late = busy.rows.writes + dies_at, too_late
    with pytest.raises(Crash):
        busy.judge()
    assert busy.judge() == expected
    assert busy.everything() == undisturbed.everything()
    assert {alert.alert_id for alert in busy.mailbox.sent} == {alert.alert_id for alert in undisturbed.mailbox.sent}
    assert {canonical_json(alert.document) for alert in busy.mailbox.sent} == {
        canonical_json(alert.document) for alert in undisturbed.mailbox.sent
    }


@pytest.mark.parametrize("too_late", [False, True], ids=["before it went", "after it went"])
@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_crash_while_alerting_loses_no_alert_and_renames_none(busy: Desk, dies_at: int, too_late: bool) -> None:
    busy.mailbox.dies_at, busy.mailbox.too_late = dies_at, too_late
    with pytest.raises(Crash):
        busy.judge()
    found = busy.runs.get(RUN_ID)
    assert found is not None
    assert found["state"] == "running"
    busy.judge()
    found = busy.runs.get(RUN_ID)
    assert found is not None
    assert found["state"] == "finished"
    by_id = {alert.alert_id: alert for alert in busy.mailbox.sent}
    assert sorted(alert.account_id for alert in by_id.values()) == ["cb-long", "cb-short"]
    assert all(by_id[alert.alert_id] == alert for alert in busy.mailbox.sent)


def test_a_store_that_does_not_answer_is_not_a_missing_observation(busy: Desk) -> None:
    class Down(MemoryObjects):
        def get(self, key: str) -> Any:
            if "/observations/" in key:
                raise StoreUnavailable("GetObject: SlowDown")
            return super().get(key)

    down = Down()
    down._objects = busy.objects._objects
    with pytest.raises(StoreUnavailable):
        busy.step(objects=down).run(REQUEST)
    assert busy.objects.get(keys.report_object(RUN_ID)) is None


def test_two_runs_in_a_row_chain_their_reports(busy: Desk) -> None:
    busy.judge()
    second = "20261122T120500Z"
    busy.runs.claim(second, "execution-2", later(NOON, 300))
    busy.runs.write_manifest(Manifest(second, later(NOON, 300), {"cb-fine": "coinbase"}, {}, default_policy()))
    found = seen("cb-fine", observed_at=later(NOON, 300))
    document = observation_document(second, Observation(found, believed("cb-fine"), None), NOON, NOON, [])
    busy.objects.put_once(keys.observation_object(second, "cb-fine"), document)
    busy.step().run(CompareRequest(second, "execution-2", second=True))
    first, last = busy.rows.query(keys.audit("cb-fine"), prefix=keys.REPORT)
    assert (last["seq"], last["prev"]) == (2, first["hash"])
    verified = Audit(busy.rows, 400).last_verified("cb-fine")
    assert verified is not None
    assert verified["run_id"] == RUN_ID  # the second run had no book to compare with


# -- the second look -----------------------------------------------------------------------------------------------


def look_again(desk: Desk, seen: Snapshot, believed: Book) -> None:
    document = observation_document(RUN_ID, Observation(seen, believed, believed), NOON, NOON, [])
    desk.objects.put_once(keys.second_observation_object(RUN_ID, seen.account_id), document)


def test_what_is_critical_is_asked_for_again_and_nothing_is_said_or_written_yet(busy: Desk) -> None:
    before = dict(busy.rows._rows)
    answer = busy.step().run(REQUEST)
    assert answer == {
        "next": "recheck",
        "run_id": RUN_ID,
        "expires_at": str(int(NOON.timestamp()) + 400 * 86_400),
        "wait_seconds": 10,
        "accounts_at_once": 8,
        "accounts": [
            {"account_id": "cb-long", "function": "arn:coinbase"},
            {"account_id": "cb-short", "function": "arn:coinbase"},
        ],
    }
    assert busy.mailbox.sent == []
    assert dict(busy.rows._rows) == before
    assert busy.objects.get(keys.report_object(RUN_ID)) is None


def test_an_attempt_that_died_after_asking_asks_for_the_same_again(busy: Desk) -> None:
    first = busy.step().run(REQUEST)
    busy.observe(seen("cb-new", ("BTC", "1")), believed("cb-new", ("BTC", "9")))
    assert busy.step().run(REQUEST) == first


def test_a_run_without_doubt_is_reported_at_once(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    desk.observe(seen("cb-main"), believed("cb-main"))
    assert desk.step().run(REQUEST)["next"] == "reported"
    assert desk.runs.recheck(RUN_ID) is None


def test_what_was_a_fill_in_mid_air_is_over_at_the_second_look_and_said_to_nobody(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    desk.price()
    desk.observe(seen("cb-main", ("BTC", "1")), believed("cb-main", ("BTC", "2")))
    assert desk.step().run(REQUEST)["next"] == "recheck"
    moment = later(NOON, 10)
    look_again(
        desk,
        seen("cb-main", ("BTC", "1"), observed_at=moment),
        believed("cb-main", ("BTC", "1"), as_of=moment),
    )
    answer = desk.step().run(AGAIN)
    assert (answer["status"], answer["verified"]) == ("OK", True)
    assert desk.mailbox.sent == []
    report = desk.reports()["cb-main"]
    assert (report["recheck"], report["observed_at"]) == ("read", "2026-11-22T12:00:10.000Z")


def test_what_stands_is_said_with_how_often_it_was_seen(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    desk.price()
    short = (seen("cb-main", ("BTC", "1")), believed("cb-main", ("BTC", "2")))
    desk.observe(*short)
    desk.step().run(REQUEST)
    look_again(desk, *short)
    desk.step().run(AGAIN)
    (alert,) = desk.mailbox.sent
    assert "seen        twice in this run" in alert.text
    assert desk.reports()["cb-main"]["lines"][0]["state"] == "confirmed"


@pytest.mark.parametrize(
    ("failure", "recheck"), [(None, "missing_observation"), ("VenueUnavailable", "unreachable")], ids=["silent", "told"]
)
def test_a_second_look_that_failed_leaves_the_first_and_is_said(desk: Desk, failure: str | None, recheck: str) -> None:
    desk.plan(cb_main="coinbase")
    desk.price()
    desk.observe(seen("cb-main", ("BTC", "1")), believed("cb-main", ("BTC", "2")))
    desk.step().run(REQUEST)
    if failure is not None:
        written = json.dumps({"Error": failure, "Cause": "words"})
        desk.rows.put({"pk": f"RUN#{RUN_ID}", "sk": "RECHECK#cb-main", "failure": written})
    desk.step().run(AGAIN)
    (alert,) = desk.mailbox.sent
    assert f"seen        once; a second look failed ({recheck})" in alert.text
    assert desk.reports()["cb-main"]["recheck"] == recheck
    assert desk.report()["failures"] == [], "the account was looked at"


@pytest.mark.parametrize("text", ["{", '{"schema": 1}'], ids=["no document", "no observation"])
def test_a_second_look_nobody_can_read_is_a_second_look_that_failed(desk: Desk, text: str) -> None:
    desk.plan(cb_main="coinbase")
    desk.price()
    desk.observe(seen("cb-main", ("BTC", "1")), believed("cb-main", ("BTC", "2")))
    desk.step().run(REQUEST)
    desk.objects._objects[keys.second_observation_object(RUN_ID, "cb-main")] = text
    desk.step().run(AGAIN)
    assert desk.reports()["cb-main"]["recheck"] == "missing_observation"
    assert len(desk.mailbox.sent) == 1


def test_more_doubts_than_can_be_read_at_once_are_told_as_such(desk: Desk) -> None:
    ids = [f"cb-{number}" for number in range(3)]
    desk.plan(**dict.fromkeys((name.replace("-", "_") for name in ids), "coinbase"))
    desk.price()
    for name in ids:
        desk.observe(seen(name, ("BTC", "1")), believed(name, ("BTC", "2")))
    answer = replace(desk.step(), max_concurrency=2).run(REQUEST)
    assert [account["account_id"] for account in answer["accounts"]] == ids[:2]
    desk.step().run(AGAIN)
    assert [report["recheck"] for report in desk.reports().values()] == ["missing_observation"] * 2 + ["too_many"]
    assert len(desk.mailbox.sent) == 3


def test_a_second_look_asks_a_venue_for_no_more_accounts_than_it_lets_us_read_at_once(desk: Desk) -> None:
    names = [f"dydx-{number}" for number in range(VENUES["dydx"].max_concurrency + 1)]
    venues = dict.fromkeys((name.replace("-", "_") for name in names), "dydx")
    desk.plan(**venues, zz_coinbase="coinbase")
    desk.price()
    for name in (*names, "zz-coinbase"):
        desk.observe(seen(name, ("BTC", "1")), believed(name, ("BTC", "2")))
    answer = desk.step().run(REQUEST)
    assert [account["account_id"] for account in answer["accounts"]] == [*names[:-1], "zz-coinbase"]


def test_what_was_said_is_not_said_again_by_the_next_run(busy: Desk) -> None:
    busy.judge()
    assert len(busy.mailbox.sent) == 2
    second = "20261122T120500Z"
    busy.runs.claim(second, "execution-2", later(NOON, 300))
    busy.runs.write_manifest(Manifest(second, later(NOON, 300), {"cb-short": "coinbase"}, {}, default_policy()))
    moment = later(NOON, 300)
    found = seen("cb-short", ("BTC", "1"), observed_at=moment)
    held = believed("cb-short", ("BTC", "2"), as_of=moment)
    document = observation_document(second, Observation(found, held, held), NOON, NOON, [])
    busy.objects.put_once(keys.observation_object(second, "cb-short"), document)
    answer = busy.step().run(CompareRequest(second, "execution-2"))
    assert (answer["next"], answer["status"]) == ("reported", "CRITICAL")
    assert len(busy.mailbox.sent) == 2


def test_a_crash_before_it_was_said_says_it_after(busy: Desk) -> None:
    busy.mailbox.dies_at = 1
    with pytest.raises(Crash):
        busy.judge()
    assert not busy.rows.query(keys.audit("cb-short"), prefix=keys.TRACK), "nothing is kept as said before it is"
    busy.step().run(AGAIN)
    assert {alert.account_id for alert in busy.mailbox.sent} == {"cb-long", "cb-short"}


def test_what_is_missing_here_and_too_much_there_looks_like_a_transfer(desk: Desk) -> None:
    desk.plan(cb_one="coinbase", cb_two="coinbase")
    desk.price()
    desk.observe(seen("cb-one", ("BTC", "1")), believed("cb-one", ("BTC", "2")))
    desk.observe(seen("cb-two", ("BTC", "4")), believed("cb-two", ("BTC", "3")))
    desk.judge()
    causes = {name: report["lines"][0]["cause"] for name, report in desk.reports().items()}
    assert causes["cb-one"]["hint"] == "transfer"
    assert causes["cb-one"]["account_id"] == "cb-two"
    assert causes["cb-two"]["account_id"] == "cb-one"
    assert "maybe a transfer with cb-two spot BTC" in desk.mailbox.sent[0].text + desk.mailbox.sent[1].text


def test_a_fee_is_seen_against_the_report_before(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    desk.price()
    desk.observe(seen("cb-main", ("BTC", "1")), believed("cb-main", ("BTC", "1")))
    desk.judge()
    second = "20261122T120500Z"
    desk.runs.claim(second, "execution-2", later(NOON, 300))
    desk.runs.write_manifest(Manifest(second, later(NOON, 300), {"cb-main": "coinbase"}, {}, STRICT))
    moment = later(NOON, 300)
    found = seen("cb-main", ("BTC", "10.99"), observed_at=moment)
    held = believed("cb-main", ("BTC", "11"), as_of=moment)  # bought 10, less a fee of 0.1 %
    document = observation_document(second, Observation(found, held, held), NOON, NOON, [])
    desk.objects.put_once(keys.observation_object(second, "cb-main"), document)
    desk.step().run(CompareRequest(second, "execution-2", second=True))
    report = desk.objects.get(keys.report_object(second))
    assert isinstance(report, dict)
    assert report["accounts"][0]["lines"][0]["cause"]["hint"] == "fee"


def test_a_history_nobody_can_read_costs_no_account_its_report(busy: Desk) -> None:
    pk, sk = keys.track("cb-short", "brk-x")
    busy.rows.put({"pk": pk, "sk": sk, "break_id": 5})
    assert busy.judge()["status"] == "CRITICAL"
    assert "cb-short: its history: TRACK#brk-x" in busy.report()["failures"][0]["message"]
    assert len(busy.mailbox.sent) == 2
    report = busy.reports()["cb-short"]
    assert (report["status"], report["verified"], report["reasons"]) == ("CRITICAL", False, ["bad_history"])
    assert busy.reports()["cb-fine"]["verified"]


def test_what_an_alert_says_is_what_the_frozen_report_says(desk: Desk) -> None:
    desk.plan(cb_main="coinbase")
    desk.price()
    desk.observe(seen("cb-main", holding("BTC", "0.5")), believed("cb-main", holding("BTC", "1")))
    desk.judge()
    (alert,) = desk.mailbox.sent
    line = next(line for line in desk.reports()["cb-main"]["lines"] if line["asset"] == "BTC")
    assert alert.document["breaks"] == [line | {"since": "2026-11-22T12:00:00.000Z", "owner": None}]


# -- what the audit rests on ---------------------------------------------------------------------------------------


def test_a_report_vouches_for_everything_it_was_made_from(busy: Desk) -> None:
    busy.step().run(REQUEST)
    look_again(busy, seen("cb-short", ("BTC", "1.5")), believed("cb-short", ("BTC", "2")))
    busy.step().run(AGAIN)
    report = busy.report()
    assert report["manifest_sha256"] == digest(busy.objects.get(keys.manifest_object(RUN_ID)))
    prices_used = report["prices"]
    assert (prices_used["object"], prices_used["sha256"]) == (
        keys.prices_object(RUN_ID),
        digest(busy.objects.get(keys.prices_object(RUN_ID))),
    )
    first, again = (
        digest(busy.objects.get(name(RUN_ID, "cb-short")))
        for name in (keys.observation_object, keys.second_observation_object)
    )
    assert report["looks"] == {
        "cb-long": {"first": busy.reports()["cb-long"]["evidence_sha256"], "second": None},
        "cb-short": {"first": first, "second": again},
    }
    assert busy.reports()["cb-short"]["evidence_sha256"] == again


def test_every_entry_vouches_for_the_whole_report(busy: Desk) -> None:
    busy.judge()
    for account_id in busy.reports():
        last = Audit(busy.rows, 400).last(account_id)
        assert last is not None
        assert last["run_report_sha256"] == digest(busy.report())
    found = busy.runs.get(RUN_ID)
    assert found is not None
    assert found["compared_at"] == busy.report()["compared_at"]


def test_an_alert_states_how_far_the_audit_had_come_whenever_it_is_sent(busy: Desk) -> None:
    audit = Audit(busy.rows, 400)
    first = Entry("cb-short", "20261122T115500Z", NOON, "OK", True, (), "a", "b", None, "x", {})
    position = {"seq": 1, "hash": audit.append(first)}
    busy.mailbox.dies_at = 1
    with pytest.raises(Crash):
        busy.judge()
    # Another run gets in before the retry: what was frozen is what is said.
    audit.append(replace(first, run_id="20261122T115600Z", at=later(NOON, 60)))
    busy.judge()
    said = {alert.account_id: alert.document["audit"] for alert in busy.mailbox.sent}
    assert said == {"cb-short": position, "cb-long": None}
    assert busy.report()["audit"] == said, "and of no account that nobody is told of"


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (None, "event: must be an object"),
        ({}, "event.run_id: is missing"),
        ({"run_id": RUN_ID}, "event.execution: is missing"),
        ({"run_id": RUN_ID, "execution": ""}, "event.execution: must not be empty"),
        ({"run_id": RUN_ID, "execution": "x", "y": 1}, "event.y: is not a field here"),
        ({"run_id": RUN_ID, "execution": "x", "look": "third"}, "event.look: must be one of first, second"),
    ],
)
def test_an_event_nobody_can_follow_is_refused_by_its_place(event: object, problem: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        read_request(event)
    assert str(refused.value).startswith(problem)


def test_a_look_that_compared_nothing_is_no_look_and_keeps_no_later_one_from_counting(desk: Desk) -> None:
    """As of a clock that was an hour ahead: the looks of the next hour would all be older."""
    desk.plan(cb_main="coinbase")
    desk.price()
    ahead = later(NOON, 3600)
    desk.observe(
        seen("cb-main", ("BTC", "1"), observed_at=ahead, venue_time=NOON),
        believed("cb-main", ("BTC", "1"), as_of=ahead),
    )
    assert desk.judge()["status"] == "UNVERIFIED"
    assert Histories(desk.rows, 400).of_account("cb-main", with_breaks=False).looked_at is None
