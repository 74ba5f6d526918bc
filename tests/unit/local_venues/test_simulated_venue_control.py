"""Another process can move balances, order faults and read the log, and a mistake changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from local_venues_kit import Client, Reader

from local.venues import CoinbaseSimulator, DydxSimulator, PortTakenError, faults
from local.venues.fields import FieldError

if TYPE_CHECKING:
    from local_venues_kit import ManualClock

    from local.venues import Credential

FIXTURES = Path(__file__).parents[2] / "fixtures"
DOCUMENTED_ADDRESS = "dydx1jzz9rcds3h4zmzd5ncd3vth8wck4d3hpluzpnn"
DOCUMENTED_HISTORY = "/v2/accounts/8bfc20d7-f7c6-4422-bf07-8243ca4169fe/transactions"


def btc(reader: Reader) -> tuple[str, str]:
    row = reader.accounts().json["accounts"][0]
    return row["available_balance"]["value"], row["hold"]["value"]


def test_coinbase_balances_are_set_and_added_to(reader: Reader) -> None:
    key = reader.credential.name
    stated = {"key": key, "balances": {"BTC": {"available": "2", "hold": "0.5"}}}
    assert reader.control("balances", stated).json == {"ok": True}
    assert btc(reader) == ("2", "0.5")
    moved = {"key": key, "balances": {"BTC": {"available": "-0.1"}, "SOL": {"available": "3"}}}
    assert reader.control("balances/add", moved).status == 200
    assert btc(reader) == ("1.9", "0.5")
    assert reader.accounts().json["accounts"][-1]["currency"] == "SOL"


def test_coinbase_transfers_are_begun_and_settled(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    where = {"key": reader.credential.name, "id": "w-1"}
    begun = {**where, "currency": "BTC", "amount": "-0.23"}
    assert reader.control("transfers", begun).json == {"ok": True}
    assert btc(reader) == ("1.0000000000000000", "0.02")
    (transaction,) = reader.transactions("BTC").json["data"]
    assert (transaction["id"], transaction["type"], transaction["status"]) == ("w-1", "send", "pending")
    assert reader.control("transfers", begun).json == {"error": "id: w-1 exists already"}
    assert reader.control("transfers/settle", {**where, "status": "failed"}).status == 200
    assert btc(reader) == ("1.2300000000000000", "0.02")
    assert reader.control("transfers/settle", where).json == {"error": "id: w-1 is not in flight"}


def test_dydx_transfers_are_made(dydx: DydxSimulator, address: str) -> None:
    for number in (0, 128):
        dydx.open_subaccount(address, number, assets={"USDC": "100"})
    client = Client(dydx.port)
    document = {
        "address": address, "subaccount": 0, "kind": "TRANSFER_OUT", "size": "30",
        "counterparty": address, "counterparty_subaccount": 128,
    }  # fmt: skip
    assert client.control("transfers", document).json == {"ok": True}
    shown = client.get(f"/v4/addresses/{address}").json["subaccounts"]
    assert [each["assetPositions"]["USDC"]["size"] for each in shown] == ["70", "130"]
    (transfer,) = client.get(f"/v4/transfers?address={address}&subaccountNumber=128").json["transfers"]
    assert (transfer["type"], transfer["size"]) == ("TRANSFER_IN", "30")
    wrong = client.control("transfers", {**document, "kind": "DEPOSIT"})
    assert wrong.json["error"].startswith("counterparty_subaccount: a transfer has one")


def test_coinbase_prices_are_set(reader: Reader) -> None:
    reader.control("prices", {"prices": {"ETH": "4000"}})
    assert reader.get("/v2/exchange-rates").json["data"]["rates"]["ETH"] == "0.00025"


def test_dydx_balances_prices_and_height_are_set(dydx: DydxSimulator, address: str) -> None:
    dydx.open_subaccount(address, 0, assets={"USDC": "100"})
    client = Client(dydx.port)
    client.control("prices", {"prices": {"SOL-USD": "150"}})
    where = {"address": address, "subaccount": 0}
    client.control("balances", {**where, "assets": {"USDC": "-50"}, "positions": {"SOL-USD": "3"}})
    client.control("balances/add", {**where, "assets": {"USDC": "1"}, "positions": {"SOL-USD": "-1"}})
    shown = client.get(f"/v4/addresses/{address}/subaccountNumber/0").json["subaccount"]
    assert (shown["assetPositions"]["USDC"]["size"], shown["equity"]) == ("49", "251")
    assert shown["openPerpetualPositions"]["SOL-USD"]["size"] == "2"
    assert client.control("height", {"frozen": True, "lag": 7}).status == 200
    shown = client.get(f"/v4/addresses/{address}/subaccountNumber/0").json["subaccount"]
    assert shown["latestProcessedBlockHeight"] == "52246754"


def test_every_named_fault_can_be_ordered(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    options: dict[str, dict[str, object]] = {"status": {"code": 503}, "redirect": {"location": "http://x/"}}
    for kind in faults.BY_NAME:
        ordered = {"who": "any", "kind": kind, "options": options.get(kind, {})}
        assert reader.control("faults", ordered).json == {"ok": True}
    coinbase.faults.clear()
    reader.control("faults", {"who": reader.credential.name, "kind": "html", "times": None})
    assert [reader.accounts().body[:5] for _ in range(2)] == [b"<!DOC"] * 2
    reader.control("faults/clear", {})
    assert reader.accounts().status == 200


def test_the_log_can_be_read_and_leaves_control_out(reader: Reader, clock: ManualClock) -> None:
    reader.accounts()
    reader.control("clock", {"shift_seconds": 0})
    logged = reader.get("/_control/requests").json["requests"]
    assert logged == [
        {
            "number": 1,
            "time": clock(),
            "method": "GET",
            "path": "/api/v3/brokerage/accounts",
            "query": {},
            "status": 200,
            "caller": reader.credential.name,
            "refusal": None,
            "fault": None,
        }
    ]


def test_reset_brings_back_the_beginning(coinbase: CoinbaseSimulator, reader: Reader) -> None:
    reader.control("balances", {"key": reader.credential.name, "balances": {"BTC": {"available": "9"}}})
    reader.control("prices", {"prices": {"ETH": "1"}})
    reader.control("transfers", {"key": reader.credential.name, "id": "w-1", "currency": "BTC", "amount": "-1"})
    reader.control("clock", {"shift_seconds": 300})
    reader.control("faults", {"who": "any", "kind": "empty"})
    assert reader.control("reset", {}).status == 200
    assert btc(reader) == ("1.2300000000000000", "0.02")
    assert "ETH" not in reader.get("/v2/exchange-rates").json["data"]["rates"]
    assert reader.transactions("BTC").json["data"] == []
    assert len(coinbase.requests) == 4


def test_reset_brings_back_dydx_too(dydx: DydxSimulator, address: str) -> None:
    subaccount = dydx.open_subaccount(address, 0, assets={"USDC": "100"}, positions={"BTC-USD": "1"})
    subaccount.add_to_position("BTC-USD", "1")
    subaccount.set_asset("USDC", "1")
    dydx.freeze_height()
    Client(dydx.port).control("reset", {})
    shown = Client(dydx.port).get(f"/v4/addresses/{address}/subaccountNumber/0").json["subaccount"]
    assert shown["assetPositions"]["USDC"]["size"] == "100"
    assert shown["openPerpetualPositions"]["BTC-USD"]["size"] == "1"


@pytest.mark.parametrize(
    ("verb", "document", "says"),
    [
        ("balances", {"balances": {}}, "key: missing"),
        ("balances", {"key": "nobody", "balances": {}}, "key: nobody is not registered"),
        ("balances", {"key": "K", "balances": {"BTC": {"available": 1.5}}}, "balances.BTC.available: expected"),
        ("balances", {"key": "K", "balances": {"BTC": {"available": "NaN"}}}, "balances.BTC.available: expected"),
        ("balances", {"key": "K", "balances": {"BTC": {"avail": "1"}}}, "balances.BTC.available: missing"),
        ("prices", {"prices": {"BTC": "0"}}, "prices.BTC: expected more than 0"),
        ("faults", {"who": "any", "kind": "moody"}, "kind: unknown fault moody (allowed: status, html"),
        ("faults", {"who": "any", "kind": "hang", "times": 0}, "times: expected a whole number of 1"),
        ("faults", {"who": "any", "kind": "status", "options": {}}, "options: "),
        ("faults", {"who": "any", "kind": "html", "colour": 1}, "colour: unknown field (allowed: who"),
        ("clock", [], ": expected an object, got a list"),
        ("transfers", {"key": "K", "id": "w", "currency": "BTC"}, "amount: missing"),
        ("transfers", {"key": "K", "id": "w", "currency": "BTC", "amount": 1}, "amount: expected"),
        ("transfers", {"key": "K", "id": "w", "currency": "BTC", "amount": "-1", "status": "lost"}, "status: expected"),
        ("transfers/settle", {"key": "K", "id": "w", "status": "pending"}, "status: expected one of completed"),
        ("transfers/settle", {"key": "K", "id": "w"}, "id: w is not in flight"),
    ],
)
def test_a_mistake_is_one_line_naming_the_field(reader: Reader, verb: str, document: object, says: str) -> None:
    text = json.dumps(document).replace('"K"', json.dumps(reader.credential.name))
    got = reader.control(verb, json.loads(text))
    assert got.status == 400
    assert got.json["error"].startswith(says)
    assert btc(reader) == ("1.2300000000000000", "0.02")


def test_control_is_for_this_machine_and_for_json_only(reader: Reader) -> None:
    document = json.dumps({"shift_seconds": 1})
    assert reader.ask("POST", "/_control/clock", {}, document).status == 415
    json_type = {"Content-Type": "application/json"}
    assert reader.ask("POST", "/_control/clock", {**json_type, "Host": "evil.example"}, document).status == 403
    assert reader.ask("POST", "/_control/nonsense", json_type, document).status == 404
    assert reader.get("/_control/clock").status == 404


def test_recorded_coinbase_answers_are_served_to_a_signed_reader_only(
    credential: Credential, clock: ManualClock
) -> None:
    with CoinbaseSimulator(clock=clock, recorded=FIXTURES / "coinbase") as venue:
        venue.open_portfolio(credential.name, credential.public_key)
        reader = Reader(venue.port, credential, clock)
        first = reader.accounts("?limit=250")
        assert first.body == (FIXTURES / "coinbase" / "accounts.json").read_bytes()
        last = reader.accounts(f"?limit=250&cursor={first.json['cursor']}").json
        assert (last["accounts"], last["has_next"]) == ([], False)
        assert reader.get("/v2/exchange-rates?currency=USD").json["data"]["rates"]["BTC"] == "0.0000103"
        assert reader.get("/api/v3/brokerage/time").json["epochSeconds"] == "1700000000"
        history = reader.get(DOCUMENTED_HISTORY, reader.bearer(DOCUMENTED_HISTORY))
        assert history.body == (FIXTURES / "coinbase" / "transactions.json").read_bytes()
        assert reader.accounts(claims={"iss": "x"}).status == 401
        venue.fail(credential.name, faults.numbers_for_strings())
        assert b'"value": 1.2300000000000000' in reader.accounts().body


def test_recorded_dydx_answers_are_served_and_the_rest_is_404(clock: ManualClock, address: str) -> None:
    with DydxSimulator(clock=clock, recorded=FIXTURES / "dydx") as venue:
        client = Client(venue.port)
        shown = client.get(f"/v4/addresses/{DOCUMENTED_ADDRESS}/subaccountNumber/0").json["subaccount"]
        assert shown["openPerpetualPositions"]["BTC-USD"]["size"] == "-4.1368"
        assert client.get("/v4/height").json["height"] == shown["latestProcessedBlockHeight"]
        transfers = client.get(f"/v4/transfers?address={DOCUMENTED_ADDRESS}&subaccountNumber=0").json["transfers"]
        assert [each["type"] for each in transfers] == ["DEPOSIT"]
        assert client.get(f"/v4/addresses/{address}").status == 404


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (None, "index.json: cannot be read"),
        ({"answers": [{"path": "/x", "file": "../secret"}]}, r"answers\[0\].file: .* outside the folder"),
        ({"answers": [{"path": "/x", "file": "absent"}]}, r"answers\[0\].file: absent cannot be read"),
        ({"answers": [{"path": "/x"}]}, r"answers\[0\].file: missing"),
    ],
)
def test_a_bad_folder_of_recorded_answers_is_named(tmp_path: Path, index: object, says: str) -> None:
    if index is not None:
        (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(FieldError, match=says):
        CoinbaseSimulator(recorded=tmp_path)


def test_a_taken_port_has_a_name_of_its_own(coinbase: CoinbaseSimulator) -> None:
    taken = DydxSimulator(port=coinbase.port)
    with pytest.raises(PortTakenError, match=str(coinbase.port)):
        taken.start()
    taken.stop()


def test_a_fixed_port_can_be_asked_for_again_after_stopping(clock: ManualClock) -> None:
    with DydxSimulator(clock=clock) as first:
        port = first.port
        assert Client(port).get("/v4/height").status == 200
    with DydxSimulator(clock=clock, port=port) as second:
        assert (second.port, Client(port).get("/v4/height").status) == (port, 200)


def test_one_connection_carries_many_requests(dydx: DydxSimulator) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", dydx.port, timeout=5)
    for _ in range(3):
        connection.request("GET", "/v4/height")
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
        assert connection.sock is not None
    connection.close()


def test_only_get_reads(reader: Reader, dydx: DydxSimulator) -> None:
    assert reader.ask("POST", "/api/v3/brokerage/accounts", reader.bearer(), b"{}").status == 405
    assert Client(dydx.port).ask("DELETE", "/v4/height").status == 405
    assert reader.get("/api/v3/brokerage/orders").status == 404
    assert Client(dydx.port).get("/v4/orders").status == 404
