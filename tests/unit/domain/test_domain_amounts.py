"""Amounts: exact, from strings, within bounds, and written plain."""

from decimal import Decimal, Inexact, Rounded, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.domain.amounts import EXACT, NotAnAmount, describe, parse_amount, plain, shorten

QUICK = settings(max_examples=150, derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1.25", "1.25"),
        ("-0.5", "-0.5"),
        ("+3", "3"),
        ("1.", "1"),
        (".5", "0.5"),
        ("007", "7"),
        ("1.50000", "1.5"),
        ("1e-8", "0.00000001"),
        ("1E8", "100000000"),
        ("1.5e+3", "1500"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("0e10", "0"),
        ("-0e-9999", "0"),
        ("9" * 40, "9" * 40),
        ("0." + "9" * 40, "0." + "9" * 40),
        ("9" * 40 + "." + "9" * 40, "9" * 40 + "." + "9" * 40),
        ("1e39", "1" + "0" * 39),
        ("1e-40", "0." + "0" * 39 + "1"),
    ],
)
def test_an_amount_is_read_exactly_and_written_plain(text: str, written: str) -> None:
    assert plain(parse_amount(text)) == written


@pytest.mark.parametrize(
    "value",
    [1, 1.5, 0, True, None, Decimal("1"), ["1"], {"amount": "1"}, b"1"],
    ids=lambda value: type(value).__name__,
)
def test_an_amount_that_is_not_a_string_is_refused(value: object) -> None:
    with pytest.raises(NotAnAmount, match=r'must be a string such as "1\.25", not '):
        parse_amount(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " 1",
        "1 ",
        "1\n",
        "1,5",
        "1_000",
        "1'000",
        "0x10",
        "NaN",
        "nan",
        "sNaN",
        "Infinity",
        "-inf",
        "1e",
        "e5",
        ".",
        "+",
        "--1",
        "1.2.3",
        "1e99999",
        "١",
        "1" * 100,
        "$5",
        "1e1.5",
    ],
)
def test_what_is_not_a_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(NotAnAmount, match="must be a decimal number"):
        parse_amount(text)


@pytest.mark.parametrize("text", ["1" + "0" * 40, "1e40", "-1e9999"])
def test_more_than_forty_digits_before_the_point_are_refused(text: str) -> None:
    with pytest.raises(NotAnAmount, match="at most 40 digits before the point"):
        parse_amount(text)


@pytest.mark.parametrize("text", ["0." + "0" * 40 + "1", "1e-41", "1e-9999", "12." + "3" * 41])
def test_more_than_forty_digits_after_the_point_are_refused(text: str) -> None:
    with pytest.raises(NotAnAmount, match="at most 40 digits after the point"):
        parse_amount(text)


def test_zeros_after_the_fortieth_place_are_no_digits() -> None:
    assert plain(parse_amount("1." + "0" * 45)) == "1"


def test_sixteen_characters_more_than_the_digits_are_read_and_no_more() -> None:
    assert plain(parse_amount("0" * 56 + "9" * 40)) == "9" * 40
    with pytest.raises(NotAnAmount, match="must be a decimal number"):
        parse_amount("0" * 57 + "9" * 40)


def test_zero_has_one_form() -> None:
    for text in ("0", "-0", "0.00", "0e-40", "-0e40"):
        assert str(parse_amount(text)) == "0"


@QUICK
@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**30), max_value=10**30))
def test_what_was_written_is_read_back_the_same(value: Decimal) -> None:
    text = plain(value)
    assert parse_amount(text) == value
    assert plain(parse_amount(text)) == text
    assert "E" not in text
    assert text == "0" or not text.startswith("-0") or "." in text
    assert "." not in text or not text.endswith(("0", "."))


@QUICK
@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_refused_with_a_reason(text: str) -> None:
    try:
        value = parse_amount(text)
    except NotAnAmount:
        return
    assert value.is_finite()


def test_the_exact_context_refuses_to_round() -> None:
    with localcontext(EXACT), pytest.raises((Inexact, Rounded)):
        Decimal(1) / Decimal(3)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "a number"),
        (1.5, "a number"),
        (Decimal(1), "a number"),
        ("x", "a string"),
        ([], "a list"),
        ((), "a list"),
        ({}, "an object"),
        (b"", "a bytes"),
    ],
)
def test_a_value_is_described_without_being_shown(value: Any, words: str) -> None:
    assert describe(value) == words


def test_a_long_text_is_cut_so_that_a_line_stays_a_line() -> None:
    assert shorten("a\nb") == r"'a\nb'"
    assert len(shorten("x" * 1000)) == 42
    assert shorten("x" * 40) == repr("x" * 40)
    assert shorten("x" * 41) == repr("x" * 37 + "...")


def test_what_is_no_amount_is_quoted_in_the_message_and_not_in_the_problem() -> None:
    with pytest.raises(NotAnAmount) as refused:
        parse_amount("12,5")
    assert str(refused.value) == "must be a decimal number such as \"1.25\", not '12,5'"
    assert refused.value.problem == 'must be a decimal number such as "1.25"'
