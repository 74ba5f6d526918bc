"""Times as HTTP writes them: when to ask again, and when it is."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MAX_RETRY_AFTER = 86_400.0


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
