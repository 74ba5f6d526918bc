"""What is asked every day is one request to DynamoDB, reads what it returns and nothing else, and costs accordingly."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.domain.test_domain_breaks import agreed, at, seen
from tests.unit.money_kit import NOON, later
from trueup import aws
from trueup.domain.break_documents import event_document
from trueup.domain.breaks import Acknowledged
from trueup.domain.history import Track
from trueup.domain.reasons import Severity
from trueup.domain.report import break_id
from trueup.domain.run_ids import scheduled_run_id
from trueup.domain.tracks import track_document
from trueup.store.audit import Audit, Entry
from trueup.store.breaks import Breaks
from trueup.store.dynamodb import DynamoRows
from trueup.store.histories import Histories, Looked
from trueup.store.memory import MemoryObjects
from trueup.store.runs import Runs

MINUTES = 5


@dataclass
class Asked:
    """What went to DynamoDB, and what came back."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def only(self) -> tuple[dict[str, Any], dict[str, Any]]:
        ((request,), (answer,)) = self.requests, self.answers
        return request, answer


@contextmanager
def listening() -> Iterator[Asked]:
    """Ask for the consumed capacity with each request, and note both."""
    asked, events = Asked(), aws.client("dynamodb").meta.events

    def before(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"
        asked.requests.append(dict(params))

    def after(parsed: dict[str, Any], **_: Any) -> None:
        asked.answers.append(parsed)

    events.register("provide-client-params.dynamodb.*", before)
    events.register("after-call.dynamodb.*", after)
    try:
        yield asked
    finally:
        events.unregister("provide-client-params.dynamodb.*", before)
        events.unregister("after-call.dynamodb.*", after)


def size(item: Any) -> int:
    """The bytes of an item as DynamoDB counts them, near enough: names, and what stands in the values."""
    if isinstance(item, dict):
        return sum(len(name.encode()) + size(value) for name, value in item.items())
    if isinstance(item, list):
        return sum(size(inner) for inner in item) + 3
    return len(str(item).encode())


def read_units(answer: dict[str, Any], *, consistent: bool) -> float:
    """What DynamoDB charges for a query: one unit for each 4 KB of all it read together, half of that from an index."""
    return -(-sum(size(item) for item in answer["Items"]) // 4096) * (1 if consistent else 0.5)


@pytest.fixture(scope="module")
def desk(cloud: None, table_properties: dict[str, Any]) -> DynamoRows:
    """Two hours of runs over two accounts; six breaks, one over, one with a story. Nobody changes it."""
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    aws.client("dynamodb").create_table(TableName="asked", **{each: table_properties[each] for each in wanted})
    dynamo_rows = DynamoRows("asked")
    audit, runs = Audit(dynamo_rows, 400), Runs(dynamo_rows, MemoryObjects(), 400)
    for number in range(24):
        moment = later(NOON, number * 60 * MINUTES)
        run_id = scheduled_run_id(moment)
        runs.claim(run_id, f"arn:{number}", moment)
        for account_id in ("cb-main", "cb-two"):
            digest = "5a" * 32
            counts = {"accounts": 1, "lines": 3, "breaks": {"MINOR": 0, "MAJOR": 1, "CRITICAL": 0}}
            audit.append(
                Entry(account_id, run_id, moment, "MAJOR", True, (), digest, digest, digest, f"runs/{run_id}", counts)
            )
    for number, severity in enumerate((Severity.CRITICAL, Severity.MAJOR, Severity.MAJOR, Severity.MINOR)):
        look(dynamo_rows, f"A{number}", number, seen(number, severity=severity))
    look(dynamo_rows, "OVER", 10, seen(10))
    look(dynamo_rows, "OVER", 15, agreed(15))
    look(dynamo_rows, "LONG", 20, seen(20, severity=Severity.CRITICAL))
    Breaks(dynamo_rows, 400).do(name("LONG"), Acknowledged(at(21), "arn:me"))
    for minute in range(25, 85, 5):
        look(dynamo_rows, "LONG", minute, seen(minute, severity=Severity.CRITICAL))
    return dynamo_rows


def name(asset: str) -> str:
    return break_id("cb-main", "spot", asset, "total")


def look(rows: DynamoRows, asset: str, minute: float, said: Any) -> None:
    track = track_document(Track(name(asset), "spot", asset, "total", open=True, sign=-1, streak=1))
    looked = Looked("cb-main", "coinbase", at(minute), [track], {name(asset): event_document(said)})
    Histories(rows, 400).keep(looked)


Ask = Callable[[DynamoRows], Any]

ACCESS: dict[str, tuple[Ask, int, float]] = {
    "the last report of an account": (lambda rows: [Audit(rows, 400).last("cb-main")], 1, 1),
    "the history of an account between two times": (
        lambda rows: Audit(rows, 400).history("cb-main", later(NOON, 1800), later(NOON, 3600)),
        7,
        2,
    ),
    "the runs of a day": (lambda rows: Runs(rows, MemoryObjects(), 400).of_day("2026-11-22"), 24, 1),
    "open breaks, the worst first and of these the oldest": (lambda rows: Breaks(rows, 400).open(), 5, 0.5),
    "open breaks of one severity, the oldest first": (lambda rows: Breaks(rows, 400).open(Severity.MAJOR), 2, 0.5),
    "the story of a break": (lambda rows: Breaks(rows, 400).story(name("LONG")), 14, 2),
}
"""How it is asked for, how many rows it reads here, and the read units that these cost."""


@pytest.mark.parametrize("what", ACCESS)
def test_it_is_one_request_that_reads_nothing_but_what_it_returns(desk: DynamoRows, what: str) -> None:
    ask, many, units = ACCESS[what]
    with listening() as asked:
        found = ask(desk)
    request, answer = asked.only
    assert len(found) == many == answer["Count"]
    # What DynamoDB scans is paid for, whatever a filter then leaves out.
    assert answer["ScannedCount"] == many
    assert "FilterExpression" not in request
    assert "LastEvaluatedKey" not in answer or request["Limit"] == many
    # moto says one unit for every query, whatever it reads: what AWS charges follows from the bytes.
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 1
    assert request["ConsistentRead"] is ("IndexName" not in request)
    assert read_units(answer, consistent=request["ConsistentRead"]) == units


def test_the_page_lists_each_of_them() -> None:
    page = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()
    assert [what for what in ACCESS if f"| {what} |" not in page] == []


def test_they_come_in_the_order_that_people_ask_for(desk: DynamoRows) -> None:
    assert [known.place.asset for known in Breaks(desk, 400).open()] == ["A0", "LONG", "A1", "A2", "A3"]
    assert [known.place.asset for known in Breaks(desk, 400).open(Severity.MAJOR)] == ["A1", "A2"]
    last = Audit(desk, 400).last("cb-main")
    assert last is not None
    assert last["seq"] == 24
