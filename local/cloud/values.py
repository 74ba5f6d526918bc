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
        """Return `value` with its Ref, Fn::FindInMap and (for a key) Fn::GetAtt Arn replaced.

        A parameter is a string, as CloudFormation has it. Raises TemplateUnsupported for every other function, and for
        a resource that does not exist yet.
        """
        match value:
            case {"Ref": str(name)} if len(value) == 1:
                return self._ref(name)
            case {"Fn::GetAtt": [str(name), "Arn"]} if len(value) == 1:
                return self._arn(name)
            case {"Fn::FindInMap": [str(table), row, column]} if len(value) == 1:
                return self.resolve(self.template["Mappings"][table][str(self.resolve(row))][str(self.resolve(column))])
            case dict():
                if any(key.startswith("Fn::") for key in value):
                    raise TemplateUnsupported(f"the local deployer cannot resolve {value}")
                return {key: self.resolve(item) for key, item in value.items()}
            case list():
                return [self.resolve(item) for item in value]
            case _:
                return value

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
        kind = self.template["Resources"][name]["Type"]
        if kind != "AWS::KMS::Key":
            raise TemplateUnsupported(f"the local deployer does not know the ARN of {name}, a {kind}")
        return f"arn:aws:kms:{REGION}:{self.account_id}:key/{self._physical(name)}"


def _text(default: object) -> str:
    """Return a default as CloudFormation passes it on: every parameter is text."""
    if isinstance(default, bool):
        return "true" if default else "false"
    return str(default)
