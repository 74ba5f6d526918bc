"""Compare one observation: what the venue holds against what the book believed before and after it was asked."""

import gc
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal, localcontext

from .amounts import EXACT, ZERO
from .lines import Flights, WalletLines, flights
from .models import Book, Holding, Observation, PriceSet, Snapshot
from .policy import Policy
from .reasons import Reason, Severity
from .report import (
    UNVERIFIED,
    AccountReport,
    Kind,
    Line,
    Outcome,
    State,
    break_id,
)
from .valuation import unusable


def compare(
    observation: Observation,
    policy: Policy,
    prices: PriceSet | None,
    *,
    run_id: str | None = None,
    asked: Collection[str] | None = None,
    base: str = "USD",
) -> AccountReport:
    """Compare an observation by a policy, valued with a price set (DESIGN rules 1 to 8, 11).

    `asked` are the wallets somebody wanted read; one that is not in the snapshot is incomplete. `now`, for every
    age, is the snapshot's `observed_at`: the same input gives the same report whenever it is computed.
    """
    with localcontext(EXACT), _collector_at_rest():
        return _Comparison(observation, policy, prices, base, frozenset(asked or ())).report(run_id)


def unverified(account_id: str, reason: Reason, policy: Policy, *, run_id: str | None = None) -> AccountReport:
    """Report an account that could not be observed at all."""
    return AccountReport(run_id, account_id, UNVERIFIED, False, (reason,), policy.version, None, ())


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from walking over all lines again and again while they are made.

    It looks for cycles, and nothing here makes one. A million lines take two thirds of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


Side = Mapping[str, Mapping[str, Holding]]
"""The holdings of a snapshot or a book, by wallet and then by asset."""


class _Comparison:
    def __init__(
        self, observation: Observation, policy: Policy, prices: PriceSet | None, base: str, asked: frozenset[str]
    ) -> None:
        self.snapshot: Snapshot = observation.snapshot
        self.book: Book | None = observation.book
        self.book_after: Book | None = observation.book_after
        self.evidence = observation.evidence_sha256
        self.policy = policy
        self.timing = policy.timing(self.snapshot.account_id, self.snapshot.venue)
        age = self.timing.prices_max_age_seconds
        serves = prices is not None and unusable(prices, base, self.snapshot.observed_at, age) is None
        self.prices_usable = serves
        # The base currency costs one, whatever a set says, and also without any.
        self.prices = {**(prices.prices if prices is not None and serves else {}), base: Decimal(1)}

        self.venue = _by_wallet(self.snapshot.holdings)
        self.before = _by_wallet(self.book.holdings) if self.book else {}
        self.after = _by_wallet(self.book_after.holdings) if self.book_after else {}
        self.account_reasons = tuple(self._account_reasons())
        self.covered = self._covered()
        self.unread = self._unread(asked)
        self.complete = {wallet for wallet, reason in self.snapshot.wallets.items() if reason is None}
        self.reasons: set[Reason] = {*self.account_reasons, *self.unread.values()}

    def report(self, run_id: str | None) -> AccountReport:
        compared = frozenset(() if self.account_reasons else self.complete & self.covered)
        lines = self._lines(compared)
        if not compared and not self.reasons:
            self.reasons.add(Reason.BOOK_NOT_COVERING if self.snapshot.wallets else Reason.INCOMPLETE)
        if not compared:
            status, worst = UNVERIFIED, None
        else:
            if self._is_empty() and any(_is_major(line) for line in lines):
                lines.insert(0, self._account_empty_line())
            worst = max({line.severity for line in lines if line.severity is not None}, default=Severity.OK)
            status = worst.name
        return AccountReport(
            run_id=run_id,
            account_id=self.snapshot.account_id,
            status=status,
            verified=worst is not None and not self.reasons,
            reasons=tuple(sorted(self.reasons)),
            policy_version=self.policy.version,
            evidence_sha256=self.evidence,
            lines=tuple(lines),
            observed_at=self.snapshot.observed_at,
            compared=tuple(sorted(compared)),
        )

    def _lines(self, compared: frozenset[str]) -> list[Line]:
        """Say what there is to say of every wallet: compared, or why it cannot be, or nothing where nobody holds it."""
        account_id = self.snapshot.account_id
        limits = self.policy.limits(account_id, self.snapshot.venue)
        flying = self._in_flight(compared)
        lines: list[Line] = []
        for wallet in sorted({*self.venue, *self.before, *self.after, *flying}):
            here, was, became = (side.get(wallet, {}) for side in (self.venue, self.before, self.after))
            if wallet in compared:
                comparing = WalletLines(account_id, wallet, limits, self.prices, prices_usable=self.prices_usable)
                lines += comparing.lines(here, was, became, flying.get(wallet, {}))
            elif (reason := self._why_not(wallet)) is not None:
                self.reasons.add(reason)
                lines += self._unverified_lines(wallet, reason)
        if unmapped := self._unmapped():
            for line in lines:
                line.unmapped = (line.wallet, line.asset) in unmapped
        return lines

    def _unmapped(self) -> set[tuple[str | None, str | None]]:
        """Pick the keys whose name no table knows. Where the venue lists a name, it is the venue's side that knows."""
        unmapped: set[tuple[str | None, str | None]] = {
            (held.wallet, held.asset) for held in self.snapshot.holdings if held.unmapped
        }
        for book in (self.book, self.book_after):
            ours = book.holdings if book is not None else ()
            unmapped |= {
                (held.wallet, held.asset)
                for held in ours
                if held.unmapped and held.asset not in self.venue.get(held.wallet, {})
            }
        return unmapped

    def _in_flight(self, compared: frozenset[str]) -> Mapping[str, Flights]:
        if self.book is None or self.book_after is None:
            return {}
        max_age = timedelta(seconds=self.timing.pending_max_age_seconds)
        return flights(self.snapshot, self.book, self.book_after, compared, max_age)

    def _why_not(self, wallet: str) -> Reason | None:
        """Say why a wallet is not compared; None where there is nothing to compare."""
        if self.account_reasons:
            return self.account_reasons[0]
        if wallet in self.unread:
            return self.unread[wallet]
        sides = (self.venue, self.before, self.after)
        anything = any(_is_something(holding) for side in sides for holding in side.get(wallet, {}).values())
        return Reason.BOOK_NOT_COVERING if anything else None

    # -- what cannot be verified -------------------------------------------------------------------------------

    def _account_reasons(self) -> Iterator[Reason]:
        """Yield why nothing of this account can be compared, most telling first (rule 8)."""
        now, snapshot, timing = self.snapshot.observed_at, self.snapshot, self.timing
        if snapshot.venue_time is not None:
            if now - snapshot.venue_time > timedelta(seconds=timing.stale_venue_seconds):
                yield Reason.STALE_VENUE
            if snapshot.venue_time - now > timedelta(seconds=timing.clock_skew_seconds):
                yield Reason.CLOCK_SKEW
        if self.book is None or self.book_after is None:
            yield Reason.NO_BOOK
            return
        if now - self.book_after.as_of > timedelta(seconds=timing.stale_book_seconds):
            yield Reason.STALE_BOOK
        if max(self.book.as_of, self.book_after.as_of) - now > timedelta(seconds=timing.clock_skew_seconds):
            yield Reason.CLOCK_SKEW

    def _covered(self) -> frozenset[str]:
        """Return the wallets that both readings of the book vouch for."""
        if self.book is None or self.book_after is None:
            return frozenset()
        return frozenset(self.book.wallets) & frozenset(self.book_after.wallets)

    def _unread(self, asked: frozenset[str]) -> dict[str, Reason]:
        """Say why each wallet is not read that somebody asked for, the book covers or the venue failed to show."""
        unread = {wallet: reason for wallet, reason in self.snapshot.wallets.items() if reason is not None}
        # Of either reading: what only one of them covers was not read at the venue either, and is not zero there.
        known = {wallet for book in (self.book, self.book_after) if book is not None for wallet in book.wallets}
        for wallet in (asked | known) - self.snapshot.wallets.keys():
            unread[wallet] = Reason.INCOMPLETE
        return unread

    def _unverified_lines(self, wallet: str, reason: Reason) -> Iterator[Line]:
        """State what each side said. A side without the key says zero only if it was read, or vouches for it."""
        here, was, became = (side.get(wallet, {}) for side in (self.venue, self.before, self.after))
        read, covered = wallet not in self.unread, wallet in self.covered
        # What only a wallet that was not read whole shows is no line: nobody knows what else is in it.
        known = {*was, *became, *(here if read or self.account_reasons else ())}
        for asset in sorted(known):
            yield Line(
                wallet=wallet,
                asset=asset,
                field="total",
                outcome=Outcome.UNVERIFIED,
                book=_stated(was.get(asset), absent_is_zero=covered),
                book_after=_stated(became.get(asset), absent_is_zero=covered),
                venue=_stated(here.get(asset), absent_is_zero=read),
                severity=None,
                reason=reason,
            )

    # -- the account as a whole --------------------------------------------------------------------------------

    def _is_empty(self) -> bool:
        """Tell whether the venue showed nothing at all in what it let us read (rule 1)."""
        return not self.snapshot.pending and not any(
            _is_something(holding) for holding in self.snapshot.holdings if holding.wallet in self.complete
        )

    def _account_empty_line(self) -> Line:
        return Line(
            wallet=None,
            asset=None,
            field="account",
            outcome=Outcome.BREAK,
            kind=Kind.ACCOUNT_EMPTY,
            severity=Severity.CRITICAL,
            break_id=break_id(self.snapshot.account_id, None, None, "account"),
            state=State.UNCONFIRMED,
            streak=1,
        )


def _by_wallet(holdings: tuple[Holding, ...]) -> Side:
    found: defaultdict[str, dict[str, Holding]] = defaultdict(dict)
    for holding in holdings:
        found[holding.wallet][holding.asset] = holding
    return found


def _stated(holding: Holding | None, *, absent_is_zero: bool) -> Decimal | None:
    if holding is not None:
        return holding.total
    return ZERO if absent_is_zero else None


def _is_something(holding: Holding) -> bool:
    return holding.total != 0 or bool(holding.held) or bool(holding.borrowed)


def _is_major(line: Line) -> bool:
    return line.outcome is Outcome.BREAK and line.severity is not None and line.severity >= Severity.MAJOR
