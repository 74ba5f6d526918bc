"""What only a book in a bucket has: CSV, as of when it was written, and AWS's own refusals."""

from collections.abc import Callable
from decimal import Decimal
from itertools import count

import pytest
from book_kit import S3Shelf, moment_written
from botocore.exceptions import ClientError

from trueup.aws import client
from trueup.books.s3 import S3Books
from trueup.domain.models import S3Source
from trueup.errors import BookInvalid, BookUnavailable

CSV = b"wallet,asset,total,held\nspot,BTC,1.25,0.02\nearn,SOL,80,\n"


def test_a_csv_book_is_as_of_when_its_object_was_written(csv_in_s3: S3Shelf) -> None:
    csv_in_s3.put(CSV)
    book = csv_in_s3.books().read(csv_in_s3.account)
    assert book is not None
    assert (book.account_id, book.wallets, book.as_of) == ("cb-main", ("earn", "spot"), moment_written(csv_in_s3))
    assert [(it.wallet, it.asset, it.total, it.held) for it in book.holdings] == [
        ("spot", "BTC", Decimal("1.25"), Decimal("0.02")),
        ("earn", "SOL", Decimal(80), None),
    ]


def test_its_version_follows_its_content(csv_in_s3: S3Shelf) -> None:
    versions = []
    for content in (CSV, CSV.replace(b"80", b"81"), CSV):
        csv_in_s3.put(content)
        book = csv_in_s3.books().read(csv_in_s3.account)
        assert book is not None
        versions.append(book.version)
    assert versions[0] == versions[2] != versions[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "book: is empty; the columns are wallet, asset, total"),
        (b"wallet,asset\n", "book, line 1: the column total is missing"),
        (b"wallet,asset,total\nspot,BTC,1\nspot,BTC,2\n", "book, line 3: repeats spot 'BTC' of line 2"),
        (b'wallet,asset,total\nspot,BTC,"83419,27061553"\n', "book, line 2, column total: must be a decimal number"),
        (b"wallet,asset,total\nspot,\xff,1\n", "book: is not UTF-8 text"),
        (b'{"account_id": "cb-main"}', "book, line 1: unknown column"),
    ],
)
def test_what_is_not_a_csv_book_is_invalid_by_line_and_column(csv_in_s3: S3Shelf, content: bytes, said: str) -> None:
    csv_in_s3.put(content)
    with pytest.raises(BookInvalid) as refused:
        csv_in_s3.books().read(csv_in_s3.account)
    assert f"books/cb-main.csv is not a book: {said}" in str(refused.value)
    assert "83419" not in str(refused.value)


@pytest.mark.usefixtures("answering_cloud")
def test_a_bucket_that_does_not_exist_is_no_account_without_a_book() -> None:
    with pytest.raises(BookInvalid, match=r"s3://nobodys-bucket/b\.json is in a bucket that does not exist"):
        S3Books(seconds=lambda: 5).read("cb-main", S3Source("nobodys-bucket", "b.json"))


def test_a_right_that_is_missing_keeps_its_own_name(csv_in_s3: S3Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no identity-based policy"}}, "GetObject")

    monkeypatch.setattr(client("s3"), "get_object", denied)
    with pytest.raises(ClientError, match="AccessDenied"):
        csv_in_s3.books().read(csv_in_s3.account)


def seconds_later(step: float) -> Callable[[], float]:
    passed = count()
    return lambda: next(passed) * step


def test_a_body_that_takes_too_long_is_left(csv_in_s3: S3Shelf) -> None:
    csv_in_s3.put(CSV)
    source = S3Source(csv_in_s3.bucket, csv_in_s3.key)
    assert S3Books(seconds=lambda: 5, monotonic=seconds_later(4)).read("cb-main", source) is not None
    with pytest.raises(BookUnavailable, match="was not read whole within 5 s"):
        S3Books(seconds=lambda: 5, monotonic=seconds_later(6)).read("cb-main", source)


def test_nothing_is_asked_for_when_the_time_is_used_up(csv_in_s3: S3Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client("s3"), "get_object", lambda **_: pytest.fail("asked"))
    with pytest.raises(BookUnavailable, match="the time for this account is used up"):
        csv_in_s3.books(seconds=0).read(csv_in_s3.account)
