"""The sample events, given to the deployed functions one after the other as a run would, are a run."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.stage.stage import Stage, stage
from local.stage.story import EXPECTED

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
IN_ORDER = {
    "plan": "PlanFunction",
    "prices": "FetchPricesFunction",
    "fetch-coinbase": "FetchCoinbaseFunction",
    "fetch-dydx": "FetchDydxFunction",
    "compare": "CompareFunction",
    "book": "BookFunction",
}


def invoke(staged: Stage, function: str, event: bytes) -> dict[str, Any]:
    answer = staged.session().client("lambda").invoke(
        FunctionName=staged.deployment.resources[function], Payload=event
    )  # fmt: skip
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, document
    return document


def test_every_sample_event_works_against_the_local_cloud(tmp_path: Path) -> None:
    # Notify is deployed only where there are endpoints to tell: test_alert_endpoints.py.
    assert {path.stem for path in (ROOT / "events").glob("*.json")} == {*IN_ORDER, "notify"}
    with stage(tmp_path / "cloud", port=None, wait_scale=0.05, scheduled=False, progress=lambda _line: None) as staged:
        answers = {
            name: invoke(staged, function, (ROOT / "events" / f"{name}.json").read_bytes())
            for name, function in IN_ORDER.items()
        }

    pushed = answers.pop("book")
    assert (pushed["account_id"], pushed["version"], pushed["stored"]) == ("cb-airdrop", "1732276798000", True)
    assert {answer["run_id"] for answer in answers.values()} == {"20261122T120000Z"}
    assert answers["plan"]["next"] == "fetch"
    # Two accounts were fetched, and the other six are said to be unverified.
    assert answers["compare"]["accounts"] == len(EXPECTED)
    assert answers["compare"]["accounts_verified"] == 2
