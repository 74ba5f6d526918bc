"""What the functions and the state machine ask of AWS is what their roles allow: nothing less, and nothing more.

The requests are those of real runs in this process; the judge is the local cloud's own policy evaluator, which is given
the condition keys that AWS adds to a request. So partitions, prefixes and the use of the key are judged too.
"""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.channels.server import Channels
from local.venues import faults
from local.venues.credentials import make_address
from local.venues.server import Answer
from tests.iam.evaluator import Request, allowed, narrowed, request
from tests.iam.proofs import Proof, proven_by
from tests.iam.recorder import BUCKET, HEARTBEAT, KEY, TABLE, recording
from tests.template.cfn import POLICY, PSEUDO, ROLE, Deployed, load, statements
from tests.unit.book_server import TOKEN, BookServer
from tests.unit.money_kit import book, holding
from tests.workflow.desk import BOOK_BUCKET, SECRETS, Desk
from trueup.domain.documents import book_document
from trueup.domain.models import HttpsSource, S3Source

Roles = dict[str, list[dict[str, Any]]]
EVENTS = Path(__file__).parents[2] / "events"
EVENT, NOTICE = (json.loads((EVENTS / f"{name}.json").read_text()) for name in ("book", "notify"))
NOBODY = "https://heartbeat.invalid/0b9c7d2e"
RESOURCES = Deployed(
    load(),
    BookBucket=BOOK_BUCKET,
    BookPrefix="books/",
    HeartbeatUrl=NOBODY,
    AlertEndpointsSecret="trueup/alert-endpoints",
).resources


@pytest.fixture(scope="module")
def roles() -> Roles:
    """What each role may do, with what policies add to it."""
    found = {name: statements(it["Properties"]) for name, it in RESOURCES.items() if it["Type"] == ROLE}
    for resource in RESOURCES.values():
        if resource["Type"] == POLICY:
            for role in resource["Properties"]["Roles"]:
                found[role] = found[role] + statements(resource["Properties"])
    return found


def holders(name: str) -> list[str]:
    """The roles that have a role's statements: itself, or those that a policy is added to."""
    return RESOURCES[name]["Properties"]["Roles"] if RESOURCES[name]["Type"] == POLICY else [name]


@pytest.fixture
def asked(desk: Desk) -> dict[str, set[Request]]:
    """Everything asked for, by role: in pushes, a run that ends in an alert, one where a venue and the prices fail.

    An alert goes to endpoints, of which one is down and one refuses it.

    The books come from everywhere: at each venue from the table, over HTTPS, and from a bucket, where one is missing.
    """
    desk.open_coinbase("cb-main", {"BTC": "0.5"}, book={"BTC": "1"})
    desk.open_dydx("dydx-perps", make_address("perps"), {"USDC": "10"}, {}, book={"USDC": "10"})
    desk.put_policy(tolerance={"default": {"value_cap": "500"}})
    boto3.client("secretsmanager").create_secret(Name=HEARTBEAT, SecretString=NOBODY)
    desk.functions.configure("compare", HEARTBEAT_ARN=HEARTBEAT)
    with recording() as recorder, BookServer() as server, Channels() as channels:
        desk.open_endpoints(channels)
        channels.fail("slack", Answer.of_text("try later", status=503))
        channels.fail("discord", Answer.of_json({"message": "Unknown Webhook"}, status=404))
        desk.tell_endpoints(NOTICE)
        open_with_books_elsewhere(desk, server)
        desk.open_coinbase("cb-pushed", {"ETH": "5"}, book=None)
        assert "stored" in desk.push(EVENT | {"account_id": "cb-pushed"})
        assert desk.run({"scheduled_time": "2026-11-22T12:00:00Z"}).status == "SUCCEEDED"
        desk.coinbase.fail(faults.ANY, faults.status(500), times=None, path="/v2/exchange-rates")
        desk.coinbase.fail(desk.key_names["cb-main"], faults.status(403))
        assert desk.run({"scheduled_time": "2026-11-22T12:05:00Z"}).status == "SUCCEEDED"
    assert desk.report("20261122T120500Z")["prices"]["origin"] == "last_good"
    return recorder.requests


def open_with_books_elsewhere(desk: Desk, server: BookServer) -> None:
    """Open two more accounts at each venue, one with a book over HTTPS and one with a book in a bucket."""
    for venue, wallet in (("coinbase", "spot"), ("dydx", "perp/0")):
        boto3.client("secretsmanager").create_secret(Name=f"{SECRETS}{venue}/desk-book", SecretString=TOKEN)
        for where in ("web", "bucket", "missing"):
            account_id = f"{venue}-{where}"
            if venue == "coinbase":
                desk.open_coinbase(account_id, {"USDC": "10"}, book=None)
            else:
                desk.open_dydx(account_id, make_address(account_id), {"USDC": "10"}, {}, book=None)
            found = book_document(book(holding("USDC", "10", wallet), account_id=account_id, wallets=(wallet,)))
            if where == "web":
                server.put(f"/{account_id}", found)
                desk.take_book_from(account_id, HttpsSource(f"{server.url}/{account_id}", f"{venue}/desk-book"))
            else:
                key = f"books/{account_id}.json"
                desk.take_book_from(account_id, S3Source(BOOK_BUCKET, key))
                if where == "bucket":
                    boto3.client("s3").put_object(Bucket=BOOK_BUCKET, Key=key, Body=json.dumps(found))


def test_a_role_allows_everything_that_is_asked_for(roles: Roles, asked: dict[str, set[Request]]) -> None:
    refused = [
        f"{role}: {it}" for role, requests in asked.items() for it in sorted(requests) if not allowed(roles[role], it)
    ]

    assert refused == []
    assert asked.keys() == roles.keys() - {"ScheduleRole"}


def test_a_role_allows_nothing_that_is_not_asked_for(roles: Roles, asked: dict[str, set[Request]]) -> None:
    """Without any one statement, action, resource or value of a condition something is refused."""
    spare = []
    for role, sid in [(role, sid) for name, sid in proven_by(Proof.EVALUATION) for role in holders(name)]:
        [statement] = [it for it in roles[role] if it["Sid"] == sid]
        others = [it for it in roles[role] if it is not statement]
        for missing, rest in narrowed(statement):
            left = others if rest is None else [*others, rest]
            if all(allowed(left, it) for it in asked[role]):
                spare.append(f"{role} {sid}: {missing}")

    assert spare == []


def test_the_key_opens_nothing_by_itself_and_nothing_through_another_service(roles: Roles) -> None:
    for role, granted in roles.items():
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            via = f"ebs.{PSEUDO['AWS::Region']}.amazonaws.com"
            assert not allowed(granted, request(action, KEY)), role
            assert not allowed(granted, request(action, KEY, kms_ViaService=[via])), role


def test_the_key_opens_no_secret_of_another_venue(roles: Roles) -> None:
    region, account = PSEUDO["AWS::Region"], PSEUDO["AWS::AccountId"]
    via = (f"secretsmanager.{region}.amazonaws.com",)

    def may_open(role: str, name: str) -> bool:
        secret = (f"arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",)
        context = (("kms:EncryptionContext:SecretARN", secret), ("kms:ViaService", via))
        return allowed(roles[role], Request("kms:Decrypt", KEY, context))

    assert may_open("FetchCoinbaseRole", "trueup/coinbase/cb-main")
    for name in ("trueup/kraken/main", "other/coinbase/cb-main", "trueup/coinbase-old/cb-main"):
        assert not may_open("FetchCoinbaseRole", name), name
    assert not [role for role in roles.keys() - {"FetchCoinbaseRole"} if may_open(role, "trueup/coinbase/cb-main")]
    assert [role for role in roles if may_open(role, "trueup/dydx/desk-book")] == ["FetchDydxRole"]


@pytest.mark.parametrize("partition", ["SETTINGS", "ACCOUNTSX", "XRUN#1", "run#1", ""])
def test_nobody_reaches_a_partition_that_no_statement_names(roles: Roles, partition: str) -> None:
    for role, granted in roles.items():
        for action in ("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"):
            asked = request(f"dynamodb:{action}", TABLE, dynamodb_LeadingKeys=[partition])
            assert not allowed(granted, asked), role


def test_one_foreign_row_among_several_spoils_the_request(roles: Roles) -> None:
    mixed = request("dynamodb:GetItem", TABLE, dynamodb_LeadingKeys=["ACCOUNTS", "RUNS#2026-11-22"])

    assert not allowed(roles["FetchDydxRole"], mixed)


def test_compare_lists_the_runs_and_not_the_books(roles: Roles) -> None:
    listing = {prefix: request("s3:ListBucket", BUCKET, s3_prefix=[prefix]) for prefix in ("runs/x/", "books/", "")}

    assert [prefix for prefix, it in listing.items() if allowed(roles["CompareRole"], it)] == ["runs/x/"]
