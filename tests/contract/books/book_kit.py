"""The same shelf three times: where a book can be put, taken away and made unreachable, and is read through `Books`."""

import gzip
import io
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from local.venues.server import Answer, Delivery
from tests.template.cfn import load
from tests.unit.book_server import TOKEN, BookServer
from tests.unit.money_kit import NOON
from trueup.aws import client
from trueup.books.sources import Books
from trueup.books.table import TableBook
from trueup.domain.models import Account, HttpsSource, S3Source
from trueup.domain.reading import Malformed, digest, format_time, parse_json
from trueup.store import keys
from trueup.store.dynamodb import DynamoRows
from trueup.store.objects import S3Objects

PATH = "/books/cb-main"
REGION = "eu-central-1"
FAULTS = ("nobody there", "status 503", "silence", "dropped", "cut short")
NUMBERS = count()
UNDO: list[Callable[[], None]] = []
"""How to make AWS answer again."""


class Shelf(ABC):
    """Where the book of one account is kept."""

    account: Account
    written_by_us = False
    """Whether nobody but Trueup writes here, so that nothing too large can be there."""

    @abstractmethod
    def put(self, content: bytes) -> None:
        """Put something there in place of what is there."""

    @abstractmethod
    def remove(self) -> None:
        """Leave nothing there."""

    @abstractmethod
    def fail(self, fault: str) -> None:
        """Answer the next reading in one of the ways of FAULTS."""

    def token_of(self, account_id: str, secret: str) -> str:
        assert (account_id, secret) == ("cb-main", "coinbase/desk-book")
        return TOKEN

    def books(self, seconds: float = 5.0) -> Books:
        """What one invocation reads books with."""
        table = TableBook(DynamoRows("no-such-table"), S3Objects("no-such-bucket"))
        return Books(table, token_of=self.token_of, allowed_hosts={"127.0.0.1"}, seconds=lambda: seconds)


class TableShelf(Shelf):
    """The built-in table, in moto."""

    written_by_us = True

    def __init__(self) -> None:
        self.account = Account("cb-main", "coinbase", secret="coinbase/cb-main")
        self.table, self.bucket = (f"{name}-{next(NUMBERS)}" for name in ("table", "evidence"))
        properties = load()["Resources"]["TrueupTable"]["Properties"]
        wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        client("dynamodb").create_table(TableName=self.table, **{name: properties[name] for name in wanted})
        client("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def books(self, seconds: float = 5.0) -> Books:
        table = TableBook(DynamoRows(self.table), S3Objects(self.bucket))
        return Books(table, token_of=self.token_of, allowed_hosts=(), seconds=lambda: seconds)

    def put(self, content: bytes) -> None:
        try:
            sha256 = digest(parse_json(content, ""))
        except (Malformed, TypeError):
            sha256 = f"{next(NUMBERS):064x}"
        client("s3").put_object(
            Bucket=self.bucket, Key=keys.book_object("cb-main", sha256), Body=gzip.compress(content)
        )
        pk, sk = keys.book_head("cb-main")
        row = {"pk": pk, "sk": sk, "version": "1", "sha256": sha256, "as_of": format_time(NOON)}
        DynamoRows(self.table).put(row)

    def remove(self) -> None:
        DynamoRows(self.table).delete(*keys.book_head("cb-main"))

    def fail(self, fault: str) -> None:
        # The row is small and comes whole or not at all; the object may be cut.
        fail_in_aws("s3" if fault == "cut short" else "dynamodb", fault)


class S3Shelf(Shelf):
    """A bucket of the operator's, in moto."""

    def __init__(self, key: str = "books/cb-main.json") -> None:
        self.bucket = f"desk-books-{next(NUMBERS)}"
        self.key = key
        self.account = Account("cb-main", "coinbase", secret="coinbase/cb-main", book=S3Source(self.bucket, key))
        client("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def put(self, content: bytes) -> None:
        client("s3").put_object(Bucket=self.bucket, Key=self.key, Body=content)

    def remove(self) -> None:
        client("s3").delete_object(Bucket=self.bucket, Key=self.key)

    def fail(self, fault: str) -> None:
        fail_in_aws("s3", fault)


class HttpsShelf(Shelf):
    """An endpoint on this machine, which wants the token. (Names, addresses and TLS are in tests/unit/books.)"""

    def __init__(self, server: BookServer) -> None:
        self.server = server
        self.seconds = 5.0
        url = f"{server.url}{PATH}?desk=2"
        self.account = Account(
            "cb-main", "coinbase", secret="coinbase/cb-main", book=HttpsSource(url, "coinbase/desk-book")
        )

    def books(self, seconds: float = 5.0) -> Books:
        return super().books(min(seconds, self.seconds))

    def put(self, content: bytes) -> None:
        self.server.answers[PATH] = Answer(200, content)

    def remove(self) -> None:
        self.server.answers.clear()

    def fail(self, fault: str) -> None:
        match fault:
            case "nobody there":
                self.server.stop()
            case "status 503":
                self.server.answers[PATH] = Answer.of_text("busy", status=503)
            case "silence":
                self.seconds = 0.3
                self.server.answers[PATH] = Answer(200, b"{}", held_by=threading.Event())
            case "dropped":
                self.server.answers[PATH] = Answer(200, b"{}", delivery=Delivery.DROPPED)
            case "cut short":
                self.server.answers[PATH] = Answer(200, b"{" + b" " * 1000 + b"}", delivery=Delivery.CUT_SHORT)
            case _:
                raise AssertionError(fault)


def fail_in_aws(service: str, fault: str) -> None:
    """Let AWS answer every reading from now on in one of the ways of FAULTS."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        match fault:
            case "nobody there":
                raise EndpointConnectionError(endpoint_url=request.url)
            case "status 503":
                return _answer(request.url, 503, b"<Error><Code>SlowDown</Code></Error>", {})
            case "silence":
                raise ReadTimeoutError(endpoint_url=request.url)
            case "dropped":
                raise ConnectionClosedError(endpoint_url=request.url)
            case "cut short":
                modified = "Sun, 22 Nov 2026 12:00:00 GMT"
                return _answer(request.url, 200, b"{", {"content-length": "1000", "last-modified": modified})
        raise AssertionError(fault)

    events = client(service).meta.events
    events.register_first("before-send", answer)
    UNDO.append(lambda: events.unregister("before-send", answer))


def _answer(url: str, status: int, body: bytes, headers: dict[str, str]) -> AWSResponse:
    class Raw(io.BytesIO):
        def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
            yield self.read()

    return AWSResponse(url, status, headers, Raw(body))


def moment_written(shelf: S3Shelf) -> Any:
    return client("s3").head_object(Bucket=shelf.bucket, Key=shelf.key)["LastModified"]


SHELVES = ("table", "s3", "https")
