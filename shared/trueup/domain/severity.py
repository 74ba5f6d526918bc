"""Rules 6 and 7: what sort of break it is, and how bad."""

from decimal import Decimal

from .policy import Bands
from .reasons import Severity
from .report import Kind

_BY_KIND = {
    Kind.SIGN_FLIP: Severity.CRITICAL,
    Kind.MISSING_AT_VENUE: Severity.CRITICAL,
    Kind.UNEXPECTED_AT_VENUE: Severity.MAJOR,
}


def kind_of(venue: Decimal, book: Decimal, dust: Decimal) -> Kind:
    """Name the break by its values; an amount no larger than `dust` counts as zero (rule 3)."""
    venue_is_zero, book_is_zero = abs(venue) <= dust, abs(book) <= dust
    if not venue_is_zero and not book_is_zero and (venue > 0) != (book > 0):
        return Kind.SIGN_FLIP
    if venue_is_zero:
        return Kind.MISSING_AT_VENUE
    if book_is_zero:
        return Kind.UNEXPECTED_AT_VENUE
    return Kind.QUANTITY


def severity_of(
    kind: Kind, difference: Decimal, book: Decimal, worth: Decimal | None, bands: Bands, *, prices_usable: bool
) -> Severity:
    """Say how bad a break is: first by kind and share of the book, then by worth.

    Without a usable price set nothing is lowered: not knowing what it costs is no reason to think it cheap.
    """
    severity = _BY_KIND.get(kind) or _by_share(difference, book, bands)
    if prices_usable:
        if worth is None and not bands.unpriced_critical:
            severity = min(severity, Severity.MAJOR)
        if worth is not None and worth < bands.worth_minor_below:
            severity = min(severity, Severity.MINOR)
    if worth is not None:
        if worth >= bands.worth_critical_from:
            return Severity.CRITICAL
        if worth >= bands.worth_major_from:
            return max(severity, Severity.MAJOR)
    return severity


def _by_share(difference: Decimal, book: Decimal, bands: Bands) -> Severity:
    size, whole = abs(difference), abs(book)
    if size < bands.minor_below * whole:
        return Severity.MINOR
    return Severity.MAJOR if size <= bands.major_up_to * whole else Severity.CRITICAL
