"""Files people write: YAML that means what it says, CSV books, and one line for every fault."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cli.csv_book import read_csv_book
from cli.errors import BadInput
from cli.files import MAX_YAML_BYTES, read_document
from cli.strict_yaml import parse_yaml
from trueup.domain.reading import Malformed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def yaml(text: str | bytes):
    return parse_yaml(text.encode() if isinstance(text, str) else text, "p.yaml")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0.001", "0.001"),
        ("1e-8", "1e-8"),
        (".5", ".5"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z"),
        ("no", "no"),
        ("on", "on"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("900", 900),
        ("-3", -3),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ('"900"', "900"),
        ("'true'", "true"),
        ("9" * 30, "9" * 30),
    ],
)
def test_yaml_keeps_every_digit_and_every_word_as_written(written, read):
    document = yaml(f"key: {written}")
    assert document == {"key": read}
    assert type(document["key"]) is type(read)


def test_yaml_keys_are_always_text():
    assert yaml("123: a\ntrue: b\nNO: c") == {"123": "a", "true": "b", "NO": "c"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "repeats the key 'a' (line 3, column 1)"),
        ("a: {b: 1, b: 2}", "repeats the key 'b'"),
        ("a: &x 1\nb: *x", "aliases"),
        ("a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]", "aliases"),
        ("a: !!python/object/apply:os.system [ls]", "tags"),
        ("a: !!float 1", "tags"),
        ("a: [1, 2", "line 1"),
        ("a: 1\n---\nb: 2", "single document"),
        ("", "is empty"),
        ("# only words\n", "is empty"),
        ("[[1]]: 2", "key"),
        ("a: \x07", "p.yaml: is not YAML"),
        (b"a: \xff\xfe", "is not UTF-8 text (byte 3)"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_what_yaml_must_not_hold_is_one_line_with_its_place(text, words):
    with pytest.raises(Malformed, match=r"^p") as caught:
        yaml(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_tolerated(tmp_path):
    for name, content in (("a.yaml", b"a: 1"), ("a.json", b'{"a": 1}')):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + content)
        assert read_document(path) == {"a": 1}


def test_a_yaml_file_beyond_a_megabyte_is_refused(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes(b"#" * (MAX_YAML_BYTES + 1))
    with pytest.raises(BadInput, match="larger than 1,000,000 bytes"):
        read_document(path)


def test_a_json_number_with_a_point_never_becomes_a_float(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"relative": 0.1}')
    assert read_document(path) == {"relative": Decimal("0.1")}


# -- CSV -------------------------------------------------------------------------------------------------------


def csv_book(tmp_path, text: str | bytes):
    path = tmp_path / "book.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_csv_book(path, "cb-main", NOW)


def test_a_csv_book_holds_what_it_says_exactly(tmp_path):
    book = csv_book(tmp_path, "held,asset,wallet,total\r\n0.02,BTC,spot,1.250000000000000001\r\n,ETH,earn,-1e-8\r\n")
    assert book.wallets == ("earn", "spot")
    assert [(h.wallet, h.asset, h.total, h.held) for h in book.holdings] == [
        ("spot", "BTC", Decimal("1.250000000000000001"), Decimal("0.02")),
        ("earn", "ETH", Decimal("-1e-8"), None),
    ]
    assert book.as_of == NOW


def test_blank_lines_and_a_byte_order_mark_are_tolerated(tmp_path):
    book = csv_book(tmp_path, b"\xef\xbb\xbfwallet,asset,total\n\nspot,BTC,1\n\n")
    assert len(book.holdings) == 1


def test_the_version_follows_the_content_and_nothing_else(tmp_path):
    one = csv_book(tmp_path, "wallet,asset,total\nspot,BTC,1\n").version
    assert csv_book(tmp_path, "wallet,asset,total\r\nspot,BTC,1.0\r\n").version == one
    assert csv_book(tmp_path, "wallet,asset,total\nspot,BTC,2\n").version != one


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
def test_a_wrong_csv_is_one_line_with_file_line_and_column(tmp_path, text, words):
    with pytest.raises((BadInput, Malformed)) as caught:
        csv_book(tmp_path, text)
    assert words in str(caught.value)
    assert "book.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_csv_book_and_the_same_json_book_compare_alike(tmp_path):
    from cli_kit import BOOK, SNAPSHOT, trueup, write

    snapshot = write(tmp_path, "s.json", SNAPSHOT)
    in_csv = write(tmp_path, "b.csv", "wallet,asset,total,held\nspot,BTC,1.25,0.02\n")
    in_json = write(tmp_path, "b.json", BOOK)
    reports = [json.loads(trueup("compare", "--venue", snapshot, "--book", b, "--json").out) for b in (in_csv, in_json)]
    assert reports[0] == reports[1]
