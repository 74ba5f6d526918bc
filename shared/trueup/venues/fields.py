"""Reading amounts out of a venue's answer: exactly, and without ever quoting one in an error."""

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
