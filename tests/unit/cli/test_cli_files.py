"""Files people write: YAML that means what it says, CSV books, and one line for every fault."""

import json
from decimal import Decimal

import pytest

from cli.errors import BadInput
from cli.files import MAX_YAML_BYTES, read_document
from cli.strict_yaml import parse_yaml
from trueup.domain.reading import Malformed


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


def test_a_csv_book_and_the_same_json_book_compare_alike(tmp_path):
    from cli_kit import BOOK, SNAPSHOT, trueup, write

    snapshot = write(tmp_path, "s.json", SNAPSHOT)
    in_csv = write(tmp_path, "b.csv", "wallet,asset,total,held\nspot,BTC,1.25,0.02\n")
    in_json = write(tmp_path, "b.json", BOOK)
    reports = [json.loads(trueup("compare", "--venue", snapshot, "--book", b, "--json").out) for b in (in_csv, in_json)]
    assert reports[0] == reports[1]
