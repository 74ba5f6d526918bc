"""What the template's intrinsic functions come to, as far as the deployer itself has to know it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from local.cloud.errors import TemplateUnsupported
from local.cloud.session import REGION
from local.cloud.template import Template


@dataclasses.dataclass(frozen=True)
class Values:
    """The values of one deployment: `parameters` by name; `resources` physical ids by logical name, empty before it."""

    template: Template
    parameters: Mapping[str, str]
    account_id: str
    resources: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def resolve(self, value: Any) -> Any:
        """Return `value` with its Ref, Fn::FindInMap, Fn::If and (for a key) Fn::GetAtt Arn replaced.

        What is AWS::NoValue is left out of an object. A parameter is a string, as CloudFormation has it. Raises
        TemplateUnsupported for every other function, and for a resource that does not exist yet.
        """
        match value:
            case {"Ref": str(name)} if len(value) == 1:
                return self._ref(name)
            case {"Fn::GetAtt": [str(name), "Arn"]} if len(value) == 1:
                return self._arn(name)
            case {"Fn::FindInMap": [str(table), row, column]} if len(value) == 1:
                return self.resolve(self.template["Mappings"][table][str(self.resolve(row))][str(self.resolve(column))])
            case {"Fn::If": [str(name), yes, no]} if len(value) == 1:
                return self.resolve(yes if self._holds({"Condition": name}) else no)
            case dict():
                if any(key.startswith("Fn::") for key in value):
                    raise TemplateUnsupported(f"the local deployer cannot resolve {value}")
                return {key: self.resolve(item) for key, item in value.items() if not self._is_nothing(item)}
            case list():
                return [self.resolve(item) for item in value]
            case _:
                return value

    def _is_nothing(self, value: Any) -> bool:
        match value:
            case {"Fn::If": [str(name), yes, no]}:
                return self._is_nothing(yes if self._holds({"Condition": name}) else no)
            case _:
                return bool(value == {"Ref": "AWS::NoValue"})

    def conditions(self) -> dict[str, bool]:
        """Return whether each condition of the template holds. Raises TemplateUnsupported."""
        return {name: self._holds({"Condition": name}) for name in self.template.get("Conditions", {})}

    def _holds(self, condition: Any) -> bool:
        match condition:
            case {"Condition": str(name)} if name in self.template.get("Conditions", {}):
                return self._holds(self.template["Conditions"][name])
            case {"Fn::Equals": [left, right]}:
                return bool(self._list_or_text(left) == self._list_or_text(right))
            case {"Fn::Not": [inner]}:
                return not self._holds(inner)
            case {"Fn::And": [*inner]}:
                return all(self._holds(item) for item in inner)
            case {"Fn::Or": [*inner]}:
                return any(self._holds(item) for item in inner)
            case _:
                raise TemplateUnsupported(f"the local deployer cannot evaluate the condition {condition}")

    def _list_or_text(self, value: Any) -> Any:
        """Return an operand of a condition: text, or a list where Fn::Split or a list parameter makes one."""
        match value:
            case {"Fn::Join": [str(separator), items]}:
                return separator.join(self._list_or_text(items))
            case {"Fn::Split": [str(separator), text]}:
                return self._list_or_text(text).split(separator)
            case {"Ref": str(name)} if self._parameter_type(name) == "CommaDelimitedList":
                return [member.strip() for member in self._ref(name).split(",")]
            case list():
                return [self._list_or_text(item) for item in value]
            case str() | bool() | int():
                return _text(value)
            case _:
                return self.resolve(value)

    def _parameter_type(self, name: str) -> str | None:
        kind = self.template.get("Parameters", {}).get(name, {}).get("Type")
        return None if kind is None else str(kind)

    def _ref(self, name: str) -> str:
        if name in self.parameters:
            return self.parameters[name]
        default = self.template.get("Parameters", {}).get(name, {}).get("Default")
        if default is not None:
            return _text(default)
        return self._physical(name)

    def _physical(self, name: str) -> str:
        try:
            return self.resources[name]
        except KeyError:
            raise TemplateUnsupported(f"{name} is not known to the local deployer") from None

    def _arn(self, name: str) -> str:
        kind = self.template["Resources"].get(name, {}).get("Type")
        if kind != "AWS::KMS::Key":
            raise TemplateUnsupported(f"the local deployer does not know the ARN of {name}, a {kind}")
        return f"arn:aws:kms:{REGION}:{self.account_id}:key/{self._physical(name)}"


def _text(default: object) -> str:
    """Return a default as CloudFormation passes it on: every parameter is text."""
    if isinstance(default, bool):
        return "true" if default else "false"
    return str(default)
