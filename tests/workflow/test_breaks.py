"""A break from first sight to its return, through the real state machine, with what people do about it in between."""

from dataclasses import replace
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest

from local.venues import faults
from tests.workflow.desk import Desk, Operator
from trueup.clock import utc_now
from trueup.domain.breaks import Break, begin, fold
from trueup.domain.report import break_id
from trueup.store.breaks import Breaks

SOL = break_id("cb-main", "spot", "SOL", "total")


class Watched:
    """A desk whose break of SOL is looked at after everything that happens."""

    def __init__(self, desk: Desk, operator: Operator) -> None:
        self.desk, self.operator, self.runs = desk, operator, 0

    def run(self) -> dict[str, Any]:
        """Run once more; return the break as `trueup breaks show` has it then."""
        self.runs += 1
        self.desk.run({"run_id": self.run_id})
        return self.shown()

    @property
    def run_id(self) -> str:
        return f"20261122T12{5 * self.runs:02}00Z"

    def do(self, verb: str, *arguments: str) -> dict[str, Any]:
        ran = self.operator("breaks", verb, SOL, *arguments)
        assert ran.code == 0, ran.err
        return self.shown()

    def shown(self) -> dict[str, Any]:
        self.check()
        document: dict[str, Any] = self.operator("breaks", "show", SOL, "--json").document
        story = document["story"]
        return document["break"] | {
            "events": [event["event"] for event in story],
            "told": [event["told"] for event in story if event["event"] == "seen"],
        }

    def check(self) -> None:
        """The row follows from the events, and the list of open ones from the rows."""
        breaks = Breaks(self.desk.rows, 400)
        known = breaks.get(SOL)
        first, *rest = breaks.story(SOL)
        assert isinstance(known, Break)
        assert replace(known, story=None) == reduce(fold, rest, begin(known.place, first))
        assert breaks.open() == ([] if known.resolved_at is not None else [known])


@pytest.fixture
def watched(desk: Desk, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched(desk, operator)
    # Two seconds from run to run: a venue's clock may be no further than thirty from ours.
    monkeypatch.setattr("trueup.steps.fetch.utc_now", lambda: utc_now() + timedelta(seconds=2 * watched.runs))
    desk.put_policy(timing={"default": {"confirm_after_seconds": 1}})
    desk.open_coinbase("cb-main", {"SOL": "9"}, book={"SOL": "10"})
    return watched


@pytest.mark.slow
def test_a_break_lives_from_first_sight_to_its_return(watched: Watched) -> None:
    desk = watched.desk

    first = watched.run()
    assert (first["status"], first["severity"], first["difference"], first["overdue"]) == ("open", "MAJOR", "-1", False)

    second = watched.run()
    assert (second["status"], second["told"]) == ("confirmed", [None, "confirmed"])

    desk.coinbase.fail(desk.key_names["cb-main"], faults.status(401))
    assert watched.run() | {"age_seconds": 0} == second | {"age_seconds": 0}
    assert desk.account_report(watched.run_id, "cb-main")["status"] == "UNVERIFIED"

    mine = watched.do("ack", "--comment", "asked the venue")
    assert (mine["status"], mine["comments"]) == ("acknowledged", 1)
    assert mine["acknowledged"]["by"].startswith("arn:aws:")
    assert watched.run()["status"] == "acknowledged"
    again = watched.operator("breaks", "ack", SOL)
    assert (again.code, again.err.count("\n")) == (64, 1)
    assert "has acknowledged it" in again.err

    watched.do("suppress", "--for", "2h", "--reason", "the venue is migrating")
    assert watched.run()["status"] == "suppressed"

    desk.write_book("cb-main", "spot", {"SOL": "9"})
    over = watched.run()
    assert (over["status"], over["how"], over["occurrences"]) == ("resolved", "book_moved", 4)
    refused = watched.operator("breaks", "assign", SOL, "ann")
    assert (refused.code, refused.err) == (
        64,
        f"trueup: BREAK_ID: {SOL}: it is resolved: all one can do is comment on it\n",
    )
    watched.do("comment", "the fill of 11:58 was missing")

    desk.write_book("cb-main", "spot", {"SOL": "10"})
    watched.run()
    back = watched.do("unsuppress")
    assert (back["status"], back["reopened"], back["acknowledged"], back["comments"]) == ("reopened", 1, None, 2)
    assert back["events"] == [
        "seen", "seen", "acknowledged", "commented", "seen", "suppressed", "seen",
        "agreed", "commented", "seen", "unsuppressed",
    ]  # fmt: skip
