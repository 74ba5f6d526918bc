"""Template and state machine fit together, and the state machine is one that Step Functions takes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfn import DEFINITION, STATE_MACHINE, Deployed, of_type, walk
from cfnlint import ConfigMixIn  # type: ignore[import-untyped]
from cfnlint.runner import Runner  # type: ignore[import-untyped]

import trueup.errors

KILLED = {"Sandbox.Timedout", "Runtime.ExitError"}
"""What Lambda says for a function that had no chance to say anything."""
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


@pytest.fixture(scope="module")
def declared(template: dict[str, Any]) -> dict[str, Any]:
    [machine] = of_type(template, STATE_MACHINE).values()
    found: dict[str, Any] = machine["DefinitionSubstitutions"]
    return found


def test_the_template_substitutes_what_the_definition_asks_for_and_nothing_else(declared: dict[str, Any]) -> None:
    code = "\n".join(line.split(" #")[0] for line in _without_comments(DEFINITION.read_text()))
    assert set(PLACEHOLDER.findall(code)) == declared.keys()


def test_the_definition_is_yaml_before_and_after_substitution(deployed: Deployed) -> None:
    before = yaml.safe_load(DEFINITION.read_text())
    after = yaml.safe_load(_substituted(deployed))
    assert before["States"].keys() == after["States"].keys()
    assert isinstance(after["TimeoutSeconds"], int)
    assert not PLACEHOLDER.search(json.dumps(after))


def test_the_definition_with_its_values_passes_the_linter(deployed: Deployed, tmp_path: Path) -> None:
    assert _lint(yaml.safe_load(_substituted(deployed)), tmp_path) == []


def test_the_linter_does_look_inside_the_definition(deployed: Deployed, tmp_path: Path) -> None:
    broken = yaml.safe_load(_substituted(deployed))
    broken["States"]["Plan"]["TimeoutSecond"] = broken["States"]["Plan"].pop("TimeoutSeconds")
    broken["States"]["Plan"]["Next"] = "Nowhere"
    assert _lint(broken, tmp_path)


def test_every_state_leads_to_one_that_exists_and_none_is_out_of_reach(deployed: Deployed) -> None:
    """The linter does not follow the states inside a Map or Parallel."""
    machines = [it for it in walk(yaml.safe_load(_substituted(deployed))) if isinstance(it, dict) and "StartAt" in it]
    assert len(machines) > 1
    for machine in machines:
        named = {machine["StartAt"]}
        for state in machine["States"].values():
            inner = [*state.get("Catch", []), *state.get("Choices", []), state]
            named |= {it[key] for it in inner for key in ("Next", "Default") if key in it}
        assert named == machine["States"].keys()


def test_the_definition_calls_only_what_the_state_machine_may(deployed: Deployed) -> None:
    resources = {it["Resource"] for it in walk(yaml.safe_load(_substituted(deployed))) if _is_task(it)}
    allowed = {"arn:aws:states:::lambda:invoke", "arn:aws:states:::dynamodb:putItem"}
    assert resources == allowed, "ReconcileRole allows these two"


def test_every_error_waited_for_is_one_that_somebody_raises(deployed: Deployed) -> None:
    """A name matches exactly or not at all: one that nobody raises is a retry that never happens."""
    names = {
        name
        for node in walk(yaml.safe_load(_substituted(deployed)))
        if isinstance(node, Mapping)
        for name in node.get("ErrorEquals", [])
    }
    ours = {name for name in names if not name.startswith(("States.", "Lambda."))} - KILLED
    assert ours
    for name in ours:
        assert issubclass(getattr(trueup.errors, name), trueup.errors.TrueupError), name


@pytest.mark.parametrize("state", ["Fetch", "FetchPrices"])
def test_what_a_later_attempt_may_mend_is_retried_and_a_refusal_is_not(deployed: Deployed, state: str) -> None:
    found = [it["States"] for it in walk(yaml.safe_load(_substituted(deployed))) if "States" in _mapping(it)]
    [task] = [states[state] for states in found if state in states]
    [retrier] = task["Retry"]
    retried = set(retrier["ErrorEquals"])
    assert retried >= {"VenueRateLimited", "VenueUnavailable", "StoreUnavailable", "States.Timeout"} | KILLED
    refusals = {"VenueAuthFailed", "VenuePermissionDenied", "VenueGeoBlocked", "ConfigInvalid", "BookInvalid"}
    assert not retried & (refusals | {"States.ALL", "States.TaskFailed", "VenueMaintenance", "VenueResponseInvalid"})


def _mapping(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}


def _is_task(node: Any) -> bool:
    return isinstance(node, Mapping) and node.get("Type") == "Task"


def _without_comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def _substituted(deployed: Deployed) -> str:
    text = DEFINITION.read_text()
    properties = deployed.resources["ReconcileStateMachine"]["Properties"]
    for name, value in properties["DefinitionSubstitutions"].items():
        arn = f"arn:aws:lambda:eu-central-1:111122223333:function:{name}" if name.endswith("Arn") else str(value)
        text = text.replace(f"${{{name}}}", arn)
    return text


def _lint(definition: dict[str, Any], folder: Path) -> list[str]:
    """What cfn-lint says about a definition; inside a SAM template it would not look."""
    plain = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "RoleArn": "arn:aws:iam::111122223333:role/reconcile",
                    "DefinitionString": json.dumps(definition),
                },
            }
        },
    }
    path = folder / "definition.json"
    path.write_text(json.dumps(plain))
    runner = Runner(ConfigMixIn(templates=[str(path)], regions=["eu-central-1"]))
    return [f"{match.rule.id} {match.message}" for match in runner.run()]
