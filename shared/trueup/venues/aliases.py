"""A venue's names for assets, and ours.

A name is looked up whole. Nothing is ever guessed from a prefix or suffix: LDO is Lido, not "O in earn". What is said
to be the asset itself by the venue's own table is translated; a form of it (wrapped, staked) never is.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from trueup.domain.names import Names, standing_apart
from trueup.domain.reading import digest, parse_json

from .asset_tables import CommonTable, VenueTable, read_common_table, read_venue_table

FOLDER = Path(__file__).parent / "assets"
_COMMON = "common"


class Asset(NamedTuple):
    """An asset under our name. `unmapped`: no table knows the venue's name, so it is kept as it came."""

    name: str
    unmapped: bool


def canonical(venue: str, name: str) -> Asset:
    """Translate a venue's name for an asset."""
    ours = names(venue).own.get(name, name)
    return Asset(ours, ours not in names(venue).known)


def canonical_together(venue: str, listed: Iterable[str]) -> dict[str, Asset]:
    """Translate names that a venue lists side by side, each with something in it.

    A name whose asset is listed too stays as it is: the venue keeps two amounts, so it does not take them for one.
    """
    together = set(listed)
    apart = standing_apart(together, names(venue).own)
    return {name: Asset(name, unmapped=False) if name in apart else canonical(venue, name) for name in together}


@cache
def names(venue: str) -> Names:
    """Return what names mean at a venue; only what they mean everywhere, for a venue we have no table of."""
    common, table = common_table(), _table_of(venue)
    own = {} if table is None else {entry.name: entry.asset for entry in table.names.values()}
    forms_there = () if table is None else table.forms.keys()
    return Names(own, frozenset((*common.known, *own, *forms_there)))


@cache
def forms(venue: str) -> Mapping[str, str]:
    """Return other names of assets at a venue, and forms of them that are another thing, each with the asset."""
    table = _table_of(venue)
    entries = list(common_table().forms.values())
    if table is not None:
        entries += [*table.forms.values(), *table.names.values()]
    return {entry.name: entry.asset for entry in entries}


@cache
def assets_version() -> str:
    """Name the state of all tables together, so that a later reading knows how names were read."""
    return digest({name: _document(name) for name in sorted((_COMMON, *tables()))})[:12]


@cache
def tables() -> frozenset[str]:
    """Return the venues that have a table."""
    return frozenset(path.stem for path in FOLDER.glob("*.json")) - {_COMMON}


@cache
def common_table() -> CommonTable:
    """Return what names mean everywhere."""
    return read_common_table(_document(_COMMON))


@cache
def venue_table(venue: str) -> VenueTable:
    """Return the table of a venue that has one."""
    return read_venue_table(_document(venue), common_table(), f"{venue}.json")


def _table_of(venue: str) -> VenueTable | None:
    return venue_table(venue) if venue in tables() else None


def _document(name: str) -> Any:
    return parse_json((FOLDER / f"{name}.json").read_bytes(), f"{name}.json")
