"""The one place that asks what time it is; everything else is handed a clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Tell the time, in UTC."""
    return datetime.now(UTC)
