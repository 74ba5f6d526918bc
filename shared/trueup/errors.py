"""Every way Trueup fails, by name.

These names are a contract with the state machine: Step Functions matches `Retry` and `Catch` on the exact class
name (a subclass does not match), so the list is flat and renaming one is a breaking change. A message names the
account, the venue's own words and what to do next; never a key, a signature, a signed URL or a balance.
"""


class TrueupError(Exception):
    """Base of everything Trueup raises on purpose, so that the command line can print one clear line."""


class VenueRateLimited(TrueupError):
    """The venue throttles us. Retryable. `retry_after_seconds` is the venue's own wait, where it stated one."""

    def __init__(self, message: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class VenueUnavailable(TrueupError):
    """No proper answer: 5xx, connect or read timeout, a truncated or non-JSON success. Retryable."""


class VenueClockSkew(TrueupError):
    """The venue refuses our timestamp even after one re-sign. Retryable."""


class VenueAuthFailed(TrueupError):
    """Unknown key, bad signature, revoked key. Never retried: repeats can lock a key."""


class VenuePermissionDenied(TrueupError):
    """The key is valid but may not read this. Never retried."""


class VenueGeoBlocked(TrueupError):
    """The venue refuses the country or address we call from. Never retried from the same place."""


class VenueMaintenance(TrueupError):
    """The venue announced downtime. Not retried now; the next run looks again."""


class VenueResponseInvalid(TrueupError):
    """The venue answered something that breaks its own documentation, or a request of ours it calls wrong."""


class BookUnavailable(TrueupError):
    """The book could not be reached. Retryable."""


class BookInvalid(TrueupError):
    """What is there is not a book of this account, or may not be had: the message names the place."""


class BookConflict(TrueupError):
    """Somebody else wrote the book first: read it again, then decide."""


class PolicyConflict(TrueupError):
    """Somebody else put a policy first: look at it, then decide."""


class StoreUnavailable(TrueupError):
    """DynamoDB, S3, SNS or Secrets Manager did not answer properly. Retryable."""


class ConfigInvalid(TrueupError):
    """A parameter, account, secret or event is wrong: the message names the field and what is allowed."""
