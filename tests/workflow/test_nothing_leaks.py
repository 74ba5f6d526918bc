"""The whole path with planted secrets and balances, honest and broken: what is kept where, and what is nowhere.

The leak scanner looks at every test; this one makes sure that there is something to find in each kind of place.
"""

import json
from typing import Any

import boto3
import pytest

from local.venues import faults, make_address
from local.venues.faults import Exchange, Fault
from local.venues.server import Answer
from tests.leaks.plugin import PRODUCED
from tests.unit.book_server import TOKEN, BookServer
from tests.unit.money_kit import book
from tests.workflow.desk import SECRETS, Desk
from trueup.clock import utc_now
from trueup.domain.documents import book_document
from trueup.domain.models import HttpsSource
from trueup.store import keys

AT_VENUE, IN_BOOK, AT_DYDX = "83419.27061553", "91544.80273619", "-7715.38264109"
NOTE = "planted-8Zq8vXw2LkT5rYb7NcE1dGh4JmPs9AuKf"


def _sending_back(exchange: Exchange) -> Answer:
    """A venue that repeats, in its refusal, what it was sent and what it holds."""
    signature = exchange.request.headers.get("authorization", "nothing").rpartition(".")[2]
    return Answer.of_json(
        {"error": f"bad signature {signature}", "message": f"balance {AT_VENUE} is locked"}, status=400
    )


BROKEN = {
    "honest": None,
    "an answer cut short": faults.truncated_body(),
    "a balance that is none": faults.edited(
        lambda page: json.loads(json.dumps(page).replace(AT_VENUE, f"{AT_VENUE}x"))
    ),
    "what was sent, sent back": Fault("sending_back", _sending_back),
    "a page instead": faults.html(),
    "a refused key": faults.status(401),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_planted_secrets_are_nowhere_and_balances_only_where_they_belong(desk: Desk, fault: Fault | None) -> None:
    PRODUCED.canaries.add_secret("a note in a secret", NOTE)
    address = make_address("planted")
    desk.open_coinbase("cb-planted", {"BTC": AT_VENUE}, book={"BTC": IN_BOOK})
    desk.open_dydx("dy-planted", address, {"USDC": "5"}, {"BTC-USD": AT_DYDX}, book={"USDC": "5", "BTC-USD": IN_BOOK})
    secrets = boto3.client("secretsmanager")
    stored = json.loads(secrets.get_secret_value(SecretId=f"{SECRETS}coinbase/cb-planted")["SecretString"])
    secrets.put_secret_value(
        SecretId=f"{SECRETS}coinbase/cb-planted", SecretString=json.dumps({**stored, "note": NOTE})
    )
    if fault is not None:
        desk.coinbase.fail(desk.key_names["cb-planted"], fault, times=None)
    before = dict(PRODUCED.places)
    known = list(PRODUCED.leaks)

    desk.run({"scheduled_time": "2026-11-22T12:00:00Z"})

    assert list(PRODUCED.leaks) == known
    seen = {place for place, count in PRODUCED.places.items() if count > before.get(place, 0)}
    assert seen >= {
        "a function's event",
        "a function's answer",
        "a log",
        "an object",
        "a call of dynamodb PutItem",
        "a call of sns Publish",
        "a call of stepfunctions StartExecution",
        "an execution",
        "an execution's history",
    }
    if fault is None:
        evidence = desk.objects.get(keys.observation_object("20261122T120000Z", "cb-planted"))
        assert AT_VENUE in json.dumps(evidence), "what belongs in the evidence is there"
    else:
        assert {"an exception that left a function", "an error"} <= seen


@pytest.mark.parametrize(
    "change",
    [{}, {"version": "x"}, {"holdings": [{"wallet": "spot", "asset": "BTC", "total": f"{IN_BOOK}x"}]}],
    ids=["honest", "no version", "a balance that is none"],
)
def test_a_pushed_book_leaves_its_balances_in_the_book_and_nowhere_else(desk: Desk, change: dict[str, Any]) -> None:
    desk.open_coinbase("cb-pushed", {"BTC": AT_VENUE}, book=None)
    PRODUCED.canaries.add_balance(IN_BOOK)
    known, before = list(PRODUCED.leaks), PRODUCED.places["a log"]

    desk.push(book_document(book(("BTC", IN_BOOK), account_id="cb-pushed", as_of=utc_now())) | change)

    assert list(PRODUCED.leaks) == known
    assert PRODUCED.places["a log"] > before


def test_the_token_of_a_book_is_in_its_request_and_nowhere_else(desk: Desk) -> None:
    desk.open_coinbase("cb-web", {"BTC": "1"}, book=None)
    boto3.client("secretsmanager").create_secret(Name=f"{SECRETS}coinbase/desk-book", SecretString=TOKEN)
    PRODUCED.canaries.add_secret("a book's token", TOKEN)
    known = list(PRODUCED.leaks)
    with BookServer() as server:
        server.answers["/book"] = Answer.of_json({"message": f"what is {TOKEN}?", "account_id": TOKEN}, status=400)
        desk.take_book_from("cb-web", HttpsSource(f"{server.url}/book", "coinbase/desk-book"))

        desk.run({"scheduled_time": "2026-11-22T12:00:00Z"})

        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert list(PRODUCED.leaks) == known
    (failure,) = desk.report("20261122T120000Z")["failures"]
    assert "what is [redacted]?" in failure["message"]
