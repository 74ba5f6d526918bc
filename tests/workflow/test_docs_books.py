"""docs/books.md and examples/push_book.py at work: each way of the page, with its own samples, ends in a report."""

import importlib.util
import io
import json
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import boto3
import pytest
import yaml

from tests.template.cfn import Deployed, load
from tests.unit.book_server import TOKEN, BookServer
from tests.unit.money_kit import NOON
from tests.workflow.desk import BOOK_BUCKET, ROOT, SECRETS, Desk, Killed
from trueup.clock import utc_now
from trueup.domain.documents import read_account, read_book
from trueup.domain.models import Account, HttpsSource, S3Source
from trueup.domain.reading import format_time
from trueup.errors import StoreUnavailable
from trueup.venues.registry import VENUES

PAGE = (ROOT / "docs" / "books.md").read_text()
RUN = "20261122T120000Z"
SCHEDULED = {"scheduled_time": "2026-11-22T12:00:00Z"}


def samples(heading: str) -> list[str]:
    """The code blocks under a heading of the page that are not commands."""
    [section] = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```(?:json|yaml|csv)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def of_now(document: dict[str, Any]) -> dict[str, Any]:
    """A sample as it would be a moment ago."""
    pending = [item | {"since": format_time(utc_now())} for item in document["pending"]]
    return document | {"as_of": format_time(utc_now()), "pending": pending}


def report(desk: Desk, account_id: str) -> dict[str, Any]:
    assert desk.run(SCHEDULED).status == "SUCCEEDED"
    return desk.account_report(RUN, account_id)


def test_the_pushed_book_of_the_page_explains_what_is_in_flight(desk: Desk) -> None:
    _, sample, answer = samples("Push from the trading system")
    desk.open_coinbase("cb-main", {"BTC": ("1.23", "0.02"), "USDC": "25000"}, book=None)

    said = desk.push(of_now(json.loads(sample)))

    assert said.keys() == json.loads(answer).keys()
    found = report(desk, "cb-main")
    assert {line["asset"]: line["outcome"] for line in found["lines"] if line["field"] == "total"} == {
        "BTC": "exact",
        "USDC": "explained",
    }
    assert (found["status"], found["verified"]) == ("OK", True)


def test_the_answer_on_the_page_is_that_to_the_push_above_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup.steps.book.utc_now", lambda: NOON)
    _, sample, answer = samples("Push from the trading system")
    desk.add(Account("cb-main", "coinbase", secret="coinbase/cb-main"))
    assert read_book(json.loads(sample)).version == json.loads(answer)["version"]
    assert desk.push(json.loads(sample)) == json.loads(answer)


def test_the_right_to_push_is_one_statement() -> None:
    policy = json.loads(samples("Push from the trading system")[0])
    [statement] = policy["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "lambda:InvokeFunction")
    assert Deployed(load()).resolve(load()["Outputs"]["BookFunctionArn"]["Value"]) == "arn:BookFunction"


def test_the_account_of_the_page_has_its_book_over_https(desk: Desk) -> None:
    (sample,) = samples("HTTPS")
    assert json.loads(sample) == json.loads((ROOT / "examples" / "https-book-account.json").read_text())
    account = read_account(json.loads(sample), VENUES)
    assert isinstance(account.book, HttpsSource)
    desk.open_coinbase("cb-web", {"BTC": ("1.23", "0.02"), "USDC": "24500"}, book=None)
    boto3.client("secretsmanager").create_secret(Name=f"{SECRETS}{account.book.secret}", SecretString=TOKEN)
    book = of_now(json.loads(samples("Push from the trading system")[1])) | {"account_id": "cb-web"}
    with BookServer() as server:
        url = account.book.url.replace("https://books.example.com", server.url)
        server.put("/trueup/cb-web", book)
        desk.take_book_from("cb-web", HttpsSource(url, account.book.secret))
        assert report(desk, "cb-web")["status"] == "OK"


def test_the_account_of_the_page_has_its_book_in_a_bucket(desk: Desk) -> None:
    sample, csv = samples("S3")
    assert yaml.safe_load(sample) == yaml.safe_load((ROOT / "examples" / "s3-book-account.yaml").read_text())
    account = read_account(yaml.safe_load(sample), VENUES)
    assert account.book == S3Source(BOOK_BUCKET, "books/cb-bucket.csv")
    desk.open_coinbase("cb-bucket", {"BTC": ("1.23", "0.02"), "USDC": "24500"}, book=None)
    boto3.client("s3").put_object(Bucket=BOOK_BUCKET, Key=account.book.key, Body=csv)
    desk.take_book_from("cb-bucket", account.book)

    assert report(desk, "cb-bucket")["status"] == "OK"


# -- the client ------------------------------------------------------------------------------------------------------

Push = Callable[..., dict[str, Any]]


class FunctionsOfTheDesk:
    """AWS's Lambda as the client sees it, in front of the desk's own function."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 (AWS's own names)
        answer = self._desk.push(json.loads(Payload))
        failed = {"FunctionError": "Unhandled"} if "errorType" in answer else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **failed}


@pytest.fixture
def example(desk: Desk) -> ModuleType:
    spec = importlib.util.spec_from_file_location("push_book", ROOT / "examples" / "push_book.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.__dict__["functions"] = FunctionsOfTheDesk(desk)
    desk.open_coinbase("cb-main", {"BTC": ("1.23", "0.02"), "USDC": "25000"}, book=None)
    return module


def test_the_client_pushes_a_book_that_is_compared(desk: Desk, example: ModuleType) -> None:
    assert example.push("book")["stored"] is True
    assert report(desk, "cb-main")["status"] == "OK"


def disturbed(*failures: Exception) -> Any:
    left = list(failures)

    def disturb(event: dict[str, Any], work: Callable[[], Any]) -> Any:
        if left:
            raise left.pop(0)
        return work()

    return disturb


def test_the_client_tries_the_same_version_again_when_something_passes(desk: Desk, example: ModuleType) -> None:
    waits: list[float] = []
    desk.functions.disturb("book", disturbed(StoreUnavailable("later"), Killed("Sandbox.Timedout", "timed out")))

    assert example.push("book", wait=waits.append)["stored"] is True

    assert waits == [0.2, 0.4]
    versions = {event["version"] for name, event in desk.functions.invocations if name == "book"}
    assert len(versions) == 1


def test_the_client_is_not_troubled_when_its_answer_was_lost(desk: Desk, example: ModuleType) -> None:
    def lost(event: dict[str, Any], work: Callable[[], Any]) -> Any:
        desk.functions.disturb("book", None)
        work()
        raise StoreUnavailable("after the write")

    desk.functions.disturb("book", lost)
    assert example.push("book", wait=lambda seconds: None)["stored"] is False


def test_the_client_meets_a_newer_book_with_what_it_holds_now(desk: Desk, example: ModuleType) -> None:
    stale = example.my_book() | {"version": "40"}
    books = iter([stale, example.my_book()])
    desk.push(example.my_book() | {"version": "41"})

    answer = example.push("book", lambda: next(books), wait=lambda seconds: None)

    assert answer["stored"] is True
    assert int(answer["version"]) > 41


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"account_id": "nobody"}, "ConfigInvalid: account nobody: there is none"),
        ({"holdings": [{"wallet": "spot", "asset": "BTC", "total": 1.25}]}, "BookInvalid: event.holdings\\[0\\].total"),
    ],
)
def test_the_client_gives_up_at_once_on_what_would_be_wrong_again(
    desk: Desk, example: ModuleType, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(RuntimeError, match=said):
        example.push("book", lambda: example.my_book() | change)
    assert desk.functions.count("book") == 1


def test_the_client_gives_up_in_the_end(desk: Desk, example: ModuleType) -> None:
    desk.functions.disturb("book", disturbed(*[StoreUnavailable("later")] * 9))
    with pytest.raises(RuntimeError, match="the book was not stored: StoreUnavailable: later"):
        example.push("book", wait=lambda seconds: None)
    assert desk.functions.count("book") == example.ATTEMPTS


def test_the_client_is_forty_lines_or_so_and_needs_boto3_alone(example: ModuleType) -> None:
    text = (ROOT / "examples" / "push_book.py").read_text()
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) == {
        "json",
        "sys",
        "time",
        "datetime",
        "boto3",
        "botocore",
    }
    assert len([line for line in text.splitlines() if line.strip()]) <= 50
