"""template.yaml as data, and what its functions come to for given parameters: just enough of CloudFormation."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
DEFINITION = ROOT / "statemachine" / "reconcile.asl.yaml"

FUNCTION = "AWS::Serverless::Function"
LOG_GROUP = "AWS::Logs::LogGroup"
ROLE = "AWS::IAM::Role"
POLICY = "AWS::IAM::Policy"
ALARM = "AWS::CloudWatch::Alarm"
STATE_MACHINE = "AWS::Serverless::StateMachine"

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "111122223333",
    "AWS::StackName": "trueup",
}
NO_VALUE = object()


class _Loader(yaml.SafeLoader):
    """Reads short forms (!Ref, !Sub …) as long ones."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    return {name: node.value.split(".", 1) if suffix == "GetAtt" else node.value}


_Loader.add_multi_constructor("!", _short_form)


def load(text: str | None = None) -> dict[str, Any]:
    """Return the template, every function in its long form."""
    template: dict[str, Any] = yaml.load(TEMPLATE.read_text() if text is None else text, Loader=_Loader)
    return template


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type by logical name."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def statements(role: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a role may do, or what a policy lets roles do: every Allow statement."""
    policies = role.get("Policies", [role])
    found = [it for policy in policies for it in policy["PolicyDocument"]["Statement"]]
    return [it for it in found if it["Effect"] == "Allow"]


def listed(value: Any) -> list[Any]:
    """Return a list for what IAM accepts either as one or as a list of them."""
    return value if isinstance(value, list) else [value]


def walk(node: Any) -> Iterator[Any]:
    """Yield a value and everything inside it."""
    yield node
    if isinstance(node, Mapping):
        for inner in node.values():
            yield from walk(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from walk(inner)


class Deployed:
    """The template as it comes out for given parameters. An ARN is `arn:<name>`, any other attribute `<name>.<it>`."""

    def __init__(self, template: Mapping[str, Any], **parameters: str) -> None:
        defaults = {name: str(declared.get("Default", "")) for name, declared in template["Parameters"].items()}
        unknown = parameters.keys() - defaults.keys()
        assert not unknown, f"no such parameter: {unknown}"
        self.template = template
        self.parameters = {**defaults, **parameters}

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Resources whose condition holds, resolved."""
        return {
            name: self.resolve({key: value for key, value in resource.items() if key != "Condition"})
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def holds(self, condition: str) -> bool:
        """Tell whether a condition of the template is true."""
        return bool(self.resolve(self.template["Conditions"][condition]))

    def refusals(self) -> list[str]:
        """Return what the template's rules say against the parameters."""
        return [
            assertion["AssertDescription"]
            for rule in self.template["Rules"].values()
            if self.resolve(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self.resolve(assertion["Assert"])
        ]

    def environment(self, function: str) -> dict[str, str]:
        """Return the environment a function is given."""
        own = self.template["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {})
        common = self.template["Globals"]["Function"]["Environment"]["Variables"]
        resolved = {name: self.resolve(value) for name, value in {**common, **own}.items()}
        return {name: str(value) for name, value in resolved.items() if value is not NO_VALUE}

    def timeout(self, function: str) -> int:
        """Return a function's timeout in seconds."""
        own = self.template["Resources"][function]["Properties"]
        return int(self.resolve(own.get("Timeout", self.template["Globals"]["Function"]["Timeout"])))

    def resolve(self, node: Any) -> Any:
        """Return a value with its functions worked out."""
        if isinstance(node, list):
            return [value for value in map(self.resolve, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, argument)] = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
        values = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not NO_VALUE}

    def _call(self, name: str, argument: Any) -> Any:
        if name == "Ref":
            return self._ref(argument)
        if name == "Fn::GetAtt":
            resource, attribute = argument
            return f"arn:{resource}" if attribute == "Arn" else f"{resource}.{attribute}"
        if name == "Fn::If":
            condition, then, otherwise = argument
            return self.resolve(then if self.holds(condition) else otherwise)
        if name == "Fn::Sub":
            text, own = argument if isinstance(argument, list) else (argument, {})
            return self._sub(text, {key: self.resolve(value) for key, value in own.items()})
        values = self.resolve(argument)
        match name:
            case "Fn::Join":
                return values[0].join(str(value) for value in values[1])
            case "Fn::Split":
                return values[1].split(values[0])
            case "Fn::Equals":
                return str(values[0]) == str(values[1])
            case "Fn::Not":
                return not values[0]
            case "Fn::And":
                return all(values)
            case "Fn::Contains":
                return str(values[1]) in values[0]
            case "Fn::FindInMap":
                return self.template["Mappings"][values[0]][str(values[1])][values[2]]
        raise AssertionError(f"the tests do not know {name}; teach cfn.py")

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            value = self.parameters[name]
            if self.template["Parameters"][name]["Type"] == "CommaDelimitedList":
                return [member.strip() for member in value.split(",")]
            return value
        assert name in self.template["Resources"], f"there is no {name} in the template"
        return name

    def _sub(self, text: str, own: Mapping[str, Any]) -> str:
        def put(found: re.Match[str]) -> str:
            name = found[1]
            if name in own:
                return str(own[name])
            if "." in name:
                return str(self.resolve({"Fn::GetAtt": name.split(".", 1)}))
            return str(self.resolve({"Ref": name}))

        return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", put, text)


def parameter_accepts(declared: Mapping[str, Any], value: str) -> bool:
    """Tell whether CloudFormation would take a value for a parameter."""
    members = [part.strip() for part in value.split(",")] if declared["Type"] == "CommaDelimitedList" else [value]
    if declared["Type"] == "Number":
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            return False
        if not declared.get("MinValue", float("-inf")) <= float(value) <= declared.get("MaxValue", float("inf")):
            return False
    if "AllowedValues" in declared and value not in [str(allowed) for allowed in declared["AllowedValues"]]:
        return False
    pattern = declared.get("AllowedPattern")
    return pattern is None or all(re.fullmatch(pattern, member) for member in members)
