"""How the dYdX indexer says no."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from trueup.errors import VenueGeoBlocked, VenueResponseInvalid
from trueup.venues.refusals import Dialect, Verdict


def _classify(status: int, body: Any) -> Verdict | None:
    code = _first_error(body).get("code")
    if status == 403 and code == "COMPLIANCE_BLOCKED":
        return VenueGeoBlocked, "dYdX has blocked this address"
    if status == 403 and code == "GEOBLOCKED":
        return VenueGeoBlocked, "dYdX refuses the country we call from: deploy in a permitted region"
    if status == 400:
        return VenueResponseInvalid, "Check address and subaccounts"
    return None


def _never_funded(status: int, body: Any) -> bool:
    # Any other 404 is a wrong base_url or a changed API, and must not read as an empty account.
    message = _first_error(body).get("msg")
    return status == 404 and isinstance(message, str) and message.startswith("No subaccount")


def _first_error(body: Any) -> Mapping[str, Any]:
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def _retry_after(value: str, now: datetime) -> float | None:
    # This server copies its limiter's msBeforeNext into the header: milliseconds, whatever RFC 9110 says.
    value = value.strip()
    return int(value) / 1000 if value.isascii() and value.isdigit() and len(value) <= 9 else None


DIALECT = Dialect(classify=_classify, retry_after=_retry_after)
MAY_BE_UNKNOWN = replace(DIALECT, absent=_never_funded)
"""For a question whose subaccount may not exist."""
