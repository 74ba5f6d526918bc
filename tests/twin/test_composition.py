"""What must hold when rules meet: sides swapped, limits raised, prices risen, items and open orders taken away."""

import copy
from decimal import Decimal, localcontext
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.twin.agreement import Document, product
from tests.twin.generate import NOISE, RATIOS, decimals
from tests.twin.test_properties import (
    AMOUNTS,
    CASES,
    CHECK,
    HAIR,
    NOTHING,
    SEVERITIES,
    SWAPPED,
    negated,
    one,
)
from trueup.domain.amounts import EXACT

SIDES = ("snapshot", "book", "book-after")


def by_key(report: Document, field: str = "total") -> dict[tuple[str, str], Document]:
    return {(line["wallet"], line["asset"]): line for line in report["lines"] if line["field"] == field}


def with_policy(case: Document, section: str, **limits: Any) -> Document:
    """The same limits for everybody, so that no other scope has a say."""
    return case | {"policy": {section: {"default": limits}}}


def is_milder(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and SEVERITIES.index(one) < SEVERITIES.index(other)


# -- rules 2, 4 and 5: the sides swapped


@CHECK
@given(CASES)
def test_swapping_the_sides_with_all_that_is_in_flight_swaps_missing_with_unexpected_and_no_outcome(
    case: Document,
) -> None:
    """Of a book that holds still, and with no share of the book let pass: that, and severity, take sides."""
    assume(case["book"])
    case = copy.deepcopy(case)
    book, venue = case["book"], case["snapshot"]
    sides = {"snapshot": venue, "book": book}
    for side in sides.values():
        # What names a price and what has no name of its own: the venue's comes first, of items the smaller.
        side["holdings"] = [{k: v for k, v in item.items() if k != "price_asset"} for item in side["holdings"]]
        side["pending"] = [item for item in side["pending"] if item["reference"] is not None]
    for item in venue["pending"]:
        for other in book["pending"]:
            if other["reference"] == item["reference"]:
                other["quantity"] = item["quantity"]  # where they disagree about it, the venue is right

    def observed(at_venue: Document, in_book: Document) -> Document:
        wallets = ["earn", "perp/0", "spot"]
        said = {
            name: {"holdings": [dict(item) for item in side["holdings"]], "pending": side["pending"]}
            for name, side in (("venue", at_venue), ("book", in_book))
        }
        for item in said["book"]["holdings"]:
            item.pop("venue_asset", None)
        now = {"account_id": "a"}
        return {
            "snapshot": now
            | {"venue": "coinbase", "observed_at": venue["observed_at"], "wallets": dict.fromkeys(wallets, "complete")}
            | said["venue"],
            "book": now | {"as_of": venue["observed_at"], "version": "1", "wallets": wallets} | said["book"],
            "prices": case["prices"],
            "policy": {"tolerance": {"default": {"relative": "0"}}},
        }

    report, swapped = product(observed(venue, book)), product(observed(book, venue))
    for field in ("total", "held"):
        lines, others = by_key(report, field), by_key(swapped, field)
        assert lines.keys() == others.keys()
        for key, line in lines.items():
            other = others[key]
            assert (other["venue"], other["book"]) == (line["book"], line["venue"])
            assert other["difference"] == negated(line["difference"])
            for name in ("outcome", "worth", "rule", "references"):
                assert other[name] == line[name], name
            at_venue, in_book = Decimal(line["venue"]), Decimal(line["book"])
            # An item both sides list moves the venue's amount and leaves the book's: then the kind takes sides, too.
            if at_venue - in_book == Decimal(line["difference"]) and max(abs(at_venue), abs(in_book)) > Decimal("1e-8"):
                assert other["kind"] == SWAPPED.get(line["kind"], line["kind"])


# -- rule 3: what counts as zero


@CHECK
@given(AMOUNTS, st.sampled_from((1, -1)))
def test_an_amount_counts_as_nothing_up_to_quantity_exactly(dust: Decimal, sign: int) -> None:
    tolerance = {"default": NOTHING | {"quantity": f"{dust:f}"}}
    both_there = "quantity" if sign == 1 else "sign_flip"
    with localcontext(EXACT):
        for amount, counts in ((dust - HAIR, False), (dust, False), (dust + HAIR, True)):
            at_venue = one(amount * sign, 10 * dust, tolerance=tolerance)
            in_book = one(10 * dust, amount * sign, tolerance=tolerance)
            assert at_venue["kind"] == (both_there if counts else "missing_at_venue")
            assert in_book["kind"] == (both_there if counts else "unexpected_at_venue")


# -- rules 4 and 7: limits raised, prices risen

LIMITS = {
    "relative": ("0.001", "0", "0.0005", "0.05", "1"),
    "quantity": ("1e-8", "0", "1", "100"),
    "value_floor": ("1", "0", "10", "1000"),
    "value_cap": ("1000", "0", "10", "1e39"),
}
TOLERANCES = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in LIMITS.items()})
BOOKS = st.sampled_from(decimals("1 100 100 1000 20000 -20000 0.5 1e-8"))
VENUES = st.builds(lambda ratio, more: (ratio, more), st.sampled_from(RATIOS), st.sampled_from(NOISE))
QUOTES = st.sampled_from(decimals("0.01 0.5 1 1 10 100 97000.5"))


@settings(CHECK, max_examples=250)
@given(BOOKS, VENUES, QUOTES, TOLERANCES, TOLERANCES, st.sampled_from(sorted(LIMITS)))
def test_raising_a_limit_of_tolerance_adds_no_break(
    book: Decimal,
    venue: tuple[Decimal, Decimal],
    price: Decimal,
    limits: dict[str, str],
    others: dict[str, str],
    raised: str,
) -> None:
    low, high = sorted((limits[raised], others[raised]), key=Decimal)
    tight, loose = (
        one(book * venue[0] + venue[1], book, price=price, tolerance={"default": limits | {raised: limit}})
        for limit in (low, high)
    )
    assert loose["outcome"] != "break" or tight["outcome"] == "break"


@CHECK
@given(CASES, TOLERANCES, TOLERANCES)
def test_raising_limits_of_tolerance_adds_no_break_whatever_else_there_is(
    case: Document, limits: dict[str, str], others: dict[str, str]
) -> None:
    tight, loose = (
        product(
            with_policy(case, "tolerance", **{name: pick(limits[name], others[name], key=Decimal) for name in LIMITS})
        )
        for pick in (min, max)
    )
    before = {(line["wallet"], line["asset"], line["field"]): line["outcome"] for line in tight["lines"]}
    for line in loose["lines"]:
        if line["outcome"] == "break" and line["field"] != "account":
            assert before[line["wallet"], line["asset"], line["field"]] == "break"


BANDS = {
    "minor_below": ("0", "0.05", "0.1"),
    "major_up_to": ("0.1", "0.2", "5"),
    "worth_minor_below": ("0", "10", "100"),
    "worth_major_from": ("100", "1000", "5000"),
    "worth_critical_from": ("5000", "10000", "20000"),
}


@CHECK
@given(CASES, st.fixed_dictionaries({name: st.sampled_from(range(2)) for name in BANDS}), st.sampled_from(list(BANDS)))
def test_raising_a_limit_of_severity_makes_nothing_worse(case: Document, low: dict[str, int], raised: str) -> None:
    limits = {name: steps[low[name]] for name, steps in BANDS.items()}
    strict = product(with_policy(case, "severity", **limits))
    lenient = product(with_policy(case, "severity", **limits | {raised: BANDS[raised][low[raised] + 1]}))
    for field in ("total", "held"):
        worst = by_key(strict, field)
        for key, line in by_key(lenient, field).items():
            for name in ("severity", "severity_if_unexplained"):
                assert not is_milder(worst[key][name], line[name])
            assert line["outcome"] == worst[key]["outcome"]


TIMES = st.sampled_from(("1", "1.00000001", "3", "1000"))


@settings(CHECK, max_examples=250)
@given(BOOKS, VENUES, QUOTES, TIMES)
def test_a_higher_price_removes_no_break_and_softens_none(
    book: Decimal, venue: tuple[Decimal, Decimal], price: Decimal, times: str
) -> None:
    cheap, dear = (one(book * venue[0] + venue[1], book, price=quote) for quote in (price, price * Decimal(times)))
    assert cheap["outcome"] != "break" or dear["outcome"] == "break"
    assert not is_milder(dear["severity"], cheap["severity"])


@CHECK
@given(CASES, TIMES)
def test_higher_prices_remove_no_break_and_soften_none_whatever_else_there_is(case: Document, times: str) -> None:
    assume(case["prices"])
    prices = {asset: f"{Decimal(price) * Decimal(times):f}" for asset, price in case["prices"]["prices"].items()}
    cheap, dear = product(case), product(case | {"prices": case["prices"] | {"prices": prices}})
    for field in ("total", "held"):
        now = by_key(dear, field)
        for key, line in by_key(cheap, field).items():
            if line["outcome"] == "break":
                assert now[key]["outcome"] == "break"
                assert not is_milder(now[key]["severity"], line["severity"])


# -- rules 2 and 5: items in flight


def without(case: Document, are_left_out: Any) -> Document:
    """The case without those items in flight."""
    case = copy.deepcopy(case)
    for side in SIDES:
        if case[side]:
            case[side]["pending"] = [item for item in case[side]["pending"] if not are_left_out(item)]
    return case


def places_of_references(case: Document) -> dict[tuple[str, str, str], set[str]]:
    """The sides that list each item that has a reference."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for side in SIDES:
        for item in case[side]["pending"] if case[side] else ():
            if item["reference"] is not None:
                found.setdefault((item["wallet"], item["asset"], item["reference"]), set()).add(side)
    return found


@CHECK
@given(CASES)
def test_items_of_one_side_make_no_line_worse(case: Document) -> None:
    """They explain, or they change nothing: a line that agreed without them still agrees, word for word."""
    listed = places_of_references(case)

    def is_one_sided(item: Document) -> bool:
        sides = listed.get((item["wallet"], item["asset"], item["reference"]), {"snapshot"})
        return not ("snapshot" in sides and len(sides) > 1)

    without_them = by_key(product(without(case, is_one_sided)))
    for key, line in by_key(product(case)).items():
        if line != without_them[key]:
            assert without_them[key]["outcome"] == "break"
            assert line["outcome"] in ("explained", "exact", "within_tolerance")


@CHECK
@given(CASES)
def test_an_item_both_sides_list_counts_as_if_the_venue_had_stated_its_total_without_it(case: Document) -> None:
    assume(case["book"])
    case = copy.deepcopy(case) | {"book-after": case["book"]}
    listed = places_of_references(case)
    case = without(case, lambda item: len(listed.get((item["wallet"], item["asset"], item["reference"]), ())) < 3)
    restated = without(case, lambda item: True)
    in_book = {(item["wallet"], item["reference"]): item["applied"] for item in case["book"]["pending"]}
    holdings = {(item["wallet"], item["asset"]): item for item in restated["snapshot"]["holdings"]}
    for item in case["snapshot"]["pending"]:
        key = item["wallet"], item["asset"]
        effect = Decimal(item["quantity"]) * (item["applied"] - in_book[item["wallet"], item["reference"]])
        if key not in holdings and effect:
            holdings[key] = {"wallet": key[0], "asset": key[1], "total": "0"}
            restated["snapshot"]["holdings"].append(holdings[key])
        if effect:
            holdings[key]["total"] = f"{Decimal(holdings[key]['total']) - effect:f}"
    expected = by_key(product(restated))
    for key, line in by_key(product(case)).items():
        if line["outcome"] == "explained":
            assert expected[key]["outcome"] in ("exact", "within_tolerance")
        else:
            for name in ("outcome", "difference", "worth", "relative", "kind", "severity", "rule", "reason"):
                assert line[name] == expected[key][name], name


# -- rule 6: what is held


@CHECK
@given(CASES)
def test_what_is_held_changes_no_total(case: Document) -> None:
    freed = copy.deepcopy(case)
    for side in SIDES:
        for item in freed[side]["holdings"] if freed[side] else ():
            item.pop("held", None)
    report, other = product(case), product(freed)
    # An open order makes a wallet nobody covers, or an account that shows nothing else, one that shows something.
    assert all(by_key(report)[key] == line for key, line in by_key(other).items())
    assert not by_key(other, "held")


# -- rules 1 and 11: the account as a whole


@CHECK
@given(CASES, st.booleans())
def test_an_account_is_empty_only_if_nothing_at_all_was_shown_where_something_major_is_missing(
    case: Document, silent: bool
) -> None:
    case = copy.deepcopy(case)
    snapshot = case["snapshot"]
    if silent:
        snapshot["holdings"] = []
    report = product(case)
    shown = [
        item
        for item in snapshot["holdings"]
        if snapshot["wallets"][item["wallet"]] == "complete"
        and any(Decimal(item.get(name) or 0) for name in ("total", "held", "borrowed"))
    ]
    broken = [line for line in report["lines"] if line["wallet"] and line["severity"] in ("MAJOR", "CRITICAL")]
    whole = [line for line in report["lines"] if line["field"] == "account"]
    assert len(whole) == (not shown and not snapshot["pending"] and bool(broken))
    assert report["status"] == "CRITICAL" or not whole


@CHECK
@given(CASES)
def test_an_account_is_as_bad_as_its_worst_line_and_verified_only_without_a_reason(case: Document) -> None:
    report = product(case)
    severities = [SEVERITIES.index(line["severity"]) for line in report["lines"] if line["severity"]]
    if report["status"] == "UNVERIFIED":
        assert not severities
    else:
        assert report["status"] == SEVERITIES[max(severities, default=0)]
    assert report["verified"] is (not report["reasons"])
