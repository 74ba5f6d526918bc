"""What people read for what a line says: in alerts, and in tables."""

from collections.abc import Mapping
from decimal import Decimal

from trueup.domain.amounts import ZERO
from trueup.domain.breaks import How
from trueup.domain.report import Cause, Hint, Kind, Line

BREAK_WORDS = {
    Kind.SIGN_FLIP: "opposite sides",
    Kind.MISSING_AT_VENUE: "missing at the venue",
    Kind.UNEXPECTED_AT_VENUE: "not in the book",
    Kind.QUANTITY: "quantity differs",
    Kind.ACCOUNT_EMPTY: "the venue shows nothing at all",
}
"""What people read for each kind of break."""
HOW_WORDS: Mapping[str, str] = {
    How.VENUE_MOVED: "the venue moved",
    How.BOOK_MOVED: "the book moved",
    How.BOTH_MOVED: "venue and book moved",
    How.ADJUSTED: "the book was adjusted to the venue",
    How.POLICY_CHANGED: "the policy changed",
    How.PRICE_MOVED: "the price moved",
    How.IN_FLIGHT: "both sides list what is in flight",
}
"""What people read for what resolved a break."""
MAX_NAME = 60
"""Characters of a name in a text; documents have it whole."""
UNKNOWN_NAME = "unknown name"
"""What people read of an asset whose name no table knows."""
MAX_REFERENCES = 3
"""References named in one line for people; the report has them all."""


def shorten(name: str | None) -> str:
    """Write a name that somebody else chose."""
    name = name or "-"
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 3] + "..."


def money(value: Decimal) -> str:
    """Write an amount of money: two places, thousands apart."""
    return f"{value:,.2f}"


def explained_words(line: Line) -> str:
    """Say what explains a line."""
    return f"explained {in_flight_words(line)}"


def in_flight_words(line: Line) -> str:
    """Say by what a line is explained, and how bad it would be otherwise."""
    shown = ", ".join(line.references[:MAX_REFERENCES])
    more = len(line.references) - MAX_REFERENCES
    items = f"{shown} and {more} more" if more > 0 else shown or "an item without a reference"
    worst = line.severity_if_unexplained
    return f"by {items}, in flight" + (f" (else {worst.name})" if worst else "")


def cause_words(cause: Cause) -> str:
    """Say what a break looks like. It is a hint: amounts that fit, and nothing more."""
    place = " ".join(name for name in (cause.account_id, cause.wallet, cause.asset) if name is not None)
    match cause.hint:
        case Hint.TRANSFER:
            return f"maybe a transfer with {place}"
        case Hint.ALIAS:
            return f"maybe another name of {place}"
        case Hint.FEE:
            return f"maybe a fee of {_percent(cause.fraction or ZERO)} %"
        case Hint.OPEN_ORDER:
            return "maybe open orders"


def _percent(share: Decimal) -> str:
    text = format(share.scaleb(2), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
