"""Where a book comes from: said by the account, and refused by the place where it cannot be."""

from typing import Any

import pytest

from trueup.domain.book_sources import place_of
from trueup.domain.documents import account_document, read_account
from trueup.domain.models import Account, HttpsSource, S3Source
from trueup.domain.reading import Malformed

VENUES = ("coinbase", "dydx")
HTTPS = {"source": "https", "url": "https://books.example.com/cb-main", "secret": "coinbase/desk-book"}
S3 = {"source": "s3", "bucket": "desk-books", "key": "books/cb-main.csv"}


def read(book: Any, **fields: Any) -> Account:
    account = {"account_id": "cb-main", "venue": "coinbase", "secret": "coinbase/cb-main", "book": book}
    return read_account(account | fields, VENUES)


@pytest.mark.parametrize(
    ("book", "expected"),
    [
        (None, None),
        (HTTPS, HttpsSource("https://books.example.com/cb-main", "coinbase/desk-book")),
        (S3, S3Source("desk-books", "books/cb-main.csv")),
    ],
)
def test_a_source_is_read_and_written_back_the_same(book: Any, expected: object) -> None:
    account = read(book)
    assert account.book == expected
    assert account_document(account)["book"] == book
    assert read_account(account_document(account), VENUES) == account


def test_an_account_that_says_nothing_has_its_book_in_the_table() -> None:
    assert read_account({"account_id": "cb-main", "venue": "coinbase"}, VENUES).book is None


@pytest.mark.parametrize(
    "url",
    [
        "https://books.example.com",
        "https://books.example.com:8443/a/b.json",
        "https://books.example.com/book?account=cb-main&desk=2",
        "https://10.0.0.7/book",
        "https://[2a00::1]/book",
        "http://127.0.0.1:8080/book",
        "http://localhost/book",
    ],
)
def test_an_address_is_kept_as_it_is_written(url: str) -> None:
    account = read(HTTPS | {"url": url})
    assert isinstance(account.book, HttpsSource)
    assert account.book.url == url


@pytest.mark.parametrize(
    ("book", "said"),
    [
        ("https://books.example.com", "account.book: must be an object, not a string"),
        ([], "account.book: must be an object"),
        ({}, "account.book.source: is missing"),
        ({"source": "ftp"}, "account.book.source: must be one of https, s3; not 'ftp'"),
        (HTTPS | {"bucket": "x"}, "account.book.bucket: is not a field here; known: secret, source, url"),
        (S3 | {"secret": "x"}, "account.book.secret: is not a field here; known: bucket, key, source"),
        ({"source": "https", "url": HTTPS["url"]}, "account.book.secret: is missing"),
        (HTTPS | {"secret": None}, "account.book.secret: must be a string"),
        (HTTPS | {"secret": "desk-book"}, "account.book.secret: must begin with coinbase/"),
        (HTTPS | {"secret": "dydx/desk-book"}, "account.book.secret: must begin with coinbase/"),
        (HTTPS | {"secret": "coinbase/"}, "account.book.secret: must begin with coinbase/"),
        (HTTPS | {"secret": "coinbase/desk book"}, "account.book.secret: must be a name in Secrets Manager"),
        (HTTPS | {"secret": "coinbase/cb-main"}, "account.book.secret: must not be the venue's key"),
        (HTTPS | {"url": "http://books.example.com"}, "account.book.url: must be https"),
        (HTTPS | {"url": "https://user:pass@books.example.com"}, "account.book.url: must be an address such as"),
        (HTTPS | {"url": "https://books.example.com/#top"}, "account.book.url: must be an address such as"),
        (HTTPS | {"url": "https://books.example.com\\@evil.test"}, "account.book.url: must be an address such as"),
        (HTTPS | {"url": "https://bücher.example.com"}, "account.book.url: must be an address such as"),
        (HTTPS | {"url": "https://books.example.com:0/"}, "account.book.url: must have a port"),
        (HTTPS | {"url": "https://books.example.com:70000/"}, "account.book.url: Port out of range"),
        (HTTPS | {"url": "books.example.com"}, "account.book.url: must be an address such as"),
        (S3 | {"bucket": "Desk"}, "account.book.bucket: must be a bucket's name"),
        (S3 | {"bucket": "a"}, "account.book.bucket: must be a bucket's name"),
        (S3 | {"bucket": "desk..books"}, "account.book.bucket: must be a bucket's name"),
        (S3 | {"bucket": "arn:aws:s3:::desk"}, "account.book.bucket: must be a bucket's name"),
        (S3 | {"key": "book.xlsx"}, "account.book.key: must end in .csv or .json"),
        (S3 | {"key": "book"}, "account.book.key: must end in .csv or .json"),
        (S3 | {"key": "a\nb.csv"}, "account.book.key: must not be empty, nor hold control characters"),
    ],
)
def test_what_cannot_be_a_source_is_refused_by_its_place(book: Any, said: str) -> None:
    with pytest.raises(Malformed) as refused:
        read(book)
    assert str(refused.value).startswith(said)
    assert "pass" not in str(refused.value)


def test_a_secret_is_looked_for_where_the_venues_own_function_may_read() -> None:
    address = "dydx199tqg4wdlnu4qjlxchpd7seg454937hjrknju4"
    book = HTTPS | {"secret": "dydx/desk-book"}
    assert read(book, venue="dydx", secret=None, address=address).book == HttpsSource(HTTPS["url"], "dydx/desk-book")


@pytest.mark.parametrize(("key", "is_csv"), [("a.csv", True), ("a.CSV", True), ("a.json", False), ("csv.Json", False)])
def test_the_ending_of_a_key_says_how_its_book_is_written(key: str, is_csv: bool) -> None:
    account = read(S3 | {"key": key})
    assert isinstance(account.book, S3Source)
    assert account.book.is_csv is is_csv


def test_a_source_is_named_without_its_query() -> None:
    assert place_of(HttpsSource("https://b.example.com:8443/x?token=1", "s")) == "https://b.example.com:8443/x"
    assert place_of(S3Source("desk-books", "books/a.csv")) == "s3://desk-books/books/a.csv"
