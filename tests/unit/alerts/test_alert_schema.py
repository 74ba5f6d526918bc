"""The schema of alerts, which consumers build on: whatever is said matches it, and what is not an alert does not."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.alerts.test_alert_kinds import BLIND, BROKEN, DARK, FINE, TOLD, besides, many, said
from tests.unit.alerts.test_alert_messages import account, in_flight, run_of, seen_twice
from tests.unit.domain.test_domain_breaks import ANN, agreed, at, life, seen
from tests.unit.money_kit import book, judge, snapshot
from trueup.alerts.digest import alerts_of
from trueup.domain.advance import SecondLook, advance
from trueup.domain.blindness import BlindNews
from trueup.domain.breaks import Acknowledged, How
from trueup.domain.history import History
from trueup.domain.policy import default_policy
from trueup.domain.report import Hint, Kind, Line, News

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "alert-1.schema.json").read_text())
VALID = Draft202012Validator(SCHEMA)
ID = "brk-0123456789abcdef"


def placed(report: Any, second: Any = None) -> Any:
    return advance(report, History(), default_policy(), "coinbase", second).report


def of_break(known: Any, look: Any) -> dict[str, Any]:
    """Tell of a break by an id as long as they are."""
    told = besides(known, look)
    return {name: [each | {"break_id": ID} for each in found] for name, found in told.items() if name != "open"}


def documents() -> Mapping[str, dict[str, Any]]:
    """One of every sort, as they are made."""
    (line,) = BROKEN.news
    empty = judge(snapshot(("USDC", "0")), book(("BTC", "5")))
    found = {
        "breaks": said(BROKEN, {"open": {line.break_id: {"since": "2026-11-22T12:00:00.000Z", "owner": "ben"}}}),
        "the whole account": said(placed(empty, SecondLook(empty)), {}),
        "unpriced": said(seen_twice(account(NOBODY="5"), default_policy()), {}),
        "in flight": said(placed(in_flight(BTC="9")), {}),
        "resolved": said(FINE, of_break(life(TOLD), replace(agreed(10), told=True))),
        "acknowledged": said(FINE, of_break(life(TOLD, Acknowledged(at(1), ANN)), seen(5))),
        "unverified": said(DARK, besides(None, blind=(BLIND, BlindNews.UNVERIFIED))),
        "verified": said(FINE, besides(None, blind=(BLIND, BlindNews.VERIFIED))),
    }
    (digest,) = alerts_of(run_of(*many(12)), {"digest": True})
    (anchored,) = alerts_of(run_of(BROKEN), {"audit": {"cb-main": {"seq": 3, "hash": "ab" * 32}}})
    return {name: alert.document for name, alert in found.items()} | {
        "digest": digest.document,
        "anchored": anchored.document,
    }


DOCUMENTS = documents()


def problems(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALID.iter_errors(json.loads(json.dumps(document)))]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_whatever_is_said_matches_the_schema(name: str) -> None:
    assert problems(DOCUMENTS[name]) == []


@pytest.mark.parametrize("news", [news for news in News if news is not News.EXPLAINED])
def test_whyever_it_is_said_it_matches(news: News) -> None:
    (line,) = BROKEN.news
    lines: tuple[Line, ...] = (replace(line, news=news),)
    assert problems(said(replace(BROKEN, lines=lines), {}).document) == []


def test_the_words_of_the_schema_are_the_words_of_the_code() -> None:
    definitions = SCHEMA["$defs"]
    line = definitions["line"]["properties"]
    assert definitions["kind"]["enum"] == [*Kind]
    assert sorted(line["news"]["enum"]) == sorted(News)
    assert definitions["resolved"]["properties"]["how"]["enum"] == [*How]
    assert line["cause"]["anyOf"][1]["properties"]["hint"]["enum"] == [*Hint]


SPOILT: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "another schema": ("breaks", {"schema": 2}),
    "a type that nobody knows": ("breaks", {"type": "gossip"}),
    "no severity": ("breaks", {"severity": None}),
    "breaks that are none": ("breaks", {"breaks": []}),
    "unverified and OK": ("unverified", {"severity": "OK"}),
    "a time without its zone": ("breaks", {"compared_at": "2026-11-22T12:00:00"}),
    "an id of another sort": ("breaks", {"alert_id": "alert-1"}),
    "a subject of two lines": ("breaks", {"subject": "[Trueup] CRITICAL\ncb-main"}),
    "a digest of one account": ("digest", {"account_id": "cb-main"}),
    "an amount that is a number": ("breaks", {"breaks": [DOCUMENTS["breaks"]["breaks"][0] | {"venue": 1.5}]}),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_no_alert_does_not_match(name: str) -> None:
    sort, changes = SPOILT[name]
    assert problems(DOCUMENTS[sort] | changes)


@pytest.mark.parametrize("name", sorted(SCHEMA["$defs"]["of_account"]["required"]))
def test_no_field_of_the_schema_may_be_missing(name: str) -> None:
    assert problems({field: value for field, value in DOCUMENTS["breaks"].items() if field != name})
