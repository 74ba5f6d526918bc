"""Accounts: one row each, in order, read strictly."""

import pytest

from trueup.domain.models import Account
from trueup.errors import ConfigInvalid
from trueup.store import keys
from trueup.store.accounts import Accounts
from trueup.store.rows import Rows

VENUES = ("coinbase", "dydx")
MAIN = Account("cb-main", "coinbase", secret="coinbase/cb-main", wallets=("spot",), options={"x": ["y", 1, None]})
PERP = Account("dydx-perp", "dydx", address="dydx1abc", subaccounts=(0, 128), enabled=False)


@pytest.fixture
def accounts(rows: Rows) -> Accounts:
    return Accounts(rows, VENUES)


def test_an_account_comes_back_as_it_was_put(accounts: Accounts) -> None:
    accounts.put(MAIN)
    accounts.put(PERP)
    assert accounts.get("cb-main") == MAIN
    assert accounts.get("dydx-perp") == PERP
    assert accounts.get("nobody") is None


def test_accounts_come_in_order_of_their_ids(accounts: Accounts) -> None:
    accounts.put(PERP)
    accounts.put(MAIN)
    assert accounts.all() == [MAIN, PERP]


def test_putting_an_account_again_replaces_it(accounts: Accounts) -> None:
    accounts.put(MAIN)
    accounts.put(Account("cb-main", "coinbase"))
    assert accounts.all() == [Account("cb-main", "coinbase")]


def test_an_account_removed_is_forgotten(accounts: Accounts) -> None:
    accounts.put(MAIN)
    accounts.remove("cb-main")
    assert (accounts.all(), accounts.get("cb-main")) == ([], None)


@pytest.mark.parametrize("text", ["", "{", '{"account_id": "cb-main"}', '{"account_id": "cb-main", "venue": "ftx"}'])
def test_a_row_nobody_can_read_is_named_and_says_what_to_do(rows: Rows, accounts: Accounts, text: str) -> None:
    pk, sk = keys.account("cb-main")
    rows.put({"pk": pk, "sk": sk, "account": text})
    with pytest.raises(
        ConfigInvalid, match=r"stored account cb-main: account.*; put it again with `trueup accounts put`"
    ):
        accounts.get("cb-main")
    with pytest.raises(ConfigInvalid, match="cb-main"):
        accounts.all()
