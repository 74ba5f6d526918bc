"""A break from first sight to resolution: everything that happens to it is an event, and its state follows from them.

Looks say what they saw: it is there, it is explained, it agrees. People acknowledge, assign, comment and suppress. What
could not be looked at is no event, and so changes nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .reasons import Severity
from .report import Kind

MAX_SUPPRESSION = timedelta(days=90)
"""Nobody remembers for longer why something was to be kept quiet."""


class Status(StrEnum):
    """Where a break is in its life."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    ACKNOWLEDGED = "acknowledged"
    EXPLAINED = "explained"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    """Seen again after it was resolved, and not confirmed again yet."""


class How(StrEnum):
    """What resolved a break: which of the things it was made of are not what they were when it was last seen."""

    VENUE_MOVED = "venue_moved"
    BOOK_MOVED = "book_moved"
    BOTH_MOVED = "both_moved"
    ADJUSTED = "adjusted"
    """The book moved because somebody adopted what the venue holds, on the record."""
    POLICY_CHANGED = "policy_changed"
    PRICE_MOVED = "price_moved"
    IN_FLIGHT = "in_flight"
    """Nothing but what both sides list as in flight."""


class Impossible(ValueError):
    """What somebody wants done to a break cannot be done to it; the message says why, and what can."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a break is about; an account as a whole has neither wallet nor asset."""

    break_id: str
    account_id: str
    venue: str
    wallet: str | None
    asset: str | None
    field: str


@dataclass(frozen=True, slots=True)
class Sides:
    """What a look saw, and what it was judged by. Amounts are None for an account as a whole."""

    venue: Decimal | None
    book: Decimal | None
    """As read after the venue was."""
    price: Decimal | None
    policy_version: str


# -- what looks say ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at `at` (when the venue was read) found it."""

    at: datetime
    run_id: str
    kind: Kind
    severity: Severity
    difference: Decimal | None
    worth: Decimal | None
    """In the base currency; None without a price."""
    sides: Sides
    confirmed: bool
    due_at: datetime
    """When it is to be resolved, were it new."""
    told: str | None = None
    """Why people are told of it in this run, if they are."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A look found it explained by items in flight, as far as they have references."""

    at: datetime
    run_id: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreed:
    """A look found nothing worth saying in its place any more."""

    at: datetime
    run_id: str
    sides: Sides
    adjusted: bool
    """Whether somebody adopted the venue's holdings as the book meanwhile."""
    told: bool
    """Whether people are told, because they were told of the break."""


# -- what people say ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody has seen it and takes care."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """It is somebody's to resolve; None takes it from whoever it was."""

    at: datetime
    by: str
    owner: str | None


@dataclass(frozen=True, slots=True)
class Commented:
    """Somebody wrote something down."""

    at: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Nobody is to be told of it until then, unless it gets worse."""

    at: datetime
    by: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Unsuppressed:
    """It may be told again."""

    at: datetime
    by: str


Look = Seen | Explained | Agreed
Deed = Acknowledged | Assigned | Commented | Suppressed | Unsuppressed
Event = Look | Deed


@dataclass(frozen=True, slots=True)
class Suppression:
    """Who keeps a break quiet, until when, why, and how bad it was then: if it gets worse, it is quiet no more."""

    by: str
    until: datetime
    reason: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Story:
    """How far the story of a break is written down: whoever keeps it says so, and `fold` leaves it as it is."""

    hash: str
    """Of the newest event, which names the one before: it vouches for all that happened."""
    expires_at: int
    """Until when that event is kept, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Break:
    """A break as all its events together have made it."""

    place: Place
    phase: Status
    """`open`, `reopened`, `confirmed`, `explained` or `resolved`: what the looks say, whatever people did."""
    first_seen_at: datetime
    opened_at: datetime
    """When it was first seen since it was last resolved."""
    last_seen_at: datetime
    looked_at: datetime
    """When the newest look that said anything of it was taken."""
    occurrences: int
    """Looks that found it, ever."""
    reopened: int
    """How often it came back."""
    kind: Kind
    severity: Severity
    difference: Decimal | None
    worth: Decimal | None
    peak_difference: Decimal | None
    """The largest difference either way, with its sign, since it was first seen."""
    peak_worth: Decimal | None
    sides: Sides
    """What the newest look that found it saw."""
    due_at: datetime
    """When it is to be resolved: what was set when it opened, or sooner if it got worse."""
    told_at: datetime | None = None
    """When people were last told of it, since it opened."""
    acknowledged: Acknowledged | None = None
    suppression: Suppression | None = None
    owner: str | None = None
    comments: int = 0
    references: tuple[str, ...] = ()
    """What explains it, while something does."""
    resolved_at: datetime | None = None
    how: How | None = None
    events: int = 1
    """How many there are so far: the number of the newest."""
    story: Story | None = None
    """None for one that nobody has written down."""

    def status(self, now: datetime) -> Status:
        """Say where it is in its life: what looks say of what is over comes before what people want of it."""
        if self.phase in (Status.RESOLVED, Status.EXPLAINED):
            return self.phase
        if self.is_quiet(now):
            return Status.SUPPRESSED
        return Status.ACKNOWLEDGED if self.acknowledged is not None else self.phase

    def is_quiet(self, now: datetime) -> bool:
        """Tell whether people are not to be told of it."""
        return self.suppression is not None and now < self.suppression.until

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether it should have been resolved by now."""
        return self.phase is not Status.RESOLVED and now >= self.due_at


def begin(place: Place, event: Event) -> Break:
    """Return the break that a first look makes. Raises Impossible for anything else: nobody acts on what is unseen."""
    if not isinstance(event, Seen):
        raise Impossible("there is no such break")
    return Break(
        place=place,
        phase=Status.CONFIRMED if event.confirmed else Status.OPEN,
        first_seen_at=event.at,
        opened_at=event.at,
        last_seen_at=event.at,
        looked_at=event.at,
        occurrences=1,
        reopened=0,
        kind=event.kind,
        severity=event.severity,
        difference=event.difference,
        worth=event.worth,
        peak_difference=event.difference,
        peak_worth=event.worth,
        sides=event.sides,
        due_at=event.due_at,
        told_at=event.at if event.told is not None else None,
    )


def fold(known: Break, event: Event) -> Break:
    """Return a break after one more event. Raises Impossible for what cannot happen to it."""
    after = _looked(known, event) if isinstance(event, Look) else _done(known, event)
    return replace(after, events=known.events + 1)


def is_same_side(known: Break, difference: Decimal | None) -> bool:
    """Tell whether a difference is on the side on which a break was last seen; the other one is another problem."""
    return _is_surplus(difference) == _is_surplus(known.difference)


def is_news(known: Break | None, look: Look) -> bool:
    """Tell whether a look says anything that is not known: an older one does not, nor does an end of what is over."""
    if known is None:
        return isinstance(look, Seen)
    if look.at <= known.looked_at:
        return False
    return isinstance(look, Seen) or known.phase is not Status.RESOLVED


def _looked(known: Break, look: Look) -> Break:
    if isinstance(look, Seen):
        return _seen(known, look)
    if known.phase is Status.RESOLVED:
        raise Impossible(f"it is resolved since {known.resolved_at}")
    if isinstance(look, Explained):
        return replace(known, phase=Status.EXPLAINED, looked_at=look.at, references=look.references)
    return replace(
        known,
        phase=Status.RESOLVED,
        looked_at=look.at,
        resolved_at=look.at,
        how=_how(known.sides, look),
        references=(),
    )


def _seen(known: Break, look: Seen) -> Break:
    is_back = known.phase is Status.RESOLVED
    is_turned = not is_same_side(known, look.difference)
    unconfirmed = Status.REOPENED if is_back or known.phase is Status.REOPENED else Status.OPEN
    suppression = known.suppression
    if suppression is not None and (is_turned or look.severity > suppression.severity):
        suppression = None  # what was given to a surplus says nothing of a shortfall
    return replace(
        known,
        phase=Status.CONFIRMED if look.confirmed else unconfirmed,
        opened_at=look.at if is_back else known.opened_at,
        last_seen_at=look.at,
        looked_at=look.at,
        occurrences=known.occurrences + 1,
        reopened=known.reopened + is_back,
        kind=look.kind,
        severity=look.severity,
        difference=look.difference,
        worth=look.worth,
        peak_difference=_larger(known.peak_difference, look.difference),
        peak_worth=_larger(known.peak_worth, look.worth),
        sides=look.sides,
        due_at=look.due_at if is_back else min(known.due_at, look.due_at),
        told_at=look.at if look.told is not None else None if is_back else known.told_at,
        acknowledged=None if is_back or is_turned else known.acknowledged,
        suppression=suppression,
        references=(),
        resolved_at=None,
        how=None,
    )


def _how(before: Sides, look: Agreed) -> How:
    now = look.sides
    book_moved = now.book != before.book
    if book_moved and look.adjusted:
        return How.ADJUSTED
    if before.venue is None:
        return How.VENUE_MOVED  # an account as a whole has no amounts: the venue shows something again
    if now.venue != before.venue:
        return How.BOTH_MOVED if book_moved else How.VENUE_MOVED
    if book_moved:
        return How.BOOK_MOVED
    if now.policy_version != before.policy_version:
        return How.POLICY_CHANGED
    return How.PRICE_MOVED if now.price != before.price else How.IN_FLIGHT


def _done(known: Break, deed: Deed) -> Break:
    if isinstance(deed, Commented):
        return replace(known, comments=known.comments + 1)
    if known.phase is Status.RESOLVED:
        raise Impossible("it is resolved: all one can do is comment on it")
    match deed:
        case Acknowledged():
            if known.acknowledged is not None:
                raise Impossible(f"{known.acknowledged.by} has acknowledged it")
            return replace(known, acknowledged=deed)
        case Assigned():
            if deed.owner == known.owner:
                raise Impossible("it is nobody's" if deed.owner is None else f"it is {deed.owner}'s")
            return replace(known, owner=deed.owner)
        case Suppressed():
            if not deed.at < deed.until <= deed.at + MAX_SUPPRESSION:
                raise Impossible(f"it can be suppressed until a time to come, {MAX_SUPPRESSION.days} days at most")
            return replace(known, suppression=Suppression(deed.by, deed.until, deed.reason, known.severity))
        case Unsuppressed():
            if not known.is_quiet(deed.at):
                raise Impossible("it is not suppressed")
            return replace(known, suppression=None)


def _is_surplus(difference: Decimal | None) -> bool:
    return difference is not None and difference > 0


def _larger(before: Decimal | None, now: Decimal | None) -> Decimal | None:
    if before is None or now is None:
        return now if before is None else before
    return now if abs(now) > abs(before) else before
