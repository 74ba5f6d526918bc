"""What a policy allows, conditions included, by the evaluator of the local cloud.

The local cloud itself does not give its evaluator the condition keys `dynamodb:LeadingKeys` and `kms:ViaService`; here
the request names them, as AWS does.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator

Statement = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Request:
    """One request as IAM sees it. `keys` are the condition keys it carries, each with its values."""

    action: str
    resource: str
    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()


def request(action: str, resource: str, /, **keys: Sequence[str]) -> Request:
    """Make a request; a condition key `kms:ViaService` is given as `kms_ViaService`."""
    named = ((name.replace("_", ":", 1), tuple(values)) for name, values in keys.items())
    return Request(action, resource, tuple(sorted(named)))


def allowed(statements: Sequence[Statement], asked: Request) -> bool:
    """Tell whether a role with these statements may do this."""
    policy = iam_evaluator.parse_policy_document({"Version": "2012-10-17", "Statement": list(statements)})
    context = iam_evaluator.EvalContext(
        principal_arn="arn:aws:sts::111122223333:assumed-role/role/function",
        principal_type="AssumedRole",
        principal_account="111122223333",
        action=asked.action,
        resource_arn=asked.resource,
        region="eu-central-1",
        secure_transport=True,
        # One value as it is: an operator without ForAllValues or ForAnyValue does not look into a list.
        service_context={name.lower(): values[0] if len(values) == 1 else list(values) for name, values in asked.keys},
    )
    return bool(iam_evaluator.evaluate(context, [policy]).decision == "Allow")


def narrowed(statement: Statement) -> Iterator[tuple[str, Statement | None]]:
    """Yield a statement less one thing, and what that is: all of it, an action, a resource, a value of a condition.

    A statement of which nothing is left is None.
    """
    yield "all of it", None
    for member in ("Action", "Resource"):
        for value, rest in _one_less(statement[member]):
            yield f"{member} {value}", {**statement, member: rest}
    for operator, names in statement.get("Condition", {}).items():
        for name, values in names.items():
            for value, rest in _one_less(values):
                changed = copy.deepcopy(dict(statement))
                changed["Condition"][operator][name] = rest
                yield f"{name} {value}", changed


def _one_less(values: Any) -> Iterator[tuple[str, list[str]]]:
    if isinstance(values, list) and len(values) > 1:
        for value in values:
            yield value, [other for other in values if other != value]
