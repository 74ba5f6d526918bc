"""A small trading system: it fills at the venue and writes its book, over and over, as a live desk does."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext

from local.stage.story import PRICES, TRADED
from local.venues.coinbase import CoinbaseSimulator
from trueup.books.table import TableBook
from trueup.domain.amounts import EXACT, plain
from trueup.domain.models import Book, Holding
from trueup.errors import TrueupError

CLIP = Decimal("0.001")
"""Bitcoin bought or sold at a time; alternately, so that it can go on for days."""


class Trader:
    """Trades BTC against USDC on one account, and tells every other account's book that it is still true."""

    def __init__(
        self,
        venue: CoinbaseSimulator,
        key_name: str,
        book: TableBook,
        account_ids: tuple[str, ...],
        clock: Callable[[], datetime],
    ) -> None:
        self._venue = venue
        self._key_name = key_name
        self._book = book
        self._account_ids = account_ids
        self._clock = clock
        self._side = 1
        self.fills = 0

    def trade(self) -> None:
        """Fill once at the venue, then write the book: the order in which it happens on a desk."""
        with localcontext(EXACT):
            quantity, cash = CLIP * self._side, -CLIP * self._side * Decimal(PRICES["BTC"])
        with self._venue.lock:
            portfolio = self._venue.portfolio(self._key_name)
            portfolio.add("BTC", plain(quantity))
            portfolio.add("USDC", plain(cash))
        self._move_book({"BTC": quantity, "USDC": cash})
        self._side = -self._side
        self.fills += 1

    def confirm_books(self) -> None:
        """Write every other book again with the present time: nothing has changed, and we know it."""
        for account_id in self._account_ids:
            book = self._book.read(account_id)
            if book is not None and account_id != TRADED:
                self._book.write(replace(book, as_of=self._clock()), book.version)

    def keep_trading(self, stop: threading.Event, every_seconds: float, tell: Callable[[str], None]) -> None:
        """Trade until told to stop. A cloud that does not answer for a moment is said, not fatal."""
        while not stop.wait(every_seconds):
            try:
                self.trade()
                if self.fills % 20 == 0:
                    self.confirm_books()
            except TrueupError as error:
                tell(f"trader: {type(error).__name__}: {error}")

    def _move_book(self, by: dict[str, Decimal]) -> None:
        book = self._book.read(TRADED)
        if book is None:
            return
        with localcontext(EXACT):
            holdings = tuple(_moved(holding, by.get(holding.asset, Decimal(0))) for holding in book.holdings)
        self._book.write(Book(TRADED, self._clock(), book.version, book.wallets, holdings), book.version)


def _moved(holding: Holding, by: Decimal) -> Holding:
    return replace(holding, total=holding.total + by)
