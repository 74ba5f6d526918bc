"""dYdX: what was transferred a moment ago, and whether it is in the total."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from venue_kit import NOON, Desk, Time, dydx_desk, in_flight, observed_against, totals

from local.venues import DydxSimulator, faults, make_address
from trueup.domain.documents import read_snapshot, snapshot_document
from trueup.domain.models import Holding, Pending
from trueup.domain.report import Outcome
from trueup.errors import VenueResponseInvalid
from trueup.venues import dydx_transfers as adapter
from trueup.venues.dydx_transfers import LATE_BLOCKS, PAGES, QUIET_BLOCKS, WINDOW

RECORDED = Path(__file__).parents[2] / "fixtures" / "dydx"
RECORDED_ADDRESS = "dydx1jzz9rcds3h4zmzd5ncd3vth8wck4d3hpluzpnn"
STRANGER = make_address("a stranger")
BOOK = (Holding("perp/0", "USDC", Decimal("608580.951601")), Holding("perp/0", "BTC-USD", Decimal("-1.25")))


@pytest.fixture
def indexer(dydx: Desk) -> DydxSimulator:
    """Where subaccount 0 holds 608580.951601 USDC and is short 1.25 BTC-USD."""
    found: DydxSimulator = dydx.venue
    return found


def asked(desk: Desk) -> list[tuple[str, str]]:
    """The subaccounts whose transfers were asked for, each with the limit."""
    lists = [request.query for request in desk.venue.requests if request.path == desk.transfers_path]
    return [(query["subaccountNumber"], query["limit"]) for query in lists]


@pytest.mark.parametrize(
    ("kind", "number", "quantity", "called"),
    [
        ("DEPOSIT", None, "500", "deposit"),
        ("WITHDRAWAL", None, "-500", "withdrawal"),
        ("TRANSFER_IN", 3, "500", "transfer"),
        ("TRANSFER_OUT", 3, "-500", "transfer"),
    ],
)
def test_a_transfer_of_this_moment_is_listed_as_the_wallet_sees_it(
    dydx: Desk, indexer: DydxSimulator, kind: str, number: int | None, quantity: str, called: str
) -> None:
    named = indexer.make_transfer(dydx.caller, 0, kind, "500", counterparty=STRANGER, counterparty_number=number)
    snapshot = dydx.observe()
    assert totals(snapshot)["perp/0", "USDC"] == f"{Decimal('608580.951601') + Decimal(quantity):f}"
    assert snapshot.pending == (
        Pending("perp/0", "USDC", Decimal(quantity), True, called, f"{named}/perp/0/USDC", NOON),
    )


def test_between_two_of_our_own_it_is_one_item_in_each_wallet(dydx: Desk, indexer: DydxSimulator) -> None:
    indexer.open_subaccount(dydx.caller, 128, assets={"USDC": "10"})
    named = indexer.make_transfer(
        dydx.caller, 0, "TRANSFER_OUT", "500", counterparty=dydx.caller, counterparty_number=128
    )
    snapshot = dydx.observe()
    assert {(item.wallet, str(item.quantity), item.reference) for item in snapshot.pending} == {
        ("perp/0", "-500", f"{named}/perp/0/USDC"),
        ("perp/128", "500", f"{named}/perp/128/USDC"),
    }
    assert totals(snapshot)["perp/128", "USDC"] == "510"
    assert read_snapshot(snapshot_document(snapshot)) == snapshot


def test_only_wallets_that_were_read_have_items(dydx: Desk, indexer: DydxSimulator) -> None:
    indexer.open_subaccount(dydx.caller, 128)
    indexer.make_transfer(dydx.caller, 0, "TRANSFER_OUT", "500", counterparty=dydx.caller, counterparty_number=128)
    dydx.account = replace(dydx.account, subaccounts=(128,))
    assert [(item.wallet, str(item.quantity)) for item in dydx.observe().pending] == [("perp/128", "500")]
    assert asked(dydx) == [("128", "25")]


@pytest.mark.parametrize("subaccounts", [None, (0,)], ids=["all", "chosen"])
def test_an_answer_as_documented_is_read(
    time: Time, subaccounts: tuple[int, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "QUIET_BLOCKS", 20_000)  # the vendor's sample was last touched 17,928 blocks ago
    with dydx_desk(time, recorded=RECORDED) as desk:
        desk.account = replace(desk.account, address=RECORDED_ADDRESS, subaccounts=subaccounts)
        (item,) = desk.observe().pending
    assert (item.wallet, item.asset, str(item.quantity), item.applied) == ("perp/0", "USDC", "2500.75", True)


# -- what it is for ------------------------------------------------------------------------------------------------


def test_a_transfer_the_book_has_not_heard_of_is_explained_for_five_minutes_and_then_rings(
    dydx: Desk, indexer: DydxSimulator
) -> None:
    indexer.make_transfer(dydx.caller, 0, "WITHDRAWAL", "50000", counterparty=STRANGER)
    assert timedelta(seconds=300) == WINDOW
    dydx.time.now += WINDOW
    assert observed_against(dydx, BOOK)["USDC"].outcome is Outcome.EXPLAINED
    dydx.time.now += timedelta(seconds=1)
    assert observed_against(dydx, BOOK)["USDC"].outcome is Outcome.BREAK


def test_a_transfer_the_book_has_agrees(dydx: Desk, indexer: DydxSimulator) -> None:
    named = indexer.make_transfer(dydx.caller, 0, "WITHDRAWAL", "50000", counterparty=STRANGER)
    book = (replace(BOOK[0], total=Decimal("558580.951601")), BOOK[1])
    assert observed_against(dydx, book)["USDC"].outcome is Outcome.EXACT
    item = Pending("perp/0", "USDC", Decimal(-50000), True, reference=f"{named}/perp/0/USDC", since=NOON)
    assert observed_against(dydx, book, (item,))["USDC"].outcome is Outcome.EXACT


# -- whether it is in the total ------------------------------------------------------------------------------------


def test_what_a_late_answer_does_not_show_yet_is_not_applied(dydx: Desk, indexer: DydxSimulator) -> None:
    indexer.record_transfer(dydx.caller, 0, "DEPOSIT", "500", counterparty=STRANGER)
    indexer.set_lag(1)
    assert in_flight(dydx.observe()) == [("USDC", "500", False)]
    dydx.time.now += timedelta(seconds=1)  # the next block: the answer is for the deposit's own
    assert in_flight(dydx.observe()) == [("USDC", "500", True)]


def test_each_wallet_has_its_own_height(dydx: Desk, indexer: DydxSimulator) -> None:
    indexer.open_subaccount(dydx.caller, 128)
    indexer.record_transfer(dydx.caller, 0, "TRANSFER_OUT", "500", counterparty=dydx.caller, counterparty_number=128)

    def delay(page: Any) -> Any:
        last = page["subaccounts"][1]
        last["latestProcessedBlockHeight"] = str(int(last["latestProcessedBlockHeight"]) - 1)
        return page

    dydx.fail(faults.edited(delay))
    assert {(item.wallet, item.applied) for item in dydx.observe().pending} == {
        ("perp/0", True),
        ("perp/128", False),
    }


# -- what one transaction moves ------------------------------------------------------------------------------------


def test_what_one_transaction_moves_is_one_item(dydx: Desk, indexer: DydxSimulator) -> None:
    for size in ("100.5", "200"):
        indexer.record_transfer(dydx.caller, 0, "WITHDRAWAL", size, counterparty=STRANGER, transaction_hash="ABCD")
    indexer.record_transfer(dydx.caller, 0, "DEPOSIT", "50", counterparty=STRANGER, transaction_hash="ABCD")
    indexer.record_transfer(dydx.caller, 0, "DEPOSIT", "7", counterparty=STRANGER, transaction_hash="EF01")
    found = {(item.reference, str(item.quantity)) for item in dydx.observe().pending}
    assert found == {("ABCD/perp/0/USDC", "-250.5"), ("EF01/perp/0/USDC", "7")}


def test_what_comes_to_nothing_is_no_item(dydx: Desk, indexer: DydxSimulator) -> None:
    for kind in ("WITHDRAWAL", "DEPOSIT"):
        indexer.record_transfer(dydx.caller, 0, kind, "50", counterparty=STRANGER, transaction_hash="ABCD")
    indexer.record_transfer(dydx.caller, 0, "DEPOSIT", "0", counterparty=STRANGER)
    assert dydx.observe().pending == ()


def test_two_assets_of_one_transaction_are_two_items(dydx: Desk, indexer: DydxSimulator) -> None:
    for symbol in ("USDC", "DYDX"):
        indexer.record_transfer(
            dydx.caller, 0, "DEPOSIT", "50", counterparty=STRANGER, symbol=symbol, transaction_hash="ABCD"
        )
    assert {item.reference for item in dydx.observe().pending} == {"ABCD/perp/0/USDC", "ABCD/perp/0/DYDX"}


# -- how much is asked ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("blocks", "is_asked"), [(QUIET_BLOCKS, True), (QUIET_BLOCKS + 1, False)])
def test_a_subaccount_nothing_has_touched_is_not_asked(dydx: Desk, blocks: int, is_asked: bool) -> None:
    dydx.time.now += timedelta(seconds=blocks)  # a block a second
    dydx.observe()
    assert bool(asked(dydx)) is is_asked


@pytest.mark.parametrize(("lag", "is_asked"), [(LATE_BLOCKS, False), (LATE_BLOCKS + 1, True)])
def test_an_answer_that_is_behind_is_not_known_to_be_quiet(
    dydx: Desk, indexer: DydxSimulator, lag: int, is_asked: bool
) -> None:
    dydx.time.now += timedelta(seconds=2 * QUIET_BLOCKS)
    indexer.set_lag(lag)
    dydx.observe()
    assert bool(asked(dydx)) is is_asked


@pytest.mark.parametrize(("count", "limits"), [(24, [25]), (25, [25, 1000]), (999, [25, 1000])])
def test_as_many_are_asked_for_as_there_were(dydx: Desk, indexer: DydxSimulator, count: int, limits: list[int]) -> None:
    for _ in range(count):
        indexer.record_transfer(dydx.caller, 0, "DEPOSIT", "1", counterparty=STRANGER)
    assert len(dydx.observe().pending) == count
    assert asked(dydx) == [("0", str(limit)) for limit in limits]


def test_old_transfers_ask_for_no_second_page(dydx: Desk, indexer: DydxSimulator) -> None:
    for _ in range(60):
        indexer.record_transfer(dydx.caller, 0, "DEPOSIT", "1", counterparty=STRANGER)
    dydx.time.now += WINDOW + timedelta(seconds=1)
    assert dydx.observe().pending == ()
    assert len(asked(dydx)) == 1


def test_more_than_can_be_listed_are_refused(dydx: Desk, indexer: DydxSimulator) -> None:
    for _ in range(PAGES[-1]):
        indexer.record_transfer(dydx.caller, 0, "DEPOSIT", "1", counterparty=STRANGER)
    with pytest.raises(VenueResponseInvalid, match="lists 1000 transfers or more"):
        dydx.observe()


# -- answers that cannot be ----------------------------------------------------------------------------------------

IMPOSSIBLE: dict[str, Callable[[Any], object]] = {
    **{
        f"no {field}": lambda one, field=field: one.pop(field)
        for field in ("id", "type", "size", "symbol", "createdAt", "createdAtHeight", "transactionHash", "sender")
    },
    "a type that does not fit": lambda one: one.update(type="DEPOSIT"),
    "a type nobody knows": lambda one: one.update(type="AIRDROP"),
    "somebody else's": lambda one: one["sender"].update(address=STRANGER),
    "another subaccount's": lambda one: one["sender"].update(subaccountNumber=1),
    "a sender that is a text": lambda one: one.update(sender="dydx1"),
    "a negative size": lambda one: one.update(size="-1111.11"),
    "a size that is none": lambda one: one.update(size="1,111.11"),
    "a height that is none": lambda one: one.update(createdAtHeight="latest"),
    "a time that is none": lambda one: one.update(createdAt="yesterday"),
}


@pytest.mark.parametrize("change", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_transfer_that_cannot_be_is_refused_and_no_amount_is_quoted(
    dydx: Desk, indexer: DydxSimulator, change: Callable[[Any], object]
) -> None:
    indexer.record_transfer(dydx.caller, 0, "WITHDRAWAL", "1111.11", counterparty=STRANGER)
    edit_transfers(dydx, lambda page: change(page["transfers"][0]))
    with pytest.raises(VenueResponseInvalid, match=r"dy-main at dydx: GET /v4/transfers") as refused:
        dydx.observe()
    assert "111" not in str(refused.value)


def edit_transfers(desk: Desk, change: Callable[[Any], object]) -> None:
    def edit(page: Any) -> Any:
        change(page)
        return page

    desk.venue.fail(desk.caller, faults.edited(edit), path=desk.transfers_path)


def test_the_same_transfer_twice_is_refused(dydx: Desk, indexer: DydxSimulator) -> None:
    indexer.record_transfer(dydx.caller, 0, "DEPOSIT", "1", counterparty=STRANGER)
    edit_transfers(dydx, lambda page: page.update(transfers=page["transfers"] * 2))
    with pytest.raises(VenueResponseInvalid, match="listed twice"):
        dydx.observe()


def test_a_transaction_in_two_blocks_is_refused(dydx: Desk, indexer: DydxSimulator) -> None:
    for _ in range(2):
        indexer.record_transfer(dydx.caller, 0, "DEPOSIT", "1", counterparty=STRANGER, transaction_hash="ABCD")
        dydx.time.now += timedelta(seconds=1)
    with pytest.raises(VenueResponseInvalid, match="in two blocks"):
        dydx.observe()


def test_a_subaccount_that_was_read_and_then_is_not_there_is_no_lack_of_transfers(dydx: Desk) -> None:
    dydx.account = replace(dydx.account, options={"may_be_empty": True})
    body = '{"errors":[{"msg":"No subaccount found with address dydx1 and subaccountNumber 0"}]}'
    dydx.venue.fail(dydx.caller, faults.status(404, body=body), path=dydx.transfers_path)
    with pytest.raises(VenueResponseInvalid, match="404"):
        dydx.observe()


def test_an_address_never_funded_is_asked_for_no_transfers(dydx: Desk) -> None:
    dydx.account = replace(dydx.account, address=make_address("nobody"), options={"may_be_empty": True})
    assert dydx.observe().pending == ()
    assert asked(dydx) == []


def test_a_subaccount_that_does_not_say_when_it_was_touched_is_refused(dydx: Desk) -> None:
    def forget(page: Any) -> Any:
        del page["subaccounts"][0]["updatedAtHeight"]
        return page

    dydx.fail(faults.edited(forget))
    with pytest.raises(VenueResponseInvalid, match="updatedAtHeight"):
        dydx.observe()
