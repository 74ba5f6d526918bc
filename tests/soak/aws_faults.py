"""How AWS misbehaves: rules for microburst, and the moments at which a function's process is killed."""

import random
from dataclasses import dataclass
from typing import Any

from tests.soak.accounts import ACCOUNTS

CODES: dict[str, list[tuple[str, int]]] = {
    "dynamodb": [
        ("ProvisionedThroughputExceededException", 400),
        ("ThrottlingException", 400),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
    ],
    "s3": [("SlowDown", 503), ("InternalError", 500), ("ServiceUnavailable", 503)],
    "sns": [("Throttling", 400), ("InternalError", 500), ("ServiceUnavailable", 503)],
    "secretsmanager": [("ThrottlingException", 400), ("InternalServiceError", 500), ("ServiceUnavailable", 503)],
}
OPERATIONS = {
    "dynamodb": ("GetItem", "PutItem", "TransactWriteItems", "Query"),
    "s3": ("PutObject", "GetObject", "ListObjectsV2"),
    "sns": ("Publish",),
    "secretsmanager": ("GetSecretValue",),
}
EFFECTS = ("code", "dropped", "answer lost", "slow", "hangs", "late")
_HOW_OFTEN = (60, 14, 16, 7, 1.5, 1.5)
_TIMES = ((1, 32), (2, 20), (4, 26), (8, 16), (16, 6))
_HANG_MILLISECONDS = 5600
"""Longer than a client of ours waits for AWS (5 s)."""
_LATE_MILLISECONDS = 9000
"""Long enough for a run to have ended when AWS gets to what a client has given up."""

# One of our clients asks four times before the function says StoreUnavailable, and a Lambda lives for 11 s: more than
# a few hangs would only repeat the same timeout.
_MOST_HANGS = 3


@dataclass(frozen=True)
class AwsFault:
    """So many requests of one operation fail in one way. `name` is for the figures."""

    name: str
    service: str
    operation: str
    times: int
    effect: dict[str, Any]

    def rule(self) -> dict[str, Any]:
        """The rule microburst is given."""
        return {"service": self.service, "operation": self.operation, "times": self.times, **self.effect}


@dataclass(frozen=True)
class Kill:
    """A function's process dies while AWS has this request of it, which AWS carries out all the same, or never."""

    function: str
    moment: str
    times: int
    carried_out: bool

    def rule(self) -> dict[str, Any]:
        """The rule that holds the request for as long as killing takes."""
        _, match = MOMENTS[self.moment]
        lost = {} if self.carried_out else {"reset": True}
        return {**match, "times": self.times, "latency": {"min": 300, "max": 300}, **lost}


_PK = "Item.pk.S"
MOMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Plan claims": (
        "PlanFunction",
        {
            "service": "dynamodb",
            "operation": "PutItem",
            "body": f"starts_with({_PK}, 'RUNS#') && Item.state.S=='running'",
        },
    ),
    "Plan reads the accounts": (
        "PlanFunction",
        {"service": "dynamodb", "operation": "Query", "body": "ExpressionAttributeValues.\":pk\".S == 'ACCOUNTS'"},
    ),
    "Coinbase's fetch reads a key": (
        "FetchCoinbaseFunction",
        {"service": "secretsmanager", "operation": "GetSecretValue"},
    ),
    "dYdX's fetch reads a book": (
        "FetchDydxFunction",
        {"service": "dynamodb", "operation": "GetItem", "body": "starts_with(Key.pk.S, 'BOOK#dx')"},
    ),
    "Compare appends to the audit": ("CompareFunction", {"service": "dynamodb", "operation": "TransactWriteItems"}),
    "Compare publishes": ("CompareFunction", {"service": "sns", "operation": "Publish"}),
    "Compare ends the run": (
        "CompareFunction",
        {
            "service": "dynamodb",
            "operation": "PutItem",
            "body": f"starts_with({_PK}, 'RUNS#') && Item.state.S!='running'",
        },
    ),
}


_FETCH_KILLED = 0.3
"""A fetch is killed less often than the others: ministack takes its time to begin several of them anew."""


def random_fault(dice: random.Random) -> AwsFault:
    """Draw one fault."""
    service = dice.choices(tuple(OPERATIONS), (45, 30, 12, 13))[0]
    operation = dice.choice(OPERATIONS[service])
    kind = dice.choices(EFFECTS, _HOW_OFTEN)[0]
    times = dice.choices([times for times, _ in _TIMES], [weight for _, weight in _TIMES])[0]
    if operation == "GetItem" and dice.random() < 0.4:
        # Aimed at one account, so that the function that reads it is sure to run out of attempts.
        code, status = dice.choice(CODES[service])
        aim = f"Key.pk.S == 'BOOK#{dice.choice(ACCOUNTS).account_id}'"
        effect = {"error": {"code": code, "status": status}, "body": aim}
        return AwsFault(f"{service} {code}", service, operation, dice.choice((4, 8, 16)), effect)
    if kind == "code":
        code, status = dice.choice(CODES[service])
        return AwsFault(f"{service} {code}", service, operation, times, {"error": {"code": code, "status": status}})
    effects: dict[str, dict[str, Any]] = {
        "dropped": {"reset": True},
        "answer lost": {"response": {"abort_bytes": 0}},
        "slow": {"latency": {"min": 100, "max": 700}},
        "hangs": {"timeout_ms": _HANG_MILLISECONDS},
        "late": {"latency": {"min": _LATE_MILLISECONDS, "max": _LATE_MILLISECONDS}},
    }
    if kind in ("hangs", "late"):
        times = min(times, _MOST_HANGS)
    return AwsFault(f"{service} {kind}", service, operation, times, effects[kind])


def action_name(action: str) -> str:
    """What microburst calls a fault, in our words; every length of a delay is one kind."""
    kind, _, value = action.partition("+")[0].partition(":")
    if kind == "latency":
        return "late" if float(value.removesuffix("ms")) >= _HANG_MILLISECONDS else "slow"
    return {"reset": "dropped", "response": "answer lost", "timeout": "hangs", "error": value}.get(kind, action)


def random_kill(dice: random.Random) -> Kill:
    """Draw one kill."""
    moment = dice.choices(tuple(MOMENTS), [_FETCH_KILLED if "fetch" in moment else 1 for moment in MOMENTS])[0]
    times = dice.choices((1, 2, 3), (75, 17, 8))[0]
    return Kill(MOMENTS[moment][0], moment, times, carried_out=dice.random() < 0.5)
