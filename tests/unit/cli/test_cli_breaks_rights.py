"""The rights that docs/deploy.md gives to whoever looks after breaks: enough for every verb, and none too many."""

import json
import re
from pathlib import Path

import pytest
from botocore.client import BaseClient
from break_kit import BITCOIN, POSITION, tell_three
from cli_kit import trueup

from tests.iam.evaluator import Request, allowed, narrowed, request

PAGE = Path(__file__).parents[3] / "docs" / "deploy.md"
HERE = "eu-central-1:123456789012"
TABLE, KEY = f"arn:aws:dynamodb:{HERE}:table/TABLE", f"arn:aws:kms:{HERE}:key/KEY"
STACK = request("cloudformation:DescribeStacks", f"arn:aws:cloudformation:{HERE}:stack/trueup/1-2-3")


def statements():
    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return json.loads(block)["Statement"]


def requests(operation, given):
    """What IAM is asked for a call; each needs the table's key, by AWS's documentation."""
    match operation:
        case "GetCallerIdentity":
            return []  # needs no right
        case "TransactWriteItems":
            rows = [("PutItem", item["Put"]["Item"]["pk"]["S"]) for item in given["TransactItems"]]
        case "GetItem":
            rows = [(operation, given["Key"]["pk"]["S"])]
        case "Query":
            rows = [(operation, given["ExpressionAttributeValues"][":pk"]["S"])]
        case _:
            raise AssertionError(f"{operation} is new here; say what IAM is asked for it")
    of_index = f"/index/{given['IndexName']}" if "IndexName" in given else ""
    opened = request("kms:Decrypt", KEY, kms_ViaService=["dynamodb.eu-central-1.amazonaws.com"])
    return [
        opened,
        *(
            request(f"dynamodb:{action}", TABLE + of_index, dynamodb_LeadingKeys=[partition])
            for action, partition in rows
        ),
    ]


@pytest.fixture
def asked(cloud, monkeypatch):
    """Everything that is asked of AWS when every verb is used."""
    tell_three(cloud)
    found: set[Request] = {STACK}
    real = BaseClient.__dict__["_make_api_call"]

    def call(self, operation, given):
        found.update(requests(operation, given))
        return real(self, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    btc, eth = BITCOIN.break_id, POSITION.break_id
    for arguments in (
        ("list", "--all"),
        ("show", btc[:9]),
        ("ack", btc, eth, "--comment", "mine"),
        ("assign", btc, "ben"),
        ("comment", btc, "hm"),
        ("suppress", btc, "--for", "2h", "--reason", "known"),
        ("unsuppress", btc),
    ):
        ran = trueup("breaks", *arguments)
        assert ran.code == 0, ran.err
    return found


def test_the_rights_of_the_page_are_enough_and_each_is_needed(asked):
    given = statements()
    assert [one for one in sorted(asked) if not allowed(given, one)] == []
    for number, statement in enumerate(given):
        for less, rest in narrowed(statement):
            left = [*given[:number], *([] if rest is None else [rest]), *given[number + 1 :]]
            assert [one for one in asked if not allowed(left, one)], f"statement {number + 1} without {less}"
    reader = [given[0], given[1], given[3]]
    assert {one.action for one in asked if not allowed(reader, one)} == {"dynamodb:PutItem"}


@pytest.mark.parametrize("partition", ["ACCOUNTS", "POLICIES", "RUNS#2026-11-22", "BOOK#cb-main"])
def test_nothing_else_of_the_table_may_be_written(partition):
    put = request("dynamodb:PutItem", TABLE, dynamodb_LeadingKeys=[partition])
    assert not allowed(statements(), put)
