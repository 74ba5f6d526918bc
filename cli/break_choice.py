"""Which breaks somebody asks for."""

from dataclasses import dataclass
from datetime import datetime

from trueup.domain.breaks import Break, Status
from trueup.domain.reasons import Severity


@dataclass(frozen=True, slots=True)
class Choice:
    """What a break must be to be listed; None for what does not matter."""

    severity: Severity | None = None
    """So bad, or worse."""
    account_id: str | None = None
    venue: str | None = None
    asset: str | None = None
    owner: str | None = None
    status: Status | None = None
    overdue: bool = False

    def takes(self, known: Break, now: datetime) -> bool:
        """Tell whether a break is one of those asked for."""
        place = known.place
        return (
            (self.severity is None or known.severity >= self.severity)
            and self.account_id in (None, place.account_id)
            and self.venue in (None, place.venue)
            and self.asset in (None, place.asset)
            and self.owner in (None, known.owner)
            and self.status in (None, known.status(now))
            and (not self.overdue or known.is_overdue(now))
        )

    def __str__(self) -> str:
        said = [
            None if self.severity is None else f"{self.severity.name} or worse",
            None if self.account_id is None else f"account {self.account_id}",
            None if self.venue is None else f"venue {self.venue}",
            None if self.asset is None else f"asset {self.asset}",
            None if self.owner is None else f"owner {self.owner}",
            None if self.status is None else f"status {self.status}",
            "overdue" if self.overdue else None,
        ]
        return ", ".join(word for word in said if word is not None)
