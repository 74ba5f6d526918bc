"""A venue's names for assets, and ours. The tables are data: assets/*.json.

A name is looked up whole. Nothing is ever guessed from a prefix or suffix: LDO is Lido, not "O in earn".
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from trueup.domain.reading import parse_json

_FOLDER = Path(__file__).parent / "assets"


class Asset(NamedTuple):
    """An asset under our name. `unmapped`: no table knows the venue's name, so it is kept as it came."""

    name: str
    unmapped: bool


def canonical(venue: str, name: str) -> Asset:
    """Translate a venue's name for an asset."""
    alias = _aliases(venue).get(name, name)
    return Asset(alias, alias not in _known())


def forms(venue: str) -> Mapping[str, str]:
    """Return the venue's other names of assets, each with ours; none for a venue we have no table of."""
    return _aliases(venue) if venue in _tables() else {}


@cache
def _aliases(venue: str) -> Mapping[str, str]:
    aliases: Mapping[str, str] = _load(venue)["aliases"]
    return aliases


@cache
def _tables() -> frozenset[str]:
    return frozenset(path.stem for path in _FOLDER.glob("*.json")) - {"canonical"}


@cache
def _known() -> frozenset[str]:
    return frozenset(_load("canonical")["assets"])


def _load(name: str) -> Any:
    return parse_json((_FOLDER / f"{name}.json").read_bytes(), f"{name}.json")
