"""Which price applies, what differences are worth together, and shares rounded only for showing."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.money_kit import NOON, STRICT, book, holding, judge, later, line_of, one, prices, snapshot
from trueup.domain.amounts import EXACT, parse_amount, plain
from trueup.domain.models import PriceSet
from trueup.domain.report import AccountReport, counts, gross_worth
from trueup.domain.valuation import price_asset_of, share, unusable


@pytest.mark.parametrize(
    ("asset", "priced_by"),
    [
        ("BTC", "BTC"),
        ("BTC-USD", "BTC"),
        ("1INCH-USD", "1INCH"),
        ("BTC-USD:SHORT", "BTC"),
        ("BTC-USD-261225", "BTC"),
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


def test_a_hair_beyond_half_is_rounded_up_however_small_the_hair() -> None:
    half = 5 * Decimal(10) ** 193
    with localcontext(EXACT):
        assert share(half, Decimal(10) ** 200) == 0
        assert share(half + 1, Decimal(10) ** 200) == Decimal("0.000001")


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 10**60), st.integers(-40, 20), st.integers(1, 10**60), st.integers(-40, 20))
def test_a_share_is_the_fraction_rounded_half_even(size: int, place: int, whole: int, other: int) -> None:
    with localcontext(EXACT):
        found = share(Decimal(size).scaleb(place), Decimal(whole).scaleb(other))
    assert found is not None
    exact = Fraction(size) * Fraction(10) ** place / (Fraction(whole) * Fraction(10) ** other)
    # Python's round() of a Fraction is half-even too, and exact.
    assert Fraction(found) == Fraction(round(exact * 10**6), 10**6)


# -- which prices serve --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_set", "why"),
    [
        (prices(), None),
        (prices(as_of=later(NOON, -3600)), None),
        (prices(as_of=later(NOON, 3600)), None),
        (prices(as_of=later(NOON, -3600.001)), "it is more than 3600 s away from what was seen"),
        (prices(as_of=later(NOON, 3600.001)), "it is more than 3600 s away from what was seen"),
        (prices(base="EUR"), "it is in EUR, not USD"),
        (prices({}), "it has no price"),
    ],
)
def test_a_price_set_that_is_old_empty_or_in_another_currency_says_why_it_does_not_serve(
    given_set: PriceSet, why: str | None
) -> None:
    assert unusable(given_set, "USD", NOON, 3600) == why
    line = one("1.5", "1", valued=given_set)
    assert (line.worth is None) == (why is not None)


# -- stablecoins are not money -------------------------------------------------------------------------------------


@pytest.mark.parametrize("coin", ["USDC", "USDT", "DAI", "PYUSD", "EURC"])
@pytest.mark.parametrize("price", ["0.87", "1.0003", "0.01"])
def test_a_stablecoin_is_worth_its_price_and_not_one(coin: str, price: str) -> None:
    line = one("9000", "10000", asset=coin, valued=prices({coin: price}))
    assert (str(line.price), line.worth) == (price, Decimal(1000) * Decimal(price))


@pytest.mark.parametrize("coin", ["USDC", "USDT"])
def test_a_stablecoin_without_a_price_has_none(coin: str) -> None:
    line = one("9000", "10000", asset=coin, valued=prices({"BTC": "100000"}))
    assert (line.price, line.worth) == (None, None)


def test_the_collateral_of_a_perpetual_is_worth_its_price() -> None:
    """As dYdX states it: USDC in the subaccount, positions sized in their underlying and quoted in dollars."""
    seen = snapshot(
        holding("USDC", "-900", "perp/0", price_asset="USDC"),
        holding("BTC-USD", "1.5", "perp/0", price_asset="BTC"),
        wallets={"perp/0": None},
        venue="dydx",
    )
    believed = book(holding("USDC", "-1000", "perp/0"), holding("BTC-USD", "1", "perp/0"), wallets=("perp/0",))
    report = judge(seen, believed, valued=prices({"USDC": "0.87", "BTC": "100000"}))
    assert (line_of(report, "USDC").worth, line_of(report, "BTC-USD").worth) == (87, 50_000)
    assert report.worth == 50_087


# -- added up ------------------------------------------------------------------------------------------------------

differences = st.lists(st.integers(-(10**6), 10**6), max_size=8)


def differing(sizes: list[int], account_id: str = "a") -> AccountReport:
    """One line for each size, the venue holding so much more; every third asset has no price."""
    quotes = {f"A{index}": str(1 + index) for index in range(len(sizes)) if index % 3 != 2} or {"BTC": "1"}
    seen = snapshot(*((f"A{index}", str(size)) for index, size in enumerate(sizes)), account_id=account_id)
    return judge(seen, book(account_id=account_id), valued=prices(quotes), by=STRICT)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(differences, differences)
def test_totals_are_the_sum_of_sizes_and_no_sign_is_ever_netted(here: list[int], there: list[int]) -> None:
    reports = [differing(here, "a"), differing(there, "b")]
    for sizes, report in zip((here, there), reports, strict=True):
        priced = [(index, size) for index, size in enumerate(sizes) if index % 3 != 2]
        assert report.worth == sum(abs(size) * (1 + index) for index, size in priced)
        assert report.breaks_unpriced == sum(size != 0 for index, size in enumerate(sizes) if index % 3 == 2)
    assert sum(gross_worth(reports).values()) == sum(report.worth or 0 for report in reports)
    assert counts(reports)["breaks_unpriced"] == sum(report.breaks_unpriced for report in reports)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(differences.filter(bool), st.integers(1, 10**6))
def test_an_opposite_difference_more_never_lowers_a_total(sizes: list[int], more: int) -> None:
    before = differing(sizes)
    for added in (more, -more, -sum(sizes)):
        after = differing([*sizes, added])
        assert (after.worth or 0) >= (before.worth or 0)
        assert after.breaks_unpriced >= before.breaks_unpriced
        by_severity = gross_worth([before]), gross_worth([after])
        assert all(by_severity[1][name] >= by_severity[0][name] for name in by_severity[0])
