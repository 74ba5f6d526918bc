"""The state machine arrives as it would on AWS: substituted first, read afterwards."""

import json
from typing import Any

import pytest

from local.cloud.definition import render
from local.cloud.errors import TemplateUnsupported
from local.cloud.values import Values

VALUES = Values({"Parameters": {"Retries": {"Default": 3}}, "Resources": {}}, {}, "000000000000")


def rendered(text: str, **substitutions: Any) -> Any:
    return json.loads(render(text, substitutions, VALUES))


def test_a_number_is_a_number() -> None:
    assert rendered("MaxAttempts: ${MaxRetries}", MaxRetries={"Ref": "Retries"}) == {"MaxAttempts": 3}
    assert rendered("BackoffRate: ${Rate}", Rate=2) == {"BackoffRate": 2}


def test_a_number_in_quotes_is_text() -> None:
    assert rendered('N: "${MaxRetries}"', MaxRetries={"Ref": "Retries"}) == {"N": "3"}


def test_what_only_cloudformation_knows_is_left_to_it() -> None:
    text = "FunctionName: ${PlanFunctionArn}"
    assert rendered(text, PlanFunctionArn={"Fn::GetAtt": ["Plan", "Arn"]}) == {"FunctionName": "${PlanFunctionArn}"}


def test_what_could_be_a_number_but_cannot_be_known_is_refused() -> None:
    with pytest.raises(TemplateUnsupported, match="cannot resolve"):
        rendered("TimeoutSeconds: ${T}", T={"Fn::Select": [0, [1, 2]]})


def test_a_name_that_begins_like_another_is_not_cut() -> None:
    assert rendered("A: ${Retry}\nB: ${RetryMax}", Retry=1, RetryMax=20) == {"A": 1, "B": 20}


@pytest.mark.parametrize(("text", "words"), [("A: [", "is not YAML"), ("A: 2026-11-22", "a value JSON does not know")])
def test_a_definition_that_cannot_be_carried_over_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(TemplateUnsupported, match=words) as caught:
        rendered(text)
    assert "\n" not in str(caught.value)
