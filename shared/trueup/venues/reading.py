"""One reading of one account straight from its venue: what `trueup fetch` and the fetch functions share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.domain.models import Account, Snapshot
from trueup.venues.protocol import Credential
from trueup.venues.registry import check_account, load, open_http


@dataclass(frozen=True, slots=True)
class Reading:
    """What the venue holds, and its raw answers as evidence."""

    snapshot: Snapshot
    answers: tuple[dict[str, Any], ...]


def read_venue(
    account: Account,
    credential: Credential | None,
    *,
    timeout_seconds: float,
    budget_seconds: float,
    clock: Callable[[], datetime],
) -> Reading:
    """Ask the venue. Raises ConfigInvalid for an account that cannot be read, and the venue's typed errors."""
    check_account(account)
    http = open_http(account, timeout_seconds=timeout_seconds, budget_seconds=budget_seconds, clock=clock)
    snapshot = load(account.venue).observe(account, credential, http)
    return Reading(snapshot, tuple(answer.document() for answer in http.answers))
