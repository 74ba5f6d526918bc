"""Intrinsic functions the deployer works out itself come to what CloudFormation makes of them."""

from typing import Any

import pytest

from local.cloud.errors import TemplateUnsupported
from local.cloud.template import Template
from local.cloud.values import Values

TEMPLATE: Template = {
    "Parameters": {
        "Retries": {"Type": "Number", "Default": 3},
        "Enabled": {"Type": "String", "Default": True},
        "Venues": {"Type": "CommaDelimitedList", "Default": "coinbase, dydx"},
    },
    "Conditions": {
        "None": {"Fn::Equals": [{"Ref": "Retries"}, 0]},
        "Some": {"Fn::Not": [{"Condition": "None"}]},
    },
    "Mappings": {"Timing": {"3": {"Task": 30}}},
    "Resources": {"Key": {"Type": "AWS::KMS::Key"}, "Bucket": {"Type": "AWS::S3::Bucket"}},
}


def values(**parameters: str) -> Values:
    return Values(TEMPLATE, parameters, "123456789012", {"Key": "k-1", "Bucket": "b-1"})


@pytest.mark.parametrize(
    ("value", "is_"),
    [
        ({"Ref": "Retries"}, "3"),
        ({"Ref": "Enabled"}, "true"),
        ({"Ref": "Bucket"}, "b-1"),
        ({"Fn::GetAtt": ["Key", "Arn"]}, "arn:aws:kms:us-east-1:123456789012:key/k-1"),
        ({"Fn::FindInMap": ["Timing", {"Ref": "Retries"}, "Task"]}, 30),
        ({"Fn::If": ["Some", {"Ref": "Retries"}, "none"]}, "3"),
        ({"Fn::If": ["None", {"Ref": "Retries"}, "none"]}, "none"),
        ({"a": {"Fn::If": ["None", True, {"Ref": "AWS::NoValue"}]}, "b": 1}, {"b": 1}),
        ({"a": {"Fn::If": ["Some", {"Ref": "Retries"}, {"Ref": "AWS::NoValue"}]}}, {"a": "3"}),
        ({"a": [{"Ref": "Retries"}, 1, "x", None]}, {"a": ["3", 1, "x", None]}),
    ],
)
def test_a_value_is_resolved(value: Any, is_: Any) -> None:
    assert values().resolve(value) == is_


def test_a_parameter_that_was_given_goes_before_its_default() -> None:
    assert values(Retries="7").resolve({"Ref": "Retries"}) == "7"


@pytest.mark.parametrize(
    "value",
    [{"Ref": "Nobody"}, {"Fn::Sub": "${Key}"}, {"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::If": ["A", 1, 2]}],
)
def test_what_the_deployer_cannot_know_is_refused_and_never_guessed(value: Any) -> None:
    with pytest.raises(TemplateUnsupported):
        values().resolve(value)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Fn::Equals": [{"Ref": "Enabled"}, "true"]}, True),
        ({"Fn::Equals": [{"Ref": "Retries"}, 3]}, True),
        ({"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}, True),
        ({"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]}, False),
        ({"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]}, True),
        ({"Fn::Equals": [{"Fn::Join": ["|", {"Ref": "Venues"}]}, "coinbase|dydx"]}, True),
        ({"Fn::Equals": [{"Fn::Join": ["", {"Fn::Split": [",", "a,b"]}]}, "ab"]}, True),
    ],
)
def test_a_condition_holds_as_on_aws(condition: dict[str, Any], holds: bool) -> None:
    conditions = {"Yes": {"Fn::Equals": ["1", "1"]}, "No": {"Fn::Equals": ["1", "2"]}, "It": condition}
    assert Values({**TEMPLATE, "Conditions": conditions}, {}, "1").conditions()["It"] is holds


def test_a_condition_the_deployer_does_not_know_is_refused() -> None:
    conditions = {"It": {"Fn::Contains": [["a"], "a"]}}
    with pytest.raises(TemplateUnsupported, match="cannot evaluate"):
        Values({**TEMPLATE, "Conditions": conditions}, {}, "1").conditions()
