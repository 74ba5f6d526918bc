"""Every field a policy has: how it is read, and its built-in value (DESIGN section 5)."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from .amounts import MAX_DIGITS, describe, shorten
from .reading import Malformed, read_amount, read_list, read_text
from .reasons import SEVERITIES, Severity
from .windows import read_maintenance, read_quiet_hours

MAX_FRACTIONS = 100
"""Fee fractions in one list: each is tried on every break."""


class Field(NamedTuple):
    """How a field is read (value and place; raises Malformed), and what it is when nobody says anything."""

    read: Callable[[object, str], Any]
    built_in: Any


def _not_negative(value: object, place: str) -> Decimal:
    # YAML's whole numbers are exact; a number with a point is not, and arrives here as something else.
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 10**MAX_DIGITS:
            raise Malformed(place, f"must have at most {MAX_DIGITS} digits before the point")
        value = str(value)
    amount = read_amount(value, place)
    if amount < 0:
        raise Malformed(place, "must not be negative")
    return amount


def _share(value: object, place: str) -> Decimal:
    amount = _not_negative(value, place)
    if amount > 1:
        # More than all of the book: 5 written for 5 % would let everything pass.
        raise Malformed(place, "must be a share from 0 to 1 (0.001 is 0.1 %)")
    return amount


def _fractions(value: object, place: str) -> tuple[Decimal, ...]:
    fractions = {_share(item, at) for at, item in read_list(value, place)}
    if len(fractions) > MAX_FRACTIONS:
        raise Malformed(place, f"must have at most {MAX_FRACTIONS} different fractions")
    if Decimal(0) in fractions or Decimal(1) in fractions:
        raise Malformed(place, "must hold shares between 0 and 1 (0.006 is 0.6 %)")
    return tuple(sorted(fractions))


def _whole(what: str, highest: int) -> Callable[[object, str], int]:
    def read(value: object, place: str) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= highest:
            raise Malformed(place, f"must be a whole number{what} from 1 to {highest}")
        return value

    return read


def _boolean(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise Malformed(place, f"must be true or false, not {describe(value)}")
    return value


def _severity(value: object, place: str) -> Severity:
    name = read_text(value, place)
    if name not in SEVERITIES or name == "OK":
        raise Malformed(place, f"must be one of MINOR, MAJOR, CRITICAL; not {shorten(name)}")
    return SEVERITIES[name]


_seconds = _whole(" of seconds", 604_800)
_times = _whole("", 100)

FIELDS: Mapping[str, Mapping[str, Field]] = {
    "tolerance": {
        "relative": Field(_share, Decimal("0.001")),
        # Coarser than most assets' smallest unit and worth next to nothing; a cent for EUR would hide what a venue
        # states beyond it, and the smallest unit of ETH (1e-18) would make rounding a break where there is no price.
        "quantity": Field(_not_negative, Decimal("1e-8")),
        "value_floor": Field(_not_negative, Decimal(1)),
        "value_cap": Field(_not_negative, Decimal(1000)),
    },
    "severity": {
        "minor_below": Field(_not_negative, Decimal("0.05")),
        "major_up_to": Field(_not_negative, Decimal("0.20")),
        "worth_minor_below": Field(_not_negative, Decimal(10)),
        "worth_major_from": Field(_not_negative, Decimal(1000)),
        "worth_critical_from": Field(_not_negative, Decimal(10_000)),
        "unpriced_critical": Field(_boolean, False),
    },
    "timing": {
        "stale_venue_seconds": Field(_seconds, 120),
        "stale_book_seconds": Field(_seconds, 900),
        "clock_skew_seconds": Field(_seconds, 30),
        "prices_max_age_seconds": Field(_seconds, 3600),
        "pending_max_age_seconds": Field(_seconds, 86_400),
        "confirm_after_seconds": Field(_seconds, 30),
        "confirm_in_a_row": Field(_times, 2),
        "recheck_wait_seconds": Field(_seconds, 10),
        "in_motion_in_a_row": Field(_times, 3),
    },
    "alerts": {
        "alert_from": Field(_severity, Severity.MAJOR),
        "explained_from_worth": Field(_not_negative, Decimal(10_000)),
        "worth_grown": Field(_share, Decimal("0.1")),
        "worth_shrunk": Field(_share, Decimal(1)),
        "due_minor_seconds": Field(_seconds, 604_800),
        "due_major_seconds": Field(_seconds, 86_400),
        "due_critical_seconds": Field(_seconds, 14_400),
        "remind_minor_seconds": Field(_seconds, 604_800),
        "remind_major_seconds": Field(_seconds, 86_400),
        "remind_critical_seconds": Field(_seconds, 3600),
        "unverified_runs": Field(_times, 3),
        "quiet_hours": Field(read_quiet_hours, ()),
        "maintenance": Field(read_maintenance, ()),
        "digest_above": Field(_times, 10),
    },
    "correlate": {
        # Common tiers of spot and perpetual markets, no one venue's list: a desk states what it pays.
        "fee_fractions": Field(
            _fractions,
            tuple(map(Decimal, ("0.0001", "0.0005", "0.001", "0.0015", "0.002", "0.0025", "0.004", "0.006"))),
        ),
    },
}
"""By section. Those of tolerance, severity, timing and alerts are in the order of the dataclasses in `policy`."""

BY_ASSET = frozenset({"tolerance", "severity", "alerts"})
"""The sections in which an asset may have its own values."""
