"""What may differ, where, and what that means, in one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn


class What(StrEnum):
    """What sort of thing differs."""

    ENTRY_CHANGED = "entry_changed"
    ENTRY_MISSING = "entry_missing"
    ENTRY_ADDED = "entry_added"
    LINK_BROKEN = "link_broken"
    HEAD_DIFFERS = "head_differs"
    CHECKPOINT_DIFFERS = "checkpoint_differs"
    RUN_DIFFERS = "run_differs"
    RUN_MISSING = "run_missing"
    SEAL_DIFFERS = "seal_differs"
    OBJECT_CHANGED = "object_changed"
    OBJECT_MISSING = "object_missing"
    REPORT_DISAGREES = "report_disagrees"
    BREAK_DIFFERS = "break_differs"
    BREAK_MISSING = "break_missing"
    EVENT_CHANGED = "event_changed"
    EVENT_MISSING = "event_missing"
    EVENT_ADDED = "event_added"
    EVENT_LINK_BROKEN = "event_link_broken"
    ANCHOR_CUT_OFF = "anchor_cut_off"
    ANCHOR_REWRITTEN = "anchor_rewritten"


MEANS: Mapping[What, str] = {
    What.ENTRY_CHANGED: "the row was changed after it was written",
    What.ENTRY_MISSING: "an entry was removed before its time",
    What.ENTRY_ADDED: "a row was added that no run wrote",
    What.LINK_BROKEN: "one of the two entries was replaced, or something between them was",
    What.HEAD_DIFFERS: "the head was changed, set back or removed",
    What.CHECKPOINT_DIFFERS: "a checkpoint was changed, added or removed",
    What.RUN_DIFFERS: "the run's row was changed after it was written",
    What.RUN_MISSING: "the run's row was removed before its time",
    What.SEAL_DIFFERS: "an entry of this run, or the run's row, was replaced",
    What.OBJECT_CHANGED: "the object was overwritten; an earlier version of it is what was written",
    What.OBJECT_MISSING: "it was removed before its time, or RetentionDays was lowered since",
    What.REPORT_DISAGREES: "entry and report were not written together: one of the two was replaced",
    What.BREAK_DIFFERS: "the row of the break was changed or set back after it was written",
    What.BREAK_MISSING: "the row of the break was removed before its time",
    What.EVENT_CHANGED: "the event was changed after it was written",
    What.EVENT_MISSING: "an event was removed before its time",
    What.EVENT_ADDED: "an event was added that no run and no command wrote",
    What.EVENT_LINK_BROKEN: "one of the two events was replaced, or something between them was",
    What.ANCHOR_CUT_OFF: "the end of the chain was cut off after the anchor was taken",
    What.ANCHOR_REWRITTEN: "history was rewritten after the anchor was taken",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that is not what it should be."""

    what: What
    where: str
    """The row or the object."""
    found: str
    """What is not as it should be, as a clause."""
    account_id: str | None = None
    run_id: str | None = None
    seq: int | None = None

    @property
    def line(self) -> str:
        """Say it in one line: where, what, and what it means."""
        return f"{self.where}: {self.found}; {MEANS[self.what]}"

    @property
    def document(self) -> dict[str, Any]:
        """Say it for machines."""
        return {
            "what": str(self.what),
            "where": self.where,
            "found": self.found,
            "means": MEANS[self.what],
            "account_id": self.account_id,
            "run_id": self.run_id,
            "seq": self.seq,
        }


class Differs(Exception):
    """Something is not what it should be: looking ends here."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.line)
        self.difference = difference


def differs(what: What, where: str, found: str, **about: Any) -> NoReturn:
    """Raise Differs. `about` are account_id, run_id and seq, as far as they are known."""
    raise Differs(Difference(what, where, found, **about))


def short(value: object) -> str:
    """Write a hash, or whatever stands in its place, for one line: its first twelve letters."""
    text = str(value)
    return text if len(text) <= 16 else f"{text[:12]}…"
