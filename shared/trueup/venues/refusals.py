"""How a venue says no: what each refusal means to us, and when it may be asked again."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from trueup.errors import (
    TrueupError,
    VenueAuthFailed,
    VenueGeoBlocked,
    VenuePermissionDenied,
    VenueResponseInvalid,
    VenueUnavailable,
)

_MAX_RETRY_AFTER = 86_400.0

Verdict = tuple[type[TrueupError], str]
"""What a refusal is, and what the reader should do about it."""


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """Read a Retry-After header as RFC 9110 has it: whole seconds or a date. None when it is neither."""
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,3})?", value, re.ASCII):
        return min(float(value), _MAX_RETRY_AFTER)
    date = http_date(value)
    return None if date is None else min(max(0.0, (date - now).total_seconds()), _MAX_RETRY_AFTER)


def http_date(text: str) -> datetime | None:
    """Read a date as HTTP writes it, in UTC. None when it is none."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


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
