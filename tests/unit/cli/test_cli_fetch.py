"""`trueup fetch`: one account straight from a (simulated) venue, without any cloud."""

from types import SimpleNamespace

import pytest
from cli_kit import ACCOUNT, DYDX, changed, is_one_line, trueup, write

from local.venues import faults
from local.venues.coinbase import CoinbaseSimulator
from local.venues.credentials import make_address, make_credential
from local.venues.dydx import DydxSimulator
from trueup.domain.documents import read_snapshot


@pytest.fixture
def dydx():
    with DydxSimulator(oracle_prices={"BTC-USD": "97000.5"}) as venue:
        venue.open_subaccount(DYDX["address"], 0, assets={"USDC": "608580.951601"}, positions={"BTC-USD": "-4.1368"})
        yield venue


@pytest.fixture
def dydx_account(dydx, tmp_path):
    text = "\n".join(f"{name}: {value}" for name, value in DYDX.items()) + f"\nbase_url: {dydx.url}\n"
    return write(tmp_path, "account.yaml", text)


def test_an_address_is_all_dydx_needs(dydx_account):
    ran = trueup("fetch", dydx_account, "--json")
    assert (ran.code, ran.err) == (0, "")
    snapshot = read_snapshot(ran.document)
    assert {(h.asset, str(h.total)) for h in snapshot.holdings} == {("USDC", "608580.951601"), ("BTC-USD", "-4.1368")}
    shown = trueup("fetch", dydx_account).out
    assert "608,580.951601" in shown
    assert "wallet perp/0  complete" in shown


def test_what_is_in_flight_is_printed_with_what_is_held(dydx, dydx_account):
    named = dydx.make_transfer(DYDX["address"], 0, "DEPOSIT", "500", counterparty=make_address("somebody"))
    [item] = trueup("fetch", dydx_account, "--json").document["pending"]
    assert (item["wallet"], item["quantity"], item["applied"], item["kind"]) == ("perp/0", "500", True, "deposit")
    assert item["reference"] == f"{named}/perp/0/USDC"
    assert "+500  yes" in trueup("fetch", dydx_account).out


def test_what_was_fetched_can_be_compared(dydx_account, tmp_path):
    snapshot = write(tmp_path, "s.json", trueup("fetch", dydx_account, "--json").out)
    book = write(tmp_path, "b.csv", "wallet,asset,total\nperp/0,USDC,608580.951601\nperp/0,BTC-USD,-4.1368\n")
    assert trueup("compare", "--venue", snapshot, "--book", book).code == 0


def test_a_wallet_that_was_not_read_exits_2(dydx, tmp_path):
    account = write(tmp_path, "a.json", changed(DYDX, base_url=dydx.url, subaccounts=[0, 5]))
    ran = trueup("fetch", account, "--json")
    assert (ran.code, ran.document["wallets"]) == (2, {"perp/0": "complete", "perp/5": "failed: bad_response"})


def test_a_venue_that_fails_is_one_line_and_worth_another_try(dydx, dydx_account):
    dydx.fail(DYDX["address"], faults.status(503))
    ran = trueup("fetch", dydx_account)
    assert (ran.code, ran.out) == (75, "")
    assert is_one_line(ran.err)
    assert ran.err.startswith("trueup: VenueUnavailable: account dydx-one at dydx: ")


@pytest.fixture
def portfolio():
    """1.25 BTC, of which 0.02 are held, at a simulated Coinbase."""
    key = make_credential()
    with CoinbaseSimulator() as venue:
        yield SimpleNamespace(
            key=key, url=venue.url, at_venue=venue.open_portfolio(key.name, key.public_key, {"BTC": ("1.23", "0.02")})
        )


@pytest.fixture
def coinbase(portfolio, tmp_path):
    account = {name: value for name, value in ACCOUNT.items() if name != "secret"}
    write(tmp_path, "key.json", portfolio.key.key_file())
    return write(tmp_path, "a.json", account | {"base_url": portfolio.url})


def test_a_coinbase_account_is_read_with_the_key_file_as_downloaded(coinbase, tmp_path):
    ran = trueup("fetch", coinbase, "--secret-file", tmp_path / "key.json", "--json")
    assert ran.code == 0, ran.err
    [holding] = ran.document["holdings"]
    assert (holding["asset"], holding["total"], holding["held"]) == ("BTC", "1.25", "0.02")


def test_a_withdrawal_on_its_way_explains_itself_offline(coinbase, tmp_path, portfolio):
    reference = portfolio.at_venue.start_transfer("BTC", "-0.23")
    fetched = trueup("fetch", coinbase, "--secret-file", tmp_path / "key.json", "--json")
    assert [item["reference"] for item in fetched.document["pending"]] == [reference]
    book = write(tmp_path, "b.csv", "wallet,asset,total\nspot,BTC,1.25\n")
    ran = trueup("compare", "--venue", write(tmp_path, "s.json", fetched.out), "--book", book, "--json")
    [line] = ran.document["lines"]
    assert (ran.code, line["outcome"], line["references"]) == (0, "explained", [reference])


def test_a_refused_key_is_one_line_that_does_not_hold_it(coinbase, tmp_path):
    stranger = make_credential()
    ran = trueup("fetch", coinbase, "--secret-file", write(tmp_path, "k.json", stranger.key_file()))
    assert (ran.code, ran.out) == (69, "")
    assert ran.err.startswith("trueup: VenueAuthFailed: ")
    assert stranger.private_key not in ran.err
    assert is_one_line(ran.err)


@pytest.mark.parametrize(
    ("account", "more", "words"),
    [
        (ACCOUNT, [], ["--secret-file", "coinbase needs a key file"]),
        (changed(DYDX, venue="binance"), [], ["venue", "coinbase, dydx"]),
        (changed(DYDX, address="dydx1oops"), [], ["address"]),
        (changed(DYDX, address=None), [], ["address", "dydx needs one"]),
        (changed(DYDX, options={"fast": True}), [], ["options.fast"]),
        (DYDX, ["--secret-file", "none.json"], ["--secret-file", "dydx needs none"]),
        (DYDX, ["--timeout-milliseconds", "5"], ["--timeout-milliseconds", "1000"]),
        (DYDX, ["--timeout-milliseconds", "soon"], ["--timeout-milliseconds"]),
    ],
)
def test_what_is_mistyped_is_one_line_naming_it_and_nothing_is_sent(tmp_path, account, more, words):
    ran = trueup("fetch", write(tmp_path, "a.json", account), *more)
    assert (ran.code, ran.out) == (64, "")
    assert is_one_line(ran.err)
    for word in words:
        assert word in ran.err
