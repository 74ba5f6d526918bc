"""Which price applies, and shares rounded only for showing."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.domain.amounts import EXACT, parse_amount, plain
from trueup.domain.valuation import price_asset_of, share


@pytest.mark.parametrize(
    ("asset", "priced_by"),
    [
        ("BTC", "BTC"),
        ("BTC-USD", "BTC"),
        ("1INCH-USD", "1INCH"),
        ("BTC-USD:SHORT", "BTC"),
        ("BTCUSDT:LONG", "BTC"),
        ("ETHUSDC:SHORT", "ETH"),
        ("ETHUSD:LONG", "ETH"),
        ("ETHEUR:LONG", "ETH"),
        ("USDT:LONG", "USDT:LONG"),
        ("BTCUSDT", "BTCUSDT"),
        ("-USD", "-USD"),
        ("USDC", "USDC"),
        ("ibc/8E27BA2D5493AF5636760E354E46004562C46AB7EC0CC4C1CA14E9E20E2545B5",) * 2,
    ],
)
def test_an_instrument_names_the_asset_that_prices_it(asset: str, priced_by: str) -> None:
    assert price_asset_of(asset) == priced_by


def rounded(size: str, whole: str) -> str:
    with localcontext(EXACT):
        found = share(parse_amount(size), parse_amount(whole))
    assert found is not None
    return plain(found)


@pytest.mark.parametrize(
    ("size", "whole", "expected"),
    [
        ("0.15", "1.25", "0.12"),
        ("1", "3", "0.333333"),
        ("2", "3", "0.666667"),
        ("0.0000005", "1", "0"),  # half: to the even neighbour, 0
        ("0.0000015", "1", "0.000002"),  # half: to the even neighbour, 2
        ("0.0000025", "1", "0.000002"),
        ("0.00000050000000000000000000000000000001", "1", "0.000001"),
        ("0.0000004999999999999999999999999999999", "1", "0"),
        ("1", "8000000", "0"),
        ("3", "1", "3"),
        ("0", "5", "0"),
    ],
)
def test_a_share_is_rounded_half_even_to_six_places(size: str, whole: str, expected: str) -> None:
    assert rounded(size, whole) == expected


def test_nothing_is_a_share_of_nothing() -> None:
    assert share(Decimal(1), Decimal(0)) is None


EXTREME = [f"{digit}{tail}" for digit in ("1", "9") for tail in ("e-40", "e39", "", "." + "9" * 40, "9" * 39 + ".7")]


@pytest.mark.parametrize("size", EXTREME)
@pytest.mark.parametrize("whole", EXTREME)
def test_a_share_of_extreme_amounts_is_exact_before_it_is_rounded(size: str, whole: str) -> None:
    exact = Fraction(parse_amount(size)) / Fraction(parse_amount(whole))
    assert Fraction(rounded(size, whole)) == Fraction(round(exact * 10**6), 10**6)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 10**60), st.integers(-40, 20), st.integers(1, 10**60), st.integers(-40, 20))
def test_a_share_is_the_fraction_rounded_half_even(size: int, place: int, whole: int, other: int) -> None:
    with localcontext(EXACT):
        found = share(Decimal(size).scaleb(place), Decimal(whole).scaleb(other))
    assert found is not None
    exact = Fraction(size) * Fraction(10) ** place / (Fraction(whole) * Fraction(10) ** other)
    # Python's round() of a Fraction is half-even too, and exact.
    assert Fraction(found) == Fraction(round(exact * 10**6), 10**6)
