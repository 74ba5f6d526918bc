"""What must hold for every observation there can be."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.money_kit import NOON, book, judge, policy, prices, snapshot
from trueup.domain.models import Book, Holding, Observation, Pending, PriceSet, Snapshot
from trueup.domain.reading import canonical_json, parse_json
from trueup.domain.reasons import Reason
from trueup.domain.report import AccountReport, Line, Outcome, account_report_document, gross_worth
from trueup.domain.report_reading import read_account_report

CHECK = settings(max_examples=120, derandomize=True, deadline=None)

ORDINARY = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-5000, 5000), st.integers(0, 9)
)
EXTREME = st.sampled_from(
    [
        Decimal(text)
        for text in ("9" * 40 + "." + "9" * 40, "-" + "9" * 40 + "." + "9" * 40, "1e-40", "-1e-40", "1e39", "0")
    ]
    + [Decimal("1." + "0" * 90), Decimal("-" + "3" * 40)]
)
AMOUNTS = ORDINARY | EXTREME
WALLETS = ("earn", "perp/0", "spot")
ASSETS = ("BTC", "ETH", "USD", "X", "BTC-USD")


def sides(amounts: st.SearchStrategy[Decimal]) -> st.SearchStrategy[tuple[Holding, ...]]:
    return st.lists(
        st.builds(
            Holding,
            wallet=st.sampled_from(WALLETS),
            asset=st.sampled_from(ASSETS),
            total=amounts,
            held=st.none() | amounts,
            price_asset=st.sampled_from((None, None, "BTC", "nothing")),
        ),
        max_size=6,
        unique_by=lambda item: (item.wallet, item.asset),
    ).map(tuple)


def flying(amounts: st.SearchStrategy[Decimal]) -> st.SearchStrategy[tuple[Pending, ...]]:
    return st.lists(
        st.builds(
            Pending,
            wallet=st.sampled_from(WALLETS),
            asset=st.sampled_from(ASSETS),
            quantity=amounts,
            applied=st.booleans(),
            kind=st.none(),
            reference=st.sampled_from((None, "r-1", "r-2", "r-3", "r-4")),
            since=st.sampled_from((None, NOON, NOON, NOON - timedelta(hours=24), NOON - timedelta(hours=23))),
        ),
        max_size=5,
        unique_by=lambda item: item.reference or object(),
    ).map(tuple)


def snapshots(amounts: st.SearchStrategy[Decimal]) -> st.SearchStrategy[Snapshot]:
    return st.builds(
        Snapshot,
        account_id=st.just("cb-main"),
        venue=st.just("coinbase"),
        observed_at=st.just(NOON),
        wallets=st.fixed_dictionaries(
            dict.fromkeys(WALLETS, st.sampled_from((None, None, None, Reason.INCOMPLETE, Reason.UNREACHABLE)))
        ),
        holdings=sides(amounts),
        pending=flying(amounts),
        venue_time=st.sampled_from((None, None, NOON, NOON - timedelta(hours=1))),
    )


def books(amounts: st.SearchStrategy[Decimal]) -> st.SearchStrategy[Book]:
    return st.builds(
        Book,
        account_id=st.just("cb-main"),
        as_of=st.sampled_from((NOON, NOON, NOON, NOON - timedelta(hours=1))),
        version=st.just("1"),
        wallets=st.sampled_from((WALLETS, WALLETS, ("spot",), ("earn", "spot"))),
        holdings=sides(amounts),
        pending=flying(amounts),
    ).map(
        lambda found: replace(
            found,
            holdings=tuple(h for h in found.holdings if h.wallet in found.wallets),
            pending=tuple(item for item in found.pending if item.wallet in found.wallets),
        )
    )


def observations(amounts: st.SearchStrategy[Decimal] = ORDINARY) -> st.SearchStrategy[Observation]:
    either = st.none() | books(amounts)
    same_book = books(amounts).map(lambda found: (found, found))
    return st.builds(
        lambda found, pair: Observation(found, *pair), snapshots(amounts), same_book | st.tuples(either, either)
    )


def price_sets(amounts: st.SearchStrategy[Decimal] = ORDINARY) -> st.SearchStrategy[PriceSet | None]:
    return st.none() | st.builds(
        PriceSet,
        base=st.sampled_from(("USD", "USD", "EUR")),
        as_of=st.sampled_from((NOON, NOON, NOON - timedelta(hours=2))),
        source=st.just("test"),
        prices=st.dictionaries(st.sampled_from(ASSETS), amounts.map(Decimal.copy_abs).filter(bool), max_size=4),
    )


def compared(observation: Observation, valued: PriceSet | None, **how: Any) -> AccountReport:
    return judge(observation.snapshot, observation.book, observation.book_after, valued=valued, **how)


def by_key(report: AccountReport) -> dict[tuple[str | None, str | None, str], Line]:
    return {(line.wallet, line.asset, line.field): line for line in report.lines if line.field != "account"}


@settings(CHECK, max_examples=300)
@given(observations(AMOUNTS), price_sets(AMOUNTS), st.booleans())
def test_comparing_never_raises_and_its_report_is_always_read_back_whole(
    observation: Observation, valued: PriceSet | None, strict: bool
) -> None:
    extreme = {"relative": "0." + "9" * 40, "quantity": "0", "value_floor": "0", "value_cap": "1e-40"}
    report = compared(observation, valued, by=policy(tolerance={"default": extreme if strict else {}}))
    # The report of a run; a comparison of files does not say when it looked.
    report = replace(report, run_id="20261122T120000Z")
    gross_worth([report, report])
    document = parse_json(canonical_json(account_report_document(report)).encode(), "report")
    assert read_account_report(document) == report


@CHECK
@given(observations(), price_sets(), st.randoms(use_true_random=False))
def test_the_order_in_which_holdings_come_changes_nothing(
    observation: Observation, valued: PriceSet | None, random: Any
) -> None:
    def shuffled(side: Any) -> Any:
        if side is None:
            return None
        holdings, pending = (tuple(random.sample(items, len(items))) for items in (side.holdings, side.pending))
        return replace(side, holdings=holdings, pending=pending)

    other = Observation(*map(shuffled, (observation.snapshot, observation.book, observation.book_after)))
    assert canonical_json(account_report_document(compared(observation, valued))) == canonical_json(
        account_report_document(compared(other, valued))
    )


@CHECK
@given(observations(), price_sets(), ORDINARY, st.sampled_from(("venue", "book", "both")))
def test_a_holding_more_changes_no_other_line(
    observation: Observation, valued: PriceSet | None, total: Decimal, where: str
) -> None:
    assume(observation.book is not None)
    assume(observation.book_after is not None)
    more = Holding("spot", "ZZZ", total)  # every book here covers the spot wallet
    grown = observation
    if where in ("venue", "both"):
        grown = replace(grown, snapshot=replace(grown.snapshot, holdings=(*grown.snapshot.holdings, more)))
    if where in ("book", "both"):
        assert grown.book is not None
        assert grown.book_after is not None
        grown = replace(
            grown,
            book=replace(grown.book, holdings=(*grown.book.holdings, more)),
            book_after=replace(grown.book_after, holdings=(*grown.book_after.holdings, more)),
        )
    before, after = by_key(compared(observation, valued)), by_key(compared(grown, valued))
    assert {key: line for key, line in after.items() if key[1] != "ZZZ"} == before


TIGHTER = st.fixed_dictionaries(
    {
        "relative": st.sampled_from(("0", "0.00001", "0.0005", "0.001")),
        "quantity": st.sampled_from(("0", "1e-9", "1e-8")),
        "value_floor": st.sampled_from(("0", "0.5", "1")),
        "value_cap": st.sampled_from(("0", "10", "1000")),
    }
)


@CHECK
@given(observations(), price_sets(), TIGHTER)
def test_a_tighter_tolerance_never_makes_a_break_disappear(
    observation: Observation, valued: PriceSet | None, tolerance: dict[str, str]
) -> None:
    loose = by_key(compared(observation, valued))
    tight = by_key(compared(observation, valued, by=policy(tolerance={"default": tolerance})))
    assert loose.keys() == tight.keys()
    for key, line in loose.items():
        if line.outcome is Outcome.BREAK:
            assert tight[key].outcome is Outcome.BREAK


@CHECK
@given(observations(), price_sets())
def test_a_wallet_that_failed_never_yields_a_match(observation: Observation, valued: PriceSet | None) -> None:
    report = compared(observation, valued)
    failed = {wallet for wallet, reason in observation.snapshot.wallets.items() if reason is not None}
    for line in report.lines:
        if line.wallet in failed:
            assert (line.outcome, line.severity, line.difference) == (Outcome.UNVERIFIED, None, None)
    if failed:
        assert not report.verified
        assert report.reasons


@CHECK
@given(observations(), price_sets())
def test_nothing_the_book_states_is_ever_left_out_while_the_account_differs_from_it(
    observation: Observation, valued: PriceSet | None
) -> None:
    lines = by_key(compared(observation, valued))
    for side in (observation.book, observation.book_after):
        for item in side.holdings if side else ():
            assert item.total == 0 or (item.wallet, item.asset, "total") in lines


@CHECK
@given(observations(), price_sets())
def test_an_account_is_ok_and_verified_only_if_every_line_was_compared_and_none_is_a_break(
    observation: Observation, valued: PriceSet | None
) -> None:
    report = compared(observation, valued)
    if report.verified:
        assert not report.reasons
        assert all(line.outcome is not Outcome.UNVERIFIED for line in report.lines)
    if report.status == "OK":
        assert not report.breaks
    if report.status == "UNVERIFIED":
        assert report.reasons
        assert not report.verified
        assert all(line.outcome is Outcome.UNVERIFIED for line in report.lines)


@CHECK
@given(ORDINARY, ORDINARY, ORDINARY)
def test_what_lies_between_the_two_readings_is_never_a_break(venue: Decimal, one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assume(low != high)
    report = judge(
        snapshot(("X", str(venue)), ("Y", "1")), book(("X", str(one)), ("Y", "1")), book(("X", str(other)), ("Y", "1"))
    )
    line = next(line for line in report.lines if line.asset == "X")
    if low <= venue <= high:
        assert line.outcome is Outcome.IN_MOTION
    else:
        assert line.outcome in (Outcome.IN_MOTION, Outcome.BREAK)
        assert line.difference == min(venue - low, venue - high, key=abs)


@CHECK
@given(observations(), st.sampled_from(("none", "old")))
def test_losing_the_prices_never_makes_a_break_milder_than_its_kind_and_share(
    observation: Observation, lost: str
) -> None:
    unpriced = by_key(compared(observation, prices({"nothing at all": "1"})))
    blind = by_key(compared(observation, None if lost == "none" else prices(as_of=NOON - timedelta(hours=2))))
    for key, line in unpriced.items():
        severity = blind[key].severity
        if line.severity is not None:
            assert severity is not None
            assert severity >= line.severity
