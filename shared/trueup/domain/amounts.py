"""Exact amounts: Decimals made from strings, and a context in which losing a digit is an error."""

import re
from decimal import (
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Underflow,
)

MAX_DIGITS = 40
"""Digits allowed before and after the decimal point. 10^40 is beyond any token supply in its smallest unit."""

MAX_PRODUCT_DIGITS = 3 * MAX_DIGITS
"""Digits that a product of amounts can have on either side of the point: what a report may hold."""

EXACT = Context(
    # An amount has at most 80 digits, and up to 16 zeros more as written; the longest product here has two factors,
    # 192 places behind the point, and the longest sum adds two million of them up, 88 places before it.
    prec=512,
    traps=[Inexact, Rounded, InvalidOperation, DivisionByZero, Overflow, Underflow, Clamped, FloatOperation],
)
"""The context of every comparison: an operation that would round raises instead."""

ZERO = Decimal(0)

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)


class NotAnAmount(ValueError):
    """The text is not an exact decimal number within bounds; the message says what is wrong with it.

    The message quotes the text; `problem` does not, for where it may be a balance.
    """

    def __init__(self, problem: str, text: str | None = None) -> None:
        super().__init__(problem if text is None else f"{problem}, not {shorten(text)}")
        self.problem = problem


def parse_amount(text: object, digits: int = MAX_DIGITS) -> Decimal:
    """Read an amount from a string in plain or exponent notation, exactly.

    Raises NotAnAmount for anything else: a float or other JSON number (its digits may already be lost), NaN,
    infinity, blanks, digit separators, and more than `digits` digits on either side of the point.
    """
    if not isinstance(text, str):
        raise NotAnAmount(f'must be a string such as "1.25", not {describe(text)}')
    if len(text) > 2 * digits + 16 or not _NUMBER.fullmatch(text):
        raise NotAnAmount('must be a decimal number such as "1.25"', text)
    value = Decimal(text)
    if value == 0:
        return ZERO
    if value.adjusted() >= digits:
        raise NotAnAmount(f"must have at most {digits} digits before the point")
    if value.adjusted() < -digits or len(plain(value).partition(".")[2]) > digits:
        raise NotAnAmount(f"must have at most {digits} digits after the point")
    return value


def plain(value: Decimal) -> str:
    """Write an amount in plain notation: no exponent, no trailing zeros, no negative zero."""
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def describe(value: object) -> str:
    """Say what kind of JSON value this is, without printing it (it may be a balance or a secret)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float | Decimal):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return f"a {type(value).__name__}"


def shorten(text: str) -> str:
    """Quote a user's text for an error line, cut so that a line stays a line, and in ASCII.

    Which other characters can be printed is another answer in every version of Python.
    """
    return ascii(text if len(text) <= 40 else text[:37] + "...")
