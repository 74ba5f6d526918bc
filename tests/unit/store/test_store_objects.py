"""Objects: one suite, held to by the bucket in memory and by S3 alike."""

import gzip
import hashlib
from decimal import Decimal
from typing import Any

import pytest

from trueup.aws import client
from trueup.domain.reading import Malformed, digest
from trueup.store.memory import MemoryObjects
from trueup.store.objects import Objects, S3Objects


def test_a_document_comes_back_as_it_was_written(objects: Objects) -> None:
    document = {"b": ["1.10", 2, None, True], "a": {"ü": "😀"}}
    assert objects.put_once("runs/a.json.gz", document) is True
    assert objects.get("runs/a.json.gz") == document


def test_a_document_that_is_not_there_is_none(objects: Objects) -> None:
    assert objects.get("runs/a.json.gz") is None


def test_the_first_writers_document_stands(objects: Objects) -> None:
    assert objects.put_once("a", {"by": "first"}) is True
    assert objects.put_once("a", {"by": "second"}) is False
    assert objects.put_once("a", {"by": "first"}) is False
    assert objects.get("a") == {"by": "first"}


def test_keys_are_listed_in_order_by_prefix(objects: Objects) -> None:
    for key in ("runs/2/b", "runs/2/a", "runs/20/a", "books/x"):
        objects.put_once(key, {})
    assert objects.keys("runs/2/") == ["runs/2/a", "runs/2/b"]
    assert objects.keys("runs/") == ["runs/2/a", "runs/2/b", "runs/20/a"]
    assert objects.keys("nothing") == []


def test_what_a_caller_does_to_a_document_does_not_change_the_object(objects: Objects) -> None:
    document: dict[str, Any] = {"a": [1]}
    objects.put_once("a", document)
    document["a"].append(2)
    read = objects.get("a")
    assert read is not None
    read["a"].append(3)
    assert objects.get("a") == {"a": [1]}


def test_a_decimal_is_never_written_as_a_number(objects: Objects) -> None:
    with pytest.raises(TypeError, match="write it as a string first"):
        objects.put_once("a", {"total": Decimal("1.5")})
    assert objects.get("a") is None


def stored(bucket: str, key: str) -> bytes:
    body: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def test_the_same_document_is_the_same_bytes_whenever_and_in_whatever_order_it_is_written(
    s3_objects: S3Objects, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_objects.put_once("a", {"x": 1, "y": "ü"})
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    s3_objects.put_once("b", {"y": "ü", "x": 1})
    assert stored(bucket, "a") == stored(bucket, "b")
    assert gzip.decompress(stored(bucket, "a")).decode() == '{"x":1,"y":"ü"}'


def test_an_object_says_what_it_is(s3_objects: S3Objects, bucket: str) -> None:
    s3_objects.put_once("a", {})
    head = client("s3").head_object(Bucket=bucket, Key="a")
    assert (head["ContentType"], head["ContentEncoding"]) == ("application/json", "gzip")


def test_more_than_a_page_of_keys_is_listed(s3_objects: S3Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    # S3 lists a thousand at most; moto too, or as few as it is told.
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(10):
        s3_objects.put_once(f"runs/{number}", {})
    assert len(s3_objects.keys("runs/")) == 10


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not gzip at all",
        gzip.compress(b"{}")[:-9],
        gzip.compress(b"{}")[:10] + b"\xff" * 20,
        gzip.compress(b"not json"),
        gzip.compress(b'{"a": 1, "a": 2}'),
        gzip.compress(b"\xff"),
    ],
    ids=["empty", "plain", "cut", "scrambled", "text", "repeated", "bytes"],
)
def test_an_object_that_is_no_document_is_malformed_under_its_key(
    s3_objects: S3Objects, bucket: str, body: bytes
) -> None:
    client("s3").put_object(Bucket=bucket, Key="runs/x", Body=body)
    with pytest.raises(Malformed, match=r"^runs/x: "):
        s3_objects.get("runs/x")


def test_the_digest_of_a_document_is_that_of_its_text(objects: Objects) -> None:
    document = {"b": ["1.10", 2, None, True], "a": {"ü": "😀"}}
    objects.put_once("a", document)
    content = objects.content("a")
    assert content is not None
    assert hashlib.sha256(content).hexdigest() == digest(document)
    assert objects.content("b") is None


def test_memory_keeps_text_and_not_the_callers_objects() -> None:
    objects = MemoryObjects()
    objects.put_once("a", {"t": (1, 2)})
    assert objects.get("a") == {"t": [1, 2]}


def test_a_bucket_that_locks_what_it_is_given_takes_it(s3_objects: S3Objects) -> None:
    """S3 refuses what comes without a checksum where Object Lock keeps it."""
    sent = []

    def note(request: Any, **_: Any) -> None:
        sent.extend(name.lower() for name in request.headers)

    events = client("s3").meta.events
    events.register("before-send.s3.PutObject", note)
    try:
        assert s3_objects.put_once("runs/x.json.gz", {"a": 1})
    finally:
        events.unregister("before-send.s3.PutObject", note)
    assert "x-amz-sdk-checksum-algorithm" in sent
