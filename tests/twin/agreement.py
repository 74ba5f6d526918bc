"""Whether the product and its twin say the same of an observation, and the smallest one of which they do not."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.twin import rules
from trueup.domain.compare import compare
from trueup.domain.documents import read_book, read_prices, read_snapshot
from trueup.domain.models import Observation
from trueup.domain.policy import default_policy, read_policy
from trueup.domain.reading import Malformed
from trueup.domain.report import AccountReport, account_report_document

Document = dict[str, Any]
OURS = ("account_id", "status", "verified", "reasons", "lines")
NOT_COMPARED = ("break_id", "state", "streak")
"""What comes from a break's history, and not from the rules of comparing."""


def report_of(case: Document) -> AccountReport:
    """Compare a case with the product. Raises Malformed."""
    book, after = (None if book is None else read_book(book) for book in rules.books_of(case))
    prices = case.get("prices")
    account = case.get("account")
    return compare(
        Observation(read_snapshot(case["snapshot"]), book, after),
        read_policy(case.get("policy") or {}, default_policy()),
        None if prices is None else read_prices(prices),
        asked=None if account is None else account.get("wallets"),
    )


def product(case: Document) -> Document:
    """What the product reports of a case, as far as the rules of comparing say it. Raises Malformed."""
    document = account_report_document(report_of(case))
    lines = [{name: line[name] for name in line if name not in NOT_COMPARED} for line in document["lines"]]
    return {**{name: document[name] for name in OURS}, "lines": lines}


def differ(case: Document) -> bool:
    """Tell whether the two disagree. What the product refuses to read is no disagreement."""
    try:
        said = product(case)
    except Malformed:
        return False
    try:
        return said != rules.compare(case)
    except (KeyError, TypeError, ValueError):
        return True


def differences(case: Document) -> Iterator[str]:
    """Say in words where the two disagree."""
    ours, twins = product(case), rules.compare(case)
    for name in OURS[:-1]:
        if ours[name] != twins[name]:
            yield f"{name}: product {ours[name]!r}, twin {twins[name]!r}"
    keyed = [{(line["wallet"], line["asset"], line["field"]): line for line in side["lines"]} for side in (ours, twins)]
    for key in sorted(keyed[0].keys() | keyed[1].keys(), key=str):
        one, other = keyed[0].get(key), keyed[1].get(key)
        if one is None or other is None:
            yield f"{key}: only the {'twin' if one is None else 'product'} has this line: {one or other}"
        elif one != other:
            names = [name for name in one if one[name] != other[name]]
            yield f"{key}: " + "; ".join(f"{name}: product {one[name]!r}, twin {other[name]!r}" for name in names)
    if [*keyed[0]] != [*keyed[1]]:
        yield f"order of lines: product {[*keyed[0]]}, twin {[*keyed[1]]}"


def shrunk(case: Document, still: Callable[[Document], bool] = differ) -> Document:
    """Drop whatever can be dropped while `still` holds."""
    smaller = True
    while smaller:
        smaller = False
        for path in paths(case):
            try:
                tried = without(case, path)
            except (KeyError, IndexError):
                continue  # it went with something dropped before
            if still(tried):
                case, smaller = tried, True
    return case


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, the large ones first, lists from their end."""
    if isinstance(value, dict):
        names: list[Any] = list(value)
    elif isinstance(value, list):
        names = list(reversed(range(len(value))))
    else:
        return []
    return [(*path, name) for name in names] + [
        deeper for name in names for deeper in paths(value[name], (*path, name))
    ]


def without(case: Document, path: tuple[Any, ...]) -> Document:
    case = copy.deepcopy(case)
    at: Any = case
    for step in path[:-1]:
        at = at[step]
    if path in (("snapshot",), ("book",)):
        raise KeyError(path)
    del at[path[-1]]
    return case


def count(said: Document, counts: dict[str, Counter[str]]) -> None:
    """Count what a report has met, so that one sees what the generator reaches."""
    counts["status"][said["status"]] += 1
    counts["verified"][str(said["verified"])] += 1
    counts["reasons"].update(said["reasons"])
    for line in said["lines"]:
        counts["field"][line["field"]] += 1
        counts["outcome"][line["outcome"]] += 1
        for name in ("kind", "severity", "severity_if_unexplained"):
            if line[name] is not None:
                counts[name][line[name]] += 1
        if line["rule"] is not None:
            unchecked = " cap_unchecked" if line["rule"]["cap_unchecked"] else ""
            counts["rule"][line["rule"]["field"] + unchecked] += 1
            counts["origin"][line["rule"]["origin"].replace(":a", "").replace(line["asset"], "…")] += 1
        if (
            line["outcome"] in ("exact", "within_tolerance", "in_motion", "explained", "break")
            and line["field"] == "total"
        ):
            counts["books"]["two readings" if line["book"] != line["book_after"] else "one reading"] += 1
        if line["references"]:
            counts["references"][str(len(line["references"]))] += 1
