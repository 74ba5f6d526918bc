"""Runs: one execution claims one, freezes what to look at, and writes down how it ended."""

import json
from typing import Any

import pytest

from tests.unit.money_kit import NOON, STRICT, later, policy
from trueup.domain.policy import policy_document
from trueup.domain.reading import canonical_json
from trueup.domain.report import Failure
from trueup.errors import ConfigInvalid
from trueup.store import keys
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.store.objects import Objects
from trueup.store.rows import Rows
from trueup.store.runs import MAX_MESSAGE, Manifest, Runs

RUN_ID = "20261122T120000Z"
MANUAL = "manual-01KAP2Q000ABCDEFGHJKMNPQRS"
MANIFEST = Manifest(
    RUN_ID,
    NOON,
    {"cb-main": "coinbase", "dydx-perp": "dydx"},
    {"cb-main": ("spot", "earn")},
    policy(tolerance={"venues": {"dydx": {"assets": {"BTC": {"relative": "0.002"}}}}}),
)


@pytest.fixture
def runs(stores: tuple[Rows, Objects]) -> Runs:
    return Runs(*stores, retention_days=400)


def test_a_run_is_claimed_by_one_execution(runs: Runs) -> None:
    assert runs.claim(RUN_ID, "execution-1", NOON)
    assert not runs.claim(RUN_ID, "execution-2", NOON)
    found = runs.get(RUN_ID)
    assert found is not None
    assert (found["execution"], found["state"], found["run_id"]) == ("execution-1", "running", RUN_ID)


def test_the_execution_that_has_a_run_may_claim_it_again(runs: Runs) -> None:
    assert runs.claim(RUN_ID, "execution-1", NOON)
    assert runs.claim(RUN_ID, "execution-1", NOON)


def test_a_claim_that_arrives_after_the_run_has_ended_does_not_open_it_again(runs: Runs) -> None:
    runs.claim(RUN_ID, "execution-1", NOON)
    runs.finish(RUN_ID, "execution-1", NOON, {"state": "finished", "seal": "abc"})

    assert not runs.claim(RUN_ID, "execution-1", NOON)
    found = runs.get(RUN_ID)
    assert found is not None
    assert (found["state"], found["seal"]) == ("finished", "abc")


def test_different_runs_do_not_hinder_each_other(runs: Runs) -> None:
    assert runs.claim(RUN_ID, "execution-1", NOON)
    assert runs.claim("20261122T120500Z", "execution-2", NOON)
    assert runs.claim(MANUAL, "execution-3", NOON)


def test_a_row_of_a_run_goes_when_its_retention_is_over(runs: Runs) -> None:
    runs.claim(RUN_ID, "execution-1", NOON)
    found = runs.get(RUN_ID)
    assert found is not None
    assert found["expires_at"] == int(NOON.timestamp()) + 400 * 86_400 == runs.expires_at(NOON)


def test_a_run_is_finished_by_the_execution_that_has_it(runs: Runs) -> None:
    runs.claim(RUN_ID, "execution-1", NOON)
    assert not runs.finish(RUN_ID, "execution-2", NOON, {"state": "finished"})
    assert runs.finish(RUN_ID, "execution-1", NOON, {"state": "finished", "counts": {"lines": 3}})
    assert not runs.finish(RUN_ID, "execution-1", NOON, {"state": "finished", "counts": {"lines": 3}}), "said once"
    found = runs.get(RUN_ID)
    assert found is not None
    assert (found["state"], found["counts"], found["execution"]) == ("finished", {"lines": 3}, "execution-1")
    assert not runs.claim(RUN_ID, "execution-2", NOON)


def test_a_run_nobody_claimed_cannot_be_finished(runs: Runs) -> None:
    assert not runs.finish(RUN_ID, "execution-1", NOON, {"state": "finished"})
    assert runs.get(RUN_ID) is None


def test_the_runs_of_a_day_are_one_query_in_order(runs: Runs) -> None:
    for run_id in ("20261122T235500Z", "20261122T000000Z", "20261123T000000Z"):
        runs.claim(run_id, "execution-1", NOON)
    assert [row["run_id"] for row in runs.of_day("2026-11-22")] == ["20261122T000000Z", "20261122T235500Z"]
    assert runs.of_day("2026-11-21") == []


def test_a_manual_run_belongs_to_the_day_its_ulid_was_made(runs: Runs) -> None:
    run_id = "manual-01ARZ3NDEKTSV4RRFFQ69G5FAV"
    runs.claim(run_id, "execution-1", NOON)
    assert [row["run_id"] for row in runs.of_day("2016-07-30")] == [run_id]


def test_a_manifest_comes_back_as_it_was_written(runs: Runs) -> None:
    runs.write_manifest(MANIFEST)
    assert runs.manifest(RUN_ID) == MANIFEST


def test_the_first_manifest_of_a_run_stands(runs: Runs) -> None:
    runs.write_manifest(MANIFEST)
    runs.write_manifest(Manifest(RUN_ID, later(NOON, 60), {}, {}, STRICT))
    assert runs.manifest(RUN_ID) == MANIFEST


def test_a_run_that_never_was_has_no_manifest(runs: Runs) -> None:
    with pytest.raises(ConfigInvalid, match=f"run {RUN_ID}: there is no manifest; start a run with `trueup run`"):
        runs.manifest(RUN_ID)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"policy": None}, "manifest.policy: must be an object, not null"),
        (
            {"policy": policy_document(STRICT) | {"version": "0" * 12}},
            "manifest.policy.version: is '000000000000', but",
        ),
        ({"accounts": None}, "manifest.accounts: must be an object, not null"),
    ],
)
def test_a_manifest_that_is_not_what_was_written_ends_the_run_instead_of_being_guessed_at(
    stores: tuple[Rows, Objects], change: dict[str, Any], problem: str
) -> None:
    rows, objects = stores
    whole = Runs(MemoryRows(), other := MemoryObjects(), retention_days=400)
    whole.write_manifest(MANIFEST)
    objects.put_once(keys.manifest_object(RUN_ID), other.get(keys.manifest_object(RUN_ID)) | change)  # type: ignore[operator]
    with pytest.raises(ConfigInvalid) as refused:
        Runs(rows, objects, retention_days=400).manifest(RUN_ID)
    assert str(refused.value).startswith(f"run {RUN_ID}: {problem}")
    assert str(refused.value).endswith("; start a new run with `trueup run`")


def test_a_manifest_of_before_policies_were_frozen_is_not_judged_by_others(stores: tuple[Rows, Objects]) -> None:
    rows, objects = stores
    old = {"schema": 1, "run_id": RUN_ID, "started_at": "2026-11-22T12:00:00.000Z", "accounts": {}, "wallets": {}}
    objects.put_once(keys.manifest_object(RUN_ID), old)
    with pytest.raises(ConfigInvalid, match=rf"run {RUN_ID}: manifest.policy: is missing; start a new run"):
        Runs(rows, objects, retention_days=400).manifest(RUN_ID)


def written_by_the_state_machine(rows: Rows, name: str, error: str, cause: str, run_id: str = RUN_ID) -> None:
    failure = json.dumps({"Error": error, "Cause": cause})
    rows.put({"pk": f"RUN#{run_id}", "sk": f"FAILURE#{name}", "failure": failure, "expires_at": 1})


def test_failures_are_found_by_account_with_the_message_inside_the_lambdas_error(
    runs: Runs, stores: tuple[Rows, Objects]
) -> None:
    cause = json.dumps({"errorMessage": "account cb-main at coinbase: 401", "errorType": "VenueAuthFailed"})
    written_by_the_state_machine(stores[0], "cb-main", "VenueAuthFailed", cause)
    written_by_the_state_machine(stores[0], "prices", "States.Runtime", "")
    written_by_the_state_machine(stores[0], "cb-main", "VenueUnavailable", "another run's", "20261122T120500Z")
    assert runs.failures(RUN_ID) == {
        "cb-main": Failure("cb-main", "VenueAuthFailed", "account cb-main at coinbase: 401"),
        "prices": Failure("prices", "States.Runtime", "no cause was given"),
    }


@pytest.mark.parametrize("cause", ["Task timed out", "[1]", '"x"', "{}", '{"errorMessage', "null"])
def test_a_cause_that_is_no_lambda_error_is_kept_as_it_is(runs: Runs, stores: tuple[Rows, Objects], cause: str) -> None:
    written_by_the_state_machine(stores[0], "cb-main", "States.TaskFailed", cause)
    assert runs.failures(RUN_ID)["cb-main"].message == cause


@pytest.mark.parametrize("written", ["", "[]", "null", "{}", '{"Cause": "x"}'])
def test_a_failure_nobody_can_read_is_still_a_failure(runs: Runs, stores: tuple[Rows, Objects], written: str) -> None:
    stores[0].put({"pk": f"RUN#{RUN_ID}", "sk": "FAILURE#cb-main", "failure": written})
    assert runs.failures(RUN_ID) == {
        "cb-main": Failure("cb-main", "Unknown", "what failed was not written down properly")
    }


def test_a_timeout_has_no_cause_and_is_told_all_the_same(runs: Runs, stores: tuple[Rows, Objects]) -> None:
    stores[0].put({"pk": f"RUN#{RUN_ID}", "sk": "FAILURE#cb-main", "failure": '{"Error": "States.Timeout"}'})
    said = "no answer came in the time the state machine allows; see the function's log"
    assert runs.failures(RUN_ID)["cb-main"] == Failure("cb-main", "States.Timeout", said)


def test_a_message_is_kept_short_and_can_always_be_written(runs: Runs, stores: tuple[Rows, Objects]) -> None:
    written_by_the_state_machine(stores[0], "a", "X", json.dumps({"errorMessage": "\ud83d" + "x" * 30_000}))
    message = runs.failures(RUN_ID)["a"].message
    canonical_json(message).encode()
    assert len(message) == MAX_MESSAGE


def test_every_key_has_one_spelling() -> None:
    assert keys.account("a") == ("ACCOUNTS", "ACCOUNT#a")
    assert keys.book_head("a") == ("BOOK#a", "HEAD")
    assert keys.run(RUN_ID) == ("RUNS#2026-11-22", f"RUN#{RUN_ID}")
    assert keys.failures(RUN_ID) == f"RUN#{RUN_ID}"
    assert keys.audit("a") == "ACCOUNT#a"
    assert keys.report(NOON, RUN_ID) == f"REPORT#2026-11-22T12:00:00.000Z#{RUN_ID}"
    assert keys.manifest_object(RUN_ID) == f"runs/{RUN_ID}/manifest.json.gz"
    assert keys.observation_object(RUN_ID, "a") == f"runs/{RUN_ID}/observations/a.json.gz"
    assert keys.observation_object(RUN_ID, "a").startswith(keys.observations_prefix(RUN_ID))
    assert keys.prices_object(RUN_ID) == f"runs/{RUN_ID}/prices.json.gz"
    assert keys.report_object(RUN_ID) == f"runs/{RUN_ID}/report.json.gz"
    assert keys.book_object("a", "f" * 64) == f"books/a/{'f' * 64}.json.gz"
