"""How a venue says no: what each refusal means to us, and when it may be asked again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.errors import (
    TrueupError,
    VenueAuthFailed,
    VenueGeoBlocked,
    VenuePermissionDenied,
    VenueResponseInvalid,
    VenueUnavailable,
)
from trueup.wire.waits import retry_after_seconds

Verdict = tuple[type[TrueupError], str]
"""What a refusal is, and what the reader should do about it."""


def _no_verdict(status: int, body: Any) -> Verdict | None:
    return None


def _never(status: int, body: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one venue says no, where it differs from plain HTTP."""

    classify: Callable[[int, Any], Verdict | None] = _no_verdict
    """Takes status and parsed body (None if it is not JSON) of a 4xx other than 429; None leaves it to the status."""
    absent: Callable[[int, Any], bool] = _never
    """Tells a refusal that really says "there is no such thing here"; it is then a reply of None, not an error."""
    retry_after: Callable[[str, datetime], float | None] = retry_after_seconds


PLAIN = Dialect()


def verdict_of_status(status: int, body: Any) -> Verdict:
    """Say what a refusal is by its status alone; `body` is the parsed JSON, None for a page."""
    if status in (408, 425) or status >= 500:
        return VenueUnavailable, ""
    if status == 401:
        return VenueAuthFailed, "Check the key: it may be wrong, revoked or bound to other addresses"
    if status == 403 and body is None:
        # The API itself refuses in JSON; a page comes from the gate in front of it.
        return VenueGeoBlocked, "This page comes from the venue's gate: the country or address we call from is refused"
    if status == 403:
        return VenuePermissionDenied, "Check what the key may read"
    if status == 451:
        return VenueGeoBlocked, "The venue refuses the country or address we call from"
    return VenueResponseInvalid, ""
