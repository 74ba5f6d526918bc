"""What every venue adapter does, and what it is given to do it with."""

from collections.abc import Mapping
from typing import Protocol

from trueup.domain.models import Account, Snapshot
from trueup.venues.http import VenueHttp

Credential = Mapping[str, object]
"""A venue's key file as the vendor hands it out, parsed; its content never leaves the adapter."""


class Venue(Protocol):
    """One venue's protocol, read-only."""

    def check(self, account: Account) -> None:
        """Refuse an account this venue cannot read, before anything is sent. Raises ConfigInvalid naming the field."""
        ...

    def check_credential(self, account: Account, credential: Credential | None) -> None:
        """Refuse a key file this venue cannot use, before anything is sent.

        Raises ConfigInvalid naming the field, never quoting any of it.
        """
        ...

    def excess_rights(self, account: Account, credential: Credential | None, http: VenueHttp) -> tuple[str, ...] | None:
        """Ask what the credential may do beyond reading; None where the venue has no way to tell.

        Raises the typed errors of `trueup.errors`.
        """
        ...

    def observe(self, account: Account, credential: Credential | None, http: VenueHttp) -> Snapshot:
        """Read everything the account holds, now.

        Raises the typed errors of `trueup.errors`. A wallet that could not be read whole while others could is
        reported in the snapshot with its reason; nothing that failed is ever an empty wallet.
        """
        ...
