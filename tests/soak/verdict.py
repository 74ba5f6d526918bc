"""Whether what a run said is true: its report against what the venues held and the books said while it ran."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.soak.rules import EMPTY, SEVERITIES, Line, lines_of, worst
from tests.soak.truth import AccountTruth

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Violation:
    """Something that may not be. `expected` and `found` are for a person to compare."""

    what: str
    expected: str
    found: str
    account_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class Window:
    """From when to when a run could look, in epoch seconds."""

    begin: float
    end: float


def account_violations(
    report: Document, truth: AccountTruth, window: Window, prices: Mapping[str, Decimal] | None, allowed: frozenset[str]
) -> list[Violation]:
    """Check one account's report. `allowed` are the reasons for which it may be unverified."""
    account_id = truth.told.account_id

    def violation(what: str, expected: str, found: object) -> Violation:
        return Violation(what, expected, str(found), account_id)

    found = []
    strange = set(report["reasons"]) - allowed
    if strange:
        found.append(
            violation("a reason nothing of what was done explains", f"one of {sorted(allowed)}", sorted(strange))
        )
    if report["status"] == "UNVERIFIED":
        if report["verified"] or not report["reasons"]:
            found.append(
                violation("unverified without a reason, or verified all the same", "a reason", report["reasons"])
            )
        if any(line["outcome"] != "unverified" or line["severity"] is not None for line in report["lines"]):
            found.append(violation("an account nobody could look at has a verdict", "no verdict", report["lines"]))
        return found
    if not truth.was_read(window.begin, window.end) and not report["reasons"]:
        held = f"UNVERIFIED: the venue answered no complete read with the truth; it held {_shown(truth, window)}"
        return [*found, violation("a failed read became a verdict", held, report["status"])]
    lines = [_line(document) for document in report["lines"]]
    explained = _explained(lines, truth, window, prices, frozenset(report["reasons"]) & allowed)
    if explained is None:
        said = f"lines that one moment between two readings of the book explains; {_shown(truth, window)}"
        return [*found, violation("the report shows what was never true together", said, lines)]
    status = worst(explained)
    if (report["status"], report["verified"]) != (status, not report["reasons"]):
        found.append(
            violation(
                "status", f"{status}, verified {not report['reasons']}", f"{report['status']}, {report['verified']}"
            )
        )
    return found


def _explained(
    lines: list[Line],
    truth: AccountTruth,
    window: Window,
    prices: Mapping[str, Decimal] | None,
    failed: frozenset[str],
) -> list[Line] | None:
    """Find a moment that explains every line, and say what has to be said of it. None: there is none.

    The order is book, each answer of the venue, book. A wallet may be missing (`failed`) where that is allowed.
    """
    books = list(truth.books(window.begin, window.end))
    for first, second in itertools.combinations_with_replacement([place for place, _ in books], 2):
        told = _explained_by(lines, truth, window, prices, failed, (first, second))
        if told is not None:
            return told
    return None


def _explained_by(
    lines: list[Line],
    truth: AccountTruth,
    window: Window,
    prices: Mapping[str, Decimal] | None,
    failed: frozenset[str],
    places: tuple[int, int],
) -> list[Line] | None:
    before, after = (truth.book[place] for place in places)
    after_is_gone, before_begins = truth.replaced_at(places[1]), before.begun
    told: list[Line] = []
    nothing_held, reached = True, window.begin
    for part in truth.told.parts:
        here = [line for line in lines if line.wallet is not None and line.asset is not None
                and truth.told.part_of((line.wallet, line.asset)) == part]  # fmt: skip
        books = [
            {key: amount for key, amount in side.holdings.items() if truth.told.part_of(key) == part}
            for side in (before, after)
        ]
        if failed and all(line.outcome == "unverified" for line in here) and (here or not any(books)):
            stated = {(line.wallet, line.asset): (line.book, line.book_after) for line in here}
            keys = sorted(books[0].keys() | books[1].keys())
            if stated != {key: (books[0].get(key, Decimal(0)), books[1].get(key, Decimal(0))) for key in keys}:
                return None
            told += here
            continue
        for serve in truth.served(part, window.begin, window.end):
            if serve.at < max(reached, before_begins) or serve.left > after_is_gone:
                continue
            venue = {key: amount for key, amount in truth.held_at(serve.at).items() if truth.told.part_of(key) == part}
            expected = lines_of(venue, books[0], books[1], prices)
            if sorted(expected, key=_order) == sorted(here, key=_order):
                told += expected
                nothing_held = nothing_held and not any(venue.values())
                reached = serve.at
                break
        else:
            return None
    if nothing_held and any(line.outcome == "break" and line.severity in ("MAJOR", "CRITICAL") for line in told):
        told.append(EMPTY)
    return told if (EMPTY in told) == (EMPTY in lines) and len(told) == len(lines) else None


def run_violations(report: Document, wanted: Sequence[str]) -> list[Violation]:
    """Check what a run's report says as a whole. `wanted` are the accounts of the manifest."""
    found = []
    listed = [account["account_id"] for account in report["accounts"]]
    if sorted(listed) != sorted(wanted):
        found.append(Violation("every account is in every report, exactly once", str(sorted(wanted)), str(listed)))
    statuses = [account["status"] for account in report["accounts"] if account["status"] != "UNVERIFIED"]
    status = max(statuses, key=SEVERITIES.index) if statuses else "UNVERIFIED"
    verified = bool(listed) and all(account["verified"] for account in report["accounts"])
    if (report["status"], report["verified"]) != (status, verified):
        found.append(
            Violation("the run's status", f"{status}, {verified}", f"{report['status']}, {report['verified']}")
        )
    if report["counts"] != counts(report["accounts"]):
        found.append(Violation("the run's counts", str(counts(report["accounts"])), str(report["counts"])))
    return found


def counts(accounts: Sequence[Document]) -> dict[str, Any]:
    """Count accounts and lines."""
    lines = [line for account in accounts for line in account["lines"]]
    broken = [line["severity"] for line in lines if line["outcome"] == "break"]
    return {
        "accounts": len(accounts),
        "accounts_verified": sum(account["verified"] for account in accounts),
        "accounts_unverified": sum(account["status"] == "UNVERIFIED" for account in accounts),
        "lines": len(lines),
        "lines_verified": sum(line["outcome"] != "unverified" for line in lines),
        "breaks": {severity: broken.count(severity) for severity in SEVERITIES[1:]},
        "breaks_unpriced": sum(
            line["outcome"] == "break" and line["worth"] is None and line["wallet"] is not None for line in lines
        ),
    }


def _line(document: Document) -> Line:
    amounts = (document[name] for name in ("book", "book_after", "venue", "difference"))
    book, book_after, venue, difference = (None if text is None else Decimal(text) for text in amounts)
    return Line(
        document["wallet"],
        document["asset"],
        document["field"],
        book,
        book_after,
        venue,
        difference,
        document["outcome"],
        document["kind"],
        document["severity"],
    )


def _order(line: Line) -> tuple[str, str, str]:
    return line.wallet or "", line.asset or "", line.field


def _shown(truth: AccountTruth, window: Window) -> str:
    """What the model knows of the window, briefly."""
    states = [state for state in truth.venue if state.at <= window.end][-4:]
    venue = [{f"{key[0]} {key[1]}": f"{amount:f}" for key, amount in state.holdings.items()} for state in states]
    books = [
        {f"{key[0]} {key[1]}": f"{amount:f}" for key, amount in state.holdings.items()}
        for _, state in truth.books(window.begin, window.end)
    ]
    return f"venue {venue}, book {books}"
