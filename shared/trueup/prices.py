"""Prices: what one unit of each asset costs in the base currency, from Coinbase's public exchange rates.

GET /v2/exchange-rates?currency=USD answers units per dollar, so a price is one divided by the rate. That cannot be
exact; it is rounded once, half-even to 12 significant digits, and then frozen with the run: whatever is reckoned with
it afterwards is exact.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal

from trueup.domain.amounts import NotAnAmount, parse_amount, plain
from trueup.domain.models import PriceSet
from trueup.domain.reading import Malformed, Record
from trueup.venues.aliases import canonical
from trueup.venues.fields import take_amount
from trueup.venues.http import VenueHttp

SOURCE = "coinbase:/v2/exchange-rates"
MUST_HAVE = ("BTC", "ETH", "USDC")
"""Without these the document is no price list. A missing price lowers a severity, so a list cut short is dangerous."""
_PATH = "/v2/exchange-rates"
_ROUNDED = Context(prec=12, rounding=ROUND_HALF_EVEN)


def fetch_prices(http: VenueHttp, base: str = "USD") -> PriceSet:
    """Fetch one price set in the base currency, as of now by our clock.

    A single rate that is not above zero, or is no number, drops its asset: it is unpriced then, never guessed. Raises
    VenueResponseInvalid for a document of another shape or base, or without BTC, ETH or USDC (save the base itself);
    and what VenueHttp raises.
    """
    document = http.get(_PATH, {"currency": base}).document
    with http.reading(_PATH):
        data = Record(document, "the answer").record("data")
        if data.text("currency") != base:
            data.fail("currency", f"is not {base}, which was asked for")
        prices = _prices(data.record("rates"), [name for name, _, _ in data.entries("rates")])
        missing = [name for name in MUST_HAVE if name not in prices and name != base]
        if missing:
            data.fail("rates", f"has no usable rate for {', '.join(missing)}")
    prices.pop(base, None)
    return PriceSet(base, http.now(), SOURCE, prices)


def _prices(rates: Record, names: list[str]) -> dict[str, Decimal]:
    prices: dict[str, Decimal] = {}
    # An asset listed under its own name wins over one that only an alias leads to.
    for name in sorted(names, key=lambda name: canonical("coinbase", name).name == name):
        try:
            rate = take_amount(rates, name)
        except Malformed:
            continue
        price = _ROUNDED.divide(Decimal(1), rate) if rate > 0 else Decimal(0)
        asset = canonical("coinbase", name)
        # The list mixes coins with all the world's currencies, and MNT is Mongolia's before it is Mantle: a price for a
        # name we do not know could be another thing's, and make a loss look like dust.
        if price > 0 and not asset.unmapped and _can_be_kept(price):
            prices[asset.name] = price
    return prices


def _can_be_kept(price: Decimal) -> bool:
    """Tell whether a price has few enough digits for a document: one absurd rate must not cost the whole set."""
    try:
        parse_amount(plain(price))
    except NotAnAmount:
        return False
    return True
