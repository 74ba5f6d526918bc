"""The venues there are: one line each. Nothing of a venue is imported before it is asked for."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from trueup.domain.models import Account
from trueup.errors import ConfigInvalid

if TYPE_CHECKING:
    from .http import VenueHttp
    from .protocol import Venue


@dataclass(frozen=True, slots=True)
class VenueEntry:
    """Where a venue's adapter is, and what reading it takes."""

    module: str
    adapter: str
    base_url: str
    needs_secret: bool
    needs_address: bool
    max_concurrency: int
    """How many of its accounts are read at once: well inside the venue's own rate limit."""
    subaccount_wallet: str | None = None
    """What the wallet of a numbered subaccount is called, where the venue has those."""


VENUES = {
    # 30 requests a second and user; one account is one request for every 250 rows. What is in flight is asked of
    # another API, with 10,000 requests an hour and key: at most 24 a reading, one for each asset held or moved lately.
    "coinbase": VenueEntry("coinbase", "Coinbase", "https://api.coinbase.com", True, False, 8),
    # 100 requests in 10 s and address we call from; one account is two requests, and one more for each subaccount that
    # moved lately.
    "dydx": VenueEntry("dydx", "Dydx", "https://indexer.dydx.trade", False, True, 4, "perp/{}"),
}


def entry(name: str) -> VenueEntry:
    """Look a venue up. Raises ConfigInvalid naming the ones there are."""
    found = VENUES.get(name)
    if found is None:
        raise ConfigInvalid(f"venue: must be one of {', '.join(sorted(VENUES))}; not {name[:40]!r}")
    return found


def asked_wallets(account: Account) -> tuple[str, ...] | None:
    """Return the wallets an account asks for, by name or by the numbers of its subaccounts; None for all there are."""
    pattern = entry(account.venue).subaccount_wallet
    if account.wallets is None and account.subaccounts is not None and pattern is not None:
        return tuple(pattern.format(number) for number in account.subaccounts)
    return account.wallets


@cache
def load(name: str) -> "Venue":
    """Import a venue's adapter, once a process. Raises ConfigInvalid for a name that is no venue."""
    found = entry(name)
    adapter: Venue = getattr(import_module(f"trueup.venues.{found.module}"), found.adapter)()
    return adapter


def check_account(account: Account) -> None:
    """Refuse an account which cannot be read, before anything is sent. Raises ConfigInvalid naming the field."""
    found = entry(account.venue)
    for field, value, needed in (
        ("secret", account.secret, found.needs_secret),
        ("address", account.address, found.needs_address),
    ):
        if needed and value is None:
            raise ConfigInvalid(f"account {account.account_id}: {field}: {account.venue} needs one")
        if not needed and value is not None:
            raise ConfigInvalid(f"account {account.account_id}: {field}: {account.venue} has none, leave it out")
    load(account.venue).check(account)


def open_http(
    account: Account,
    *,
    timeout_seconds: float,
    budget_seconds: float,
    clock: Callable[[], datetime],
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> "VenueHttp":
    """Make the client for one reading of an account: at its own base URL, or its venue's."""
    from .http import VenueHttp

    return VenueHttp(
        account.base_url or entry(account.venue).base_url,
        who=f"account {account.account_id} at {account.venue}",
        timeout_seconds=timeout_seconds,
        budget_seconds=budget_seconds,
        clock=clock,
        monotonic=monotonic,
        sleep=sleep,
    )
