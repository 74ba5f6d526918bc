"""What is deployed here differs from what is deployed on AWS in a known list of things, and in nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud import template
from local.cloud.errors import TemplateUnsupported
from local.cloud.template import FUNCTION, LAYER, STATE_MACHINE, Template, Uploaded
from local.cloud.values import Values

REAL = Path(__file__).parents[3] / "template.yaml"

# Path in the template → what is there, on AWS and here. `*` is a resource's logical name.
KNOWN_DIFFERENCES = [
    r"Globals\.Function\.Runtime",
    r"Resources\.\w+\.Properties\.(CodeUri|ContentUri|DefinitionUri)",
    r"Conditions\.\w+",
    r"Resources\.\w+Policy\.Properties\.PolicyDocument\.Statement",
    r"Resources\.\w+(Bucket|Queue)Policy$",  # a policy of which no statement is left
    r"Resources\.\w+Table\.Properties\.ResourcePolicy$",  # the same
]


@pytest.fixture(name="real")
def _real() -> Template:
    return template.read(REAL)


def _uploaded(real: Template) -> Uploaded:
    names = [name for kind in (FUNCTION, LAYER, STATE_MACHINE) for name in template.of_type(real, kind)]
    return Uploaded("bucket", {name: f"{name}.zip" for name in names})


def _localise(real: Template, **parameters: str) -> Template:
    return template.localise(real, _uploaded(real), Values(real, parameters, "000000000000").conditions())


def _differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """The paths at which two templates differ; a list is compared as a whole."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from _differences(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif one != other:
        yield path


def _known(path: str) -> bool:
    return any(re.match(pattern + r"(\.|$)", path) for pattern in KNOWN_DIFFERENCES)


def test_the_deployed_template_is_the_real_one_but_for_the_known_differences(real: Template) -> None:
    found = set(_differences(real, _localise(real)))
    assert found
    assert {path for path in found if not _known(path)} == set()


def test_a_change_nobody_listed_would_be_noticed(real: Template) -> None:
    deployed = _localise(real)
    deployed["Resources"]["TrueupTable"]["Properties"]["BillingMode"] = "PROVISIONED"
    assert [path for path in _differences(real, deployed) if not _known(path)] == [
        "Resources.TrueupTable.Properties.BillingMode"
    ]


def test_of_the_policies_only_the_refusal_of_plain_http_is_left_out(real: Template) -> None:
    deployed = _localise(real)
    for kind in ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"):
        for name, properties in template.of_type(real, kind).items():
            kept = [
                statement
                for statement in properties["PolicyDocument"]["Statement"]
                if "aws:SecureTransport" not in str(statement)
            ]
            resource = deployed["Resources"].get(name)
            assert (resource["Properties"]["PolicyDocument"]["Statement"] if resource else []) == kept


def test_of_a_tables_own_policy_only_the_refusal_of_plain_http_is_left_out() -> None:
    refusal = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    grant = {"Effect": "Allow", "Action": "dynamodb:GetItem"}

    def table(*statements: dict[str, Any]) -> Template:
        policy = {"PolicyDocument": {"Statement": list(statements)}}
        return {"Resources": {"T": {"Type": template.TABLE, "Properties": {"ResourcePolicy": policy}}}}

    assert template.localise(table(refusal, grant), Uploaded("b", {}), {}) == table(grant)
    assert template.localise(table(refusal), Uploaded("b", {}), {})["Resources"]["T"]["Properties"] == {}


def test_a_refusal_with_a_second_condition_is_kept() -> None:
    statement = {
        "Effect": "Deny",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:SourceAccount": "1"}},
    }
    real = {
        "Resources": {
            "P": {"Type": "AWS::SNS::TopicPolicy", "Properties": {"PolicyDocument": {"Statement": [statement]}}}
        }
    }
    assert template.localise(real, Uploaded("b", {}), {}) == real


def test_the_real_template_is_not_changed_in_memory(real: Template) -> None:
    _localise(real)
    assert real == template.read(REAL)


def test_every_function_runs_where_the_names_of_errors_survive(real: Template) -> None:
    deployed = _localise(real)
    assert deployed["Globals"]["Function"]["Runtime"] == "provided.al2023"
    assert all("Runtime" not in properties for properties in template.of_type(deployed, FUNCTION).values())


def test_a_function_that_is_not_python_is_refused() -> None:
    real = {"Resources": {"F": {"Type": FUNCTION, "Properties": {"Runtime": "nodejs22.x", "CodeUri": "f/"}}}}
    with pytest.raises(TemplateUnsupported, match=r"F: Runtime nodejs22\.x is not Python"):
        template.localise(real, Uploaded("bucket", {"F": "k"}), {})


@pytest.mark.parametrize(
    ("venues", "holds"),
    [
        ("coinbase,dydx", {"CoinbaseChosen": True, "DydxChosen": True}),
        ("dydx", {"CoinbaseChosen": False, "DydxChosen": True}),
        ("coinbase", {"CoinbaseChosen": True, "DydxChosen": False}),
    ],
)
def test_a_venue_that_is_not_chosen_is_not_deployed(real: Template, venues: str, holds: dict[str, bool]) -> None:
    conditions = Values(real, {"Venues": venues}, "000000000000").conditions()
    assert {name: conditions[name] for name in holds} == holds
    assert not conditions["AlertsByEmail"]


def test_short_and_long_forms_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "Resources:\n"
        "  A: {Type: T, Properties: {X: !Ref B, Y: !GetAtt B.Arn, Z: !Sub '${B}-x', V: !Join [',', [!Ref B]]}}\n"
    )
    assert template.read(path)["Resources"]["A"]["Properties"] == {
        "X": {"Ref": "B"},
        "Y": {"Fn::GetAtt": ["B", "Arn"]},
        "Z": {"Fn::Sub": "${B}-x"},
        "V": {"Fn::Join": [",", [{"Ref": "B"}]]},
    }


@pytest.mark.parametrize(
    ("text", "words"), [("a: [", "is not YAML"), ("- 1", "has no Resources"), ("", "has no Resources")]
)
def test_what_is_no_template_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(TemplateUnsupported, match=words) as caught:
        template.read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateUnsupported, match="there is no template"):
        template.read(tmp_path / "t.yaml")
