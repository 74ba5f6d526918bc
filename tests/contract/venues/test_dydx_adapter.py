"""dYdX in particular: subaccounts, signs, heights, countries."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from venue_kit import NOON, Desk, Time, dydx_desk, holding, totals

from local.venues import faults, make_address
from trueup.domain.reasons import Reason
from trueup.errors import ConfigInvalid, VenueGeoBlocked, VenueResponseInvalid, VenueUnavailable
from trueup.venues import dydx as adapter

RECORDED = Path(__file__).parents[2] / "fixtures" / "dydx"
RECORDED_ADDRESS = "dydx1jzz9rcds3h4zmzd5ncd3vth8wck4d3hpluzpnn"


@pytest.mark.parametrize("subaccounts", [None, (0,)], ids=["all", "chosen"])
def test_the_vendors_own_sample_is_read_as_documented(time: Time, subaccounts: tuple[int, ...] | None) -> None:
    with dydx_desk(time, recorded=RECORDED) as desk:
        desk.account = replace(desk.account, address=RECORDED_ADDRESS, subaccounts=subaccounts)
        assert totals(desk.observe()) == {("perp/0", "USDC"): "608580.951601", ("perp/0", "BTC-USD"): "-4.1368"}


def test_a_position_is_signed_and_priced_by_its_underlying(dydx: Desk) -> None:
    found = holding(dydx.observe(), "BTC-USD")
    assert (str(found.total), found.price_asset, found.venue_asset, found.unmapped) == (
        "-1.25",
        "BTC",
        "BTC-USD",
        False,
    )
    assert (found.available, found.held) == (None, None)


def test_a_loan_is_negative_collateral(dydx: Desk) -> None:
    dydx.state("USDC", "-1234.5")
    assert str(holding(dydx.observe(), "USDC").total) == "-1234.5"


def test_a_market_of_a_token_nobody_knows_is_kept_and_flagged(dydx: Desk) -> None:
    market = "FUNNY,RAYDIUM,9BB6NFECJBCTNNLFKO2FQVQBQ8HHM13KCYYCDQBGPUMP-USD"
    dydx.venue.set_oracle_prices({market: "1"})
    dydx.venue.subaccount(dydx.caller, 0).set_position(market, "10")
    found = holding(dydx.observe(), market)
    assert (found.price_asset, found.unmapped) == (market.removesuffix("-USD"), True)


def test_parents_and_isolated_children_are_wallets_of_their_own(dydx: Desk) -> None:
    dydx.venue.open_subaccount(dydx.caller, 128, assets={"USDC": "50"}, positions={"BTC-USD": "0.1"})
    dydx.venue.open_subaccount(dydx.caller, 1)
    snapshot = dydx.observe()
    assert snapshot.wallets == {"perp/0": None, "perp/1": None, "perp/128": None}
    assert totals(snapshot) == {
        ("perp/0", "USDC"): "608580.951601",
        ("perp/0", "BTC-USD"): "-1.25",
        ("perp/128", "USDC"): "50",
        ("perp/128", "BTC-USD"): "0.1",
    }


def test_only_chosen_subaccounts_are_read(dydx: Desk) -> None:
    dydx.venue.open_subaccount(dydx.caller, 128, assets={"USDC": "50"})
    dydx.account = replace(dydx.account, subaccounts=(128,))
    snapshot = dydx.observe()
    assert snapshot.wallets == {"perp/128": None}
    assert totals(snapshot) == {("perp/128", "USDC"): "50"}


def test_a_chosen_subaccount_that_fails_is_a_failed_wallet_not_an_empty_one(dydx: Desk) -> None:
    dydx.account = replace(dydx.account, subaccounts=(0, 5))
    snapshot = dydx.observe()
    assert snapshot.wallets == {"perp/0": None, "perp/5": Reason.BAD_RESPONSE}
    assert {h.wallet for h in snapshot.holdings} == {"perp/0"}


def test_what_a_retry_may_cure_is_raised_even_if_another_subaccount_was_read(dydx: Desk) -> None:
    dydx.venue.open_subaccount(dydx.caller, 5)
    dydx.account = replace(dydx.account, subaccounts=(0, 5))
    dydx.venue.fail(dydx.caller, faults.status(503), path=f"{dydx.path}/subaccountNumber/5")
    with pytest.raises(VenueUnavailable):
        dydx.observe()


def test_an_account_with_nothing_readable_raises_why(dydx: Desk) -> None:
    dydx.account = replace(dydx.account, subaccounts=(0, 5))
    dydx.fail(faults.status(403), times=None)
    with pytest.raises(VenueGeoBlocked, match="deploy in a permitted region"):
        dydx.observe()


@pytest.mark.parametrize("subaccounts", [None, (3,)], ids=["all", "chosen"])
def test_an_address_never_funded_is_no_empty_account_unless_we_were_told(
    dydx: Desk, subaccounts: tuple[int, ...] | None
) -> None:
    dydx.account = replace(dydx.account, address=make_address("nobody"), subaccounts=subaccounts)
    with pytest.raises(VenueResponseInvalid, match=r"never funded.*options\.may_be_empty"):
        dydx.observe()
    dydx.account = replace(dydx.account, options={"may_be_empty": True})
    snapshot = dydx.observe()
    assert snapshot.holdings == ()
    assert snapshot.wallets == {f"perp/{(subaccounts or (0,))[0]}": None}


def test_a_path_that_is_not_found_is_no_empty_account_even_if_it_may_be_empty(dydx: Desk) -> None:
    dydx.account = replace(dydx.account, options={"may_be_empty": True})
    dydx.fail(faults.status(404, body='{"errors":[{"msg":"Not Found"}]}'))
    with pytest.raises(VenueResponseInvalid, match="404"):
        dydx.observe()


def test_nothing_is_no_empty_account_even_if_it_may_be_empty(dydx: Desk) -> None:
    dydx.account = replace(dydx.account, options={"may_be_empty": True})
    dydx.fail(faults.edited(lambda document: None))
    with pytest.raises(VenueResponseInvalid, match="null"):
        dydx.observe()


def test_no_subaccount_at_all_is_refused(dydx: Desk) -> None:
    dydx.fail(faults.edited(lambda document: {**document, "subaccounts": []}))
    with pytest.raises(VenueResponseInvalid, match="is empty"):
        dydx.observe()


@pytest.mark.parametrize("code", ["GEOBLOCKED", "COMPLIANCE_BLOCKED"])
def test_a_refused_country_or_address_is_said_to_be_that(dydx: Desk, code: str) -> None:
    dydx.fail(faults.status(403, body=json.dumps({"errors": [{"code": code, "msg": "blocked"}]})))
    with pytest.raises(VenueGeoBlocked, match=code):
        dydx.observe()
    assert dydx.asked() == 1


def _edit(**fields: Any) -> faults.Fault:
    """The honest answer with these fields of its position, asset or subaccount changed."""

    def change(document: Any) -> Any:
        (subaccount,) = document["subaccounts"]
        places = {
            "position": subaccount["openPerpetualPositions"]["BTC-USD"],
            "asset": subaccount["assetPositions"]["USDC"],
            "subaccount": subaccount,
        }
        for name, value in fields.items():
            place, _, field = name.partition("_")
            places[place][field] = value
        return document

    return faults.edited(change)


@pytest.mark.parametrize(
    "change",
    [
        {"position_side": "LONG"},
        {"position_size": "1.25"},
        {"position_side": "BOTH"},
        {"position_status": "CLOSED"},
        {"position_market": "ETH-USD"},
        {"asset_size": "-608580.951601"},
        {"asset_side": "short"},
        {"asset_symbol": "USDT"},
        {"subaccount_address": make_address("somebody else")},
        {"subaccount_subaccountNumber": "0"},
        {"subaccount_subaccountNumber": 128_001},
        {"subaccount_subaccountNumber": True},
        {"subaccount_latestProcessedBlockHeight": "-1"},
        # Without it nobody could tell how old the answer is.
        {"subaccount_latestProcessedBlockHeight": None},
        {"subaccount_assetPositions": []},
    ],
    ids=str,
)
def test_an_answer_that_contradicts_itself_or_our_question_is_refused(dydx: Desk, change: dict[str, Any]) -> None:
    dydx.fail(_edit(**change))
    with pytest.raises(VenueResponseInvalid):
        dydx.observe()


def test_the_same_subaccount_twice_is_refused(dydx: Desk) -> None:
    dydx.fail(faults.edited(lambda document: {**document, "subaccounts": document["subaccounts"] * 2}))
    with pytest.raises(VenueResponseInvalid, match="listed twice"):
        dydx.observe()


def test_a_name_of_the_venues_cannot_spoil_an_error_line(dydx: Desk) -> None:
    name = "\u202e" + "X" * 400
    dydx.fail(faults.edited(lambda page: _with_position(page, name)))
    with pytest.raises(VenueResponseInvalid) as refused:
        dydx.observe()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


def _with_position(page: Any, name: str) -> Any:
    page["subaccounts"][0]["openPerpetualPositions"] = {name: {}}
    return page


def test_another_subaccount_than_the_chosen_one_is_refused(dydx: Desk) -> None:
    dydx.account = replace(dydx.account, subaccounts=(0,))
    dydx.fail(faults.edited(lambda document: {"subaccount": {**document["subaccount"], "subaccountNumber": 1}}))
    with pytest.raises(VenueResponseInvalid, match="not the one asked for"):
        dydx.observe()


def test_a_closed_position_of_nothing_is_dropped(dydx: Desk) -> None:
    dydx.fail(_edit(position_size="0", position_side="LONG", asset_size="0.000"))
    assert dydx.observe().holdings == ()


def test_the_venues_time_is_its_latest_blocks(dydx: Desk) -> None:
    dydx.venue.freeze_height()
    dydx.time.sleep(300)
    snapshot = dydx.observe()
    assert snapshot.venue_time == NOON
    assert snapshot.observed_at == NOON + timedelta(seconds=300)


@pytest.mark.parametrize(("blocks", "late"), [(adapter.MAX_LAG_BLOCKS, False), (adapter.MAX_LAG_BLOCKS + 1, True)])
def test_an_answer_from_a_late_replica_is_not_taken_for_now(dydx: Desk, blocks: int, late: bool) -> None:
    dydx.venue.open_subaccount(dydx.caller, 1)
    dydx.venue.set_lag(blocks)
    if late:
        with pytest.raises(VenueUnavailable, match="61 blocks behind"):
            dydx.observe()
    else:
        assert set(dydx.observe().wallets.values()) == {None}


def test_one_late_subaccount_is_enough_to_be_late(dydx: Desk) -> None:
    dydx.venue.open_subaccount(dydx.caller, 1)

    def delay(document: Any) -> Any:
        first = document["subaccounts"][0]
        first["latestProcessedBlockHeight"] = str(int(first["latestProcessedBlockHeight"]) - 100)
        return document

    dydx.fail(faults.edited(delay))
    with pytest.raises(VenueUnavailable, match="100 blocks behind"):
        dydx.observe()


def test_without_a_height_nothing_is_known_of_its_age(dydx: Desk) -> None:
    dydx.venue.fail(faults.ANY, faults.status(500), path="/v4/height")
    with pytest.raises(VenueUnavailable, match="/v4/height"):
        dydx.observe()


def test_retry_after_is_in_milliseconds_here(dydx: Desk) -> None:
    dydx.fail(faults.status(429, retry_after="45"))
    dydx.fail(faults.status(429, retry_after="1500"))
    dydx.observe()
    assert dydx.time.slept == [0.045, 1.5]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": None}, "address: dydx needs one"),
        ({"address": "dydx1jzz9rcds3h4zmzd5ncd3vth8wck4d3hpluzpnq"}, "typing error"),
        ({"wallets": ("perp/0",)}, "subaccounts chooses"),
        ({"options": {"may_be_empty": "yes"}}, "options.may_be_empty: must be true or false, not a string"),
        ({"options": {"testnet": True}}, "options.testnet: dydx knows only may_be_empty"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_account_that_cannot_be_is_refused_before_anything_is_sent(
    dydx: Desk, change: dict[str, Any], said: str
) -> None:
    dydx.account = replace(dydx.account, **change)
    with pytest.raises(ConfigInvalid, match=f"account dy-main: .*{said}"):
        dydx.observe()
    assert dydx.venue.requests == []
