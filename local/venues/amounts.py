"""Exact amounts, as venues keep and write them."""

from __future__ import annotations

from decimal import Decimal, Inexact, InvalidOperation, localcontext

DIGITS = 80


def to_decimal(text: str) -> Decimal:
    """A finite decimal from a string; a float has lost digits before it gets here."""
    if not isinstance(text, str):
        raise TypeError(f"expected a decimal string, got {type(text).__name__}")
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise ValueError(f"expected a finite decimal string, got {text!r}")
    return value


def exact_sum(one: Decimal, other: Decimal) -> Decimal:
    """The sum to the last digit. Raises decimal.Inexact rather than lose one."""
    with localcontext(prec=DIGITS) as context:
        context.traps[Inexact] = True
        return one + other


def plain(value: Decimal) -> str:
    """Plain notation without trailing zeros."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def whole(text: str) -> int | None:
    """A whole number of at most nine decimal digits, as in a path or a query; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
