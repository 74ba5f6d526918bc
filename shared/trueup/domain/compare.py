"""Compare one observation: what the venue holds against what the book believed before and after it was asked."""

from collections.abc import Collection, Iterator
from datetime import timedelta
from decimal import Decimal, localcontext

from .amounts import EXACT, ZERO
from .judge import judge
from .models import Book, Holding, Observation, PriceSet, Snapshot
from .policy import Policy
from .reasons import Reason, Severity
from .report import (
    UNVERIFIED,
    AccountReport,
    Kind,
    Line,
    Outcome,
    break_id,
)
from .tolerance import within
from .valuation import price_asset_of, share

Key = tuple[str, str]


def compare(
    observation: Observation,
    policy: Policy,
    prices: PriceSet | None,
    *,
    run_id: str | None = None,
    asked: Collection[str] | None = None,
    base: str = "USD",
) -> AccountReport:
    """Compare an observation by a policy, valued with a price set (DESIGN rules 1–4, 6–8, 11).

    `asked` are the wallets somebody wanted read; one that is not in the snapshot is incomplete. `now`, for every
    age, is the snapshot's `observed_at`: the same input gives the same report whenever it is computed.
    """
    with localcontext(EXACT):
        return _Comparison(observation, policy, prices, base, frozenset(asked or ())).report(run_id)


def unverified(account_id: str, reason: Reason, policy: Policy, *, run_id: str | None = None) -> AccountReport:
    """Report an account that could not be observed at all."""
    return AccountReport(run_id, account_id, UNVERIFIED, False, (reason,), policy.version, None, ())


class _Comparison:
    def __init__(
        self, observation: Observation, policy: Policy, prices: PriceSet | None, base: str, asked: frozenset[str]
    ) -> None:
        self.snapshot: Snapshot = observation.snapshot
        self.book: Book | None = observation.book
        self.book_after: Book | None = observation.book_after
        self.evidence = observation.evidence_sha256
        self.policy = policy
        self.base = base
        self.timing = policy.timing(self.snapshot.account_id, self.snapshot.venue)
        self.prices = prices if prices is not None and self._usable(prices) else None
        self.limits = policy.limits(self.snapshot.account_id, self.snapshot.venue)

        self.venue = _by_key(self.snapshot.holdings)
        self.before = _by_key(self.book.holdings) if self.book else {}
        self.after = _by_key(self.book_after.holdings) if self.book_after else {}
        self.account_reasons = tuple(self._account_reasons())
        self.covered = self._covered()
        self.unread = self._unread(asked)
        self.held_somewhere = {
            wallet
            # The book's sides too: a wallet may be covered by one reading of the book and not by the other.
            for side in (self.venue, self.before, self.after)
            for (wallet, _), holding in side.items()
            if _is_something(holding)
        }
        self.reasons: set[Reason] = {*self.account_reasons, *self.unread.values()}

    def report(self, run_id: str | None) -> AccountReport:
        keys = sorted(self.venue.keys() | self.before.keys() | self.after.keys())
        lines = [line for key in keys for line in self._lines(key)]
        compared = [w for w, reason in self.snapshot.wallets.items() if reason is None and w in self.covered]
        if not compared and not self.reasons:
            self.reasons.add(Reason.BOOK_NOT_COVERING if self.snapshot.wallets else Reason.INCOMPLETE)
        if self.account_reasons or not compared:
            status, worst = UNVERIFIED, None
        else:
            if self._is_empty() and any(_is_major(line) for line in lines):
                lines.insert(0, self._account_empty_line())
            worst = max((line.severity for line in lines if line.severity is not None), default=Severity.OK)
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
        )

    def _lines(self, key: Key) -> Iterator[Line]:
        """Yield what there is to say of one key: compared, or why it cannot be, or nothing where nobody holds it."""
        wallet = key[0]
        if self.account_reasons:
            yield self._unverified_line(key, self.account_reasons[0])
        elif wallet in self.unread:
            if key in self.before or key in self.after:
                yield self._unverified_line(key, self.unread[wallet])
        elif wallet in self.covered:
            yield from self._compare_key(key)
        elif wallet in self.held_somewhere:
            yield self._unverified_line(key, Reason.BOOK_NOT_COVERING)

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
        for wallet in (asked | self.covered) - self.snapshot.wallets.keys():
            unread[wallet] = Reason.INCOMPLETE
        return unread

    def _unverified_line(self, key: Key, reason: Reason) -> Line:
        """State what each side said. A side without the key says zero only if it was read, or vouches for it."""
        self.reasons.add(reason)
        here, was, became = self.venue.get(key), self.before.get(key), self.after.get(key)
        no_venue = None if key[0] in self.unread else ZERO
        no_book = ZERO if key[0] in self.covered else None
        return Line(
            wallet=key[0],
            asset=key[1],
            field="total",
            outcome=Outcome.UNVERIFIED,
            book=was.total if was else no_book,
            book_after=became.total if became else no_book,
            venue=here.total if here else no_venue,
            severity=None,
            reason=reason,
        )

    # -- one key -----------------------------------------------------------------------------------------------

    def _compare_key(self, key: Key) -> Iterator[Line]:
        here, was, became = self.venue.get(key), self.before.get(key), self.after.get(key)
        price = self._price(key[1], here, was, became)
        held = (
            here.held if here else None,
            was.held if was else None,
            became.held if became else None,
        )
        if held[0] is not None and held[1] is not None and held[2] is not None:
            yield self._line(key, "held", held[0], held[1], held[2], price)
        yield self._line(
            key,
            "total",
            here.total if here else ZERO,
            was.total if was else ZERO,
            became.total if became else ZERO,
            price,
        )

    def _line(
        self, key: Key, field: str, venue: Decimal, before: Decimal, after: Decimal, price: Decimal | None
    ) -> Line:
        limits = self.limits(key[1])
        usable = self.prices is not None
        judged = judge(field, venue, before, after, price, limits.tolerance, limits.bands, prices_usable=usable)
        size = abs(judged.difference)
        worth = None if price is None else size * price
        broken = judged.outcome is Outcome.BREAK
        return Line(
            wallet=key[0],
            asset=key[1],
            field=field,
            outcome=judged.outcome,
            book=before,
            book_after=after,
            venue=venue,
            difference=judged.difference,
            relative=share(size, abs(judged.against)),
            price=price,
            worth=worth,
            kind=judged.kind,
            severity=judged.severity,
            rule=within(judged.difference, judged.against, worth, limits.tolerance)
            if judged.outcome is Outcome.WITHIN_TOLERANCE
            else None,
            break_id=break_id(self.snapshot.account_id, *key, field) if broken else None,
            state="unconfirmed" if broken else None,
            streak=1 if broken else None,
        )

    # -- worth -------------------------------------------------------------------------------------------------

    def _usable(self, prices: PriceSet) -> bool:
        # Prices fetched beside the reading may be a little younger than it; much younger is as wrong as much older.
        apart = abs(self.snapshot.observed_at - prices.as_of)
        return (
            bool(prices.prices)
            and prices.base == self.base
            and apart <= timedelta(seconds=self.timing.prices_max_age_seconds)
        )

    def _price(self, asset: str, *sides: Holding | None) -> Decimal | None:
        stated = next((side.price_asset for side in sides if side is not None and side.price_asset), None)
        name = stated or price_asset_of(asset)
        if name == self.base:
            return Decimal(1)
        return None if self.prices is None else self.prices.prices.get(name)

    # -- the account as a whole --------------------------------------------------------------------------------

    def _is_empty(self) -> bool:
        """Tell whether the venue showed nothing at all in what it let us read (rule 1)."""
        complete = {wallet for wallet, reason in self.snapshot.wallets.items() if reason is None}
        return not self.snapshot.pending and not any(
            _is_something(holding) for holding in self.snapshot.holdings if holding.wallet in complete
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
            state="unconfirmed",
            streak=1,
        )


def _by_key(holdings: tuple[Holding, ...]) -> dict[Key, Holding]:
    return {(holding.wallet, holding.asset): holding for holding in holdings}


def _is_something(holding: Holding) -> bool:
    return holding.total != 0 or bool(holding.held) or bool(holding.borrowed)


def _is_major(line: Line) -> bool:
    return line.outcome is Outcome.BREAK and line.severity is not None and line.severity >= Severity.MAJOR
