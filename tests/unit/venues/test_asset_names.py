"""Names of assets: what is translated, what only looks like it, and the tables that say so."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.unit.money_kit import book, holding, judge, line_of, snapshot
from trueup.domain.correlate import Known, correlate
from trueup.domain.models import Observation
from trueup.domain.names import under_our_names
from trueup.domain.policy import default_policy
from trueup.domain.reading import Malformed, digest, parse_json
from trueup.domain.report import AccountReport, Hint
from trueup.venues import aliases
from trueup.venues.aliases import canonical, canonical_together, forms, names
from trueup.venues.asset_tables import Sort, read_common_table, read_venue_table
from trueup.venues.registry import VENUES

# -- one name ------------------------------------------------------------------------------------------------------


def test_a_venues_own_name_is_translated_there_and_nowhere_else() -> None:
    assert canonical("coinbase", "CGLD") == ("CELO", False)
    assert canonical("dydx", "CGLD") == ("CGLD", True)
    assert canonical("mtgox", "CGLD") == ("CGLD", True)


@pytest.mark.parametrize("name", ["LDO", "STX", "WIF", "XTZ", "MSOL", "AXL", "ETHFI", "CBETH", "EOS"])
def test_an_asset_that_is_named_like_a_prefix_or_suffix_of_another_is_itself(name: str) -> None:
    assert canonical("coinbase", name) == (name, False)


@pytest.mark.parametrize("name", ["LDBTC", "XBT", "XXBT", "BTC.F", "ETH.S", "STSOL", "CELO2", "btc", "cgld", " BTC"])
def test_a_name_that_only_looks_like_an_asset_is_kept_and_flagged(name: str) -> None:
    assert canonical("coinbase", name) == (name, True)


@pytest.mark.parametrize("venue", [*sorted(VENUES), "mtgox", "common", "../assets/coinbase"])
@pytest.mark.parametrize("name", ["WBTC", "CBETH", "LSETH", "MATIC", "PAX"])
def test_a_form_of_an_asset_is_never_merged_with_it_at_any_venue(venue: str, name: str) -> None:
    assert canonical(venue, name) == (name, False)


# -- names side by side --------------------------------------------------------------------------------------------


def test_names_side_by_side_are_translated_one_by_one() -> None:
    assert canonical_together("coinbase", ["BTC", "CGLD", "NEWCOIN"]) == {
        "BTC": ("BTC", False),
        "CGLD": ("CELO", False),
        "NEWCOIN": ("NEWCOIN", True),
    }


def test_a_name_beside_what_it_leads_to_stays_apart() -> None:
    assert canonical_together("coinbase", ["CGLD", "CELO"]) == {"CGLD": ("CGLD", False), "CELO": ("CELO", False)}


# -- the tables ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", sorted(aliases.tables()))
def test_every_table_is_of_a_venue_that_there_is_and_is_read_strictly(venue: str) -> None:
    assert venue in VENUES
    assert aliases.venue_table(venue).version


def test_every_entry_says_what_it_is_and_who_says_so() -> None:
    common = aliases.common_table()
    entries = [*common.forms.values()]
    for venue in aliases.tables():
        table = aliases.venue_table(venue)
        entries += [*table.names.values(), *table.forms.values()]
    assert {entry.sort for entry in entries} >= {
        Sort.VENUE_LOCAL,
        Sort.RENAMED,
        Sort.MIGRATED,
        Sort.WRAPPED,
        Sort.STAKED,
    }
    assert all(len(entry.source) > 20 for entry in entries)
    assert all(entry.asset in common.assets for entry in entries)


STATES = {
    "coinbase": ("2026-11-22", "354a07143e04"),
    "common": ("2026-11-22", "262b7e742555"),
    "dydx": ("2026-11-22", "a37a6a64cc70"),
}
"""Each table's version, and the digest of what it said then."""


@pytest.mark.parametrize("table", sorted(STATES))
def test_a_table_that_was_changed_has_a_new_version(table: str) -> None:
    document = parse_json((aliases.FOLDER / f"{table}.json").read_bytes(), table)
    found = (document["version"], digest(document)[:12])
    assert found == STATES[table], f"{table}.json was changed: give it a new version, and write {found} here"


def test_one_word_names_the_state_of_all_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    before = aliases.assets_version()
    assert before == aliases.assets_version()
    for file in aliases.FOLDER.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "dydx.json").write_text('{"version": "2027-01-01", "source": "a later look", "names": [], "forms": []}')
    monkeypatch.setattr(aliases, "FOLDER", tmp_path)
    aliases.assets_version.cache_clear()
    try:
        assert aliases.assets_version() != before
    finally:
        aliases.assets_version.cache_clear()


COMMON: dict[str, Any] = {
    "version": "2026-11-22",
    "source": "made",
    "assets": ["BTC", "CELO", "ETH"],
    "forms": [{"name": "WBTC", "asset": "BTC", "sort": "wrapped", "since": "2019-01-31", "source": "made"}],
}
VENUE: dict[str, Any] = {
    "version": "2026-11-22.2",
    "source": "made",
    "names": [{"name": "CGLD", "asset": "CELO", "sort": "venue_local", "since": None, "source": "made"}],
    "forms": [{"name": "ETH2", "asset": "ETH", "sort": "staked", "since": None, "source": "made"}],
}


def entry(**changes: Any) -> dict[str, Any]:
    return {"name": "NEW", "asset": "BTC", "sort": "renamed", "since": None, "source": "made"} | changes


def test_a_good_table_is_read() -> None:
    common = read_common_table(COMMON)
    table = read_venue_table(VENUE, common, "venue.json")
    assert common.known == {"BTC", "CELO", "ETH", "WBTC"}
    assert str(common.forms["WBTC"].since) == "2019-01-31"
    assert (table.names["CGLD"].asset, table.forms["ETH2"].sort, table.version) == ("CELO", "staked", "2026-11-22.2")


def test_what_is_a_form_everywhere_may_be_the_assets_name_at_one_venue() -> None:
    table = read_venue_table(VENUE | {"names": [entry(name="WBTC")]}, read_common_table(COMMON), "venue.json")
    assert table.names["WBTC"].asset == "BTC"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.pop("version"), "venue.json.version: is missing"),
        (lambda table: table.update(version="yesterday"), "venue.json.version: must be a day"),
        (lambda table: table.update(version="2026-02-30"), "venue.json.version: must be a day"),
        (lambda table: table.update(version="2026-11-22.0"), "venue.json.version: must be a day"),
        (lambda table: table.update(version="20261122"), "venue.json.version: must be a day"),
        (lambda table: table.pop("source"), "venue.json.source: is missing"),
        (lambda table: table.pop("forms"), "venue.json.forms: is missing"),
        (lambda table: table.update(more=1), "venue.json.more: is not a field here"),
        (lambda table: table["names"].append(entry(source="")), r"venue.json.names\[1\].source: must not be empty"),
        (lambda table: table["names"].append(entry(since="2019")), r"venue.json.names\[1\].since: must be a day"),
        (lambda table: table["names"][0].pop("since"), r"venue.json.names\[0\].since: is missing"),
        (lambda table: table["names"][0].update(note="x"), r"venue.json.names\[0\].note: is not a field here"),
        (lambda table: table["names"].append(entry(asset="XYZ")), r"venue.json.names\[1\].asset: XYZ is no asset"),
        # A name that is an asset, or leads to what is itself a name or a form: no chain, and no circle.
        (lambda table: table["names"].append(entry(name="ETH")), "venue.json.names: ETH is a name already"),
        (lambda table: table["names"].append(entry(asset="CGLD")), r"venue.json.names\[1\].asset: CGLD is no asset"),
        (lambda table: table["names"].append(entry(asset="WBTC")), r"venue.json.names\[1\].asset: WBTC is no asset"),
        (lambda table: table["names"].append(entry(name="CGLD")), "venue.json.names: CGLD is a name already"),
        (lambda table: table["forms"].append(entry(name="CGLD")), "venue.json.forms: CGLD is a name already"),
        (lambda table: table["forms"].append(entry(name="WBTC")), "venue.json.forms: WBTC is a name already"),
        (lambda table: table["forms"].append(entry(name="ETH2")), "venue.json.forms: ETH2 is a name already"),
        # What is another thing is no name of the asset; what only one venue says is no form.
        (lambda table: table["names"].append(entry(sort="wrapped")), r"venue.json.names\[1\].sort: must be one of"),
        (lambda table: table["names"].append(entry(sort="migrated")), r"venue.json.names\[1\].sort: must be one of"),
        (lambda table: table["forms"].append(entry(sort="venue_local")), r"venue.json.forms\[1\].sort: must be one of"),
        (lambda table: table["forms"].append(entry(sort="alias")), r"venue.json.forms\[1\].sort: must be one of"),
    ],
)
def test_a_table_with_a_fault_is_refused_by_its_place(change: Callable[[Any], Any], said: str) -> None:
    table = deepcopy(VENUE)
    change(table)
    with pytest.raises(Malformed, match=f"^{said}"):
        read_venue_table(table, read_common_table(COMMON), "venue.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table["forms"].append(entry(name="ETH")), "common.json.forms: ETH is a name already"),
        (lambda table: table["forms"].append(entry(asset="WBTC")), r"common.json.forms\[1\].asset: WBTC is no asset"),
        (lambda table: table["forms"].append(entry(name="WBTC")), "common.json.forms: WBTC is a name already"),
        (lambda table: table["assets"].append("ETH"), "common.json.assets: must be in order, each name once"),
        (lambda table: table["assets"].append("AAA"), "common.json.assets: must be in order, each name once"),
        (lambda table: table["assets"].append(7), r"common.json.assets\[3\]: must be a string"),
        (lambda table: table.update(names=[]), "common.json.names: is not a field here"),
    ],
)
def test_a_common_table_with_a_fault_is_refused_by_its_place(change: Callable[[Any], Any], said: str) -> None:
    table = deepcopy(COMMON)
    change(table)
    with pytest.raises(Malformed, match=f"^{said}"):
        read_common_table(table)


# -- what the tables do to a comparison ----------------------------------------------------------------------------


def compared(held: dict[str, str], believed: dict[str, str], venue: str = "coinbase") -> AccountReport:
    """Compare as a run does: names of the venue's table, then hints from its forms."""
    seen = snapshot(*(holding(name, total) for name, total in held.items()), account_id="a", venue=venue)
    ours = book(*believed.items(), account_id="a")
    observation = under_our_names(Observation(seen, ours, ours), names(venue))
    report = judge(observation.snapshot, observation.book, observation.book_after, valued=None)
    (hinted,) = correlate([report], Known({"a": venue}, {venue: forms(venue)}, {}, {}), default_policy())
    return hinted


@pytest.mark.parametrize("venue", ["coinbase", "dydx", "mtgox"])
@pytest.mark.parametrize(
    ("form", "asset"), [("WBTC", "BTC"), ("CBETH", "ETH"), ("LSETH", "ETH"), ("MATIC", "POL"), ("PAX", "USDP")]
)
def test_the_same_amount_in_a_form_is_a_break_with_a_hint_whichever_side_has_the_form(
    venue: str, form: str, asset: str
) -> None:
    for theirs, ours in ((form, asset), (asset, form)):
        report = compared({theirs: "4"}, {ours: "4"}, venue)
        assert report.status == "CRITICAL"
        for here, there in ((theirs, ours), (ours, theirs)):
            cause = line_of(report, here).cause
            assert cause is not None
            assert (cause.hint, cause.asset) == (Hint.ALIAS, there)


def test_another_amount_in_a_form_gets_no_hint() -> None:
    assert [line.cause for line in compared({"CBETH": "4"}, {"ETH": "4.4"}).lines] == [None, None]


def test_staked_as_the_venue_once_called_it_is_a_form_at_that_venue_only() -> None:
    assert line_of(compared({"ETH2": "4"}, {"ETH": "4"}), "ETH2").cause is not None
    assert line_of(compared({"ETH2": "4"}, {"ETH": "4"}, "dydx"), "ETH2").cause is None


@pytest.mark.parametrize("name", ["CGLD", "CELO"])
def test_a_book_may_call_an_asset_as_its_venue_does_or_as_we_do(name: str) -> None:
    report = compared({"CELO": "4"}, {name: "4"})
    assert (report.status, [line.asset for line in report.lines]) == ("OK", ["CELO"])


def test_a_venues_own_name_in_a_book_of_another_venue_is_a_name_nobody_knows() -> None:
    report = compared({"CELO": "4"}, {"CGLD": "4"}, "dydx")
    assert report.status == "CRITICAL"
    assert line_of(report, "CGLD").unmapped
    assert not line_of(report, "CELO").unmapped
