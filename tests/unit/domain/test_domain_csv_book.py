"""Books as CSV: every digit as written, and one line for every fault."""

from decimal import Decimal

import pytest

from tests.unit.money_kit import NOON
from trueup.domain.csv_book import read_csv_book
from trueup.domain.models import Book
from trueup.domain.reading import Malformed


def csv_book(text: str | bytes) -> Book:
    return read_csv_book(text.encode() if isinstance(text, str) else text, "cb-main", NOON, "book.csv")


def test_a_csv_book_holds_what_it_says_exactly() -> None:
    book = csv_book("held,asset,wallet,total\r\n0.02,BTC,spot,1.250000000000000001\r\n,ETH,earn,-1e-8\r\n")
    assert book.wallets == ("earn", "spot")
    assert [(h.wallet, h.asset, h.total, h.held) for h in book.holdings] == [
        ("spot", "BTC", Decimal("1.250000000000000001"), Decimal("0.02")),
        ("earn", "ETH", Decimal("-1e-8"), None),
    ]
    assert book.as_of == NOON


def test_blank_lines_and_a_byte_order_mark_are_tolerated() -> None:
    book = csv_book(b"\xef\xbb\xbfwallet,asset,total\n\nspot,BTC,1\n\n")
    assert len(book.holdings) == 1


def test_the_version_follows_the_content_and_nothing_else() -> None:
    one = csv_book("wallet,asset,total\nspot,BTC,1\n").version
    assert csv_book("wallet,asset,total\r\nspot,BTC,1.0\r\n").version == one
    assert csv_book("wallet,asset,total\nspot,BTC,2\n").version != one


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; the columns are wallet, asset, total"),
        ("wallet,asset\nspot,BTC\n", "line 1: the column total is missing"),
        ("wallet,asset,total,price\n", "line 1: unknown column 'price'"),
        ("Wallet,asset,total\n", "line 1: unknown column 'Wallet'"),
        ("wallet,asset,total,total\n", "line 1: repeats the column total"),
        ("wallet;asset;total\nspot;BTC;1\n", "line 1: unknown column"),
        ("wallet,asset,total\n", "names no holding"),
        ("wallet,asset,total\nspot,BTC\n", "line 2: has 2 values for 3 columns"),
        ("wallet,asset,total\nspot,BTC,1,2\n", "line 2: has 4 values for 3 columns"),
        ("wallet,asset,total\nspot,BTC,1\nspot,BTC,2\n", "line 3: repeats spot 'BTC' of line 2"),
        ("wallet,asset,total\nspot,BTC,one\n", "line 2, column total: must be a decimal number"),
        ("wallet,asset,total\nspot,BTC,\n", "line 2, column total"),
        ('wallet,asset,total\nspot,BTC,"1,5"\n', "line 2, column total"),
        ("wallet,asset,total\nspot,BTC,nan\n", "line 2, column total"),
        ("wallet,asset,total,held\nspot,BTC,1,x\n", "line 2, column held"),
        ("wallet,asset,total\n spot,BTC,1\n", "line 2, column wallet"),
        ("wallet,asset,total\nspot,,1\n", "line 2, column asset"),
        ('wallet,asset,total\nspot,"BTC,1\n', "is not CSV"),
        ("wallet,asset,total\nspot,B\x00C,1\n", "line 2"),
        (b"wallet,asset,total\nspot,\xff,1\n", "is not UTF-8 text (byte 24)"),
    ],
)
def test_a_wrong_csv_is_one_line_with_file_line_and_column(text: str | bytes, words: str) -> None:
    with pytest.raises(Malformed) as caught:
        csv_book(text)
    assert words in str(caught.value)
    assert "book.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", ["total", "held"])
def test_what_is_not_an_amount_is_not_quoted_it_may_be_a_balance(column: str) -> None:
    row = {"total": "1", "held": "1", column: "83419,27061553"}
    with pytest.raises(Malformed) as caught:
        csv_book(f'wallet,asset,total,held\nspot,BTC,"{row["total"]}","{row["held"]}"\n')
    assert "83419" not in str(caught.value)
    assert f"line 2, column {column}: must be a decimal number" in str(caught.value)


def test_without_a_name_the_file_is_the_book() -> None:
    with pytest.raises(Malformed) as refused:
        read_csv_book(b"", "cb-main", NOON)
    assert str(refused.value) == "book: is empty; the columns are wallet, asset, total and optional held"


def test_a_csv_book_of_a_header_alone_says_what_to_do() -> None:
    with pytest.raises(Malformed) as refused:
        csv_book("wallet,asset,total\n")
    assert refused.value.problem == (
        "names no holding; a CSV book covers the wallets it names, so give an empty book as JSON"
    )


def test_a_row_that_is_too_short_names_the_columns_there_are() -> None:
    with pytest.raises(Malformed) as refused:
        csv_book("wallet,asset,total\nspot,BTC\n")
    assert str(refused.value) == "book.csv, line 2: has 2 values for 3 columns (wallet, asset, total)"


def test_a_csv_book_has_no_more_holdings_than_a_book_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup.domain.csv_book.MAX_ITEMS", 2)
    assert len(csv_book("wallet,asset,total\nspot,BTC,1\nspot,ETH,1\n").holdings) == 2
    with pytest.raises(Malformed) as refused:
        csv_book("wallet,asset,total\nspot,BTC,1\nspot,ETH,1\nspot,SOL,1\n")
    assert str(refused.value) == "book.csv, line 4: a book has at most 2 holdings"


def test_the_same_content_has_the_same_version_for_ever_and_its_wallets_in_order() -> None:
    wallets = ["spot", "earn", "funding", "margin", "staking", "futures"]
    book = csv_book("wallet,asset,total\n" + "".join(f"{wallet},BTC,1\n" for wallet in wallets))
    assert book.wallets == tuple(sorted(wallets))
    assert csv_book("wallet,asset,total\nspot,BTC,1.25\n").version == "csv-7211cae0b294"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_lines_may_end_as_they_do_anywhere(end: str) -> None:
    book = csv_book(end.join(["wallet,asset,total", "spot,BTC,1", "spot,ETH,2", ""]))
    assert [(holding.asset, holding.total) for holding in book.holdings] == [("BTC", Decimal(1)), ("ETH", Decimal(2))]
