"""Reading amounts and blocks out of a venue's answer: exactly, and without ever quoting an amount in an error."""

from decimal import Decimal

from trueup.domain.amounts import NotAnAmount, describe, parse_amount
from trueup.domain.reading import Record


def take_amount(record: Record, field: str) -> Decimal:
    """Take a required amount. Raises Malformed, which names the place but never the value: it may be a balance.

    Venues document strings. A JSON number is read too: it reaches us with its digits as they were sent (parse_json
    makes no float of it), so nothing is lost on our side.
    """
    value = record.raw(field)
    if not isinstance(value, str | int | Decimal):
        record.fail(field, f"must be an amount, not {describe(value)}")
    try:
        return parse_amount(str(value))
    except NotAnAmount:
        record.fail(field, "must be a decimal number of at most 40 digits on either side of the point")


def take_block(record: Record, field: str) -> int:
    """Take the number of a chain's block, written as a string or a number. Raises Malformed."""
    value = record.raw(field)
    text = str(value) if isinstance(value, str | int) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        record.fail(field, "must be a block's number")
    return int(text)
