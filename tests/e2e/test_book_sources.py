"""Books from everywhere on the local cloud, with IAM enforced: pushed, over HTTPS (on this machine), in a bucket."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from local.cloud.ministack import LocalCloud
from local.cloud.session import REGION
from tests.e2e.small_desk import ROOT, SmallDesk, small_desk
from tests.unit.book_server import TOKEN, BookServer
from trueup.aws import client
from trueup.books.table import TableBook
from trueup.clock import utc_now
from trueup.domain.amounts import parse_amount
from trueup.domain.documents import book_document
from trueup.domain.models import Book, Holding, HttpsSource, S3Source
from trueup.store import keys
from trueup.store.accounts import Accounts
from trueup.venues.registry import VENUES

pytestmark = pytest.mark.slow

BUCKET = "desk-books-of-this-test"
RUN = "20261122T120000Z"
PUSH = ROOT / "examples" / "push_book.py"


@pytest.fixture(scope="module")
def server() -> Iterator[BookServer]:
    with BookServer() as server:
        yield server


@pytest.fixture(scope="module")
def desk(cloud: LocalCloud, server: BookServer) -> Iterator[SmallDesk]:
    """Three accounts: `cb-main`'s book is pushed, `cb-off`'s is in a bucket, `dydx-main`'s behind HTTP."""
    with small_desk(cloud, "books") as desk:
        client("s3").create_bucket(Bucket=BUCKET)
        desk.deploy(BookAllowedHosts="127.0.0.1", BookBucket=BUCKET, BookPrefix="books/")
        portfolio = desk.coinbase.portfolio(desk.key_names["cb-main"])
        portfolio.set("BTC", "1.23", "0.02")
        portfolio.set("USDC", "25000")
        client("s3").put_object(Bucket=BUCKET, Key="books/cb-off.csv", Body=b"wallet,asset,total\nspot,BTC,0.996\n")
        client("secretsmanager").create_secret(Name="books/dydx/desk-book", SecretString=TOKEN)
        _take_from(desk, "cb-off", S3Source(BUCKET, "books/cb-off.csv"))
        _take_from(desk, "dydx-main", HttpsSource(f"{server.url}/dydx-main", "dydx/desk-book"))
        holding = Holding("perp/0", "USDC", parse_amount("1"))
        server.put("/dydx-main", book_document(Book("dydx-main", utc_now(), "7", ("perp/0",), (holding,))))
        yield desk


def _take_from(desk: SmallDesk, account_id: str, source: HttpsSource | S3Source) -> None:
    accounts = Accounts(desk.rows, VENUES)
    account = accounts.get(account_id)
    assert account is not None
    accounts.put(replace(account, book=source))


@dataclass(frozen=True)
class TradingSystem:
    """Somebody with credentials of their own, who runs the client as it stands in examples/."""

    endpoint_url: str
    key_id: str
    key: str

    def push(self, function: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.key,
            "AWS_DEFAULT_REGION": REGION,
        }
        return subprocess.run(
            [sys.executable, str(PUSH), function], env=environment, capture_output=True, text=True, check=False
        )


def trading_system(cloud: LocalCloud, name: str, *may_invoke: str) -> TradingSystem:
    iam = cloud.session().client("iam")
    iam.create_user(UserName=name)
    if may_invoke:
        statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": list(may_invoke)}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="push", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return TradingSystem(cloud.endpoint_url, made["AccessKeyId"], made["SecretAccessKey"])


def test_three_accounts_with_books_from_three_places_are_one_good_run(
    cloud: LocalCloud, desk: SmallDesk, server: BookServer
) -> None:
    function = desk.deployment.outputs["BookFunctionArn"]
    trader = trading_system(cloud, "trader", function)
    before = TableBook(desk.rows, desk.objects).head("cb-main")

    pushed = trader.push(function)
    ended = desk.run({"scheduled_time": "2026-11-22T12:00:00Z"})

    answer: dict[str, Any] = ast.literal_eval(pushed.stdout)
    assert (answer["account_id"], answer["stored"]) == ("cb-main", True), pushed.stderr
    head = TableBook(desk.rows, desk.objects).head("cb-main")
    assert head != before
    assert head is not None
    assert (head.version, head.sha256) == (answer["version"], answer["sha256"])
    assert ended["status"] == "SUCCEEDED"
    report = desk.report(RUN)
    assert {it["account_id"]: it["status"] for it in report["accounts"]} == {
        "cb-main": "OK",
        "cb-off": "OK",
        "dydx-main": "OK",
    }
    assert (report["verified"], report["failures"]) == (True, [])
    outcomes = {
        line["asset"]: line["outcome"]
        for line in desk.account_report(RUN, "cb-main")["lines"]
        if line["field"] == "total"
    }
    assert outcomes == {"BTC": "exact", "USDC": "explained"}, "what is in flight was pushed with the book"
    assert len(server.requests) == 2
    evidence = desk.objects.get(keys.observation_object(RUN, "dydx-main"))
    assert TOKEN not in json.dumps(evidence)


def test_who_has_no_right_to_push_pushes_nothing(cloud: LocalCloud, desk: SmallDesk) -> None:
    stranger = trading_system(cloud, "stranger", desk.deployment.resources["PlanFunction"])
    before = TableBook(desk.rows, desk.objects).head("cb-main")

    refused = stranger.push(desk.deployment.outputs["BookFunctionArn"])

    assert refused.returncode != 0
    assert "AccessDenied" in refused.stderr
    assert TableBook(desk.rows, desk.objects).head("cb-main") == before


def test_what_is_missing_and_what_is_inside_are_reasons(desk: SmallDesk, server: BookServer) -> None:
    client("s3").delete_object(Bucket=BUCKET, Key="books/cb-off.csv")
    _take_from(desk, "dydx-main", HttpsSource("https://169.254.170.2/v2/credentials", "dydx/desk-book"))

    desk.run({"scheduled_time": "2026-11-22T12:05:00Z"})

    report = desk.report("20261122T120500Z")
    assert {it["account_id"]: it["reasons"] for it in report["accounts"] if it["status"] == "UNVERIFIED"} == {
        "cb-off": ["no_book"],
        "dydx-main": ["bad_book"],
    }
    (failure,) = report["failures"]
    assert "169.254.170.2 is not on the public internet" in failure["message"]
