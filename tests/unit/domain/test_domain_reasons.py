"""Reasons: what the state machine wrote down means the same everywhere."""

from trueup.domain.reasons import REASON_OF_ERROR


def test_each_error_of_a_reading_has_its_reason() -> None:
    assert {error: str(reason) for error, reason in REASON_OF_ERROR.items()} == {
        "VenueRateLimited": "rate_limited",
        "VenueUnavailable": "unreachable",
        "VenueClockSkew": "clock_skew",
        "VenueAuthFailed": "auth_failed",
        "VenuePermissionDenied": "permission_denied",
        "VenueGeoBlocked": "geo_blocked",
        "VenueMaintenance": "maintenance",
        "VenueResponseInvalid": "bad_response",
        "BookUnavailable": "bad_book",
        "BookInvalid": "bad_book",
    }
