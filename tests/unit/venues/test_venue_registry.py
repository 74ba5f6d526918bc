"""The list of venues: what it names exists, and nothing is imported that is not asked for."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trueup.domain.models import Account
from trueup.errors import ConfigInvalid
from trueup.venues.aliases import canonical, tables
from trueup.venues.registry import VENUES, asked_wallets, check_account, entry, load, open_http

SHARED = Path(__file__).parents[3] / "shared"
ADDRESS = "dydx1jzz9rcds3h4zmzd5ncd3vth8wck4d3hpluzpnn"


@pytest.mark.parametrize("name", sorted(VENUES))
def test_every_venue_has_an_adapter_an_https_address_and_a_table_of_names(name: str) -> None:
    assert callable(load(name).observe)
    assert load(name) is load(name)
    assert entry(name).base_url.startswith("https://")
    assert canonical(name, "BTC") == ("BTC", False)
    assert name in tables()


def test_a_venue_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ConfigInvalid, match=r"venue: must be one of coinbase, dydx; not 'mtgox'"):
        load("mtgox")


def modules_after(statement: str) -> set[str]:
    code = f"import sys, json; {statement}; print(json.dumps(list(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SHARED)}
    )
    return set(json.loads(run.stdout))


def test_reading_dydx_never_imports_what_signs_for_coinbase() -> None:
    found = modules_after("from trueup.venues import registry; registry.load('dydx')")
    assert not {"jwt", "cryptography", "trueup.venues.coinbase"} & found
    assert not any(name.startswith(("boto3", "botocore", "requests")) for name in found)


def test_looking_at_the_list_imports_no_client() -> None:
    found = modules_after("import trueup.venues.registry")
    assert not {"urllib3", "ssl", "jwt", "trueup.venues.http"} & found


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (Account("a", "coinbase"), "account a: secret: coinbase needs one"),
        (Account("a", "coinbase", secret="s", address=ADDRESS), "account a: address: coinbase has none"),
        (Account("a", "coinbase", secret="s", subaccounts=(0,)), "account a: subaccounts: coinbase has none"),
        (Account("a", "coinbase", secret="s", options={"x": 1}), r"account a: options\.x: coinbase has no options"),
        (Account("a", "dydx"), "account a: address: dydx needs one"),
        (Account("a", "dydx", address=ADDRESS, secret="s"), "account a: secret: dydx has none"),
        (Account("a", "dydx", address=ADDRESS[:-1]), "account a: address: has a typing error"),
    ],
)
def test_an_account_that_cannot_be_read_is_refused_by_its_field(account: Account, said: str) -> None:
    with pytest.raises(ConfigInvalid, match=said):
        check_account(account)


def test_an_account_that_can_be_read_is_accepted() -> None:
    check_account(Account("a", "coinbase", secret="coinbase/a", wallets=("spot",)))
    check_account(Account("a", "dydx", address=ADDRESS, subaccounts=(0, 128), options={"may_be_empty": True}))


def test_an_account_is_read_at_its_own_address_or_its_venues() -> None:
    def host(account: Account) -> str:
        return open_http(account, timeout_seconds=1, budget_seconds=1, clock=lambda: datetime.now(UTC)).host

    assert host(Account("a", "dydx")) == "indexer.dydx.trade"
    assert host(Account("a", "dydx", base_url="http://127.0.0.1:7000")) == "127.0.0.1:7000"


@pytest.mark.parametrize(
    ("account", "asked"),
    [
        (Account("cb-main", "coinbase", secret="coinbase/cb-main"), None),
        (Account("cb-main", "coinbase", secret="coinbase/cb-main", wallets=("spot",)), ("spot",)),
        (Account("dydx-main", "dydx", address="dydx1"), None),
        (Account("dydx-main", "dydx", address="dydx1", subaccounts=(0, 128)), ("perp/0", "perp/128")),
    ],
)
def test_an_account_asks_for_the_wallets_it_names_and_for_those_of_its_subaccounts(
    account: Account, asked: tuple[str, ...] | None
) -> None:
    assert asked_wallets(account) == asked
