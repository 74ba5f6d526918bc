"""The audit: history that cannot be rewritten quietly, found again by single queries."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.money_kit import NOON, later
from trueup.domain.reading import digest
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.audit import GENESIS, Audit, Entry, chain_hash, expires_at, seal
from trueup.store.memory import MemoryRows
from trueup.store.rows import Condition, Row, Rows


def entry(minutes: float = 0, *, account_id: str = "cb-main", verified: bool = True, status: str = "OK") -> Entry:
    at = later(NOON, minutes * 60)
    return Entry(
        account_id=account_id,
        run_id=f"{at:%Y%m%dT%H%M%SZ}",
        at=at,
        status=status,
        verified=verified,
        reasons=() if verified else ("unreachable",),
        report_sha256="a" * 64,
        run_report_sha256="d" * 64,
        evidence_sha256="b" * 64 if verified else None,
        object="runs/x/report.json.gz",
        counts={"lines": 3, "breaks": {"MINOR": 0}},
    )


@pytest.fixture
def audit(rows: Rows) -> Audit:
    return Audit(rows, retention_days=400)


def chain(rows: Rows, account_id: str = "cb-main") -> list[dict[str, Any]]:
    return sorted(rows.query(keys.audit(account_id), prefix=keys.REPORT), key=lambda row: int(row["seq"]))


def test_a_chain_begins_at_genesis_and_every_row_names_the_hash_before_it(rows: Rows, audit: Audit) -> None:
    hashes = [audit.append(entry(minutes)) for minutes in (0, 5, 10)]
    found = chain(rows)
    assert [row["seq"] for row in found] == [1, 2, 3]
    assert [row["prev"] for row in found] == [GENESIS, *hashes[:2]]
    assert [row["hash"] for row in found] == hashes
    assert [chain_hash(row) for row in found] == hashes
    head = rows.get(keys.audit("cb-main"), keys.CHAIN)
    assert head is not None
    assert (head["seq"], head["hash"]) == (3, hashes[2])
    assert "expires_at" not in head


def test_each_account_has_a_chain_of_its_own(rows: Rows, audit: Audit) -> None:
    audit.append(entry())
    audit.append(entry(account_id="cb-two"))
    assert [row["seq"] for row in chain(rows, "cb-two")] == [1]


def test_appending_the_same_entry_again_changes_nothing(rows: Rows, audit: Audit) -> None:
    first = audit.append(entry())
    audit.append(entry(5))
    before = chain(rows)
    assert audit.append(entry()) == first
    assert chain(rows) == before


CHANGES = {
    "account_id": "cb-two",
    "run_id": "20261122T130000Z",
    "at": "2026-11-22T12:00:00.001Z",
    "status": "CRITICAL",
    "verified": False,
    "reasons": ["x"],
    "report_sha256": "c" * 64,
    "run_report_sha256": "c" * 64,
    "evidence_sha256": None,
    "object": "runs/y",
    "counts": {"accounts": 7},
    "expires_at": 1,
    "checkpoint": "1" * 64,
    "seq": 2,
    "prev": "1" * 64,
    "unheard_of": 1,
}


@pytest.mark.parametrize(("field", "value"), CHANGES.items(), ids=CHANGES)
def test_a_hash_vouches_for_everything_a_row_says(rows: Rows, audit: Audit, field: str, value: Any) -> None:
    audit.append(entry())
    (row,) = chain(rows)
    assert chain_hash(row | {field: value}) != row["hash"]


class Interfering(MemoryRows):
    """Lets another run write first, as often as it is told."""

    def __init__(self, interference: Callable[[], object], times: int) -> None:
        super().__init__()
        self.interference, self.times, self.busy = interference, times, False

    def put_all(self, puts: Sequence[tuple[Row, Condition | None]]) -> bool:
        if self.times and not self.busy:
            self.busy, self.times = True, self.times - 1
            self.interference()
            self.busy = False
        return super().put_all(puts)


def test_two_runs_that_append_at_once_both_get_their_place_in_the_chain() -> None:
    minutes = iter(range(5, 500, 5))
    rows = Interfering(lambda: Audit(rows, 400).append(entry(next(minutes))), times=3)
    audit = Audit(rows, 400)
    audit.append(entry(-5))
    rows.times = 3
    audit.append(entry(0))
    found = chain(rows)
    assert [row["seq"] for row in found] == list(range(1, len(found) + 1))
    assert [row["prev"] for row in found] == [GENESIS, *(row["hash"] for row in found[:-1])]


def test_who_never_gets_his_turn_says_so_and_is_tried_again() -> None:
    minutes = iter(range(5, 500, 5))
    rows = Interfering(lambda: Audit(rows, 400).append(entry(next(minutes))), times=1000)
    with pytest.raises(StoreUnavailable, match="account cb-main: the audit chain is being written by other runs"):
        Audit(rows, 400).append(entry(0))


def test_two_attempts_at_the_same_row_leave_one() -> None:
    rows = Interfering(lambda: Audit(rows, 400).append(entry(0)), times=1)
    result = Audit(rows, 400).append(entry(0))
    (row,) = chain(rows)
    assert row["hash"] == result


def test_the_last_report_is_the_newest_by_time(audit: Audit) -> None:
    assert audit.last("cb-main") is None
    audit.append(entry(5))
    audit.append(entry(0))  # an older run that was slow
    last = audit.last("cb-main")
    assert last is not None
    assert last["run_id"] == entry(5).run_id


def test_the_last_verified_report_is_remembered_through_those_that_are_not(audit: Audit) -> None:
    assert audit.last_verified("cb-main") is None
    audit.append(entry(0, verified=False, status="UNVERIFIED"))
    assert audit.last_verified("cb-main") is None
    audit.append(entry(5, status="MAJOR"))
    audit.append(entry(10, verified=False))
    assert audit.last_verified("cb-main") == {
        "run_id": entry(5).run_id,
        "at": "2026-11-22T12:05:00.000Z",
        "status": "MAJOR",
        "object": "runs/x/report.json.gz",
    }


def test_an_older_verified_report_never_replaces_a_newer_one(audit: Audit) -> None:
    audit.append(entry(5))
    audit.append(entry(0))
    found = audit.last_verified("cb-main")
    assert found is not None
    assert found["run_id"] == entry(5).run_id


def history(audit: Audit, start: datetime, end: datetime) -> list[str]:
    return [row["at"][11:16] for row in audit.history("cb-main", start, end)]


def test_history_lies_between_two_times_both_included(audit: Audit) -> None:
    for minutes in (0, 5, 10, 15):
        audit.append(entry(minutes))
    assert history(audit, later(NOON, 300), later(NOON, 600)) == ["12:05", "12:10"]
    assert history(audit, later(NOON, 300.001), later(NOON, 599.999)) == []
    assert history(audit, later(NOON, -9999), later(NOON, 9999)) == ["12:00", "12:05", "12:10", "12:15"]


def test_two_runs_at_the_same_moment_are_both_in_the_history(audit: Audit) -> None:
    audit.append(entry())
    audit.append(replace(entry(), run_id="manual-01KAP2Q000ABCDEFGHJKMNPQRS"))
    assert history(audit, NOON, NOON) == ["12:00", "12:00"]


class Counting(MemoryRows):
    reads = 0

    def get(self, pk: str, sk: str) -> Any:
        self.reads += 1
        return super().get(pk, sk)

    def query(self, *args: Any, **how: Any) -> Any:
        self.reads += 1
        return super().query(*args, **how)


@pytest.mark.parametrize(
    "question",
    [
        lambda audit: audit.last("cb-main"),
        lambda audit: audit.last_verified("cb-main"),
        lambda audit: audit.position("cb-main"),
        lambda audit: audit.history("cb-main", NOON, later(NOON, 60)),
    ],
)
def test_every_question_is_one_query(question: Callable[[Audit], object]) -> None:
    rows = Counting()
    audit = Audit(rows, 400)
    for minutes in range(5):
        audit.append(entry(minutes))
    rows.reads = 0
    question(audit)
    assert rows.reads == 1


def test_how_far_a_chain_has_come_is_the_number_and_the_hash_of_its_newest_entry(audit: Audit) -> None:
    assert audit.position("cb-main") is None
    audit.append(entry())
    second = audit.append(entry(5))
    assert audit.position("cb-main") == {"seq": 2, "hash": second}


# -- what expires, and what stays ----------------------------------------------------------------------------------

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
DAY = 24 * 60.0


def checkpoints(rows: Rows) -> list[dict[str, Any]]:
    return rows.query(keys.audit("cb-main"), prefix=keys.CHECKPOINT)


def test_the_entries_of_a_day_expire_all_at_once_at_a_midnight(rows: Rows, audit: Audit) -> None:
    for minutes in (0, 5, 719.99):
        audit.append(entry(minutes))
    assert {row["expires_at"] for row in chain(rows)} == {int(MIDNIGHT.timestamp()) + 400 * 86_400}
    assert expires_at("2026-11-22", 400) == int(MIDNIGHT.timestamp()) + 400 * 86_400


def test_the_head_and_the_checkpoints_never_expire(rows: Rows, audit: Audit) -> None:
    audit.append(entry())
    head = rows.get(keys.audit("cb-main"), keys.CHAIN)
    assert head is not None
    assert [row for row in (head, *checkpoints(rows)) if "expires_at" in row] == []


def test_the_first_entry_of_each_day_leaves_a_checkpoint(rows: Rows, audit: Audit) -> None:
    hashes = [audit.append(entry(minutes)) for minutes in (0, 5, 720, 725, 720 + 2 * DAY)]
    first, second, third = found = checkpoints(rows)
    assert [row["day"] for row in found] == ["2026-11-22", "2026-11-23", "2026-11-25"]
    assert [(row["seq"], row["entry_hash"]) for row in found] == [(1, hashes[0]), (3, hashes[2]), (5, hashes[4])]
    assert [row["prev"] for row in found] == [GENESIS, first["hash"], second["hash"]]
    assert [row["hash"] for row in found] == [chain_hash(row) for row in found]
    assert [row["checkpoint"] for row in chain(rows)] == [GENESIS, *[first["hash"]] * 2, *[second["hash"]] * 2]
    head = rows.get(keys.audit("cb-main"), keys.CHAIN)
    assert head is not None
    assert head["checkpoint"] == {"day": "2026-11-25", "retention_days": 400, "hash": third["hash"]}


@pytest.mark.parametrize("field", ["account_id", "day", "seq", "entry_hash", "retention_days", "last_verified", "prev"])
def test_a_checkpoints_hash_vouches_for_everything_it_says(rows: Rows, audit: Audit, field: str) -> None:
    audit.append(entry())
    (found,) = checkpoints(rows)
    assert chain_hash(found | {field: "another"}) != found["hash"]


def test_a_slow_run_of_yesterday_is_kept_with_todays_and_begins_no_day(rows: Rows, audit: Audit) -> None:
    for minutes in (0, 720, 715, 725):
        audit.append(entry(minutes))
    assert [row["day"] for row in checkpoints(rows)] == ["2026-11-22", "2026-11-23"]
    of_today = int(MIDNIGHT.timestamp()) + 401 * 86_400
    assert [row["expires_at"] for row in chain(rows)][1:] == [of_today] * 3


def test_another_retention_holds_from_the_next_day_on(rows: Rows, audit: Audit) -> None:
    audit.append(entry())
    shorter = Audit(rows, retention_days=30)
    shorter.append(entry(5))
    shorter.append(entry(720))
    first, second, third = (row["expires_at"] for row in chain(rows))
    assert first == second == expires_at("2026-11-22", 400)
    assert third == expires_at("2026-11-23", 30)
    assert [row["retention_days"] for row in checkpoints(rows)] == [400, 30]


def test_a_checkpoint_remembers_the_last_verified_report_of_that_moment(rows: Rows, audit: Audit) -> None:
    audit.append(entry(0, verified=False))
    audit.append(entry(5))
    audit.append(entry(720, verified=False))
    audit.append(entry(720 + DAY))
    remembered = [row["last_verified"] and row["last_verified"]["run_id"] for row in checkpoints(rows)]
    assert remembered == [None, entry(5).run_id, entry(720 + DAY).run_id]


def test_appending_the_first_entry_of_a_day_again_changes_nothing(rows: Rows, audit: Audit) -> None:
    audit.append(entry(0))
    first = audit.append(entry(720))
    audit.append(entry(725))
    before = rows.query(keys.audit("cb-main"))
    assert audit.append(entry(720)) == first
    assert rows.query(keys.audit("cb-main")) == before


def test_two_runs_that_begin_a_day_at_once_leave_one_checkpoint() -> None:
    minutes = iter(range(725, 1000, 5))
    rows = Interfering(lambda: Audit(rows, 400).append(entry(next(minutes))), times=0)
    Audit(rows, 400).append(entry(0))
    rows.times = 2
    Audit(rows, 400).append(entry(720))
    assert [row["seq"] for row in chain(rows)] == [1, 2, 3, 4]
    assert [(row["day"], row["seq"]) for row in checkpoints(rows)] == [("2026-11-22", 1), ("2026-11-23", 2)]


def test_a_seal_covers_every_account_and_not_the_order_they_came_in() -> None:
    assert seal({"a": "1", "b": "2"}) == seal({"b": "2", "a": "1"}) == digest({"a": "1", "b": "2"})
    assert seal({"a": "1"}) != seal({"a": "1", "b": "2"}) != seal({"a": "2", "b": "1"})
