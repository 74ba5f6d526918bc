"""Counts what AWS would bill, from the requests themselves as they leave for AWS: no line of ours is asked.

Every request moto answers passes here with its answer. An operation nobody taught the counter is an error, so that
nothing new goes uncounted. Sizes and units follow AWS's published rules ("DynamoDB item sizes and formats", "read and
write operations", S3's and SNS's pricing pages).
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest
from moto.core.botocore_stubber import BotocoreStubber

READ_UNIT, WRITE_UNIT = 4096, 1024
ROW_OVERHEAD = 100
"""Bytes of an item's storage that are billed beyond its size."""
SNS_CHUNK = 64 * 1024
Item = Mapping[str, Mapping[str, Any]]


class Uncounted(Exception):
    """A request of a kind the counter does not know."""


class Wire:
    """Adds up everything that is asked of AWS while it is `counting`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: dict[tuple[str, str, str], int] = {}
        self._counting = False
        self.units: Counter[str] = Counter()
        self.unknown: list[str] = []

    @contextmanager
    def watching(self) -> Iterator["Wire"]:
        """Watch all requests, so that the sizes of rows that are there already are known."""
        original = BotocoreStubber.process_request

        def process(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
            answer = original(stubber, request)
            if answer is not None:
                status, _, body = answer
                self._seen(request, status, body if isinstance(body, bytes) else body.encode())
            return answer

        BotocoreStubber.process_request = process  # type: ignore[method-assign, assignment]
        try:
            yield self
        finally:
            BotocoreStubber.process_request = original  # type: ignore[method-assign]

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Count from zero. Raises Uncounted at the end if anything was asked that has no rule here."""
        self.units, self.unknown, self._counting = Counter(), [], True
        try:
            yield self.units
        finally:
            self._counting = False
        if self.unknown:
            raise Uncounted(f"no rule for {', '.join(sorted(set(self.unknown)))}; add it to bench/wire.py")

    def _seen(self, request: AWSPreparedRequest, status: int, body: bytes) -> None:
        target = _text(request.headers.get("X-Amz-Target", ""))
        service, _, operation = target.rpartition(".")
        with self._lock:
            if service.startswith("DynamoDB_"):
                self._dynamodb(operation, json.loads(_bytes(request.body)), status, json.loads(body or b"{}"))
            elif self._counting:
                self._other(service, operation, request)

    def _other(self, service: str, operation: str, request: AWSPreparedRequest) -> None:
        host, path = urlsplit(request.url).netloc, urlsplit(request.url).path
        if service == "secretsmanager" and operation == "GetSecretValue":
            self.units["secret reads"] += 1
        elif ".s3." in host or host.startswith("s3."):
            self._s3(request)
        elif host.startswith("sns."):
            form = parse_qs(_bytes(request.body).decode())
            if form["Action"] == ["Publish"]:
                self.units["SNS publishes"] += ceil(len(_bytes(request.body)) / SNS_CHUNK)
            else:
                self.unknown.append(f"sns {form['Action']}")
        elif host.startswith("lambda.") and path.endswith("/invocations"):
            self.units["invocations"] += 1
        elif service == "AWSStepFunctions":
            pass  # whoever watches the run; what the run itself costs there is in its history
        else:
            self.unknown.append(f"{host} {operation or request.method}")

    def _s3(self, request: AWSPreparedRequest) -> None:
        query = parse_qs(urlsplit(request.url).query)
        if request.method == "GET" and "list-type" in query:
            self.units["S3 lists"] += 1
        elif request.method == "GET":
            self.units["S3 gets"] += 1
        elif request.method == "PUT":
            length = request.headers.get("X-Amz-Decoded-Content-Length") or request.headers["Content-Length"]
            self.units["S3 puts"] += 1
            self.units["S3 bytes added"] += int(_text(length))
        else:
            self.unknown.append(f"s3 {request.method}")

    def _dynamodb(self, operation: str, asked: Any, status: int, answer: Any) -> None:
        if operation == "PutItem":
            self._write(asked, status == 200, 1)
        elif operation == "TransactWriteItems" and all(set(each) == {"Put"} for each in asked["TransactItems"]):
            for each in asked["TransactItems"]:
                self._write(each["Put"], status == 200, 2)
        elif not self._counting:
            pass  # what others ask in between changes no row we would have to know
        elif operation == "GetItem":
            self._read([answer["Item"]] if "Item" in answer else [], asked)
        elif operation == "Query":
            self._read(answer["Items"], asked)
        else:
            self.unknown.append(f"dynamodb {operation}")

    def _read(self, items: list[Item], asked: Any) -> None:
        units = max(1, ceil(sum(map(item_size, items)) / READ_UNIT))
        self.units["DynamoDB half read units"] += units * (2 if asked.get("ConsistentRead") else 1)

    def _write(self, put: Any, written: bool, factor: int) -> None:
        item = put["Item"]
        place = (put["TableName"], item["pk"]["S"], item["sk"]["S"])
        before, after = self._rows.get(place, 0), item_size(item)
        # A refused write costs what the row that is there would have cost.
        billed = max(before, after) if written else max(before, 1)
        if self._counting:
            self.units["DynamoDB write units"] += factor * max(1, ceil(billed / WRITE_UNIT))
            if written:
                self.units["DynamoDB bytes added"] += after - before + (0 if before else ROW_OVERHEAD)
        if written:
            self._rows[place] = after


def item_size(item: Item) -> int:
    """Return the size of an item in bytes, as DynamoDB reckons it for units (without the overhead of storage)."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits = content.lstrip("-").replace(".", "").strip("0")
        return ceil(len(digits) / 2) + 1 + int(content.startswith("-"))
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "L":
        return 3 + sum(1 + _value_size(each) for each in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in content.items())
    raise Uncounted(f"no rule for the size of a DynamoDB value of kind {kind}; add it to bench/wire.py")


def _bytes(body: Any) -> bytes:
    if hasattr(body, "read"):
        raise Uncounted("a request's body is a stream; the counter would have to take it away")
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
