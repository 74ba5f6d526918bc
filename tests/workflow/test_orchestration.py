"""The seed's last group, and what reaches people: one schedule, one run, one audit, one message."""

import json

import pytest

from local.venues.credentials import make_address
from tests.workflow.desk import Desk, arn
from trueup.store.audit import GENESIS, chain_hash

RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}


def test_one_scheduled_event_is_one_run(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})

    first = desk.run(SCHEDULED)
    again = desk.run(SCHEDULED)

    assert first.states_entered()[-1] == "Reported"
    assert again.states_entered() == ["Plan", "IsThereSomethingToDo", "AlreadyClaimed"]
    assert again.status == "SUCCEEDED"
    assert desk.functions.count("fetch-coinbase") == 1
    assert [run["run_id"] for run in desk.runs.of_day("2026-11-22")] == [RUN]


def test_a_scheduler_that_does_not_resolve_its_time_gives_the_interval_its_run(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})

    done = desk.run({"scheduled_time": "<aws.scheduler.scheduled-time>"})

    minutes, seconds = done.output["run_id"][11:13], done.output["run_id"][13:15]
    assert (int(minutes) % 5, seconds) == (0, "00")


def test_the_audit_is_persisted_and_read_back(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "0.5"}, book={"BTC": "1"})

    desk.run(SCHEDULED)

    row = desk.audit.last("cb-main")
    assert row is not None
    assert (row["run_id"], row["status"], row["verified"], row["seq"], row["prev"]) == (
        RUN,
        "CRITICAL",
        True,
        1,
        GENESIS,
    )
    assert row["hash"] == chain_hash(row)
    run = desk.runs.get(RUN)
    assert run is not None
    assert (run["state"], run["status"], run["counts"]["accounts"]) == ("finished", "CRITICAL", 1)
    (line,) = desk.account_report(RUN, "cb-main")["lines"]
    assert (line["book"], line["venue"], line["difference"]) == ("1", "0.5", "-0.5")


def test_three_concurrent_runs_leave_three_isolated_audit_sets(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    times = ["12:00:00", "12:05:00", "12:10:00"]

    started = [desk.start({"scheduled_time": f"2026-11-22T{time}Z"}) for time in times]
    done = [desk.finished(execution) for execution in started]

    assert [execution.status for execution in done] == ["SUCCEEDED"] * 3
    run_ids = [f"20261122T{time.replace(':', '')}Z" for time in times]
    assert [run["run_id"] for run in desk.runs.of_day("2026-11-22")] == run_ids
    for run_id in run_ids:
        report = desk.report(run_id)
        assert report["run_id"] == run_id
        assert [account["account_id"] for account in report["accounts"]] == ["cb-main", "dydx-main"]
    for account_id in ("cb-main", "dydx-main"):
        rows = desk.rows.query(f"ACCOUNT#{account_id}", prefix="REPORT#")
        assert sorted(row["run_id"] for row in rows) == run_ids
        chain = sorted(rows, key=lambda row: row["seq"])
        assert [row["seq"] for row in chain] == [1, 2, 3]
        assert [row["prev"] for row in chain] == [GENESIS, chain[0]["hash"], chain[1]["hash"]]


def test_several_exchanges_are_compared_in_one_run(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1", "ETH": "10"}, book={"BTC": "1", "ETH": "8.8"})
    desk.open_dydx(
        "dydx-main",
        make_address("desk"),
        {"USDC": "-250.5"},
        {"BTC-USD": "-0.5"},
        book={"USDC": "-250.5", "BTC-USD": "0.5"},
    )

    done = desk.run(SCHEDULED)

    verdict = {"run_id": RUN, "status": "CRITICAL", "verified": True, "accounts": 2, "accounts_verified": 2}
    assert done.output == verdict | {"next": "reported"}
    coinbase, dydx = desk.report(RUN)["accounts"]
    assert [(line["asset"], line["severity"]) for line in coinbase["lines"]] == [("BTC", "OK"), ("ETH", "MAJOR")]
    perpetual, cash = dydx["lines"]
    assert (perpetual["asset"], perpetual["kind"], perpetual["severity"]) == ("BTC-USD", "sign_flip", "CRITICAL")
    assert (perpetual["venue"], perpetual["price"], perpetual["worth"]) == ("-0.5", "97000.5", "97000.5")
    assert (cash["asset"], cash["outcome"]) == ("USDC", "exact")


def test_what_is_severe_reaches_people_and_machines(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "0.5", "ETH": "9.9"}, book={"BTC": "1", "ETH": "10"})
    desk.open_coinbase("cb-fine", {"BTC": "1"}, book={"BTC": "1"})

    desk.run(SCHEDULED)

    (envelope,) = desk.messages()
    document = json.loads(envelope["Message"])
    assert envelope["Subject"] == "[Trueup] CRITICAL cb-main (coinbase): BTC quantity differs"
    assert (document["account_id"], document["severity"], document["kinds"]) == ("cb-main", "CRITICAL", ["quantity"])
    assert [line["asset"] for line in document["breaks"]] == ["BTC"]
    assert "venue       0.5" in document["text"]
    attributes = {name: found["Value"] for name, found in envelope["MessageAttributes"].items()}
    named = {"type": "breaks", "severity": "CRITICAL", "venue": "coinbase", "account": "cb-main"}
    assert attributes == named | {"kind": '["quantity"]'}


def test_a_disabled_trueup_fetches_nothing_and_says_so(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.functions.configure("plan", RECONCILIATION_ENABLED="false")

    done = desk.run(SCHEDULED)

    assert (done.status, done.states_entered()[-1]) == ("SUCCEEDED", "Disabled")
    assert done.output["next"] == "disabled"
    assert desk.functions.count("fetch-coinbase") == 0
    row = desk.runs.get(RUN)
    assert row is not None
    assert (row["state"], "status" in row) == ("disabled", False)


def test_an_account_without_a_book_is_unverified_not_missing(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_coinbase("cb-new", {"BTC": "1"}, book=None)

    desk.run(SCHEDULED)

    report = desk.account_report(RUN, "cb-new")
    assert (report["status"], report["reasons"]) == ("UNVERIFIED", ["no_book"])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "run_id"),
        ({"run_id": "yesterday"}, "event.input.run_id: must be like 20261122T120000Z"),
        ({"scheduled_time": "noon"}, "event.input.scheduled_time"),
        ({"scheduled_time": "2026-11-22T12:00:00Z", "force": "yes"}, "event.input.force"),
    ],
)
def test_an_execution_with_a_wrong_input_fails_and_names_the_field(
    desk: Desk, given: dict[str, str], named: str
) -> None:
    done = desk.run(given)

    assert (done.status, done.error) == ("FAILED", "ConfigInvalid")
    (failed,) = [event["taskFailedEventDetails"] for event in done.events if "taskFailedEventDetails" in event]
    assert named in failed["cause"]


def test_a_run_without_any_enabled_account_is_no_green_run(desk: Desk) -> None:
    done = desk.run(SCHEDULED)

    assert (done.status, done.error) == ("FAILED", "NothingVerified")


def test_an_account_whose_venue_is_not_deployed_is_reported_all_the_same(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    desk.functions.configure("plan", FETCH_FUNCTIONS=json.dumps({"coinbase": arn("fetch-coinbase")}))

    desk.run(SCHEDULED)

    report = desk.account_report(RUN, "dydx-main")
    assert (report["status"], report["reasons"]) == ("UNVERIFIED", ["missing_observation"])
    (failure,) = desk.report(RUN)["failures"]
    assert "is dydx among the stack's Venues?" in failure["message"]


def test_an_account_row_nobody_can_read_is_reported_and_stops_nobody_else(desk: Desk) -> None:
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.rows.put({"pk": "ACCOUNTS", "sk": "ACCOUNT#kraken-main", "account": '{"venue": "kraken"}'})

    done = desk.run(SCHEDULED)

    assert done.status == "SUCCEEDED"
    assert desk.account_report(RUN, "cb-main")["status"] == "OK"
    assert desk.account_report(RUN, "kraken-main")["reasons"] == ["missing_observation"]
    assert "put it again" in desk.report(RUN)["failures"][0]["message"]
