"""The state machine's YAML as the JSON that ministack reads.

On AWS the substitutions are made in the text, and the text is read afterwards: `MaxAttempts: ${MaxRetries}` becomes a
number. Rendering JSON first would make it a string, so whatever is known before the deployment is put in before the
YAML is read. What only CloudFormation knows (ARNs, names) stays as `${Name}`, in quotes, for CloudFormation.
"""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from local.cloud.errors import TemplateUnsupported
from local.cloud.values import Values


def render(text: str, substitutions: Mapping[str, Any], values: Values) -> str:
    """Return the definition as JSON. Raises TemplateUnsupported if it is not YAML, or not of JSON's types."""
    for name, value in substitutions.items():
        if not _only_cloudformation_knows(value, values):
            text = text.replace(f"${{{name}}}", str(values.resolve(value)))
    try:
        return json.dumps(yaml.safe_load(text), indent=1)
    except yaml.YAMLError as error:
        raise TemplateUnsupported(f"the state machine is not YAML: {' '.join(str(error).split())}") from None
    except TypeError as error:
        raise TemplateUnsupported(f"the state machine has a value JSON does not know: {error}") from None


def _only_cloudformation_knows(value: Any, values: Values) -> bool:
    """Say whether a substitution is a name or ARN of something deployed, and so text."""
    match value:
        case {"Fn::GetAtt": _} | {"Fn::Sub": _}:
            return True
        case {"Ref": str(name)}:
            return name in values.template["Resources"] or name.startswith("AWS::")
        case _:
            return False
