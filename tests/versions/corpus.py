"""A few hundred observations, runs and broken documents, and one hash over all that comes of them.

`python -m tests.versions.corpus` prints what has to be in expected.txt. It needs the standard library only, so that any
Python can say it. `made` is what went in: where it differs, it is the corpus that differs, and not the product.
"""

import copy
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.twin.agreement import paths
from tests.twin.generate import NOON, made
from trueup.alerts.digest import alerts_of
from trueup.domain.advance import SecondLook, advance, wants_second_look
from trueup.domain.compare import compare
from trueup.domain.correlate import Known, Place, correlate, held_at_breaks
from trueup.domain.documents import observation_document, read_book, read_observation, read_prices, read_snapshot
from trueup.domain.history import History
from trueup.domain.models import Observation, PriceSet
from trueup.domain.names import under_our_names
from trueup.domain.policy import Policy, default_policy, read_policy
from trueup.domain.reading import Malformed, canonical_json, parse_json
from trueup.domain.report import AccountReport, PricesUsed, RunReport, account_report_document, run_report_document
from trueup.domain.report_reading import read_run_report
from trueup.domain.tracks import track_document
from trueup.venues.aliases import assets_version, forms, names

Document = dict[str, Any]
EXPECTED = Path(__file__).with_name("expected.txt")
RUNS = 60
VENUES = {"a": "coinbase", "b": "dydx", "c": "coinbase", "d": "mtgox", "e": "coinbase"}
RENAMED = {"X": ("CELO", "CGLD"), "DUST": ("POL", "MATIC"), "BTC-USD": ("WBTC", "BTC-USD")}
"""What some of the generator's assets are called here: at the venue, and in the book."""


def digests() -> dict[str, str]:
    """Hash what goes in, and what comes out."""
    went_in, came_out = hashlib.sha256(), hashlib.sha256()
    desk = Desk()
    for number in range(RUNS):
        cases = {account_id: case(number, account_id) for account_id in VENUES}
        went_in.update(canonical_json(cases).encode())
        for text in desk.run(number, cases):
            came_out.update(f"{text}\n".encode())
    for text in broken_texts():
        went_in.update(text.encode(errors="surrogatepass"))
        came_out.update(f"{said_of(text)}\n".encode())
    for document in broken_documents():
        came_out.update(f"{said_of(canonical_json(document))}\n".encode())
    came_out.update(assets_version().encode())
    return {"made": went_in.hexdigest(), "said": came_out.hexdigest()}


# -- observations --------------------------------------------------------------------------------------------------


def case(number: int, account_id: str) -> Document:
    """One account's observation in one run, under names that a venue and a book may have for the same."""
    found = made(f"versions {number} {account_id}")
    for name in ("snapshot", "book", "book-after"):
        side = found[name]
        if side is None:
            continue
        side["account_id"] = account_id
        for part in (*side["holdings"], *side["pending"]):
            theirs, ours = RENAMED.get(part["asset"], (part["asset"],) * 2) if number % 3 else (part["asset"],) * 2
            part["asset"] = theirs if name == "snapshot" else ours
    found["snapshot"]["venue"] = VENUES[account_id]
    return found


@dataclass
class Desk:
    """Runs one after the other: what is known of breaks, and the reports before."""

    histories: dict[str, History] = field(default_factory=dict)
    earlier: dict[str, AccountReport] = field(default_factory=dict)

    def run(self, number: int, cases: dict[str, Document]) -> Iterator[str]:
        """Judge a run; yield its report, its alerts, and what could not be read."""
        policy = read_policy(cases["a"]["policy"] or {}, default_policy())
        valued = cases["a"]["prices"]
        prices = None if valued is None else read_prices(valued)
        reports, held = [], {}
        for account_id, found in cases.items():
            try:
                observation = read(found)
            except Malformed as error:
                yield str(error)
                continue
            report, held_there = self.look(number, observation, policy, prices)
            held |= held_there
            yield canonical_json(account_report_document(replace(report, run_id=None)))  # as a comparison of files
            # What is in doubt is seen again as another account is: it may stand, go, or change its sign.
            again = replace(report, lines=report.lines[number % 3 :]) if number % 2 else None
            reports.append(self.place(report, policy, account_id, again))
        known = Known(VENUES, {venue: forms(venue) for venue in VENUES.values()}, held, self.earlier)
        accounts = correlate(reports, known, policy)
        self.earlier = {report.account_id: report for report in accounts}
        moment = NOON + timedelta(seconds=300 * number)
        used = (
            PricesUsed("none", "USD") if prices is None else PricesUsed("this_run", prices.base, "made", prices.as_of)
        )
        report_of_run = RunReport(f"run-{number}", moment, moment, policy.version, used, accounts, VENUES)
        document = run_report_document(report_of_run)
        yield canonical_json(document)
        yield canonical_json(run_report_document(read_run_report(parse_json(canonical_json(document), "report"))))
        for alert in alerts_of(report_of_run):
            yield canonical_json(alert.document)
        for kept in self.histories.values():
            yield canonical_json([track_document(track) for track in kept.tracks.values()])

    def look(
        self, number: int, observation: Observation, policy: Policy, prices: PriceSet | None
    ) -> tuple[AccountReport, dict[Place, Any]]:
        """Compare; every run is five minutes after the one before."""
        report = compare(observation, policy, prices, run_id=f"run-{number}")
        later = NOON + timedelta(seconds=300 * number)
        return replace(report, observed_at=later), held_at_breaks(observation, report)

    def place(
        self, report: AccountReport, policy: Policy, account_id: str, again: AccountReport | None
    ) -> AccountReport:
        """Place a report in its history."""
        history = self.histories.get(account_id, History())
        venue = VENUES[account_id]
        second = None
        if wants_second_look(report, history, policy.timing(account_id, venue)):
            second = SecondLook(again, None if again else "unreachable")
        advanced = advance(report, history, policy, venue, second)
        changed = {track.break_id: track for track in advanced.tracks}
        self.histories[account_id] = History(advanced.report.observed_at, {**history.tracks, **changed})
        return advanced.report


def read(found: Document) -> Observation:
    """Read a case as evidence is read: written, parsed, and under our names."""
    snapshot = read_snapshot(found["snapshot"])
    books = (None if found[name] is None else read_book(found[name]) for name in ("book", "book-after"))
    written = observation_document("run", Observation(snapshot, *books), NOON, NOON, [])
    observation = read_observation(parse_json(canonical_json(written).encode(), "evidence"))
    return under_our_names(observation, names(snapshot.venue))


# -- what is refused -----------------------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (
    None, True, 7, -(10**30), "", " x", "x" * 600, "NaN", "1e99999", "1_000", "0x10", "٣", "½", "-0", "a\u2028b",
    "\U0001fae8", "\u200b", "\U000e0041", "2026-11-22T24:00:00Z", "2026-02-29T00:00:00Z", "2026-11-22T12:00:00+24:00",
    [], {}, ["x"],
)  # fmt: skip
BROKEN = (
    "", "[1,]", '{"a": 1,}', '{"a": 1,\n}', "[1,,]", "[,]", "{,}", "{'a': 1}", '{"a" 1}', '{"a":', '"a', "nul", "1e",
    "-", "01", '"\\x"', '"\\u12"', '"\x01"', "\ufeff{}", "{} x", '{"a": NaN}', "[Infinity]", '{"a": 1, "a": 2}',
    '"\\ud800"', '["\ud800"]', "9" * 5000, "1.5e9999", "1e12345", "1e-99999999999999999999",
    '{"\U0001fae8": 1, "\U0001fae8": 1}', '"' + "[" * 99 + '", x',
    *(bracket * depth + inside for bracket in ("[", '{"a":') for depth in (60, 65, 900) for inside in ("", "x", "1]")),
    *("[" * depth + "]" * depth for depth in (64, 65, 400, 1100, 2000)),
)  # fmt: skip


def broken_texts() -> Iterator[str]:
    """Texts that are no strict JSON, each in a way of its own, and one that was cut off everywhere."""
    yield from BROKEN
    whole = canonical_json(made("versions broken")["snapshot"])
    yield from (whole[:end] for end in range(0, len(whole), 7))


def broken_documents() -> Iterator[Document]:
    """A document with something odd in each of its places."""
    whole = made("versions broken")["snapshot"]
    for path in paths(whole):
        for odd in ODD:
            document = copy.deepcopy(whole)
            place: Any = document
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = odd
            yield document


def said_of(text: str) -> str:
    """What is said of a text that may be no snapshot."""
    try:
        return str(len(read_snapshot(parse_json(text, "snapshot")).holdings))
    except Malformed as error:
        return str(error)


def written(found: dict[str, str]) -> str:
    """Write digests as they stand in expected.txt."""
    return "".join(f"{name} {digest}\n" for name, digest in found.items())


if __name__ == "__main__":
    sys.stdout.write(written(digests()))
