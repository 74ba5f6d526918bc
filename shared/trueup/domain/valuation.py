"""What a difference is worth: which prices serve, which of them applies, and a share rounded only for showing."""

from datetime import datetime, timedelta
from decimal import ROUND_05UP, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from .models import PriceSet

QUOTES = ("USDT", "USDC", "USD", "EUR")

_SIX_PLACES = Decimal("0.000001")
_LONG = Context(prec=160, rounding=ROUND_05UP, traps=[InvalidOperation])
"""A share has at most 90 digits before the point: the longest amounts, by the smallest there is."""


def unusable(prices: PriceSet, base: str, at: datetime, max_age_seconds: int) -> str | None:
    """Say why a price set cannot value what was seen at a time, in the base currency; None if it can."""
    if not prices.prices:
        return "it has no price"
    if prices.base != base:
        return f"it is in {prices.base}, not {base}"
    # Prices fetched beside the reading may be a little younger than it; much younger is as wrong as much older.
    if abs(at - prices.as_of) > timedelta(seconds=max_age_seconds):
        return f"it is more than {max_age_seconds} s away from what was seen"
    return None


def price_asset_of(asset: str) -> str:
    """Name the asset whose price values this one.

    A plain asset is its own. An instrument names it: `BTC-USD` is BTC; a hedge leg `BTCUSDT:LONG` is BTC. Only a
    dash or a leg marks an instrument, because a name is never cut on looks alone.
    """
    if "-" not in asset and ":" not in asset:
        return asset
    instrument, leg, _ = asset.partition(":")
    base, dash, _ = instrument.partition("-")
    if dash and base:
        return base
    if leg:
        for quote in QUOTES:
            if instrument.endswith(quote) and instrument != quote:
                return instrument.removesuffix(quote)
    return asset


def share(size: Decimal, whole: Decimal) -> Decimal | None:
    """Divide for showing, rounded half-even to six places; None when there is nothing to divide by.

    The quotient is cut off far behind the sixth place, in such a way that the second rounding cannot be tipped by it.
    """
    if whole == 0:
        return None
    return _LONG.divide(size, whole).quantize(_SIX_PLACES, ROUND_HALF_EVEN, _LONG)
