"""The tables of names that assets go by: assets/*.json, data with versions, dates and sources, read strictly.

`common.json` lists the assets there are, and the forms of them that are another thing everywhere: wrapped, staked, the
old token of a migration. A venue's own table has `names`, which *are* an asset there, and further `forms`.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from trueup.domain.reading import Record, read_text

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Sort(StrEnum):
    """What a name is to the asset it leads to."""

    RENAMED = "renamed"
    """The same thing under a newer ticker."""
    VENUE_LOCAL = "venue_local"
    """The same thing, under a name that only this venue uses."""
    MIGRATED = "migrated"
    """A token exchanged for a new one; until everybody has, both exist, with a balance and a price of each."""
    WRAPPED = "wrapped"
    STAKED = "staked"
    EARN = "earn"


NAME_SORTS = (Sort.RENAMED, Sort.VENUE_LOCAL)
"""A venue's name of one of these sorts is the asset itself, and is translated."""
FORM_SORTS = (Sort.RENAMED, Sort.MIGRATED, Sort.WRAPPED, Sort.STAKED, Sort.EARN)
"""A form is another thing, and is never merged. A name is among them where a venue may have kept the old one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A name, the asset it leads to, what it is to it, since when (where known), and who says so."""

    name: str
    asset: str
    sort: Sort
    since: date | None
    source: str


@dataclass(frozen=True, slots=True)
class CommonTable:
    """The assets there are, and their forms everywhere."""

    version: str
    assets: frozenset[str]
    forms: Mapping[str, Entry]

    @property
    def known(self) -> frozenset[str]:
        """Every name that means something."""
        return self.assets | self.forms.keys()


@dataclass(frozen=True, slots=True)
class VenueTable:
    """What one venue calls assets: `names` are the asset, `forms` are not."""

    version: str
    names: Mapping[str, Entry]
    forms: Mapping[str, Entry]


def read_common_table(document: object, place: str = "common.json") -> CommonTable:
    """Read the common table. Raises Malformed, also where a form leads to no asset or to a form, or is an asset."""
    record = Record(document, place)
    version = _version(record)
    record.text("source")
    listed = [read_text(name, at) for at, name in record.items("assets")]
    assets = frozenset(listed)
    if len(assets) != len(listed) or listed != sorted(listed):
        record.fail("assets", "must be in order, each name once")
    forms = _entries(record, "forms", FORM_SORTS, assets, taken=assets)
    record.done()
    return CommonTable(version, assets, forms)


def read_venue_table(document: object, common: CommonTable, place: str) -> VenueTable:
    """Read a venue's table. Raises Malformed: a name or form leads to an asset, and is none, nor both.

    So nothing leads on: no name leads to a name, and none in a circle. What is a form everywhere may be the asset's
    name at one venue, if its own table says so; what is an asset never is another's name.
    """
    record = Record(document, place)
    version = _version(record)
    record.text("source")
    names = _entries(record, "names", NAME_SORTS, common.assets, taken=common.assets)
    forms = _entries(record, "forms", FORM_SORTS, common.assets, taken=common.known | names.keys())
    record.done()
    return VenueTable(version, names, forms)


def _entries(
    record: Record, field: str, sorts: Collection[Sort], assets: Collection[str], taken: Collection[str]
) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for at, item in record.items(field):
        entry = _entry(Record(item, at), sorts, assets)
        if entry.name in taken or entry.name in entries:
            record.fail(field, f"{entry.name} is a name already")
        entries[entry.name] = entry
    return entries


def _entry(record: Record, sorts: Collection[Sort], assets: Collection[str]) -> Entry:
    entry = Entry(
        name=record.text("name"),
        asset=record.text("asset"),
        sort=Sort(record.choice("sort", sorts)),
        since=_day(record, "since"),
        source=record.text("source"),
    )
    if entry.asset not in assets:
        record.fail("asset", f"{entry.asset} is no asset of the common table")
    record.done()
    return entry


def _day(record: Record, field: str) -> date | None:
    """Take a day; null, which has to be written, where nobody knows."""
    if record.raw(field) is None:
        return None
    day = _read_day(record.text(field))
    if day is None:
        record.fail(field, "must be a day such as 2026-11-22, or null")
    return day


def _version(record: Record) -> str:
    """Take a version: the day the table was checked; with a number behind a point for another one of that day."""
    version = record.text("version")
    day, point, number = version.partition(".")
    if _read_day(day) is None or (point and not (number.isascii() and number.isdigit() and int(number) > 1)):
        record.fail("version", "must be a day such as 2026-11-22, or 2026-11-22.2 for the second of that day")
    return version


def _read_day(text: str) -> date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
