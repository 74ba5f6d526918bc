"""What is known of an account from all looks so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .blindness import Blindness
from .breaks import Break
from .reasons import Severity


@dataclass(frozen=True, slots=True)
class Track:
    """What is known of one line from all looks so far; one that was never a break has `streak` 0."""

    break_id: str
    wallet: str | None
    asset: str | None
    field: str
    open: bool = False
    sign: int = 0
    streak: int = 0
    """Looks in a row that found it, each long enough after the one before."""
    counted_at: datetime | None = None
    """When the streak last grew."""
    first_seen_at: datetime | None = None
    severity: Severity = Severity.OK
    confirmed: bool = False
    said: Severity | None = None
    """How bad it was when people were last told; None if they were not."""
    said_at: datetime | None = None
    said_worth: Decimal | None = None
    """What it was worth then, if it had a price."""
    in_motion: int = 0
    """Looks in a row in which the book was moving across it."""
    told_in_flight: tuple[str, ...] | None = None
    """References of the items in flight that people were told explain it, sorted; None if they were told of none."""

    @property
    def is_nothing(self) -> bool:
        """Tell whether there is nothing to remember of the line."""
        return not (self.open or self.in_motion or self.told_in_flight is not None)


@dataclass(frozen=True, slots=True)
class History:
    """What is known of an account from all looks so far."""

    looked_at: datetime | None = None
    """When the newest look was taken that could compare anything: an older one changes nothing."""
    tracks: Mapping[str, Track] = field(default_factory=dict)
    """By break id."""
    breaks: Mapping[str, Break] = field(default_factory=dict)
    """The lives of its breaks, by break id: those that are over, too, as long as they are kept."""
    blindness: Blindness | None = None
    """How long it has not been verified whole, if it ever was not."""
