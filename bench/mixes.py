"""The amounts that bench/compare.py has compared: made from the number of their line alone, the same for every side."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from sys import intern
from typing import NamedTuple

WALLET_SIZE = 1000
"""Assets in a wallet: a million lines are a thousand wallets of a thousand assets."""
SMALLEST, LARGEST = 100, 10_000
PLACES = (2, 6, 8, 18)
DIFFERENCES = ("last digit", "small share", "in motion", "missing", "unexpected", "quantity")
"""How a line differs, in turns. The first two are within tolerance; the last is a tenth of the book."""


class Amounts(NamedTuple):
    """What one line has at the venue, and in the book before and after; None where a side does not have it."""

    venue: Decimal | None
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True, slots=True)
class Mix:
    """Lines of which so many per cent differ, in all ways equally often."""

    name: str
    different: int

    def amounts(self, number: int) -> Amounts:
        """Return the amounts of a line."""
        turn, place = divmod(number, 100)
        amount = _amount(number)
        if place >= self.different:
            return Amounts(amount, amount, amount)
        match DIFFERENCES[(turn + place) % len(DIFFERENCES)]:
            case "last digit":
                return Amounts(amount + Decimal("1e-18"), amount, amount)
            case "small share":
                return Amounts(amount * Decimal("1.0001"), amount, amount)
            case "in motion":
                return Amounts(amount + 100, amount, amount + 100)
            case "missing":
                return Amounts(None, amount, amount)
            case "unexpected":
                return Amounts(amount, None, None)
            case _:
                return Amounts(amount * Decimal("0.9"), amount, amount)

    def differing(self, lines: int) -> int:
        """Count the lines whose amounts at the venue and in the book before differ; `lines` is whole thousands."""
        return lines * self.different // 100


MIXES = (Mix("95 % equal", 5), Mix("all different", 100))

# The sides list wallet after wallet, and the assets of a wallet each in an order of its own, as venues and books do.
_STEPS = {"venue": 7, "before": 387, "after": 613}


def listed(mix: Mix, lines: int, side: str) -> Iterator[tuple[str, str, Decimal]]:
    """Yield wallet, asset and total of what one side has; a name that stands in many holdings is one string.

    `side` is a name of Amounts. Raises ValueError for lines that are not whole wallets.
    """
    if lines < WALLET_SIZE or lines % WALLET_SIZE:
        raise ValueError(f"lines: must be whole thousands, not {lines}")
    field, step = Amounts._fields.index(side), _STEPS[side]
    for wallet in range(lines // WALLET_SIZE):
        name = intern(f"perp/{wallet}")
        for position in range(WALLET_SIZE):
            asset = position * step % WALLET_SIZE
            total = mix.amounts(wallet * WALLET_SIZE + asset)[field]
            if total is not None:
                yield name, intern(asset_name(asset)), total


def asset_name(number: int) -> str:
    """Name an asset by its number in the wallet."""
    return f"A{number:03}"


def _amount(number: int) -> Decimal:
    """Make an amount from SMALLEST to LARGEST with 2 to 18 places."""
    places = PLACES[number % len(PLACES)]
    unit = 10**places
    return Decimal(SMALLEST * unit + number * 2_654_435_761_234_567 % ((LARGEST - SMALLEST) * unit)).scaleb(-places)
