"""A function makes the AWS clients it uses, once: the next invocation in the same process makes none."""

import json
import subprocess
import sys
from typing import Any

import boto3
import pytest

import trueup.aws
from local.venues.credentials import make_address
from tests.workflow.desk import ROOT, Desk, arn

RUN = "20261122T120000Z"
NEXT = "20261122T120500Z"

FUNCTIONS = {
    "plan": {"dynamodb", "s3"},
    "fetch-coinbase": {"dynamodb", "s3", "secretsmanager"},
    "fetch-dydx": {"dynamodb", "s3"},
    "prices": {"dynamodb", "s3"},
    "compare": {"dynamodb", "s3"},
}
"""What a function is a client of when there is nothing to alert about."""

IMPORT_HANDLER = """
import sys
sys.path[:0] = [sys.argv[1], "shared"]
import boto3
made = []
boto3.client = lambda service, **options: made.append(service)
import app
print(len(made))
print(*sorted({name.partition(".")[0] for name in sys.modules} | {n for n in sys.modules if n.startswith("trueup.")}))
"""


@pytest.fixture
def made(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services of all clients made since."""
    desk.open_coinbase("cb-main", {"BTC": "1"}, book={"BTC": "1"})
    desk.open_dydx("dydx-main", make_address("desk"), {"USDC": "100"}, {}, book={"USDC": "100"})
    assert desk.run({"scheduled_time": "2026-11-22T12:00:00Z"}).status == "SUCCEEDED"
    trueup.aws.client.cache_clear()
    services: list[str] = []
    make = boto3.client

    def noting(service: str, **options: Any) -> Any:
        services.append(service)
        return make(service, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3, "client", noting)
    return services


def event_of(function: str, run_id: str) -> dict[str, Any]:
    if function == "plan":
        given = {"scheduled_time": f"2026-11-22T12:{run_id[11:13]}:00Z"}
        return {"execution": run_id, "started_at": "2026-11-22T12:00:01Z", "input": given}
    if function == "compare":
        return {"run_id": RUN, "execution": run_id}
    account = {"fetch-coinbase": "cb-main", "fetch-dydx": "dydx-main"}.get(function)
    return {"run_id": run_id, **({"account_id": account} if account else {})}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_first_invocation_makes_the_clients_it_uses_and_the_second_none(
    desk: Desk, made: list[str], function: str
) -> None:
    first = desk.functions.invoke(arn(function), json.dumps(event_of(function, NEXT)))
    assert not first[1], first[0]
    assert sorted(made) == sorted(FUNCTIONS[function])
    made.clear()

    second = desk.functions.invoke(arn(function), json.dumps(event_of(function, "20261122T121000Z")))

    assert not second[1], second[0]
    assert made == []


@pytest.mark.parametrize("function", ["plan", "fetch", "prices", "compare"])
def test_importing_a_handler_makes_no_client_and_loads_no_venue(function: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_HANDLER, f"functions/{function}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    clients, modules = done.stdout.splitlines()
    assert clients == "0"
    loaded = set(modules.split())
    assert {"boto3", "trueup.errors"} <= loaded
    assert not loaded & {"jwt", "cryptography", "yaml", "trueup.venues.coinbase", "trueup.venues.dydx"}
