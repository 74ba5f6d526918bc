"""Trades: venue and book of an account move together, while the account is being read."""

import time
from decimal import Decimal

from local.venues import faults
from local.venues.faults import Exchange, Fault
from local.venues.server import Answer
from tests.soak.plan import Trade
from tests.soak.rounds import Round
from tests.soak.venue_faults import TRADE_AFTER
from tests.soak.world import World, moved


class Trades:
    """A desk that trades at the worst moments."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._left: dict[str, list[float]] = {}

    def left(self, account_id: str) -> float | None:
        """When the next of an account's held-back answers left, in order; None when no more did."""
        times = self._left.get(account_id)
        return times.pop(0) if times else None

    def while_read(self, trade: Trade, happened: Round) -> Fault:
        """A fault that is none: it trades while the venue computes its answer."""

        def before(exchange: Exchange) -> Answer:
            self.trade(trade, happened)
            return faults.status(429, retry_after="0").change(exchange)

        def after(exchange: Exchange) -> Answer:
            self.trade(trade, happened)
            return self._leaves(trade.account_id, exchange)

        return Fault("429 wait", before) if trade.when == "before" else Fault(TRADE_AFTER, after)

    def trade(self, trade: Trade, happened: Round) -> None:
        """Fill at the venue, then write the book: the order in which it happens on a desk."""
        truth, world = self._world.truths[trade.account_id], self._world
        venue = world.venue_of(trade.account_id)
        venue.lock.acquire()  # first, as in a handler, which has it already
        try:
            truth.lock.acquire()
        except BaseException:
            venue.lock.release()
            raise
        try:
            try:
                by = self._amount_of(trade)
                world.move_venue(trade.account_id, moved(truth.venue[-1].holdings, trade.key, by))
            finally:
                venue.lock.release()
            if not trade.book_later:
                world.write_book(trade.account_id, moved(truth.book[-1].holdings, trade.key, by))
        finally:
            truth.lock.release()
        happened.trades += 1
        if trade.book_later:
            happened.in_thread(lambda: self._book_follows(trade, by), trade.delay)

    def _book_follows(self, trade: Trade, by: Decimal) -> None:
        truth = self._world.truths[trade.account_id]
        with truth.lock:
            self._world.write_book(trade.account_id, moved(truth.book[-1].holdings, trade.key, by))

    def _amount_of(self, trade: Trade) -> Decimal:
        """Signed, and back towards the beginning where it strayed far: rounds go on for ever."""
        truth = self._world.truths[trade.account_id]
        start = truth.told.amounts()[trade.key]
        strayed = truth.book[-1].holdings.get(trade.key, Decimal(0)) - start
        by = abs(start * trade.share)
        return by if (trade.share > 0 and strayed < abs(start) / 2) or strayed < -abs(start) / 2 else -by

    def row_vanishes(self) -> Fault:
        """A fault that is none: a row of nothing disappears once the first page is computed."""

        def change(exchange: Exchange) -> Answer:
            self._world.row_vanishes("cb-pages")
            return self._leaves("cb-pages", exchange)

        return Fault(TRADE_AFTER, change)

    def _leaves(self, account_id: str, exchange: Exchange) -> Answer:
        """The honest answer, which leaves only now."""
        self._left.setdefault(account_id, []).append(time.time())
        return exchange.honest
