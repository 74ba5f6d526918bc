"""Accounts, books and snapshots in a few words, for every test of the core."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from trueup.domain.advance import Advanced
from trueup.domain.compare import compare
from trueup.domain.history import History
from trueup.domain.models import Book, Holding, Observation, Pending, PriceSet, Snapshot
from trueup.domain.policy import Policy, default_policy, read_policy
from trueup.domain.reasons import Reason
from trueup.domain.report import AccountReport, Line

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
PRICES = {"BTC": "100000", "ETH": "4000", "DOGE": "0.1", "USDC": "1", "CENT": "0.01"}

Held = Holding | tuple[str, str]
"""A holding, or just asset and total in the spot wallet."""


def holding(asset: str, total: str, wallet: str = "spot", **amounts: Any) -> Holding:
    for name in ("available", "held", "borrowed"):
        if isinstance(amounts.get(name), str):
            amounts[name] = Decimal(amounts[name])
    return Holding(wallet=wallet, asset=asset, total=Decimal(total), **amounts)


def holdings(items: Iterable[Held]) -> tuple[Holding, ...]:
    return tuple(item if isinstance(item, Holding) else holding(*item) for item in items)


def snapshot(
    *held: Held,
    wallets: Mapping[str, Reason | None] | None = None,
    account_id: str = "cb-main",
    venue: str = "coinbase",
    observed_at: datetime = NOON,
    venue_time: datetime | None = None,
    pending: tuple[Pending, ...] = (),
) -> Snapshot:
    wallets = {"spot": None} if wallets is None else wallets
    return Snapshot(account_id, venue, observed_at, wallets, holdings(held), pending, venue_time)


def book(
    *held: Held,
    wallets: tuple[str, ...] = ("spot",),
    account_id: str = "cb-main",
    as_of: datetime = NOON - timedelta(seconds=2),
    version: str = "41",
    pending: tuple[Pending, ...] = (),
) -> Book:
    return Book(account_id, as_of, version, wallets, holdings(held), pending)


def item(
    asset: str,
    quantity: str,
    reference: str | None,
    *,
    applied: bool,
    wallet: str = "spot",
    since: datetime | None = NOON - timedelta(minutes=5),
) -> Pending:
    """Something in flight, five minutes old."""
    return Pending(wallet, asset, Decimal(quantity), applied, "transfer", reference, since)


def prices(
    quotes: Mapping[str, str] = PRICES, *, base: str = "USD", as_of: datetime = NOON - timedelta(seconds=5)
) -> PriceSet:
    return PriceSet(base, as_of, "test", {asset: Decimal(price) for asset, price in quotes.items()})


def policy(**sections: Any) -> Policy:
    return read_policy(sections, default_policy())


NO_TOLERANCE = {"relative": "0", "quantity": "0", "value_floor": "0", "value_cap": "0"}
STRICT = policy(tolerance={"default": NO_TOLERANCE})
"""A policy by which nothing but an exact match passes, so that severity can be tested alone."""

UNSET: Any = object()


def judge(
    venue: Snapshot | Iterable[Held],
    before: Book | Iterable[Held] | None,
    after: Book | Iterable[Held] | None = UNSET,
    *,
    by: Policy | None = None,
    valued: PriceSet | None = UNSET,
    asked: tuple[str, ...] | None = None,
    run_id: str | None = None,
    base: str = "USD",
) -> AccountReport:
    venue = venue if isinstance(venue, Snapshot) else snapshot(*venue)
    before = before if isinstance(before, Book) or before is None else book(*before)
    if after is UNSET:
        after = before
    elif not isinstance(after, Book) and after is not None:
        after = book(*after)
    return compare(
        Observation(venue, before, after),
        by or default_policy(),
        prices() if valued is UNSET else valued,
        run_id=run_id,
        asked=asked,
        base=base,
    )


def the_line(report: AccountReport) -> Line:
    assert len(report.lines) == 1, [(line.asset, line.field) for line in report.lines]
    return report.lines[0]


def line_of(report: AccountReport, asset: str | None, field: str = "total") -> Line:
    found = [line for line in report.lines if line.asset == asset and line.field == field]
    assert len(found) == 1, [(line.asset, line.field) for line in report.lines]
    return found[0]


def one(venue: str, before: str, after: str | None = None, asset: str = "BTC", **how: Any) -> Line:
    """Compare one amount of one asset: the line it becomes."""
    return line_of(judge([(asset, venue)], [(asset, before)], [(asset, after or before)], **how), asset)


@contextmanager
def a_machine_in_tokyo() -> Iterator[None]:
    """Where local time is nine hours ahead of UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def later(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)


def with_total(item: Holding, total: str) -> Holding:
    return replace(item, total=Decimal(total))


def after(history: History, advanced: Advanced) -> History:
    """Return what is known of an account once a look at it is kept, as the table keeps it."""
    report = advanced.report
    looked_at = None if report.status == "UNVERIFIED" else report.observed_at
    seen = [at for at in (history.looked_at, looked_at) if at is not None]
    return History(max(seen, default=None), {**history.tracks, **{track.break_id: track for track in advanced.tracks}})
