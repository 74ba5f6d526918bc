"""Whose name an asset goes by. The venue's side is read under our names; so is the book, which may use the venue's own.

An account's book says CGLD or CELO, whichever its trading system has: at a venue whose table says that CGLD is its name
of CELO, both are the one holding. Forms of an asset that are another thing (wrapped, staked) are left alone.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, replace
from typing import TypeVar

from .models import Book, Holding, Observation, Pending
from .valuation import price_asset_of

Named = TypeVar("Named", Holding, Pending)
Place = tuple[str, str]
"""A wallet, and a name in it."""


@dataclass(frozen=True, slots=True)
class Names:
    """What names mean at one venue."""

    own: Mapping[str, str]
    """The venue's own names that are an asset, each with ours."""
    known: Set[str]
    """Every name that means something. Any other one is kept as it is, compared, and flagged."""


def standing_apart(listed: Collection[str], own: Mapping[str, str]) -> set[str]:
    """Pick the names that cannot be translated: what they lead to is listed beside them.

    A side that lists two amounts does not take them for one, whatever a table says. A rename may be half done.
    """
    leading = Counter(own.get(name, name) for name in set(listed))
    return {name for name in listed if name in own and leading[own[name]] > 1}


def under_our_names(observation: Observation, names: Names) -> Observation:
    """Read both readings of the book under our names; flag what no table knows."""
    apart = _apart(observation, names.own)

    def named(item: Named) -> Named:
        ours = names.own.get(item.asset)
        if ours is None or (item.wallet, item.asset) in apart:
            return item
        return replace(item, asset=ours)

    def flagged(holding: Holding) -> Holding:
        name = holding.asset
        if name in names.known or (holding.price_asset or price_asset_of(name)) in names.known:
            return holding
        return replace(holding, unmapped=True)

    def read(book: Book | None) -> Book | None:
        if book is None:
            return None
        said = {held.asset for held in book.holdings} | {item.asset for item in book.pending}
        if said.isdisjoint(names.own) and said <= names.known:
            return book
        return replace(
            book,
            holdings=tuple(flagged(named(holding)) for holding in book.holdings),
            pending=tuple(named(item) for item in book.pending),
        )

    return replace(observation, book=read(observation.book), book_after=read(observation.book_after))


def _apart(observation: Observation, own: Mapping[str, str]) -> set[Place]:
    """Say which of the venue's own names stand for themselves, because a side lists what they lead to beside them."""
    # The venue's side is under our names: one of its own that is still there was kept apart when it was read.
    apart = {(held.wallet, held.asset) for held in observation.snapshot.holdings if held.asset in own}
    for book in (observation.book, observation.book_after):
        if book is not None and any(held.asset in own for held in book.holdings):
            listed: defaultdict[str, set[str]] = defaultdict(set)
            for held in book.holdings:
                listed[held.wallet].add(held.asset)
            apart |= {(wallet, name) for wallet, found in listed.items() for name in standing_apart(found, own)}
    return apart
