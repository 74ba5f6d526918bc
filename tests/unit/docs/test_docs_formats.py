"""Every sample of docs/formats.md is read by the code that reads such documents, or is what the code writes."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any, get_args

import pytest

from cli.break_words import break_as_of
from cli.strict_yaml import parse_yaml
from trueup.alerts.digest import alerts_of
from trueup.config import ROOM
from trueup.domain.advance import SecondLook, advance
from trueup.domain.ages import AgeBucket
from trueup.domain.break_documents import event_document, read_break, read_event
from trueup.domain.breaks import Event, How, Status, begin, fold
from trueup.domain.compare import compare
from trueup.domain.csv_book import read_csv_book
from trueup.domain.documents import read_account, read_book, read_prices, read_snapshot
from trueup.domain.history import History
from trueup.domain.models import Observation
from trueup.domain.policy import default_policy, policy_document, read_policy, read_policy_document
from trueup.domain.policy_explained import stated
from trueup.domain.policy_fields import FIELDS
from trueup.domain.reading import parse_json, read_time
from trueup.domain.report import PricesUsed, RunReport, account_report_document, break_id, run_report_document
from trueup.venues.registry import VENUES

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"


def sample(heading: str) -> str:
    """The first code block under a heading of docs/formats.md."""
    text = (ROOT / "docs" / "formats.md").read_text()
    found = re.search(rf"^## {re.escape(heading)}\n.*?^```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no sample under {heading}"
    return found[1]


def run_report() -> RunReport:
    """The run that the samples tell of: the files in examples/, compared."""
    snapshot = read_snapshot(parse_json((EXAMPLES / "snapshot.json").read_bytes(), "snapshot"))
    book = read_csv_book((EXAMPLES / "book.csv").read_bytes(), snapshot.account_id, snapshot.observed_at)
    prices = read_prices(parse_json((EXAMPLES / "prices.json").read_bytes(), "prices"))
    run_id = "20261122T120000Z"
    report = compare(Observation(snapshot, book, book), default_policy(), prices, run_id=run_id)
    used = PricesUsed("this_run", prices.base, prices.source, prices.as_of, "0" * 64, f"runs/{run_id}/prices.json.gz")
    started, compared = (read_time(f"2026-11-22T12:00:0{second}Z", "time") for second in ("0", "3.5"))
    return RunReport(run_id, started, compared, report.policy_version, used, (report,), {"cb-main": "coinbase"})


@pytest.mark.parametrize(
    ("heading", "read"),
    [
        ("Account", lambda document: read_account(document, VENUES)),
        ("Snapshot", read_snapshot),
        ("Book", read_book),
        ("Prices", read_prices),
        ("Policy", lambda document: read_policy(document, default_policy())),
    ],
)
def test_a_sample_that_is_read_is_accepted(heading: str, read: Any) -> None:
    text = sample(heading)
    document = parse_yaml(text.encode(), heading) if heading == "Policy" else parse_json(text, heading)

    assert read(document)


def test_the_sample_policy_shows_every_built_in_value() -> None:
    document = parse_yaml(sample("Policy").encode(), "Policy")
    defaults = {section: {"default": scopes["default"]} for section, scopes in document.items()}

    assert {section: set(scopes["default"]) for section, scopes in defaults.items()} == {
        section: set(fields) for section, fields in FIELDS.items()
    }
    shown = read_policy(defaults, default_policy())
    assert {each.origin for each in stated(shown)} == {"default"}
    assert [each.value for each in stated(shown)] == [each.otherwise.value for each in stated(shown)]


def test_the_longest_waits_of_the_page_are_those_that_are_refused_beyond() -> None:
    page = (ROOT / "docs" / "formats.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[2:-1]] for line in page.splitlines() if line.startswith("| ")]
    waits = rows[rows.index([str(interval) for interval in ROOM]) + 1]
    assert [int(wait) for wait in waits] == [room.recheck_wait_seconds for room in ROOM.values()]


def test_the_sample_of_a_whole_policy_is_what_the_example_gives() -> None:
    file = parse_yaml((EXAMPLES / "policy.yaml").read_bytes(), "policy")
    document = policy_document(read_policy(file, default_policy()))

    assert json.loads(sample("Whole policy")) == document
    assert read_policy_document(document).version == document["version"]


def test_the_sample_report_is_what_the_examples_give() -> None:
    document = account_report_document(run_report().accounts[0])
    document["lines"] = [line for line in document["lines"] if line["outcome"] == "break"]

    assert json.loads(sample("Report of an account")) == document


def test_the_sample_run_report_is_what_the_examples_give() -> None:
    document = run_report_document(run_report())

    assert json.loads(sample("Report of a run")) == document | {"accounts": ["…"]}


def test_the_sample_alert_is_what_the_examples_give() -> None:
    report = run_report()
    (seen,) = report.accounts
    stands = advance(seen, History(), default_policy(), "coinbase", SecondLook(seen)).report
    (alert,) = alerts_of(replace(report, accounts=(stands,)), {"audit": {"cb-main": {"seq": 41, "hash": "5a" * 32}}})

    assert json.loads(sample("Alert")) == alert.document


def test_the_sample_events_are_of_every_sort_and_read_as_they_are_written() -> None:
    documents = json.loads(sample("Break event"))
    events = [read_event(document) for document in documents]

    assert {type(event) for event in events} == set(get_args(Event))
    assert [event_document(event) for event in events] == documents


def test_the_sample_break_is_what_the_first_six_events_make_and_the_others_can_happen_to_it() -> None:
    document = json.loads(sample("Break"))
    of_time = {"status", "age_seconds", "age_bucket", "overdue"}
    known = read_break({name: value for name, value in document.items() if name not in of_time})
    first, *rest = [read_event(event) for event in json.loads(sample("Break event"))]

    assert reduce(fold, rest[:5], begin(known.place, first)) == known
    assert reduce(fold, rest[5:], known).how is How.VENUE_MOVED
    assert break_as_of(known, known.opened_at + timedelta(seconds=document["age_seconds"])) == document
    assert known.place.break_id == break_id("cb-main", "spot", "BTC", "total")


def test_the_page_on_breaks_names_every_status_and_every_way_to_be_resolved() -> None:
    page = (ROOT / "docs" / "breaks.md").read_text()
    words = [*Status, *How, *AgeBucket]

    assert [word for word in words if f"`{word}`" not in page] == []
