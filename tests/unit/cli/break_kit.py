"""Breaks in a cloud, told in a few words. All on 2026-11-22; a book that believes 1.25 unless it says otherwise."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from cli.cloud import Cloud
from trueup.domain.breaks import Agreed, Assigned, Break, Event, Place, Seen, Sides
from trueup.domain.reading import read_time
from trueup.domain.reasons import Severity
from trueup.domain.report import Kind, break_id

ANN, MOTO = "arn:aws:sts::123456789012:user/ann", "arn:aws:sts::123456789012:user/moto"


def place(account_id: str, venue: str, wallet: str, asset: str) -> Place:
    return Place(break_id(account_id, wallet, asset, "total"), account_id, venue, wallet, asset, "total")


BITCOIN = place("cb-main", "coinbase", "spot", "BTC")
POSITION = place("dydx-one", "dydx", "perp/0", "ETH-USD")
OVER = place("cb-main", "coinbase", "spot", "SOL")


def at(time: str) -> datetime:
    return read_time(f"2026-11-22T{time}:00Z", "at")


def sides(venue: str, book: str = "1.25", price: str = "97000.5") -> Sides:
    return Sides(Decimal(venue), Decimal(book), Decimal(price), "a4000106f60b")


def look(time: str, venue: str, book: str = "1.25", price: str = "97000.5", **others: Any) -> Seen:
    difference = Decimal(venue) - Decimal(book)
    return Seen(
        **{
            "at": at(time),
            "run_id": f"20261122T{time.replace(':', '')}00Z",
            "kind": Kind.QUANTITY,
            "severity": Severity.CRITICAL,
            "difference": difference,
            "worth": abs(difference) * Decimal(price),
            "sides": sides(venue, book, price),
            "confirmed": False,
            "due_at": at("15:50"),
        }
        | others
    )


def tell_story(cloud: Cloud, of: Place, story: Sequence[Event]) -> Break:
    """Write down what happened, as looks and people do."""
    known = cloud.breaks.get(of.break_id)
    for event in story:
        assert cloud.rows.put_all(cloud.breaks.puts(known or of, event))
        known = cloud.breaks.get(of.break_id)
    assert known is not None
    return known


def tell_three(cloud: Cloud) -> None:
    """One that is confirmed and of great worth, one that is overdue and somebody's, and one that is over."""
    bitcoin = [
        look("11:50", "1.15"),
        look("11:55", "1.1", confirmed=True, told="confirmed"),
        look("12:00", "1.1", confirmed=True),
    ]
    unexpected = {"kind": Kind.UNEXPECTED_AT_VENUE, "severity": Severity.MAJOR, "due_at": at("11:00")}
    resolved = Agreed(at("11:30"), "20261122T113000Z", sides("80", "80", "180"), adjusted=False, told=False)
    tell_story(cloud, BITCOIN, bitcoin)
    tell_story(cloud, POSITION, [look("07:00", "2", "0", "3400", **unexpected), Assigned(at("07:30"), ANN, "ann")])
    tell_story(cloud, OVER, [look("11:00", "79", "80", "180", severity=Severity.MINOR), resolved])
