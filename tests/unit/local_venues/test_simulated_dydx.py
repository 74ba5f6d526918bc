"""The simulated dYdX indexer shows subaccounts, heights and errors as the vendor's server does."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from local_venues_kit import Client

from local.venues import make_address

if TYPE_CHECKING:
    from local_venues_kit import ManualClock

    from local.venues import DydxSimulator


@pytest.fixture
def client(dydx: DydxSimulator, address: str) -> Client:
    """An address with 608,580.951601 USDC and 4.1368 BTC short in 0, and an isolated child 128."""
    dydx.open_subaccount(address, 0, assets={"USDC": "608580.951601"}, positions={"BTC-USD": "-4.1368"})
    dydx.open_subaccount(address, 128, assets={"USDC": "-250.5"}, positions={"ETH-USD": "2"})
    return Client(dydx.port)


def test_a_subaccount_has_the_documented_shape(client: Client, dydx: DydxSimulator, address: str) -> None:
    subaccount = dydx.subaccount(address)
    subaccount.set_position("BTC-USD", "-4.1368", entry_price="112196.878")
    got = client.get(f"/v4/addresses/{address}/subaccountNumber/0")
    assert got.json == {
        "subaccount": {
            "address": address,
            "subaccountNumber": 0,
            "equity": "161806.551601",
            "freeCollateral": "139467.831601",
            "openPerpetualPositions": {
                "BTC-USD": {
                    "market": "BTC-USD",
                    "status": "OPEN",
                    "side": "SHORT",
                    "size": "-4.1368",
                    "maxSize": "-4.1368",
                    "entryPrice": "112196.878",
                    "exitPrice": None,
                    "realizedPnl": "0",
                    "unrealizedPnl": "17361.6449104",
                    "createdAt": "2023-11-14T22:13:20.000Z",
                    "createdAtHeight": "52246761",
                    "closedAt": None,
                    "sumOpen": "4.1368",
                    "sumClose": "0",
                    "netFunding": "0",
                    "subaccountNumber": 0,
                }
            },
            "assetPositions": {
                "USDC": {
                    "symbol": "USDC",
                    "side": "LONG",
                    "size": "608580.951601",
                    "assetId": "0",
                    "subaccountNumber": 0,
                }
            },
            "marginEnabled": True,
            "updatedAtHeight": "52246761",
            "latestProcessedBlockHeight": "52246761",
        }
    }
    assert got.headers["cache-control"] == "public, max-age=1"


def test_borrowed_usdc_is_short_with_an_unsigned_size(client: Client, address: str) -> None:
    child = client.get(f"/v4/addresses/{address}/subaccountNumber/128").json["subaccount"]
    usdc = child["assetPositions"]["USDC"]
    assert (usdc["side"], usdc["size"], child["equity"]) == ("SHORT", "250.5", "6549.5")
    assert child["openPerpetualPositions"]["ETH-USD"]["size"] == "2"


def test_an_address_shows_every_subaccount_with_its_children(client: Client, address: str) -> None:
    got = client.get(f"/v4/addresses/{address}").json
    assert [each["subaccountNumber"] for each in got["subaccounts"]] == [0, 128]
    assert got["totalTradingRewards"] == "0"


def test_a_parent_gathers_its_isolated_children(client: Client, dydx: DydxSimulator, address: str) -> None:
    dydx.open_subaccount(address, 129, assets={"USDC": "7"})
    got = client.get(f"/v4/addresses/{address}/parentSubaccountNumber/0").json["subaccount"]
    children = got["childSubaccounts"]
    assert [each["subaccountNumber"] for each in children] == [0, 128]
    assert Decimal(got["equity"]) == sum(Decimal(each["equity"]) for each in children)
    assert got["parentSubaccountNumber"] == 0


def test_zero_amounts_disappear(client: Client, dydx: DydxSimulator, address: str) -> None:
    subaccount = dydx.subaccount(address)
    subaccount.add_to_asset("USDC", "-608580.951601")
    subaccount.add_to_position("BTC-USD", "4.1368")
    shown = client.get(f"/v4/addresses/{address}/subaccountNumber/0").json["subaccount"]
    assert (shown["assetPositions"], shown["openPerpetualPositions"], shown["equity"]) == ({}, {}, "0")


def test_an_address_never_funded_is_404_and_not_empty(client: Client) -> None:
    stranger = make_address("never funded")
    got = client.get(f"/v4/addresses/{stranger}")
    assert got.status == 404
    assert got.json == {"errors": [{"msg": f"No subaccounts found for address {stranger}"}]}
    assert client.get(f"/v4/addresses/{stranger}/subaccountNumber/0").status == 404
    assert client.get(f"/v4/addresses/{stranger}/parentSubaccountNumber/0").status == 404


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/v4/addresses/dydx1-not-an-address", "address"),
        ("/v4/addresses/{address}/subaccountNumber/128001", "subaccountNumber"),
        ("/v4/addresses/{address}/subaccountNumber/-1", "subaccountNumber"),
        ("/v4/addresses/{address}/parentSubaccountNumber/128", "parentSubaccountNumber"),
        ("/v4/transfers?address={address}&subaccountNumber=x", "subaccountNumber"),
        ("/v4/transfers?address={address}&subaccountNumber=0&limit=1001", "limit"),
    ],
)
def test_a_bad_parameter_is_400_and_named(client: Client, address: str, path: str, param: str) -> None:
    got = client.get(path.format(address=address))
    assert got.status == 400
    assert (got.json["errors"][0]["param"], set(got.json["errors"][0])) == (param, {"msg", "param", "location"})


def test_height_moves_with_the_clock_and_stands_still_when_stale(
    client: Client, dydx: DydxSimulator, clock: ManualClock, address: str
) -> None:
    clock.advance(10)
    assert client.get("/v4/height").json == {"height": "52246771", "time": "2023-11-14T22:13:30.000Z"}
    dydx.freeze_height()
    clock.advance(300)
    assert client.get("/v4/height").json == {"height": "52246771", "time": "2023-11-14T22:13:30.000Z"}
    shown = client.get(f"/v4/addresses/{address}/subaccountNumber/0").json["subaccount"]
    assert shown["latestProcessedBlockHeight"] == "52246771"
    assert client.get("/v4/time").json == {"iso": "2023-11-14T22:18:30.000Z", "epoch": 1700000310.0}
    dydx.resume_height()
    assert client.get("/v4/height").json["height"] == "52247071"


def test_a_late_replica_answers_behind_the_height(client: Client, dydx: DydxSimulator, address: str) -> None:
    dydx.set_lag(90)
    shown = client.get(f"/v4/addresses/{address}/subaccountNumber/0").json["subaccount"]
    height = int(client.get("/v4/height").json["height"])
    assert height - int(shown["latestProcessedBlockHeight"]) == 90


def test_the_101st_request_of_ten_seconds_waits_in_milliseconds(
    client: Client, clock: ManualClock, address: str
) -> None:
    answers = [client.get("/v4/height") for _ in range(100)]
    assert {got.status for got in answers} == {200}
    assert (answers[0].headers["ratelimit-limit"], answers[0].headers["ratelimit-remaining"]) == ("100", "99")
    assert answers[0].headers["ratelimit-reset"] == "1700000010000"
    clock.advance(1.5)
    refused = client.get(f"/v4/addresses/{address}")
    assert (refused.status, refused.json) == (429, {"errors": [{"msg": "Too many requests"}]})
    assert refused.headers["retry-after"] == "8500"
    clock.advance(8.5)
    assert client.get(f"/v4/addresses/{address}").status == 200


def test_transfers_come_newest_first_and_only_of_the_subaccount(
    client: Client, dydx: DydxSimulator, clock: ManualClock, address: str
) -> None:
    wallet = make_address("a wallet")
    dydx.record_transfer(address, 0, "DEPOSIT", "1000.50", counterparty=wallet)
    clock.advance(5)
    dydx.record_transfer(address, 0, "TRANSFER_OUT", "20", counterparty=address, counterparty_number=128)
    rows = client.get(f"/v4/transfers?address={address}&subaccountNumber=0").json["transfers"]
    assert [(row["type"], row["size"]) for row in rows] == [("TRANSFER_OUT", "20"), ("DEPOSIT", "1000.5")]
    assert rows[1]["sender"] == {"address": wallet}
    assert rows[1]["recipient"] == {"address": address, "subaccountNumber": 0}
    assert set(rows[1]) == {
        "id", "sender", "recipient", "size", "createdAt", "createdAtHeight", "symbol", "type", "transactionHash"
    }  # fmt: skip
    earlier = "&createdBeforeOrAtHeight=52246761"
    rows = client.get(f"/v4/transfers?address={address}&subaccountNumber=0{earlier}").json["transfers"]
    assert [row["type"] for row in rows] == ["DEPOSIT"]
    rows = client.get(f"/v4/transfers?address={address}&subaccountNumber=128&limit=1").json["transfers"]
    assert [row["type"] for row in rows] == ["TRANSFER_IN"]


def test_a_position_needs_an_oracle_price_and_a_float_is_refused(dydx: DydxSimulator, address: str) -> None:
    with pytest.raises(ValueError, match="DOGE-USD: no oracle price"):
        dydx.open_subaccount(address, 0, positions={"DOGE-USD": "1"})
    with pytest.raises(TypeError, match="decimal string"):
        dydx.open_subaccount(address, 0, assets={"USDC": 1.5})  # type: ignore[dict-item]


def test_made_addresses_look_like_real_ones() -> None:
    made = make_address("one")
    assert (len(made), made[:5], made == make_address("one")) == (43, "dydx1", True)
    assert made != make_address("two")


def test_a_closed_position_opens_again_as_a_new_one(
    client: Client, dydx: DydxSimulator, clock: ManualClock, address: str
) -> None:
    subaccount = dydx.subaccount(address)
    subaccount.add_to_position("BTC-USD", "4.1368")
    clock.advance(60)
    dydx.set_oracle_prices({"BTC-USD": "90000"})
    subaccount.add_to_position("BTC-USD", "0.5")
    shown = client.get(f"/v4/addresses/{address}/subaccountNumber/0").json["subaccount"]
    position = shown["openPerpetualPositions"]["BTC-USD"]
    assert (position["entryPrice"], position["createdAtHeight"], position["maxSize"]) == (
        "90000",
        "52246821",
        "0.5",
    )
    assert shown["updatedAtHeight"] == "52246821"
