"""A valid document spoilt in one place, or a file in a few bytes: refused in one line that names the place, or read."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.twin.agreement import Document, product, report_of
from tests.twin.test_properties import CASES, CHECK
from tests.unit.money_kit import NOON
from trueup.domain.advance import advance
from trueup.domain.documents import read_account, read_book, read_observation, read_prices, read_snapshot
from trueup.domain.history import History
from trueup.domain.policy import default_policy, read_policy
from trueup.domain.reading import Malformed, parse_json
from trueup.domain.report import PricesUsed, RunReport, account_report_document, run_report_document
from trueup.domain.report_reading import read_account_report, read_run_report
from trueup.domain.tracks import read_track, track_document

JUNK: tuple[Any, ...] = (
    None, True, 0, 7, -1, 10**30, Decimal("0.5"), "", " ", "NaN", "Infinity", "-Infinity", "sNaN", "1e999999", "1,5",
    "0x10", "١", "1_000", "9" * 41, "9" * 600, "complete", "failed: ", "noon", "2026-11-22", "2026-11-22T12:00:00",
    "0001-01-01T00:00:00+23:59", [], {}, [[]], {"": ""}, {"a": {"b": []}}, ["spot", "spot"], {"spot": "done"}, "a\nb",
    "\ud800", "all", [0, 0], [-1], "http://[", "https://a b",
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield value, name
            yield from places(value[name])


def account(case: Document) -> Document:
    return (case["account"] or {"account_id": "a", "venue": "coinbase"}) | {
        "secret": "coinbase/a", "address": None, "subaccounts": [0, 128], "base_url": "https://venue.example/api",
        "options": {"depth": 3, "names": ["a", None]},
    }  # fmt: skip


def observation(case: Document) -> Document:
    return {"book": case["book"], "snapshot": case["snapshot"], "book_after": case["book-after"], "answers": ["…"]}


def tracks(case: Document) -> list[Document]:
    advanced = advance(report_of(case), History(), default_policy(), "coinbase")
    return [track_document(track) for track in advanced.tracks]


def report(case: Document) -> Document:
    return account_report_document(replace(report_of(case), run_id="20261122T120000Z"))


def run_report(case: Document) -> Document:
    one = replace(report_of(case), run_id="20261122T120000Z")
    used = PricesUsed("this_run", "USD", "test", NOON, "ab" * 32)
    return run_report_document(RunReport("20261122T120000Z", NOON, NOON, "v", used, (one,), {"a": "coinbase"}))


Reader = Callable[[Any], Any]
DOCUMENTS: dict[str, tuple[Callable[[Document], Any], Reader]] = {
    "snapshot": (lambda case: case["snapshot"], read_snapshot),
    "book": (lambda case: case["book"], read_book),
    "prices": (lambda case: case["prices"], read_prices),
    "policy": (lambda case: case["policy"], lambda document: read_policy(document, default_policy())),
    "account": (account, lambda document: read_account(document, ("coinbase", "dydx"))),
    "observation": (observation, read_observation),
    "tracks": (tracks, lambda found: [read_track(document, f"tracks[{n}]") for n, document in enumerate(found)]),
    "report": (report, read_account_report),
    "run report": (run_report, lambda document: read_run_report(document, "run report")),
}


def read_or_refused(name: str, read: Callable[[], Any]) -> bool:
    """Tell whether something was read; what is refused is refused in one line that begins with its place."""
    try:
        read()
    except Malformed as refused:
        message = str(refused)
    else:
        return True
    assert message.startswith(name)
    assert message.isprintable()
    return False


def spoil(document: Any, choice: random.Random) -> None:
    """Leave out, repeat, or replace one thing anywhere in it."""
    at, place = choice.choice(list(places(document)))
    how = choice.random()
    if how < 0.2:
        del at[place]
    elif how < 0.3 and isinstance(at, dict):
        at["more"] = at[place]
    elif how < 0.4 and isinstance(at, list):
        at.append(copy.deepcopy(at[place]))
    else:
        at[place] = choice.choice(JUNK)


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(CHECK, max_examples=150)
@given(CASES, st.randoms(use_true_random=False))
def test_a_document_spoilt_in_one_place_is_refused_in_one_line_or_compared(
    name: str, case: Document, choice: random.Random
) -> None:
    case = copy.deepcopy(case)
    document = DOCUMENTS[name][0](case)
    assume(document)
    read = DOCUMENTS[name][1]
    assert read_or_refused(name, lambda: read(document)), "before it was spoilt"
    spoil(document, choice)
    if read_or_refused(name, lambda: read(document)) and document and document is case.get(name):
        product(case)


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(CHECK, max_examples=60)
@given(CASES, st.randoms(use_true_random=False))
def test_a_file_spoilt_in_a_few_bytes_is_refused_in_one_line_or_read(
    name: str, case: Document, choice: random.Random
) -> None:
    document = DOCUMENTS[name][0](case)
    assume(document)
    text = bytearray(json.dumps(document, ensure_ascii=choice.random() < 0.5).encode())
    for _ in range(choice.choice((1, 1, 1, 3))):
        at = choice.randrange(len(text))
        how = choice.random()
        if how < 0.2:
            del text[at:]  # cut short, as by a connection that broke
        elif how < 0.4:
            del text[at]
        else:
            text[at] = choice.choice(b'{}[]",:0123456789eE.-+ntf\\\x00\x1f \xc3\xff' + bytes([choice.randrange(256)]))
        if not text:
            break
    read_or_refused(name, lambda: DOCUMENTS[name][1](parse_json(bytes(text), name)))
