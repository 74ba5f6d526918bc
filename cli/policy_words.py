"""What people and scripts see of a policy: what applies to whom, what is stated, and by whose word."""

from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from cli.tables import plain_table
from trueup.domain.policy import Policy
from trueup.domain.policy_explained import THRESHOLD, Stated, applied, stated
from trueup.domain.policy_scopes import DEFAULT


@dataclass(frozen=True, slots=True)
class Subject:
    """What a policy is asked about; None for any that it does not name."""

    account_id: str | None
    venue: str | None
    asset: str | None

    def __str__(self) -> str:
        parts = [
            f"any other {word}" if name is None else f"{word} {name}"
            for word, name in (("account", self.account_id), ("venue", self.venue), ("asset", self.asset))
        ]
        return ", ".join(parts)


def applies_table(policy: Policy, subject: Subject) -> RenderableType:
    """Show every field with the value that applies, and whose it is."""
    found = applied(policy, subject.account_id, subject.venue, subject.asset)
    rows = [(f"{each.section}.{each.field}", _shown(each.value), each.origin) for each in found]
    return plain_table(("!field", "value", "from"), rows)


def applies_document(policy: Policy, subject: Subject | None) -> dict[str, Any] | None:
    """Write every field with the value that applies, and whose it is; None if nobody asked."""
    if subject is None:
        return None
    return {
        "account_id": subject.account_id,
        "venue": subject.venue,
        "asset": subject.asset,
        "fields": [
            {"section": each.section, "field": each.field, "value": each.value, "origin": each.origin}
            for each in applied(policy, subject.account_id, subject.venue, subject.asset)
        ],
    }


def leans_on_the_threshold(policy: Policy, subject: Subject) -> bool:
    """Tell whether a value that applies is the deployment's own."""
    found = applied(policy, subject.account_id, subject.venue, subject.asset)
    return any(each.origin == THRESHOLD for each in found)


def states_table(policy: Policy) -> RenderableType:
    """Show everything a policy states, and what each value takes the place of."""
    return _stated_table(stated(policy))


def exceptions_table(policy: Policy) -> list[RenderableType]:
    """Show what a policy states for somebody in particular; nothing where there is no such thing."""
    found = [each for each in stated(policy) if each.origin != DEFAULT]
    return [Text(), Text("except"), _stated_table(found)] if found else []


def states_document(policy: Policy) -> list[dict[str, Any]]:
    """Write everything a policy states, and what each value takes the place of."""
    return [
        {
            "section": each.section,
            "field": each.field,
            "origin": each.origin,
            "value": each.value,
            "otherwise": {"value": each.otherwise.value, "origin": each.otherwise.origin},
        }
        for each in stated(policy)
    ]


def _stated_table(found: list[Stated]) -> RenderableType:
    if not found:
        return Text("nothing: every value is the built-in one, or the deployment's threshold")
    rows = [
        (
            f"{each.section}.{each.field}",
            each.origin,
            _shown(each.value),
            f"{_shown(each.otherwise.value)} ({each.otherwise.origin})",
        )
        for each in found
    ]
    return plain_table(("!field", "for", "value", "instead of"), rows)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
