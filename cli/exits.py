"""Exit codes: a verdict for scripts, or the sort of thing that went wrong."""

from collections.abc import Iterable

from trueup.domain.report import AccountReport

OK = 0
BREAK = 1
UNVERIFIED = 2
USAGE = 64
"""What was typed, or a file that was given, is wrong."""
REFUSED = 69
"""A venue or AWS refuses us, or something that has to be there is not; trying again will not help."""
INTERNAL = 70
TEMPORARY = 75
"""Trying again later may help."""
INTERRUPTED = 130


def verdict(reports: Iterable[AccountReport]) -> int:
    """Return 1 for any break, else 2 for anything unverified, else 0. No report at all is unverified."""
    found = list(reports)
    if any(report.breaks for report in found):
        return BREAK
    if not found or not all(report.verified for report in found):
        return UNVERIFIED
    return OK
