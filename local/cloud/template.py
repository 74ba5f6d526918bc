"""template.yaml as data, and the one function that turns it into what the local cloud can run.

`localise` is the complete list of differences between what is deployed on AWS and what is deployed here; a test holds
it to that list.
"""

import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.cloud.errors import TemplateUnsupported

LOCAL_RUNTIME = "provided.al2023"

FUNCTION = "AWS::Serverless::Function"
LAYER = "AWS::Serverless::LayerVersion"
STATE_MACHINE = "AWS::Serverless::StateMachine"
TABLE = "AWS::DynamoDB::Table"
_POLICY_TYPES = ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")

Template = dict[str, Any]


class _CloudFormationLoader(yaml.SafeLoader):
    """Reads the short forms (!Ref, !Sub …) as the long ones."""


def _short_form(loader: _CloudFormationLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    value = node.value
    return {name: value.split(".", 1) if suffix == "GetAtt" else value}


_CloudFormationLoader.add_multi_constructor("!", _short_form)


def read(path: Path) -> Template:
    """Return the template with every intrinsic function in its long form. Raises TemplateUnsupported."""
    try:
        template = yaml.load(path.read_text(), Loader=_CloudFormationLoader)
    except FileNotFoundError:
        raise TemplateUnsupported(f"there is no template {path}") from None
    except yaml.YAMLError as error:
        raise TemplateUnsupported(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict) or "Resources" not in template:
        raise TemplateUnsupported(f"{path} has no Resources")
    return template


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of a type, by logical name."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


@dataclasses.dataclass(frozen=True)
class Uploaded:
    """Where the deployer put what the template names by a path: S3 keys by logical name."""

    bucket: str
    keys: Mapping[str, str]

    def location(self, name: str) -> dict[str, str]:
        """Return the location of a resource's upload, as SAM writes it."""
        return {"Bucket": self.bucket, "Key": self.keys[name]}


def localise(template: Template, uploaded: Uploaded, conditions: Mapping[str, bool]) -> Template:
    """Return the template the local cloud deploys. It differs from the real one in this, and in nothing else:

    - functions run on the `provided` runtime, where Trueup's bootstrap starts AWS's own Python client: ministack's
      Python runtime hides the names of exceptions, on which the state machine's Retry and Catch depend;
    - code, layer and state machine definition come from uploads instead of paths, as `sam package` would have it;
    - conditions are literal, with the outcome they have for this deployment's parameters: ministack takes one that uses
      Fn::Join or Fn::Split for true, whatever it says;
    - policy statements that refuse plain HTTP are left out: there is no TLS on loopback.

    Raises TemplateUnsupported.
    """
    local = copy.deepcopy(template)
    for name, holds in conditions.items():
        local["Conditions"][name] = {"Fn::Equals": ["holds", "holds" if holds else "does not"]}
    _swap_runtime("Globals.Function", local.get("Globals", {}).get("Function", {}))
    for name, properties in of_type(local, FUNCTION).items():
        _swap_runtime(name, properties)
        properties["CodeUri"] = uploaded.location(name)
    for name, properties in of_type(local, LAYER).items():
        properties["ContentUri"] = uploaded.location(name)
    for name, properties in of_type(local, STATE_MACHINE).items():
        properties["DefinitionUri"] = uploaded.location(name)
    for kind in _POLICY_TYPES:
        for properties in of_type(local, kind).values():
            _allow_plain_http(properties["PolicyDocument"])
    for properties in of_type(local, TABLE).values():
        if policy := properties.get("ResourcePolicy"):
            _allow_plain_http(policy["PolicyDocument"])
    _drop_empty_policies(local)
    return local


def _swap_runtime(where: str, properties: dict[str, Any]) -> None:
    if "Runtime" not in properties:
        return
    if not str(properties["Runtime"]).startswith("python3."):
        raise TemplateUnsupported(f"{where}: Runtime {properties['Runtime']} is not Python")
    properties["Runtime"] = LOCAL_RUNTIME


def _allow_plain_http(document: dict[str, Any]) -> None:
    document["Statement"] = [item for item in document["Statement"] if not _refuses_plain_http(item)]


def _refuses_plain_http(statement: dict[str, Any]) -> bool:
    return statement.get("Effect") == "Deny" and statement.get("Condition") == {
        "Bool": {"aws:SecureTransport": "false"}
    }


def _drop_empty_policies(template: Template) -> None:
    """A policy must have a statement; one that only refused plain HTTP goes."""
    for kind in _POLICY_TYPES:
        for name, properties in of_type(template, kind).items():
            if not properties["PolicyDocument"]["Statement"]:
                del template["Resources"][name]
    for properties in of_type(template, TABLE).values():
        if "ResourcePolicy" in properties and not properties["ResourcePolicy"]["PolicyDocument"]["Statement"]:
            del properties["ResourcePolicy"]
