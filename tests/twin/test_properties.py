"""What must hold of every comparison, whatever is compared: seen from outside, through documents."""

import copy
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.twin.agreement import Document, product
from tests.twin.generate import decimals, made
from trueup.domain.amounts import EXACT, plain
from trueup.domain.reading import canonical_json, parse_json

CHECK = settings(max_examples=60, derandomize=True, deadline=None)
CASES = st.integers(0, 10**9).map(lambda seed: made(f"properties/{seed}"))
AMOUNTS = st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(1, 10**6), st.integers(0, 9))
SIGNED = st.builds(lambda amount, sign: amount * sign, AMOUNTS, st.sampled_from((1, -1, 0)))
HAIR = Decimal("1e-30")
SEVERITIES = ("OK", "MINOR", "MAJOR", "CRITICAL")
NOTHING = {"relative": "0", "quantity": "0", "value_floor": "0", "value_cap": "0"}
"""A tolerance that lets nothing pass."""


def one(
    venue: Decimal, book: Decimal, *, price: Decimal | None = Decimal(1), after: Decimal | None = None, **policy: Any
) -> Document:
    """Compare one amount of one asset, and nothing else: its line. Without a price, other assets have one."""

    def side(amount: Decimal, **more: Any) -> Document:
        return {"account_id": "a", "holdings": [{"wallet": "spot", "asset": "BTC", "total": f"{amount:f}"}], **more}

    now = "2026-11-22T12:00:00Z"
    before, became = (
        side(amount, as_of=now, version="1", wallets=["spot"]) for amount in (book, book if after is None else after)
    )
    quotes = {"ETH": "1"} if price is None else {"BTC": f"{price:f}"}
    case = {
        "snapshot": side(venue, venue="coinbase", observed_at=now, wallets={"spot": "complete"}),
        "book": before, "book-after": became, "policy": policy,
        "prices": {"base": "USD", "as_of": now, "source": "test", "prices": quotes},
    }  # fmt: skip
    (line,) = (line for line in product(case)["lines"] if line["field"] == "total")
    return dict(line)


def amounts_of(case: Document) -> Iterator[tuple[Document, str]]:
    """Every place of an observation where an amount stands."""
    for side in (case["snapshot"], case["book"], case["book-after"]):
        for part in ("holdings", "pending") if side else ():
            for item in side[part]:
                yield from ((item, name) for name in ("total", "held", "quantity") if name in item)


def rewritten(case: Document, by: Callable[[Decimal], Decimal]) -> Document:
    case = copy.deepcopy(case)
    for item, name in amounts_of(case):
        item[name] = f"{by(Decimal(item[name])):f}"
    return case


def negated(text: str | None) -> str | None:
    return None if text is None else plain(-Decimal(text))


# -- symmetry


@CHECK
@given(CASES)
def test_negating_every_amount_negates_every_difference_and_changes_nothing_else(case: Document) -> None:
    """A short book is judged as a long one is: rules 2 to 7 know sizes and sides, no directions."""
    expected = product(case)
    for line in expected["lines"]:
        for name in ("book", "book_after", "venue", "difference"):
            line[name] = negated(line[name])
    assert product(rewritten(case, lambda amount: -amount)) == expected


@CHECK
@given(CASES, st.integers(-6, 6))
def test_counting_in_other_units_changes_amounts_and_no_judgement(case: Document, power: int) -> None:
    """Satoshi or bitcoin: amounts and `quantity` times 10^n, prices divided by it."""
    case = copy.deepcopy(case)
    for side in (case["snapshot"], case["book"], case["book-after"]):
        for item in side["holdings"] if side else ():
            assume(item.get("price_asset") != "USD")
            assume(item["asset"] != "USD")  # the base costs 1, whatever it is counted in
    case["policy"] = {"tolerance": {"default": {"quantity": "1e-8"}}}
    scaled = rewritten(case, lambda amount: amount.scaleb(power))
    scaled["policy"] = {"tolerance": {"default": {"quantity": f"{Decimal('1e-8').scaleb(power):f}"}}}
    if case["prices"]:
        scaled["prices"]["prices"] = {
            name: f"{Decimal(price).scaleb(-power):f}" for name, price in case["prices"]["prices"].items()
        }
    expected = product(case)
    judgement = ("wallet", "asset", "field", "outcome", "kind", "severity", "relative", "worth", "references", "reason")
    assert [{name: line[name] for name in judgement} for line in product(scaled)["lines"]] == [
        {name: line[name] for name in judgement} for line in expected["lines"]
    ]


SWAPPED = {"missing_at_venue": "unexpected_at_venue", "unexpected_at_venue": "missing_at_venue"}


@CHECK
@given(SIGNED, SIGNED)
def test_swapping_the_sides_negates_the_difference_and_swaps_missing_with_unexpected(
    one_side: Decimal, other_side: Decimal
) -> None:
    """Of the rest only what is no share of the book is symmetric: `exact`, `quantity`, `value_floor` and the worth."""
    line, swapped = one(one_side, other_side), one(other_side, one_side)
    assert swapped["difference"] == negated(line["difference"])
    assert swapped["worth"] == line["worth"]
    assert (swapped["outcome"] == "exact") == (line["outcome"] == "exact")
    for name in ("quantity", "value_floor"):
        assert ((swapped["rule"] or {}).get("field") == name) == ((line["rule"] or {}).get("field") == name)
    if line["outcome"] == swapped["outcome"] == "break" and max(abs(one_side), abs(other_side)) > Decimal("1e-8"):
        assert swapped["kind"] == SWAPPED.get(line["kind"], line["kind"])


@CHECK
@given(CASES)
def test_swapping_the_two_readings_changes_no_outcome_and_no_severity(case: Document) -> None:
    """Only ties go to the first: what is shown of two equally near, and the kind of two equally bad."""
    assume(case["book"] and case["book-after"])
    case = case | {"book-after": case["book-after"] | {"as_of": case["book"]["as_of"]}}
    for side in (case["snapshot"], case["book"], case["book-after"]):
        side["pending"] = []
        for item in side["holdings"]:
            item.pop("price_asset", None)
    swapped = product(case | {"book": case["book-after"], "book-after": case["book"]})
    for line, other in zip(product(case)["lines"], swapped["lines"], strict=True):
        assert (other["book"], other["book_after"]) == (line["book_after"], line["book"])
        assert (other["outcome"], other["severity"], other["worth"]) == (
            (line["outcome"], line["severity"], line["worth"])
        )


# -- one reading of the book, and two


@CHECK
@given(SIGNED, SIGNED)
def test_with_one_reading_the_difference_is_venue_minus_book_and_exact_is_only_what_is_equal(
    venue: Decimal, book: Decimal
) -> None:
    for at_venue in (venue, book):
        line = one(at_venue, book)
        assert line["difference"] == plain(at_venue - book)
        assert line["worth"] == plain(abs(at_venue - book))
        assert line["outcome"] in (("exact",) if at_venue == book else ("within_tolerance", "break"))


NEAR = st.sampled_from(decimals("0 0 1 -1 0.00000001 1.05 1.2 0.95 100 100.1 99.9 105 -100 5000"))


@settings(CHECK, max_examples=200)
@given(SIGNED | NEAR, SIGNED | NEAR, SIGNED | NEAR | st.none())
def test_two_readings_are_judged_as_the_nearer_alone_and_as_bad_as_the_worse_alone(
    venue: Decimal, before: Decimal, after: Decimal | None
) -> None:
    after = 2 * venue - before if after is None else after  # as near as the other
    assume(before != after)
    line = one(venue, before, after=after)
    first, second = one(venue, before), one(venue, after)
    nearer = first if abs(venue - before) <= abs(venue - after) else second
    for name in ("difference", "relative", "worth"):
        assert line[name] == nearer[name]
    if min(before, after) <= venue <= max(before, after) or nearer["outcome"] != "break":
        assert (line["outcome"], line["kind"], line["severity"]) == ("in_motion", None, "OK")
        return
    assert line["outcome"] == "break"
    tolerance = {"default": NOTHING | {"quantity": "1e-8"}}
    alone = [one(venue, book, tolerance=tolerance) for book in (before, after)]
    worst = max(alone, key=lambda found: SEVERITIES.index(found["severity"]))  # the first of two equally bad
    assert (line["kind"], line["severity"]) == (worst["kind"], worst["severity"])


@CHECK
@given(CASES)
def test_every_key_of_either_side_has_a_line_where_both_sides_can_be_read(case: Document) -> None:
    said = product(case)
    assume(said["status"] != "UNVERIFIED")
    sides = (case["snapshot"], case["book"], case["book-after"])
    wallets = {wallet for wallet, state in case["snapshot"]["wallets"].items() if state == "complete"}
    wallets &= {*case["book"]["wallets"]} & {*case["book-after"]["wallets"]}
    keys = {(item["wallet"], item["asset"]) for side in sides for item in side["holdings"] if item["wallet"] in wallets}
    lines = {(line["wallet"], line["asset"]): line for line in said["lines"] if line["field"] == "total"}
    in_flight = {(item["wallet"], item["asset"]) for side in sides for item in side["pending"]}
    assert keys <= {key for key in lines if key[0] in wallets} <= keys | in_flight
    assert not any(lines[key]["outcome"] == "unverified" for key in keys)


# -- exactness at the limits: at it, and a hair beyond


def passed(line: Document) -> Any:
    return (line["rule"] or {}).get("field")


@CHECK
@given(AMOUNTS, st.sampled_from((1, -1)))
def test_quantity_lets_pass_exactly_its_limit(limit: Decimal, sign: int) -> None:
    tolerance = {"default": NOTHING | {"quantity": f"{limit:f}"}}
    with localcontext(EXACT):
        for hair, expected in ((-HAIR, "quantity"), (Decimal(0), "quantity"), (HAIR, None)):
            assert passed(one((limit + hair) * sign, Decimal(0), tolerance=tolerance)) == expected


@CHECK
@given(AMOUNTS, AMOUNTS, st.sampled_from((1, -1)))
def test_value_floor_lets_pass_exactly_its_worth(size: Decimal, price: Decimal, sign: int) -> None:
    with localcontext(EXACT):
        tolerance = {"default": NOTHING | {"value_floor": f"{size * price:f}"}}
        for hair, expected in ((-HAIR, "value_floor"), (Decimal(0), "value_floor"), (HAIR, None)):
            assert passed(one((size + hair) * sign, Decimal(0), price=price, tolerance=tolerance)) == expected


SHARES = st.integers(1, 10**6).map(lambda digits: Decimal(digits).scaleb(-6))


@CHECK
@given(AMOUNTS, SHARES, st.sampled_from((1, -1)), st.sampled_from((1, -1)))
def test_relative_lets_pass_exactly_its_share_of_the_book(book: Decimal, share: Decimal, side: int, way: int) -> None:
    tolerance = {"default": NOTHING | {"relative": f"{share:f}", "value_cap": "1e39"}}
    with localcontext(EXACT):
        for hair, expected in ((-HAIR, "relative"), (Decimal(0), "relative"), (HAIR, None)):
            venue = book * side + way * (book * share + hair)
            for price in (Decimal(1), None):
                line = one(venue, book * side, price=price, tolerance=tolerance)
                assert passed(line) == expected
                if expected:
                    assert line["rule"]["cap_unchecked"] is (price is None)


@CHECK
@given(AMOUNTS, AMOUNTS)
def test_value_cap_stops_a_share_exactly_above_its_worth(size: Decimal, price: Decimal) -> None:
    with localcontext(EXACT):
        tolerance = {"default": NOTHING | {"relative": "1", "value_cap": f"{size * price:f}"}}
        for hair, expected in ((-HAIR, "relative"), (Decimal(0), "relative"), (HAIR, None)):
            book = 2 * size
            assert passed(one(book + size + hair, book, price=price, tolerance=tolerance)) == expected


WORTHLESS = {"worth_minor_below": "0", "worth_major_from": "1e39", "worth_critical_from": "1e39"}
MINOR, MAJOR, CRITICAL = (
    {"minor_below": low, "major_up_to": high} for low, high in (("1", "1"), ("0", "1"), ("0", "0"))
)
"""Shares of the book by which a difference of a half is of this severity before its worth is looked at."""


@CHECK
@given(AMOUNTS, SHARES, st.sampled_from((1, -1)))
def test_a_share_of_the_book_is_minor_below_and_major_up_to_its_limit(book: Decimal, share: Decimal, way: int) -> None:
    assume(share < 1)
    with localcontext(EXACT):
        for limits, expected in (
            ({"minor_below": f"{share:f}", "major_up_to": "1"}, ("MINOR", "MAJOR", "MAJOR")),
            ({"minor_below": "0", "major_up_to": f"{share:f}"}, ("MAJOR", "MAJOR", "CRITICAL")),
        ):
            severity = {"default": WORTHLESS | limits}
            for hair, wanted in zip((-HAIR, Decimal(0), HAIR), expected, strict=True):
                line = one(book + way * (book * share + hair), book, tolerance={"default": NOTHING}, severity=severity)
                assert (line["kind"], line["severity"]) == ("quantity", wanted)


@CHECK
@given(
    AMOUNTS,
    AMOUNTS,
    st.sampled_from(
        (
            (("worth_minor_below",), CRITICAL, ("MINOR", "CRITICAL", "CRITICAL")),
            (("worth_major_from",), MINOR, ("MINOR", "MAJOR", "MAJOR")),
            (("worth_major_from", "worth_critical_from"), MINOR, ("MINOR", "CRITICAL", "CRITICAL")),
        )
    ),
)
def test_worth_moves_a_severity_exactly_at_its_limits(size: Decimal, price: Decimal, moved: Any) -> None:
    names, shares, expected = moved
    with localcontext(EXACT):
        severity = {"default": WORTHLESS | shares | dict.fromkeys(names, f"{size * price:f}")}
        for hair, wanted in zip((-HAIR, Decimal(0), HAIR), expected, strict=True):
            line = one(3 * size + hair, 2 * size, price=price, tolerance={"default": NOTHING}, severity=severity)
            assert (line["kind"], line["severity"]) == ("quantity", wanted)


@CHECK
@given(CASES, st.sampled_from(("relative", "quantity", "value_floor", "value_cap")))
def test_tightening_one_tolerance_removes_no_break_and_softens_no_severity_but_by_dust(
    case: Document, name: str
) -> None:
    """`quantity` also says what counts as zero (rule 3), so a tighter one may name a break otherwise."""
    loose = product(case | {"policy": None})
    tight = product(case | {"policy": {"tolerance": {"default": {name: "0"}}}})
    for line, other in zip(loose["lines"], tight["lines"], strict=True):
        if line["outcome"] == "break":
            assert other["outcome"] == "break"
            if name != "quantity":
                assert other == line


# -- what comes in another order, is written otherwise, or belongs to something else


@CHECK
@given(CASES, st.randoms(use_true_random=False))
def test_the_order_of_every_list_and_object_changes_no_byte_of_the_report(case: Document, order: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shuffled(value[name]) for name in order.sample(sorted(value), len(value))}
        return [shuffled(item) for item in order.sample(value, len(value))] if isinstance(value, list) else value

    other = shuffled(case)
    assert canonical_json(product(other)) == canonical_json(product(case))


@CHECK
@given(CASES)
def test_the_same_amount_written_otherwise_gives_the_same_report(case: Document) -> None:
    otherwise = copy.deepcopy(case)
    for item, name in amounts_of(otherwise):
        item[name] = f"{Decimal(item[name]):E}"
    assert product(otherwise) == product(case)
    assert product(parse_json(canonical_json(case).encode(), "case")) == product(case)


@CHECK
@given(CASES, SIGNED, st.booleans(), st.sampled_from(("snapshot", "book", "book-after")))
def test_an_item_in_flight_of_another_asset_changes_no_line(
    case: Document, quantity: Decimal, applied: bool, side: str
) -> None:
    assume(case[side] and case["snapshot"]["pending"])  # an item more or less decides whether the venue is empty
    grown = copy.deepcopy(case)
    for wallet in grown[side]["wallets"]:
        item = {"wallet": wallet, "asset": "OTHER", "quantity": f"{quantity:f}", "applied": applied, "kind": "deposit"}
        grown[side]["pending"].append(item | {"reference": f"other-{wallet}", "since": "2026-11-22T11:59:00Z"})
    assert product(grown) == product(case)


@CHECK
@given(CASES)
def test_whatever_is_in_flight_no_line_says_more_than_its_outcome(case: Document) -> None:
    for line in product(case)["lines"]:
        outcome = line["outcome"]
        assert (line["kind"] is not None) == (outcome == "break")
        assert (line["severity"] is None) == (outcome == "unverified") == (line["reason"] is not None)
        assert (line["severity"] in ("MINOR", "MAJOR", "CRITICAL")) == (outcome == "break")
        assert (line["severity_if_unexplained"] is not None) == (outcome == "explained")
        if line["field"] == "held":
            assert line["severity"] in ("OK", "MINOR")
        if line["references"]:
            assert outcome == "explained"
        if outcome in ("exact", "within_tolerance"):
            assert (line["difference"] == "0") == (outcome == "exact")
        if outcome == "unverified":
            assert [line[name] for name in ("difference", "relative", "worth", "price")] == [None] * 4
