"""Rule 10, whatever is broken where: hints come in pairs, change nothing else, and mind nobody else's business."""

from dataclasses import replace
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.money_kit import book, holding, judge, policy, snapshot
from trueup.domain.correlate import Known, Place, correlate
from trueup.domain.report import AccountReport, Cause, Hint

CHECK = settings(max_examples=150, derandomize=True, deadline=None)
BY = policy(correlate={"default": {"fee_fractions": ["0.004", "0.006"]}})
WALLETS = ("earn", "spot")
ASSETS = ("BTC", "ETH", "ETH2")
ALIASES = {"coinbase": {"ETH2": "ETH", "stETH": "ETH"}}
AMOUNTS = st.sampled_from(("5", "10")) | st.sampled_from(("0", "5", "10", "7", "12", "7.00000001", "1000", "994"))

Amounts = dict[tuple[str, str], tuple[str, str]]
"""What the venue has and what the book says, by wallet and asset."""

ACCOUNTS = st.dictionaries(
    st.tuples(st.sampled_from(WALLETS), st.sampled_from(ASSETS)), st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=6
)
DESKS = st.dictionaries(st.sampled_from("abcde"), ACCOUNTS, min_size=2, max_size=5)
HELD = st.dictionaries(
    st.builds(Place, st.sampled_from("abcde"), st.sampled_from(WALLETS), st.sampled_from(ASSETS)),
    st.sampled_from(("2", "5", "6")).map(lambda held: (Decimal(held),)),
    max_size=4,
)


def account(account_id: str, amounts: Amounts) -> AccountReport:
    """Two wallets; of each bitcoin holding the venue holds one more in open orders than the book knows."""
    venue, ours = (
        [
            holding(asset, total[side], wallet, held=held if asset == "BTC" else None)
            for (wallet, asset), total in amounts.items()
        ]
        for side, held in ((0, "2"), (1, "1"))
    )
    return judge(
        snapshot(*venue, wallets=dict.fromkeys(WALLETS), account_id=account_id),
        book(*ours, wallets=WALLETS, account_id=account_id),
        valued=None,
    )


def desk(accounts: dict[str, Amounts]) -> list[AccountReport]:
    return [account(account_id, amounts) for account_id, amounts in accounts.items()]


def hinted(reports: list[AccountReport], held: dict[Place, tuple[Decimal, ...]]) -> tuple[AccountReport, ...]:
    venues = {report.account_id: "coinbase" for report in reports}
    # All books were empty before: each has changed by all it holds.
    before = {report.account_id: account(report.account_id, {}) for report in reports}
    return correlate(reports, Known(venues, ALIASES, held, before), BY)


def causes(reports: tuple[AccountReport, ...] | list[AccountReport]) -> dict[Place, Cause]:
    return {
        Place(report.account_id, line.wallet or "", line.asset or ""): line.cause
        for report in reports
        for line in report.lines
        if line.cause is not None
    }


@CHECK
@given(DESKS, HELD)
def test_a_hint_changes_nothing_but_itself_and_stands_at_breaks_alone(
    accounts: dict[str, Amounts], held: dict[Place, tuple[Decimal, ...]]
) -> None:
    reports = desk(accounts)
    found = hinted(reports, held)
    for report, other in zip(reports, found, strict=True):
        assert replace(other, lines=tuple(replace(line, cause=None) for line in other.lines)) == report
        assert all(line.cause is None for line in other.lines if line.outcome != "break" or line.field != "total")
    assert hinted(list(found), held) == found, "asked again, nothing else comes out"


@CHECK
@given(DESKS, HELD)
def test_transfers_and_aliases_come_in_pairs_of_opposite_size_that_name_each_other(
    accounts: dict[str, Amounts], held: dict[Place, tuple[Decimal, ...]]
) -> None:
    found = hinted(desk(accounts), held)
    differences = {
        Place(report.account_id, line.wallet or "", line.asset or ""): line.difference
        for report in found
        for line in report.breaks
        if line.field == "total"
    }
    pairs = {place: cause for place, cause in causes(found).items() if cause.hint in (Hint.TRANSFER, Hint.ALIAS)}
    for place, cause in pairs.items():
        assert cause.account_id is not None
        assert cause.wallet is not None
        assert cause.asset is not None
        other = Place(cause.account_id, cause.wallet, cause.asset)
        assert pairs[other] == Cause(cause.hint, *place)
        one, opposite = differences[place], differences[other]
        assert one is not None
        assert opposite is not None
        assert one == -opposite
        if cause.hint is Hint.TRANSFER:
            assert other.asset == place.asset
        else:
            assert other.account_id == place.account_id
            assert {"ETH"} == {ALIASES["coinbase"].get(name, name) for name in (place.asset, other.asset)}


@CHECK
@given(DESKS, HELD)
def test_no_surplus_is_left_without_a_hint_beside_a_shortfall_it_would_make_up_for(
    accounts: dict[str, Amounts], held: dict[Place, tuple[Decimal, ...]]
) -> None:
    found = hinted(desk(accounts), held)
    paired = {place for place, cause in causes(found).items() if cause.hint in (Hint.TRANSFER, Hint.ALIAS)}
    alone = [
        (line.asset, line.difference)
        for report in found
        for line in report.breaks
        if line.difference is not None and Place(report.account_id, line.wallet or "", line.asset or "") not in paired
    ]
    assert not any((asset, -difference) in alone for asset, difference in alone)


@CHECK
@given(DESKS, HELD, st.randoms(use_true_random=False))
def test_the_order_of_accounts_and_lines_changes_no_hint(
    accounts: dict[str, Amounts], held: dict[Place, tuple[Decimal, ...]], order: Random
) -> None:
    reports = desk(accounts)
    turned = [
        replace(report, lines=tuple(order.sample(report.lines, len(report.lines))))
        for report in order.sample(reports, len(reports))
    ]
    assert causes(hinted(turned, held)) == causes(hinted(reports, held))


@CHECK
@given(DESKS, HELD, AMOUNTS, AMOUNTS)
def test_an_asset_nobody_else_has_changes_no_other_hint(
    accounts: dict[str, Amounts], held: dict[Place, tuple[Decimal, ...]], venue: str, ours: str
) -> None:
    """Of an asset others have it may: it can be the other end that another line had, or had not, found."""
    grown = {name: {**amounts, ("spot", "DOGE"): (venue, ours)} for name, amounts in accounts.items()}
    only_here = {**accounts, **dict([next(iter(grown.items()))])}
    before = causes(hinted(desk(accounts), held))
    for other in (only_here, {**accounts, "z": {("earn", "DOGE"): (venue, ours)}}):
        after = causes(hinted(desk(other), held))
        assert {place: cause for place, cause in after.items() if place.asset != "DOGE"} == before


def test_of_an_asset_others_have_a_new_account_may_take_a_hint_over() -> None:
    here, there = {("spot", "BTC"): ("5", "10")}, {("spot", "BTC"): ("10", "5")}
    assert causes(hinted(desk({"b": here, "c": there}), {})).keys() == {("b", "spot", "BTC"), ("c", "spot", "BTC")}
    assert causes(hinted(desk({"a": here, "b": here, "c": there}), {})).keys() == {
        ("a", "spot", "BTC"),
        ("c", "spot", "BTC"),
    }


@CHECK
@given(DESKS)
def test_turning_every_difference_round_keeps_every_pair(accounts: dict[str, Amounts]) -> None:
    """Fees and open orders take sides: they are counted from what the book says."""
    turned = {
        name: {key: (ours, venue) for key, (venue, ours) in amounts.items()} for name, amounts in accounts.items()
    }

    def pairs(of: dict[str, Amounts]) -> set[frozenset[Place]]:
        found = causes(hinted(desk(of), {}))
        return {
            frozenset((place, Place(cause.account_id or "", cause.wallet or "", cause.asset or "")))
            for place, cause in found.items()
            if cause.hint in (Hint.TRANSFER, Hint.ALIAS)
        }

    assert pairs(turned) == pairs(accounts)
