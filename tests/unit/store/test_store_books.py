"""The built-in book: versions that never change, and one writer who wins."""

import gzip
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.money_kit import NOON, book
from trueup.aws import client
from trueup.books.table import Head, TableBook
from trueup.domain.documents import book_document
from trueup.domain.reading import canonical_json, digest
from trueup.errors import BookConflict, BookInvalid, BookUnavailable, StoreUnavailable
from trueup.store import keys
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.store.objects import Objects, S3Objects
from trueup.store.rows import Rows

Stores = tuple[Rows, Objects]


def test_an_account_without_a_book_has_none(stores: Stores) -> None:
    assert TableBook(*stores).read("cb-main") is None
    assert TableBook(*stores).version("cb-main") is None


def test_a_book_comes_back_as_it_was_written_with_its_version(stores: Stores) -> None:
    written = TableBook(*stores).write(book(("BTC", "1.25")), None)
    assert written.version == "1"
    assert TableBook(*stores).read("cb-main") == written
    assert TableBook(*stores).version("cb-main") == "1"


def test_versions_count_up(stores: Stores) -> None:
    books = TableBook(*stores)
    books.write(book(("BTC", "1")), None)
    books.write(book(("BTC", "2")), "1")
    assert books.write(book(("BTC", "3")), "2").version == "3"
    found = books.read("cb-main")
    assert found is not None
    assert (found.version, found.holdings[0].total) == ("3", 3)


def test_a_sender_may_number_the_versions_itself_and_the_table_counts_on_from_there(stores: Stores) -> None:
    books = TableBook(*stores)
    assert books.write(book(("BTC", "1"), version="700"), None, version="700") == book(("BTC", "1"), version="700")
    assert books.write(book(("BTC", "2")), "700").version == "701"
    with pytest.raises(BookConflict):
        books.write(book(("BTC", "3"), version="702"), "700", version="702")
    assert books.version("cb-main") == "701"


def test_the_head_names_version_and_digest_of_the_current_book(stores: Stores) -> None:
    books = TableBook(*stores)
    assert books.head("cb-main") is None
    written = books.write(book(("BTC", "1")), None)
    assert books.head("cb-main") == Head("1", digest(book_document(written)))


@pytest.mark.parametrize("expected", [None, "1", "3"])
def test_who_writes_over_a_version_he_has_not_seen_is_refused(stores: Stores, expected: str | None) -> None:
    books = TableBook(*stores)
    books.write(book(("BTC", "1")), None)
    books.write(book(("BTC", "2")), "1")
    with pytest.raises(BookConflict, match=r"account cb-main: the book is no longer at version .*; somebody wrote it"):
        books.write(book(("BTC", "9")), expected)
    found = books.read("cb-main")
    assert found is not None
    assert found.holdings[0].total == 2


def test_a_book_written_for_a_version_when_there_is_none_is_refused(stores: Stores) -> None:
    with pytest.raises(BookConflict):
        TableBook(*stores).write(book(("BTC", "1")), "1")


def test_books_of_different_accounts_do_not_meet(stores: Stores) -> None:
    books = TableBook(*stores)
    books.write(book(("BTC", "1")), None)
    books.write(book(("BTC", "2"), account_id="cb-two"), None)
    first, second = books.read("cb-main"), books.read("cb-two")
    assert first is not None
    assert second is not None
    assert (first.holdings[0].total, second.holdings[0].total) == (1, 2)


def test_a_book_that_changed_between_two_readings_is_read_twice(stores: Stores) -> None:
    books = TableBook(*stores)
    books.write(book(("BTC", "1")), None)
    before = books.read("cb-main")
    TableBook(*stores).write(book(("BTC", "2")), "1")
    after = books.read("cb-main")
    assert before is not None
    assert after is not None
    assert (before.holdings[0].total, after.holdings[0].total) == (1, 2)


def test_an_unchanged_book_is_fetched_once() -> None:
    class Counting(MemoryObjects):
        reads = 0

        def get(self, key: str) -> Any:
            self.reads += 1
            return super().get(key)

    objects = Counting()
    books = TableBook(MemoryRows(), objects)
    books.write(book(("BTC", "1")), None)
    assert books.read("cb-main") == books.read("cb-main")
    assert objects.reads == 1


def test_a_book_whose_object_is_missing_is_unavailable_and_not_empty(stores: Stores) -> None:
    rows, objects = stores
    pk, sk = keys.book_head("cb-main")
    rows.put({"pk": pk, "sk": sk, "version": "1", "sha256": "0" * 64, "as_of": "2026-11-22T12:00:00.000Z"})
    with pytest.raises(BookUnavailable, match=r"account cb-main: .* is missing"):
        TableBook(rows, objects).read("cb-main")


def pointed_at(rows: Rows, objects: Objects, document: Any, sha256: str | None = None) -> TableBook:
    sha256 = sha256 or digest(document)
    objects.put_once(keys.book_object("cb-main", sha256), document)
    pk, sk = keys.book_head("cb-main")
    rows.put({"pk": pk, "sk": sk, "version": "1", "sha256": sha256, "as_of": "2026-11-22T12:00:00.000Z"})
    return TableBook(rows, objects)


def test_a_book_somebody_changed_behind_our_back_is_invalid(stores: Stores) -> None:
    honest = digest(book_document(book(("BTC", "1"))))
    books = pointed_at(*stores, book_document(book(("BTC", "100"))), honest)
    with pytest.raises(BookInvalid, match="is not what was written; put the book again"):
        books.read("cb-main")


@pytest.mark.parametrize("document", [[], "x", {}, {"account_id": "cb-main"}, None])
def test_an_object_that_is_no_book_is_invalid(stores: Stores, document: Any) -> None:
    with pytest.raises((BookInvalid, BookUnavailable), match="account cb-main"):
        pointed_at(*stores, document).read("cb-main")


def test_another_accounts_book_is_invalid(stores: Stores) -> None:
    books = pointed_at(*stores, book_document(book(("BTC", "1"), account_id="cb-two")))
    with pytest.raises(BookInvalid, match="is the book of cb-two"):
        books.read("cb-main")


@pytest.mark.parametrize(
    "body",
    [b"garbage", gzip.compress(b"{"), gzip.compress(b'{"total": 1.5}')],
    ids=["not gzip", "not JSON", "a number for an amount"],
)
def test_an_object_that_is_not_even_json_is_invalid(
    dynamo_rows: Rows, s3_objects: S3Objects, bucket: str, body: bytes
) -> None:
    books = pointed_at(dynamo_rows, s3_objects, book_document(book(("BTC", "1"))))
    key = keys.book_object("cb-main", digest(book_document(book(("BTC", "1")))))
    client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    with pytest.raises(BookInvalid, match=r"account cb-main: .*put the book again"):
        books.read("cb-main")


@pytest.mark.parametrize("part", ["rows", "objects"])
def test_a_store_that_does_not_answer_is_a_book_unavailable(part: str) -> None:
    class Down:
        def __getattr__(self, name: str) -> Any:
            def fail(*_: object, **__: object) -> None:
                raise StoreUnavailable("GetItem: throttled")

            return fail

    rows, objects = MemoryRows(), MemoryObjects()
    TableBook(rows, objects).write(book(("BTC", "1")), None)
    down: Any = Down()
    books = TableBook(down, objects) if part == "rows" else TableBook(rows, down)
    with pytest.raises(BookUnavailable, match="account cb-main: the book could not be read"):
        books.read("cb-main")


def test_the_head_says_since_when_the_book_is_what_it_is(stores: Stores) -> None:
    rows, objects = stores
    written = TableBook(rows, objects).write(book(("BTC", "1"), as_of=NOON - timedelta(seconds=1)), None)
    head = rows.get(*keys.book_head("cb-main"))
    assert head is not None
    assert head["as_of"] == "2026-11-22T11:59:59.000Z"
    assert head["sha256"] == digest(book_document(written))
    assert canonical_json(objects.get(keys.book_object("cb-main", head["sha256"]))) == canonical_json(
        book_document(written)
    )
