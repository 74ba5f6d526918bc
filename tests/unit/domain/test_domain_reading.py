"""Strict reading: one line that names the place, and nothing accepted that cannot be written again."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.money_kit import a_machine_in_tokyo
from trueup.domain.reading import (
    Malformed,
    Record,
    canonical_json,
    digest,
    format_time,
    parse_json,
    read_amount,
    read_list,
    read_plain,
    read_text,
    read_time,
)

QUICK = settings(max_examples=150, derandomize=True, deadline=None)


def refusal(call: Any, *args: Any) -> str:
    with pytest.raises(Malformed) as refused:
        call(*args)
    message = str(refused.value)
    assert "\n" not in message
    assert message.isprintable()
    message.encode()
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("{'a': 1}", "is not JSON"),
        ('{"a": 1,}', "is not JSON"),
        ('{"a": 1} x', "is not JSON"),
        ("\ufeff{}", "is not JSON"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        ('"a\x00b"', "is not JSON"),
        ('{"a": NaN}', "holds NaN, which is not a number"),
        ('{"a": Infinity}', "holds Infinity, which is not a number"),
        ("[-Infinity]", "holds -Infinity, which is not a number"),
        ('{"a": 1, "a": 2}', "repeats the key 'a' in one object"),
        ('{"b": 0, "a": 1, "a": 2}', "repeats the key 'a' in one object"),
        ('[{"x": {"b": 1, "c": 0, "b": 1}}]', "repeats the key 'b' in one object"),
        ('{"a": ' + "9" * 5000 + "}", "holds a number with too many digits"),
        ('{"a": 1e99999999999999999999}', "holds a number with too many digits"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"a":' * 100_000, "is nested too deeply"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8 text"),
        ('{"a": "ü"}'.encode("latin-1"), "is not UTF-8 text (byte 7)"),
        (b'{"a": "\xed\xa0\x80"}', "is not UTF-8 text"),
        (r'{"a": "\ud800"}', "holds half a character"),
        (r'{"\udfff": 1}', "holds half a character"),
        (r'["\udc00\ud800"]', "holds half a character"),
        ('{"a": "\ud800"}', "holds half a character"),
    ],
)
def test_a_document_that_is_not_strict_json_is_refused_in_one_line(text: str | bytes, problem: str) -> None:
    assert refusal(parse_json, text, "book").startswith(f"book: {problem}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,}', "is not JSON: a comma before the end (line 1, column 8)"),
        ("[1,]", "is not JSON: a comma before the end (line 1, column 3)"),
        ("[1,\n  [2 ,\n\t]]", "is not JSON: a comma before the end (line 2, column 6)"),
        ("[,]", "is not JSON: Expecting value (line 1, column 2)"),
        ("[1,,]", "is not JSON: Expecting value (line 1, column 4)"),
        ('{"a":}', "is not JSON: Expecting value (line 1, column 6)"),
        ("{,}", "is not JSON: Expecting property name enclosed in double quotes (line 1, column 2)"),
        ('{"a": 1,', "is not JSON: Expecting property name enclosed in double quotes (line 1, column 9)"),
        ('["a,"\n"]"]', "is not JSON: Expecting ',' delimiter (line 2, column 1)"),
    ],
)
def test_what_is_wrong_and_where_is_said_alike_by_every_python(text: str, said: str) -> None:
    assert refusal(parse_json, text, "book") == f"book: {said}"


def nested(depth: int, inside: str = "", outer: str = "[") -> str:
    opening, closing = {"[": ("[", "]"), "{": ('{"a":', "}")}[outer]
    return opening * depth + (inside or ("1" if outer == "{" else "")) + closing * depth


@pytest.mark.parametrize("outer", ["[", "{"])
def test_a_document_may_nest_sixty_four_deep_and_no_deeper(outer: str) -> None:
    assert parse_json(nested(64, outer=outer), "x")
    assert refusal(parse_json, nested(65, outer=outer), "x") == "x: is nested too deeply"
    assert refusal(parse_json, nested(1500, outer=outer), "x") == "x: is nested too deeply"


@pytest.mark.parametrize("inside", ["nul", '{"a": 1, "a": 2}', "NaN", "9" * 5000, '"\\ud800"', "1e12345", "1,"])
def test_what_nests_too_deep_is_said_to_whatever_else_is_wrong_with_it(inside: str) -> None:
    # One version stops at the nesting and another one at the fault inside it.
    for depth in (65, 1500):
        assert refusal(parse_json, nested(depth, inside), "x") == "x: is nested too deeply"
    assert "nested" not in refusal(parse_json, nested(63, inside), "x")


def test_brackets_in_a_text_do_not_nest() -> None:
    assert parse_json('["' + "[" * 100 + '", "\\"["]', "x") == ["[" * 100, '"[']
    assert refusal(parse_json, '["' + "[{" * 100 + '", nul', "x").startswith("x: is not JSON: Expecting value")


def test_a_number_with_an_exponent_that_some_platforms_cannot_hold_is_refused_by_all() -> None:
    assert parse_json("1.5e9999", "x") == Decimal("1.5e9999")
    assert refusal(parse_json, "1.5e-10000", "x") == "x: holds a number with too many digits"


def test_a_name_is_quoted_in_characters_that_every_version_can_print() -> None:
    # One that Unicode has since 2022: Python 3.11 does not know it.
    assert refusal(parse_json, '{"\U0001fae8": 1, "\U0001fae8": 2}', "x") == (
        r"x: repeats the key '\U0001fae8' in one object"
    )


def test_a_repeated_key_is_refused_without_printing_all_of_it() -> None:
    key = "k\\n" * 500
    assert len(refusal(parse_json, f'{{"{key}": 1, "{key}": 2}}', "book")) < 120


def test_a_whole_character_written_as_two_halves_is_read() -> None:
    assert parse_json(r'"\ud83d\ude00"', "x") == "😀"
    assert parse_json(r'"\\ud800"', "x") == r"\ud800"


def test_halves_of_characters_are_found_beside_numbers_with_a_point() -> None:
    assert parse_json('[1.5, "\\ud83d\\ude00"]', "x") == [Decimal("1.5"), "\U0001f600"]
    assert refusal(parse_json, '[1.5, "\\ud83d"]', "x") == "x: holds half a character (a lone surrogate)"


def test_a_number_with_a_point_loses_no_digit() -> None:
    assert parse_json("[0.10000000000000000000000000001]", "x") == [Decimal("0.10000000000000000000000000001")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@QUICK
@given(JSON)
def test_canonical_json_is_read_back_the_same_and_is_always_the_same_bytes(document: Any) -> None:
    text = canonical_json(document)
    assert parse_json(text.encode(), "x") == document
    assert canonical_json(parse_json(text, "x")) == text


@QUICK
@given(st.text(alphabet=st.characters(categories=["Cs", "Cc", "Lu", "Zl", "Zp"]), max_size=6), st.booleans())
def test_whatever_reading_accepts_can_be_written(text: str, escaped: bool) -> None:
    try:
        parsed = parse_json(json.dumps({text: text}, ensure_ascii=escaped), "x")
    except Malformed:
        return
    canonical_json(parsed).encode()


@QUICK
@given(st.text(alphabet=st.characters(), max_size=8))
def test_a_name_that_is_accepted_is_one_line_that_can_be_written(text: str) -> None:
    try:
        name = read_text(text, "x")
    except Malformed:
        return
    assert name == text == text.strip()
    assert len(name.splitlines()) == 1
    name.encode()


def test_equal_documents_have_equal_bytes() -> None:
    assert canonical_json({"b": 1, "a": [None, True, "ü"]}) == '{"a":[null,true,"ü"],"b":1}'
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1}) != digest({"a": 1, "b": 2})


@pytest.mark.parametrize("value", [Decimal(1), datetime(2026, 1, 1, tzinfo=UTC), {1, 2}, b"x"])
def test_what_json_cannot_say_is_a_programming_error(value: object) -> None:
    with pytest.raises(TypeError, match="does not belong in a document"):
        canonical_json({"a": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_never_written(value: float) -> None:
    with pytest.raises(ValueError):
        canonical_json([value])


# -- fields --------------------------------------------------------------------------------------------------------


def read(field: str, kind: str, value: Any) -> Any:
    return getattr(Record({field: value}, "account"), kind)(field)


@pytest.mark.parametrize("kind", ["text", "slug", "boolean", "amount", "time", "items", "record", "raw"])
def test_a_required_field_that_is_missing_is_named(kind: str) -> None:
    call = getattr(Record({}, "account"), kind)
    assert refusal(call, "field") == "account.field: is missing"


@pytest.mark.parametrize("kind", ["optional_text", "optional_amount", "optional_time"])
def test_an_optional_field_may_be_absent_or_null(kind: str) -> None:
    assert getattr(Record({}, "account"), kind)("x") is None
    assert getattr(Record({"x": None}, "account"), kind)("x") is None


def test_an_optional_list_that_is_absent_or_null_is_empty() -> None:
    assert list(Record({}, "account").optional_items("x")) == list(Record({"x": None}, "account").optional_items("x"))


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("text", 5, "must be a string, not a number"),
        ("text", None, "must be a string, not null"),
        ("text", ["x"], "must be a string, not a list"),
        ("text", "", "must not be empty"),
        ("text", " x", "must not be empty, nor hold control characters or blanks at its ends"),
        ("text", "x\u00a0", "must not be empty"),
        ("text", "a\nb", "must not be empty, nor hold control"),
        ("text", "a\x00b", "must not be empty, nor hold control"),
        ("text", "a\x7fb", "must not be empty, nor hold control"),
        ("text", "a\x85b", "must not be empty, nor hold control"),
        ("text", "a\u2028b", "must not be empty, nor hold control"),
        ("text", "a\ud800b", "must not be empty, nor hold control"),
        ("text", "x" * 513, "must be at most 512 characters, not 513"),
        ("slug", "CB-main", "must be lower-case letters, digits and hyphens"),
        ("slug", "-cb", "must be lower-case letters, digits and hyphens"),
        ("slug", "cb main", "must be lower-case letters, digits and hyphens"),
        ("slug", "cb/main", "must be lower-case letters, digits and hyphens"),
        ("slug", "x" * 64, "must be lower-case letters, digits and hyphens"),
        ("slug", "ümlaut", "must be lower-case letters, digits and hyphens"),
        ("boolean", "true", "must be true or false, not a string"),
        ("boolean", 1, "must be true or false, not a number"),
        ("amount", 1, 'must be a string such as "1.25", not a number'),
        ("amount", Decimal("1.5"), 'must be a string such as "1.25", not a number'),
        ("amount", 1.5, 'must be a string such as "1.25", not a number'),
        ("amount", "NaN", "must be a decimal number"),
        ("amount", "Infinity", "must be a decimal number"),
        ("items", {}, "must be a list, not an object"),
        ("items", "abc", "must be a list, not a string"),
        ("record", [], "must be an object, not a list"),
        ("record", "x", "must be an object, not a string"),
        ("time", 1, "must be a time such as"),
        ("time", "2026-11-22", "must be a time such as"),
        ("time", "2026-11-22T12:00:00", "must be a time such as"),
        ("time", "2026-11-22 12:00:00Z", "must be a time such as"),
        ("time", "2026-11-22T12:00:00z", "must be a time such as"),
        ("time", "2026-11-22T12:00:00.Z", "must be a time such as"),
        ("time", "2026-11-22T12:00:00.1234567890Z", "must be a time such as"),
        ("time", "٢٠٢٦-11-22T12:00:00Z", "must be a time such as"),
        ("time", "2026-13-22T12:00:00Z", "is not a time that exists"),
        ("time", "2026-02-30T12:00:00Z", "is not a time that exists"),
        ("time", "2026-11-22T12:00:60Z", "is not a time that exists"),
        ("time", "2026-11-22T12:00:00+99:00", "is not a time that exists"),
        ("time", "0000-11-22T12:00:00Z", "is not a time that exists"),
        ("time", "2026-11-22T24:00:00Z", "is not a time that exists"),
        ("time", "0001-01-01T00:00:00+05:00", "is not a time that exists"),
        ("time", "9999-12-31T23:59:59-05:00", "is not a time that exists"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named_with_what_is_allowed(kind: str, value: Any, problem: str) -> None:
    def take() -> None:
        found = read("field", kind, value)
        if kind == "items":
            list(found)

    assert refusal(take).startswith(f"account.field: {problem}")


def test_a_choice_names_what_there_is_to_choose_from() -> None:
    call = Record({"venue": "kraken"}, "account").choice
    assert refusal(call, "venue", {"dydx", "coinbase"}) == (
        "account.venue: must be one of coinbase, dydx; not 'kraken'"
    )


@pytest.mark.parametrize("document", [None, [], "x", 5, True])
def test_what_is_no_object_is_refused(document: object) -> None:
    assert refusal(Record, document, "account").startswith("account: must be an object, not ")


def test_an_unknown_field_is_refused_and_the_known_ones_named() -> None:
    record = Record({"asset": "BTC", "totl": "1"}, "book.holdings[3]")
    record.text("asset")
    record.optional_amount("total")
    assert refusal(record.done) == "book.holdings[3].totl: is not a field here; known: asset, total"


@pytest.mark.parametrize("field", ["a\nb", "x" * 1000, "", "\ud800", 5])
def test_an_unknown_field_with_an_absurd_name_still_makes_one_line(field: Any) -> None:
    refusal(Record({field: 1}, "account").done)


@pytest.mark.parametrize("key", ["", " x", "a\nb", "\ud800", 5, None])
def test_a_free_key_must_be_a_name(key: Any) -> None:
    refusal(lambda: list(Record({"prices": {key: "1"}}, "prices").entries("prices")))


def test_a_list_of_absurd_size_is_refused() -> None:
    items = [None] * 2_000_000
    assert next(read_list(items, "x")) == ("x[0]", None)
    assert refusal(read_list, [*items, None], "x") == "x: must have at most 2000000 elements, not 2000001"


def test_names_of_the_longest_length_are_read() -> None:
    assert read_text("x" * 512, "x") == "x" * 512
    assert Record({"id": "a" * 63}, "account").slug("id") == "a" * 63


def test_a_whole_number_is_a_number_without_a_point_and_no_word() -> None:
    assert Record({"streak": 7}, "track").whole("streak") == 7
    for value, words in ((True, "a boolean"), (Decimal("1.5"), "a number"), ("7", "a string"), (None, "null")):
        assert refusal(Record({"streak": value}, "track").whole, "streak") == (
            f"track.streak: must be a whole number, not {words}"
        )


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * 64 + "x", False),
        ("[" * 65 + "x", True),
        ('{"a":' * 64 + "x", False),
        ('{"a":' * 65 + "x", True),
        ("[" + "[]," * 100 + "x", False),
        ("[" + "{}," * 100 + "x", False),
        ("[" + "[]," * 50 + "[" * 63 + "x", False),
        ("[" + "[]," * 50 + "[" * 64 + "x", True),
        ("[" + "{}," * 50 + "[" * 64 + "x", True),
        ('["' + "[" * 100 + '", x', False),
    ],
)
def test_what_is_no_json_nests_too_deep_only_by_what_is_open(text: str, deep: bool) -> None:
    assert refusal(parse_json, text, "x").startswith("x: is nested too deeply" if deep else "x: is not JSON: ")


def test_what_is_no_json_is_refused_with_its_line_and_column() -> None:
    assert refusal(parse_json, '{"a": 1,\n  "b" 2}', "book.json") == (
        "book.json: is not JSON: Expecting ':' delimiter (line 2, column 7)"
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("x", "line 1, column 1"),
        ("\nx\n\n", "line 2, column 1"),
        ("[1,\n 2,\n  x,\n 3\n]", "line 3, column 3"),
        ("[1,\n 2,\n]\n\n", "line 2, column 3"),
    ],
)
def test_a_fault_is_found_in_its_line_and_column(text: str, where: str) -> None:
    assert refusal(parse_json, text, "x").endswith(f"({where})")


def test_a_field_of_a_record_without_a_place_is_named_alone() -> None:
    assert refusal(Record({}, "").text, "venue") == "venue: is missing"


def test_an_unknown_field_is_shown_as_it_is_up_to_forty_characters() -> None:
    assert refusal(Record({"x" * 40: 1}, "account").done).startswith(f"account.{'x' * 40}: is not a field here")
    assert refusal(Record({"x" * 41: 1}, "account").done).startswith(f"account.'{'x' * 37}...': is not a field here")
    assert refusal(Record({" x": 1}, "account").done).startswith("account.' x': is not a field here")


def test_a_choice_is_told_what_it_was_not() -> None:
    assert Record({"venue": "dydx"}, "account").choice("venue", {"dydx"}) == "dydx"
    assert refusal(Record({"venue": 5}, "account").choice, "venue", {"dydx"}) == (
        "account.venue: must be a string, not a number"
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (10**18, "options: must be a whole number of at most 18 digits"),
        (-(10**18), "options: must be a whole number of at most 18 digits"),
        ({"a": [0, {"b": 1.5}]}, "options.a[1].b: must hold text, whole numbers, true, false and null; not a number"),
        ({"a": {" b": 1}}, "options.a: must not be empty, nor hold"),
        ({"a": ["\ud800"]}, "options.a[0]: holds half a character"),
    ],
)
def test_what_is_wrong_in_free_content_is_named_with_its_place(value: Any, problem: str) -> None:
    assert refusal(read_plain, value, "options").startswith(problem)


def test_free_content_that_can_be_written_again_is_read_as_it_is() -> None:
    value = {"a": [True, False, None, "ü", 10**18 - 1, -(10**18) + 1, {"b": {}}]}
    assert read_plain(value, "options") == value
    assert read_plain(True, "options") is True


def test_free_objects_nested_deeply_are_refused_where_it_is_too_deep() -> None:
    value: Any = "x"
    for _ in range(8):
        value = {"a": value}
    assert read_plain(value, "options") == value
    place = "options" + 8 * ".a"
    assert refusal(read_plain, {"a": value}, "options") == f"{place}: is nested too deeply"


@pytest.mark.parametrize(
    "value", [Decimal("1.5"), 1.5, float("nan"), 10**18, "\ud800", {"a": {"b": [1.5]}}, {5: 1}, {"": 1}, (1,)]
)
def test_free_content_that_could_not_be_written_again_is_refused(value: Any) -> None:
    refusal(read_plain, value, "options")


def test_free_content_nested_deeply_is_refused() -> None:
    value: Any = "x"
    for _ in range(8):
        value = [value]
    assert read_plain(value, "options") == value
    assert "is nested too deeply" in refusal(read_plain, [value], "options")


# -- times ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00.000Z"),
        ("2026-11-22T12:00:00.1Z", "2026-11-22T12:00:00.100Z"),
        ("2026-11-22T12:00:00.123456789Z", "2026-11-22T12:00:00.123Z"),
        ("2026-11-22T12:00:00.9999999Z", "2026-11-22T12:00:00.999Z"),
        ("2026-11-22T12:00:00+05:30", "2026-11-22T06:30:00.000Z"),
        ("2026-11-22T00:30:00.5-01:00", "2026-11-22T01:30:00.500Z"),
    ],
)
def test_a_time_is_read_with_its_offset_and_written_in_utc(text: str, written: str) -> None:
    assert format_time(read_time(text, "x")) == written


def test_the_machine_s_own_time_zone_changes_no_time() -> None:
    with a_machine_in_tokyo():
        moment = read_time("2026-11-22T12:00:00.5Z", "x")
        assert (moment.hour, moment.tzinfo) == (12, UTC)
        assert format_time(moment) == "2026-11-22T12:00:00.500Z"


@QUICK
@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_written_is_read_back_to_the_millisecond(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert read_time(format_time(moment), "x") == moment


def test_an_amount_of_a_document_is_not_quoted_it_may_be_a_balance() -> None:
    record = Record({"total": "12,5"}, "holding")
    for read in (record.amount, record.optional_amount):
        with pytest.raises(Malformed) as refused:
            read("total")
        assert str(refused.value) == 'holding.total: must be a decimal number such as "1.25"'


def test_an_amount_that_is_no_balance_is_quoted() -> None:
    with pytest.raises(Malformed) as refused:
        read_amount("12,5", "policy.value_cap")
    assert str(refused.value) == "policy.value_cap: must be a decimal number such as \"1.25\", not '12,5'"
