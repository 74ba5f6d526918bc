"""Whose name an asset goes by: what a book may call it, and what is never taken for the same."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.money_kit import Held, book, holding, item, judge, line_of, snapshot
from trueup.domain.models import Book, Observation
from trueup.domain.names import Names, standing_apart, under_our_names
from trueup.domain.report import AccountReport, account_report_document
from trueup.domain.report_reading import read_account_report

NAMES = Names(own={"OLD": "NEW", "OLDER": "NEW"}, known=frozenset({"NEW", "OLD", "OLDER", "BTC", "USD"}))


def read(venue: list[Held], before: Book | list[Held], after: Book | list[Held] | None = None) -> Observation:
    """An observation of the venue's holdings, under our names."""
    first = before if isinstance(before, Book) else book(*before, wallets=("spot", "earn"))
    second = first if after is None else after if isinstance(after, Book) else book(*after, wallets=("spot", "earn"))
    return under_our_names(Observation(snapshot(*venue, wallets={"spot": None, "earn": None}), first, second), NAMES)


def compared(observation: Observation) -> AccountReport:
    return judge(observation.snapshot, observation.book, observation.book_after, valued=None)


def totals(side: Book | None) -> dict[tuple[str, str], str]:
    assert side is not None
    return {(held.wallet, held.asset): str(held.total) for held in side.holdings}


def test_a_book_that_says_what_the_venue_says_is_read_under_our_name() -> None:
    seen = read([("NEW", "5")], [("OLD", "5")])
    assert totals(seen.book) == {("spot", "NEW"): "5"}
    assert compared(seen).status == "OK"


def test_each_reading_of_the_book_may_use_another_name() -> None:
    seen = read([("NEW", "5")], [("OLD", "5")], [("NEW", "5")])
    assert (totals(seen.book), totals(seen.book_after)) == ({("spot", "NEW"): "5"},) * 2


def test_what_is_in_flight_goes_by_the_same_names() -> None:
    ours = book(("OLD", "5"), pending=(item("OLD", "-1", "w-1", applied=False),))
    seen = under_our_names(Observation(snapshot(("NEW", "4")), ours, ours), NAMES)
    assert seen.book is not None
    assert [pending.asset for pending in seen.book.pending] == ["NEW"]
    assert line_of(compared(seen), "NEW").references == ("w-1",)


def test_a_book_with_two_amounts_keeps_both_and_hides_neither() -> None:
    # It knows of the rename, and of a part that is not renamed yet.
    seen = read([("NEW", "10")], [("OLD", "3"), ("NEW", "7")])
    assert totals(seen.book) == {("spot", "OLD"): "3", ("spot", "NEW"): "7"}
    assert {line.asset: str(line.difference) for line in compared(seen).lines} == {"OLD": "-3", "NEW": "3"}


def test_a_venue_with_two_amounts_is_compared_name_by_name() -> None:
    half = [("OLD", "3"), ("NEW", "7")]
    assert compared(read(half, half)).status == "OK"
    assert {line.asset: str(line.difference) for line in compared(read(half, [("OLD", "3")])).lines} == {
        "OLD": "0",
        "NEW": "7",
    }
    # The same sum in other parts is not the same holdings.
    assert compared(read(half, [("OLD", "7"), ("NEW", "3")])).status == "CRITICAL"


def test_one_reading_of_the_book_with_two_amounts_keeps_them_apart_in_both() -> None:
    seen = read([("NEW", "10")], [("OLD", "10")], [("OLD", "3"), ("NEW", "7")])
    assert totals(seen.book) == {("spot", "OLD"): "10"}


def test_two_old_names_of_one_asset_are_not_added_up() -> None:
    seen = read([("NEW", "10")], [("OLD", "3"), ("OLDER", "7")])
    assert totals(seen.book) == {("spot", "OLD"): "3", ("spot", "OLDER"): "7"}


def test_an_amount_of_zero_under_the_new_name_is_an_amount_too() -> None:
    seen = read([("NEW", "5")], [("OLD", "0"), ("NEW", "5")])
    assert compared(seen).status == "OK"


def test_wallets_do_not_concern_each_other() -> None:
    seen = read([("NEW", "5")], [holding("OLD", "5", "spot"), holding("NEW", "7", "earn")])
    assert totals(seen.book) == {("spot", "NEW"): "5", ("earn", "NEW"): "7"}


def test_without_a_book_there_is_nothing_to_name() -> None:
    seen = under_our_names(Observation(snapshot(("NEW", "5")), None, None), NAMES)
    assert (seen.book, seen.book_after) == (None, None)


def test_a_book_of_known_names_is_handed_back_as_it_is() -> None:
    ours = book(("NEW", "5"), ("BTC", "1"))
    seen = under_our_names(Observation(snapshot(("NEW", "5")), ours, ours), NAMES)
    assert seen.book is ours


# -- names nobody knows --------------------------------------------------------------------------------------------


def flagged(observation: Observation) -> set[str | None]:
    return {line.asset for line in compared(observation).lines if line.unmapped}


def test_a_name_that_only_the_book_has_and_no_table_knows_is_flagged_and_compared() -> None:
    seen = read([("BTC", "1")], [("BTCC", "1")])
    assert flagged(seen) == {"BTCC"}
    assert line_of(compared(seen), "BTCC").kind == "missing_at_venue"


def test_where_the_venue_lists_a_name_it_is_the_venues_side_that_knows() -> None:
    assert flagged(read([("COIN", "1")], [("COIN", "1")])) == set()
    assert flagged(read([holding("COIN", "1", unmapped=True)], [("COIN", "1")])) == {"COIN"}


@pytest.mark.parametrize("name", ["BTC-USD", "BTCUSD:LONG"])
def test_an_instrument_of_a_known_asset_is_known(name: str) -> None:
    assert flagged(read([], [(name, "1")])) == set()
    assert flagged(read([], [(name.replace("BTC", "XYZ"), "1")])) == {name.replace("BTC", "XYZ")}


def test_what_states_a_known_price_asset_is_known() -> None:
    assert flagged(read([], [holding("BTC PERP", "1", price_asset="BTC")])) == set()


def test_a_line_under_an_unknown_name_says_so_in_the_report_and_reads_back() -> None:
    held = holding("COIN", "1", held="1", unmapped=True)
    seen = read([held, ("BTC", "1")], [replace(held, held=Decimal(2), unmapped=False), ("BTC", "1")])
    report = judge(seen.snapshot, seen.book, seen.book_after, valued=None, run_id="20261122T120000Z")
    lines = account_report_document(report)["lines"]
    assert [(line["asset"], line["field"], line.get("unmapped")) for line in lines] == [
        ("BTC", "total", None),
        ("COIN", "held", True),
        ("COIN", "total", True),
    ]
    assert read_account_report(account_report_document(report)) == report


# -- what holds for all --------------------------------------------------------------------------------------------


sides = st.dictionaries(
    st.tuples(st.sampled_from(["spot", "earn"]), st.sampled_from(["OLD", "OLDER", "NEW", "BTC", "COIN"])),
    st.integers(0, 3),
)


def made(amounts: dict[tuple[str, str], int]) -> list[Held]:
    return [holding(asset, str(total), wallet) for (wallet, asset), total in amounts.items()]


@settings(max_examples=300, derandomize=True, deadline=None)
@given(sides, sides, sides)
def test_no_amount_is_lost_added_to_another_or_listed_twice(
    venue: dict[tuple[str, str], int], before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]
) -> None:
    seen = read(made(venue), made(before), made(after))
    for said, side in ((before, seen.book), (after, seen.book_after)):
        assert side is not None
        assert [(held.wallet, held.total) for held in side.holdings] == [
            (wallet, Decimal(total)) for (wallet, _), total in said.items()
        ]
        keys = [(held.wallet, held.asset) for held in side.holdings]
        assert len(set(keys)) == len(keys)
        assert all(
            held.asset in (name, NAMES.own.get(name)) for held, (_, name) in zip(side.holdings, said, strict=True)
        )


@given(st.lists(st.sampled_from(["OLD", "OLDER", "NEW", "BTC", "COIN"])))
def test_what_does_not_stand_apart_leads_to_names_of_its_own(listed: list[str]) -> None:
    apart = standing_apart(listed, NAMES.own)
    read_as = [name if name in apart else NAMES.own.get(name, name) for name in sorted(set(listed))]
    assert len(set(read_as)) == len(read_as)
