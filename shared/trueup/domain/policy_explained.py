"""A policy in answer to questions: what applies to this account, and by whose word? What does a file change?"""

from dataclasses import dataclass
from typing import Any

from .policy import Policy
from .policy_fields import BY_ASSET, FIELDS
from .policy_scopes import Scope, origin, precedence, written

BUILT_IN = "built-in"
THRESHOLD = "threshold"
"""Where the deployment's own relative tolerance comes from (ReconciliationThresholdPercentage)."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A field's value as a document has it, and whose it is: a scope's name, `built-in` or `threshold`."""

    section: str
    field: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Stated:
    """A value that is stated for a scope, and what would apply to that scope without it."""

    section: str
    field: str
    origin: str
    value: Any
    otherwise: Applied


def applied(policy: Policy, account_id: str | None, venue: str | None, asset: str | None) -> list[Applied]:
    """Return every field as it applies to an asset of an account at a venue; None for one that nobody names."""
    return [
        _applied(policy, section, name, precedence(account_id or "", venue or "", _asset(section, asset)))
        for section, fields in FIELDS.items()
        for name in fields
    ]


def stated(policy: Policy) -> list[Stated]:
    """Return everything a policy states, by section, the more general first.

    What an account's value takes the place of is asked without its venue, which a policy does not know.
    """
    found = []
    for section, fields in FIELDS.items():
        scopes = policy.settings[section]
        for scope in sorted(scopes, key=_generality):
            for name in fields:
                if name in scopes[scope]:
                    otherwise = _applied(policy, section, name, _behind(scope))
                    found.append(Stated(section, name, origin(scope), written(scopes[scope][name]), otherwise))
    return found


def named(policy: Policy) -> tuple[list[str], list[str]]:
    """Return the accounts and the venues that a policy names, in order."""
    scopes = [scope for section in policy.settings.values() for scope in section]
    accounts = {account_id for account_id, _, _ in scopes if account_id is not None}
    venues = {venue for _, venue, _ in scopes if venue is not None}
    return sorted(accounts), sorted(venues)


def _applied(policy: Policy, section: str, name: str, scopes: tuple[Scope, ...]) -> Applied:
    value, scope = policy.find(section, name, scopes)
    if scope is not None:
        whose = origin(scope)
    else:
        whose = THRESHOLD if (section, name) == ("tolerance", "relative") else BUILT_IN
    return Applied(section, name, written(value), whose)


def _asset(section: str, asset: str | None) -> str | None:
    return (asset or "") if section in BY_ASSET else None


def _behind(scope: Scope) -> tuple[Scope, ...]:
    """Return the scopes that speak where this one is silent."""
    ordered = precedence(*scope)
    last = len(ordered) - ordered[::-1].index(scope)  # one without an account or a venue is there several times
    return ordered[last:]


def _generality(scope: Scope) -> tuple[Any, ...]:
    account_id, venue, asset = scope
    return (account_id is not None, venue is not None, asset is not None, account_id or "", venue or "", asset or "")
