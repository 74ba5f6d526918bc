"""Why something could not be verified, and how good or bad a difference is."""

from enum import IntEnum, StrEnum


class Reason(StrEnum):
    """We could not look properly. Never a severity: nothing may be concluded from it."""

    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate_limited"
    AUTH_FAILED = "auth_failed"
    PERMISSION_DENIED = "permission_denied"
    GEO_BLOCKED = "geo_blocked"
    MAINTENANCE = "maintenance"
    BAD_RESPONSE = "bad_response"
    INCOMPLETE = "incomplete"
    STALE_VENUE = "stale_venue"
    NO_BOOK = "no_book"
    BAD_BOOK = "bad_book"
    BAD_HISTORY = "bad_history"
    """What is known of its lines from earlier runs cannot be read: what stands may go unsaid."""
    STALE_BOOK = "stale_book"
    CLOCK_SKEW = "clock_skew"
    BOOK_IN_MOTION = "book_in_motion"
    BOOK_NOT_COVERING = "book_not_covering"
    MISSING_OBSERVATION = "missing_observation"


REASONS = {str(reason): reason for reason in Reason}

REASON_OF_ERROR = {
    "VenueRateLimited": Reason.RATE_LIMITED,
    "VenueUnavailable": Reason.UNREACHABLE,
    "VenueClockSkew": Reason.CLOCK_SKEW,
    "VenueAuthFailed": Reason.AUTH_FAILED,
    "VenuePermissionDenied": Reason.PERMISSION_DENIED,
    "VenueGeoBlocked": Reason.GEO_BLOCKED,
    "VenueMaintenance": Reason.MAINTENANCE,
    "VenueResponseInvalid": Reason.BAD_RESPONSE,
    "BookUnavailable": Reason.BAD_BOOK,
    "BookInvalid": Reason.BAD_BOOK,
}
"""What the state machine wrote down, as a reason; any other error means no observation exists."""


class Severity(IntEnum):
    """How bad a break is; ordered, so that the worst is `max`."""

    OK = 0
    MINOR = 1
    MAJOR = 2
    CRITICAL = 3


SEVERITIES = {severity.name: severity for severity in Severity}
