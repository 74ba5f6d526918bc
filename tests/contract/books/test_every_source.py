"""What holds for a book wherever it is kept: the same book back, no book where there is none, a name for the rest."""

import json
from datetime import timedelta
from typing import Any

import pytest
from book_kit import FAULTS, Shelf

from tests.unit.book_server import TOKEN
from tests.unit.money_kit import NOON, book, holding, item
from trueup.books.content import MAX_BOOK_BYTES
from trueup.domain.documents import book_document
from trueup.domain.models import Book
from trueup.errors import BookInvalid, BookUnavailable, TrueupError
from trueup.wire.ask import MAX_VALUES

WHOLE = book(
    holding("BTC", "1.250000000000000001", held="0.02"),
    holding("USDC", "-83419.27061553", borrowed="83419.27061553"),
    holding("ETH-USD", "-3", "perp/0", price_asset="ETH"),
    wallets=("spot", "perp/0", "earn"),
    pending=(item("USDC", "-500", "w-1", applied=True),),
)
DOCUMENT = book_document(WHOLE)


def written(found: Book) -> bytes:
    return json.dumps(book_document(found)).encode()


def read(shelf: Shelf) -> Book | None:
    return shelf.books().read(shelf.account)


def test_a_book_comes_back_as_it_was_put(shelf: Shelf) -> None:
    shelf.put(written(WHOLE))
    assert read(shelf) == WHOLE


def test_where_nothing_is_there_is_no_book(shelf: Shelf) -> None:
    assert read(shelf) is None
    shelf.put(written(WHOLE))
    shelf.remove()
    assert read(shelf) is None


def test_each_reading_gives_what_is_there_then(shelf: Shelf) -> None:
    reader = shelf.books()
    found = []
    for total in ("1", "2", "2"):
        shelf.put(written(book(("BTC", total))))
        found.append(reader.read(shelf.account))
    shelf.remove()
    found.append(reader.read(shelf.account))

    assert found == [book(("BTC", "1")), book(("BTC", "2")), book(("BTC", "2")), None]


@pytest.mark.parametrize("age", [timedelta(days=3650), timedelta(0), timedelta(days=-3650)], ids=str)
def test_how_old_a_book_may_be_is_not_for_its_source_to_say(shelf: Shelf, age: timedelta) -> None:
    old = book(("BTC", "1"), as_of=NOON - age)
    shelf.put(written(old))
    assert read(shelf) == old


def changed(**fields: Any) -> bytes:
    return json.dumps(DOCUMENT | fields).encode()


def with_total(total: Any) -> bytes:
    return changed(holdings=[{"wallet": "spot", "asset": "BTC", "total": total}])


MALFORMED = {
    "nothing": (b"", "is not JSON"),
    "not JSON": (b"BTC 1.25", "is not JSON"),
    "half of one": (written(WHOLE)[:-40], "is not JSON"),
    "not text": (b'{"account_id": "\xff"}', "is not UTF-8"),
    "null": (b"null", "must be an object, not null"),
    "a list": (b"[]", "must be an object, not a list"),
    "nothing in it": (b"{}", ".account_id: is missing"),
    "an unknown field": (changed(nav="1"), ".nav: is not a field here"),
    "a repeated key": (written(WHOLE)[:-1] + b', "version": "42"}', "repeats the key 'version'"),
    "a number for an amount": (with_total(1.25), ".holdings[0].total: must be a string"),
    "an amount that is none": (with_total("83419,27061553"), ".holdings[0].total: must be a decimal number"),
    "not a number": (b'{"total": NaN}', "holds NaN"),
    "a wallet nobody vouches for": (changed(wallets=["earn"]), ".holdings[0].wallet: is not among"),
    "two amounts for one thing": (changed(holdings=DOCUMENT["holdings"][:1] * 2), ".holdings[1]: repeats spot 'BTC'"),
    "a time that is none": (changed(as_of="yesterday"), ".as_of: must be a time"),
    "nested too deeply": (b"[" * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize(("content", "said"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_a_book_is_invalid_and_its_place_is_named(shelf: Shelf, content: bytes, said: str) -> None:
    shelf.put(content)
    with pytest.raises(BookInvalid) as refused:
        read(shelf)
    assert_fit_to_be_said(refused.value)
    assert said in str(refused.value)


def test_another_accounts_book_is_invalid(shelf: Shelf) -> None:
    shelf.put(written(book(("BTC", "1"), account_id="cb-two")))
    with pytest.raises(BookInvalid, match="is the book of cb-two") as refused:
        read(shelf)
    assert_fit_to_be_said(refused.value)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_reached_is_unavailable_never_no_book(shelf: Shelf, fault: str) -> None:
    shelf.put(written(WHOLE))
    shelf.fail(fault)
    with pytest.raises(BookUnavailable) as refused:
        read(shelf)
    assert_fit_to_be_said(refused.value)


def test_a_book_that_is_too_large_is_invalid(shelf: Shelf) -> None:
    large = written(WHOLE)
    shelf.put(large + b" " * (MAX_BOOK_BYTES - len(large)))
    assert read(shelf) == WHOLE
    shelf.put(large + b" " * (MAX_BOOK_BYTES - len(large) + 1))
    if shelf.written_by_us:
        assert read(shelf) == WHOLE, "what we wrote ourselves has been bounded before"
        return
    with pytest.raises(BookInvalid, match=f"{MAX_BOOK_BYTES} bytes") as refused:
        read(shelf)
    assert_fit_to_be_said(refused.value)


def test_a_book_of_millions_of_tiny_values_is_refused_before_they_are_made(shelf: Shelf) -> None:
    if shelf.written_by_us:
        return
    shelf.put(b"[" + b"0," * MAX_VALUES + b"0]")
    with pytest.raises(BookInvalid, match=f"more than {MAX_VALUES} values"):
        read(shelf)


def assert_fit_to_be_said(error: TrueupError) -> None:
    said = str(error)
    assert said.startswith("account cb-main: ")
    assert said.isprintable()
    assert len(said) < 500
    assert TOKEN not in said
    assert "83419" not in said
    assert "desk=2" not in said, "a query may hold a token"
