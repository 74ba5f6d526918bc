"""Past runs, looked at from the command line."""

import json

import boto3
import pytest
from cli_kit import RUN_ID, is_one_line, trueup

from trueup.store import keys


def refused(ran, *words):
    assert ran.code == 64, ran
    assert is_one_line(ran.err)
    for word in words:
        assert word in ran.err


def test_the_runs_of_a_day_are_listed_with_their_verdict(a_run):
    ran = trueup("runs", "list", "--day", "2026-11-22")
    assert ran.code == 0
    assert RUN_ID in ran.out
    assert "CRITICAL" in ran.out
    assert "0/2" in ran.out
    [run] = trueup("runs", "list", "--day", "2026-11-22", "--json").document["runs"]
    assert run["run_id"] == RUN_ID
    assert "pk" not in run


def test_a_day_without_runs_says_so(a_run):
    assert trueup("runs", "list", "--day", "2026-11-21").out == "no run on 2026-11-21\n"


def test_a_run_is_shown_worst_first_with_why_an_account_was_not_read(a_run):
    ran = trueup("runs", "show", RUN_ID)
    assert ran.code == 1
    assert ran.out.index("cb-main at coinbase: CRITICAL") < ran.out.index("dydx-one at dydx: UNVERIFIED (geo_blocked)")
    assert "answered 403: GEOBLOCKED" in ran.out
    assert (
        "0 of 2 accounts verified, 2 of 2 lines; not looked at: dydx-one; CRITICAL 1; gross worth 14,550.08 USD"
        in " ".join(ran.out.split())
    )


def test_each_account_says_what_its_breaks_are_worth(a_run):
    account, total = trueup("runs", "show", RUN_ID).out.split("dydx-one at dydx: UNVERIFIED")
    assert "  gross worth 14,550.08 USD\n" in account
    assert total.count("gross worth") == 1
    assert "  gross worth 14,550.08 USD\n" in trueup("runs", "last", "cb-main").out
    document = trueup("runs", "show", RUN_ID, "--json").document
    assert document["worth_by_account"] == {
        "cb-main": {"worth": "14550.075", "breaks_unpriced": 0},
        "dydx-one": {"worth": None, "breaks_unpriced": 0},
    }


def test_the_json_of_a_run_is_the_frozen_report(a_run):
    assert trueup("runs", "show", RUN_ID, "--json").document == a_run.objects.get(keys.report_object(RUN_ID))


def test_one_account_of_a_run_is_shown_with_every_line(a_run):
    ran = trueup("runs", "show", RUN_ID, "--account", "cb-main")
    assert (ran.code, "exact" in ran.out) == (1, True)
    assert trueup("runs", "show", RUN_ID, "--account", "dydx-one").code == 2
    refused(trueup("runs", "show", RUN_ID, "--account", "cb-mian"), "cb-mian", "cb-main, dydx-one")


def begun(cloud, execution, state="running"):
    pk, sk = keys.run(RUN_ID)
    row = {"pk": pk, "sk": sk, "run_id": RUN_ID, "started_at": "2026-11-22T12:00:00.000Z", "execution": execution}
    cloud.rows.put(row | {"state": state})


@pytest.fixture
def execution(cloud):
    """An execution that goes on until somebody stops it."""
    states = boto3.client("stepfunctions")
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    machine = states.create_state_machine(
        name="waiting", definition='{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9}}}', roleArn=role
    )["stateMachineArn"]
    return states.start_execution(stateMachineArn=machine)["executionArn"]


def test_a_run_that_goes_on_is_not_verified_yet(cloud, execution):
    begun(cloud, execution)
    ran = trueup("runs", "show", RUN_ID)
    assert (ran.code, ran.out) == (2, "")
    assert "running, and has no report yet" in ran.err
    assert "running" in trueup("runs", "list", "--day", "2026-11-22").out


def test_a_run_that_died_before_it_could_say_so_is_not_called_running(cloud, execution):
    begun(cloud, execution)
    boto3.client("stepfunctions").stop_execution(executionArn=execution)
    shown = trueup("runs", "show", RUN_ID).err
    assert "aborted, and has no report" in shown
    assert f"redrive the execution {execution} in Step Functions" in shown
    listed = trueup("runs", "list", "--day", "2026-11-22")
    assert "aborted" in listed.out
    assert "running" not in listed.out


def test_a_run_whose_execution_is_forgotten_is_not_called_running(cloud, execution):
    begun(cloud, execution + "x")
    assert "ended without a report" in trueup("runs", "show", RUN_ID).err


def test_a_run_that_was_switched_off_says_so(cloud):
    begun(cloud, "unused", state="disabled")
    ran = trueup("runs", "show", RUN_ID)
    assert (ran.code, "ReconciliationEnabled was false" in ran.err) == (2, True)
    assert "disabled" in trueup("runs", "list", "--day", "2026-11-22").out


def test_the_last_report_of_an_account(a_run):
    ran = trueup("runs", "last", "dydx-one")
    assert ran.code == 2
    assert "never verified whole yet" in ran.out
    assert trueup("runs", "last", "cb-main", "--json").document["account_id"] == "cb-main"
    refused(trueup("runs", "last", "nobody"), "nobody")


def test_the_history_of_an_account_between_two_times(a_run):
    assert RUN_ID in trueup("runs", "history", "cb-main", "--from", "2026-11-22", "--to", "2026-11-23").out
    day_before = trueup("runs", "history", "cb-main", "--from", "2026-11-21", "--to", "2026-11-22", "--json").document
    assert day_before["reports"] == []
    to_the_second = ("--from", "2026-11-22T12:00:05Z", "--to", "2026-11-22T12:00:05Z", "--json")
    assert len(trueup("runs", "history", "cb-main", *to_the_second).document["reports"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "--day", "today"], ["--day", "2026-11-22"]),
        (["list", "--day", "2026-02-30"], ["--day"]),
        (["show", "latest"], ["RUN_ID", "20261122T120000Z", "manual-<ULID>"]),
        (["show", "manual-" + "Z" * 26], ["RUN_ID"]),
        (["show", "99999999T999999Z"], ["RUN_ID"]),
        (["show", "20261122T130000Z"], ["no run 20261122T130000Z"]),
        (["last", "CB Main"], ["ACCOUNT", "lower-case"]),
        (["history", "cb-main", "--from", "soon"], ["--from"]),
        (["history", "cb-main", "--from", "2026-11-23", "--to", "2026-11-22"], ["--from", "after --to"]),
    ],
)
def test_what_is_mistyped_is_one_line_naming_it(cloud, arguments, words):
    refused(trueup("runs", *arguments), *words)


def test_json_is_the_same_bytes_every_time(a_run):
    for arguments in (["runs", "show", RUN_ID], ["runs", "list", "--day", "2026-11-22"], ["runs", "last", "cb-main"]):
        first, second = (trueup(*arguments, "--json").out for _ in range(2))
        assert first == second
        json.loads(first)
