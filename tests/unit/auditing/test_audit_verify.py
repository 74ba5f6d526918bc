"""What verifying finds and says, what has expired, and what nobody could look at."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.auditing import verify as verifying
from cli.auditing.anchors import Anchor
from cli.auditing.differences import MEANS, What
from cli.auditing.verify import Outcome, Verifier, Wanted
from tests.unit.auditing.history import ACCOUNTS, NOW, Desk, at, freeze_only, history
from tests.unit.auditing.second_verifier import own_hash
from tests.unit.money_kit import later
from trueup.domain.breaks import Story, begin, fold
from trueup.store import keys
from trueup.store.audit import seal
from trueup.store.breaks import break_of, break_row, event_of
from trueup.store.memory import MemoryObjects, MemoryRows

LONG_AFTER = NOW + timedelta(days=399)
"""22 and 23 November, and what is chained with them, are over 400 days old; 24 November is not."""


def verify(desk: Desk, now: datetime = NOW, accounts: tuple[str, ...] = ACCOUNTS, **wanted: Any) -> Outcome:
    return Verifier(desk.rows, desk.objects, accounts, Wanted(**wanted), now).verify()


def row(desk: Desk, pk: str, sk: str) -> dict[str, Any]:
    return desk.table[pk, sk]


def entry(desk: Desk, account_id: str, seq: int) -> dict[str, Any]:
    return desk.entries(account_id)[seq - 1]


def remove_entry(desk: Desk, account_id: str, seq: int) -> None:
    gone = next(row for row in desk.entries(account_id) if row["seq"] == seq)
    del desk.table[gone["pk"], gone["sk"]]


def rehash(row: dict[str, Any]) -> None:
    row["hash"] = own_hash(row)


def rewritten(
    desk: Desk, change: Callable[[dict[str, Any]], object], account_id: str = "cb-main", seq: int = 2
) -> None:
    """What somebody does who knows how hashes are made, but not what follows."""
    changed = entry(desk, account_id, seq)
    change(changed)
    rehash(changed)


# -- what is said --------------------------------------------------------------------------------------------------

RUN_ROW = ("RUNS#2026-11-22", "RUN#20261122T120000Z")
SPOILT: dict[str, tuple[Callable[[Desk], object], What, str]] = {
    "an entry": (
        lambda desk: entry(desk, "cb-main", 2).update(status="MAJOR"),
        What.ENTRY_CHANGED,
        "row ACCOUNT#cb-main REPORT#2026-11-22T12:00:05.000Z#20261122T120000Z: entry 2 says its hash is ",
    ),
    "an entry and its hash": (
        lambda desk: rewritten(desk, lambda row: row.update(status="MAJOR")),
        What.LINK_BROKEN,
        "but entry 2 is ",
    ),
    "an entry and its hash, the newest": (
        lambda desk: rewritten(desk, lambda row: row.update(status="MAJOR"), seq=9),
        What.REPORT_DISAGREES,
        "status of entry 9 is MAJOR, but the report says OK",
    ),
    "what an entry counts": (
        lambda desk: rewritten(desk, lambda row: row["counts"].update(lines=7), seq=9),
        What.REPORT_DISAGREES,
        "entry 9 counts 7 lines, but the report has 2",
    ),
    "when an entry expires": (
        lambda desk: rewritten(desk, lambda row: row.update(expires_at=1), seq=9),
        What.ENTRY_CHANGED,
        "it expires at 1, not with its day",
    ),
    "an entry removed": (
        lambda desk: remove_entry(desk, "cb-main", 2),
        What.ENTRY_MISSING,
        "run 20261122T120000Z has ended, and its report has cb-main, but there is no entry of it",
    ),
    "the newest entry removed and the head set back": (
        lambda desk: (remove_entry(desk, "cb-main", 9), cut_head(desk, "cb-main", 8)),
        What.ENTRY_MISSING,
        "run 20261126T080500Z has ended",
    ),
    "the head set back": (
        lambda desk: cut_head(desk, "cb-main", 8),
        What.HEAD_DIFFERS,
        "it says that entry 8 is the newest, but there is an entry 9",
    ),
    "the head removed": (
        lambda desk: desk.table.pop(("ACCOUNT#cb-main", "CHAIN")),
        What.HEAD_DIFFERS,
        "row ACCOUNT#cb-main CHAIN: there is none, but there is an entry ",
    ),
    "the last verified report": (
        lambda desk: row(desk, "ACCOUNT#cb-main", "CHAIN")["last_verified"].update(run_id="20261122T115500Z"),
        What.HEAD_DIFFERS,
        "the last verified report is that of run 20261126T080500Z, but it says that of run 20261122T115500Z",
    ),
    "a checkpoint removed": (
        lambda desk: desk.table.pop(("ACCOUNT#cb-main", "CHECKPOINT#2026-11-23")),
        What.CHECKPOINT_DIFFERS,
        "row ACCOUNT#cb-main CHECKPOINT#2026-11-24: it names ",
    ),
    "the first checkpoint removed": (
        lambda desk: desk.table.pop(("ACCOUNT#cb-main", "CHECKPOINT#2026-11-22")),
        What.CHECKPOINT_DIFFERS,
        "row ACCOUNT#cb-main CHECKPOINT#2026-11-23: it names ",
    ),
    "for how long entries are kept": (
        lambda desk: rehashed(row(desk, "ACCOUNT#cb-main", "CHECKPOINT#2026-11-26"), retention_days=1),
        What.HEAD_DIFFERS,
        "it names checkpoint ",
    ),
    "the row of a run": (
        lambda desk: row(desk, *RUN_ROW).update(status="OK"),
        What.RUN_DIFFERS,
        "row RUNS#2026-11-22 RUN#20261122T120000Z: status is OK, but the report says CRITICAL",
    ),
    "which alerts a run sent": (
        lambda desk: row(desk, *RUN_ROW).update(alerts=[]),
        What.RUN_DIFFERS,
        "alerts is [], but the report says ['alr-",
    ),
    "the row of a run removed": (lambda desk: desk.table.pop(RUN_ROW), What.RUN_MISSING, "it is gone; the run's row"),
    "the seal": (
        lambda desk: row(desk, *RUN_ROW).update(seal="0" * 64),
        What.SEAL_DIFFERS,
        "its seal is 000000000000…, but that of its entries is ",
    ),
    "a report": (
        lambda desk: edit(desk, keys.report_object("20261122T120000Z"), lambda it: it["worth"].update(MAJOR="0.01")),
        What.OBJECT_CHANGED,
        "object runs/20261122T120000Z/report.json.gz: its digest is ",
    ),
    "a report, and the run's row with it": (
        lambda desk: edit(desk, keys.report_object("20261124T000500Z"), lambda it: it.update(venues={"x": "y"})),
        What.OBJECT_CHANGED,
        "but the run's row says ",
    ),
    "a report removed": (
        lambda desk: desk.bucket.pop(keys.report_object("20261122T120000Z")),
        What.OBJECT_MISSING,
        "object runs/20261122T120000Z/report.json.gz: it is gone; it is kept for 400 days; it was removed",
    ),
    "the evidence": (
        lambda desk: edit(
            desk, keys.observation_object("20261122T115500Z", "cb-old"), lambda it: it.update(answers=[])
        ),
        What.OBJECT_CHANGED,
        "object runs/20261122T115500Z/observations/cb-old.json.gz: its digest is ",
    ),
    "the look that did not count": (
        lambda desk: edit(
            desk, keys.observation_object("20261122T120500Z", "cb-main"), lambda it: it.update(answers=[])
        ),
        What.OBJECT_CHANGED,
        "object runs/20261122T120500Z/observations/cb-main.json.gz: its digest is ",
    ),
    "prices": (
        lambda desk: edit(desk, keys.prices_object("20261122T115500Z"), lambda it: it["prices"].update(BTC="1")),
        What.OBJECT_CHANGED,
        "object runs/20261122T115500Z/prices.json.gz: its digest is ",
    ),
    "what a run had to look at": (
        lambda desk: edit(desk, keys.manifest_object("20261122T115500Z"), lambda it: it["accounts"].pop("cb-old")),
        What.OBJECT_CHANGED,
        "object runs/20261122T115500Z/manifest.json.gz: its digest is ",
    ),
    "which accounts were looked at twice": (
        lambda desk: edit(desk, keys.recheck_object("20261122T120000Z"), lambda it: it.update(accounts=[])),
        What.OBJECT_CHANGED,
        "object runs/20261122T120000Z/recheck.json.gz: its digest is ",
    ),
    "a row that no run wrote": (
        lambda desk: desk.rows.put({**entry(desk, "cb-main", 2), "sk": "REPORT#9999"}),
        What.ENTRY_ADDED,
        "row ACCOUNT#cb-main REPORT#9999: it is the entry of run 20261122T120000Z at 2026-11-22T12:00:05.000Z",
    ),
    "a row of no day": (
        lambda desk: desk.rows.put({**entry(desk, "cb-main", 2), "sk": "REPORT#0"}),
        What.ENTRY_ADDED,
        "row ACCOUNT#cb-main REPORT#0: it is of no day",
    ),
    "a run that no schedule could start": (
        lambda desk: desk.rows.put({**row(desk, *RUN_ROW), "sk": "RUN#tomorrow"}),
        What.RUN_DIFFERS,
        "run tomorrow: no run is called so",
    ),
}


def cut_head(desk: Desk, account_id: str, seq: int) -> None:
    """Set the head back to an earlier entry of the same day."""
    head = row(desk, f"ACCOUNT#{account_id}", "CHAIN")
    verified = [row for row in desk.entries(account_id) if row["seq"] <= seq and row["verified"]]
    told = max(verified, key=lambda row: (row["at"], row["seq"]))
    head |= {"seq": seq, "hash": entry(desk, account_id, seq)["hash"]}
    head["last_verified"] = {name: told[name] for name in ("run_id", "at", "status", "object")}


def rehashed(row: dict[str, Any], **changes: Any) -> None:
    row.update(changes)
    rehash(row)


def edit(desk: Desk, key: str, how: Callable[[Any], object]) -> None:
    document = json.loads(desk.bucket[key])
    how(document)
    del desk.bucket[key]
    desk.objects.put_once(key, document)


@pytest.mark.parametrize(("spoil", "what", "said"), SPOILT.values(), ids=SPOILT)
def test_the_first_thing_that_differs_is_named_in_one_line(
    spoil: Callable[[Desk], object], what: What, said: str
) -> None:
    desk = history()
    spoil(desk)
    difference = verify(desk).difference
    assert difference is not None
    assert difference.what is what, difference.line
    assert said in difference.line
    assert difference.line.endswith(MEANS[what])
    assert "\n" not in difference.line
    assert difference.document["means"] == MEANS[what]


def test_a_difference_says_which_account_run_and_entry_it_is_about() -> None:
    desk = history()
    entry(desk, "cb-main", 2).update(status="MAJOR")
    difference = verify(desk).difference
    assert difference is not None
    assert (difference.account_id, difference.run_id, difference.seq) == ("cb-main", "20261122T120000Z", 2)


def test_of_several_the_earliest_is_named() -> None:
    desk = history()
    entry(desk, "cb-two", 9).update(status="MAJOR")
    edit(desk, keys.manifest_object("20261122T115500Z"), lambda it: it.update(wallets={"x": []}))
    entry(desk, "cb-two", 4).update(status="MAJOR")
    difference = verify(desk).difference
    assert difference is not None
    assert difference.where == "object runs/20261122T115500Z/manifest.json.gz"


def test_a_slow_entry_is_linked_to_the_ones_around_it_whichever_comes_up_first() -> None:
    desk = Desk()
    desk.run(at("22 12:00"), {"cb-main": "2"})
    slow = desk.plan(at("22 12:05"), ["cb-main"])
    desk.observe(slow, "cb-main", "2", at("22 12:05"))
    freeze_only(desk, slow, later(at("22 12:05"), 5))
    desk.run(at("22 12:10"), {"cb-main": "2"})
    desk.compare(slow, at("22 12:11"))
    assert verify(desk, at("22 13:00")).difference is None
    rewritten(desk, lambda row: row.update(evidence_sha256="0" * 64), seq=2)
    difference = verify(desk, at("22 13:00")).difference
    assert difference is not None
    assert (difference.what, difference.seq) == (What.LINK_BROKEN, 2)
    assert ", but entry 3 names " in difference.line


# -- what has expired ----------------------------------------------------------------------------------------------

EXPIRED = (1, 2, 3, 4, 5)


def expire(desk: Desk, *runs: str) -> None:
    """What DynamoDB and S3 remove of runs by themselves, sooner or later."""
    for account_id in (*ACCOUNTS, "cb-old"):
        for row in desk.entries(account_id):
            if row["run_id"] in runs:
                del desk.table[row["pk"], row["sk"]]
    for run_id in runs:
        del desk.table[keys.run(run_id)]
        for key in [key for key in desk.bucket if key.startswith(f"runs/{run_id}/")]:
            del desk.bucket[key]


OLD = ("20261122T115500Z", "20261122T120000Z", "20261122T120500Z", "20261122T235900Z", "20261123T000500Z")


def test_a_beginning_that_expired_is_not_missed() -> None:
    desk = history()
    expire(desk, *OLD)
    outcome = verify(desk, LONG_AFTER)
    assert outcome.difference is None
    assert (outcome.expired_entries, outcome.entries, outcome.seen.runs) == (10, 8, 5)
    assert outcome.accounts == 2, "an account that is looked at no more, and whose reports are gone, is not known of"


def test_the_same_beginning_is_missed_when_it_was_not_time_yet() -> None:
    desk = history()
    expire(desk, *OLD)
    difference = verify(desk, NOW + timedelta(days=300)).difference
    assert difference is not None
    assert difference.what is What.ENTRY_MISSING
    assert "entries 1 to 3 are gone and what is chained since 2026-11-22 is kept for 400 days" in difference.line


@pytest.mark.slow
def test_what_expires_may_go_in_any_order_and_stay_for_a_while() -> None:
    for index in range(len(OLD)):
        desk = history()
        expire(desk, *OLD[index::2])
        assert verify(desk, LONG_AFTER).difference is None, index
    desk = history()
    remove_entry(desk, "cb-main", 2)
    assert verify(desk, LONG_AFTER).difference is None
    del desk.bucket[keys.report_object(OLD[0])]
    del desk.bucket[keys.observation_object(OLD[2], "cb-main")]
    outcome = verify(desk, LONG_AFTER)
    assert (outcome.difference, outcome.seen.expired_objects) == (None, 2)


def test_what_is_left_of_an_expired_day_must_still_be_what_it_was() -> None:
    desk = history()
    remove_entry(desk, "cb-main", 2)
    entry(desk, "cb-main", 2).update(status="MAJOR")  # number 3, now that 2 is gone
    assert verify(desk, LONG_AFTER).difference is not None


def test_one_entry_of_a_day_that_has_not_expired_is_missed() -> None:
    desk = history()
    expire(desk, *OLD)
    remove_entry(desk, "cb-main", 8)
    difference = verify(desk, LONG_AFTER).difference
    assert difference is not None
    assert difference.what is What.ENTRY_MISSING


def test_a_whole_chain_that_expired_is_known_by_its_checkpoints() -> None:
    desk = history()
    for row in desk.entries("cb-main"):
        del desk.table[row["pk"], row["sk"]]
    outcome = verify(desk, NOW + timedelta(days=500), account_id="cb-main")
    assert (outcome.difference, outcome.expired_entries) == (None, 9)
    assert outcome.not_looked_at == [("the audit of cb-main", "there is no entry to look at")]
    desk.table["ACCOUNT#cb-main", "CHECKPOINT#2026-11-23"]["entry_hash"] = "0" * 64
    assert verify(desk, NOW + timedelta(days=500), account_id="cb-main").difference is not None


def test_entries_are_kept_as_long_as_was_promised_when_they_were_written() -> None:
    desk = Desk(retention_days=400)
    desk.run(at("22 12:00"), {"cb-main": "2"})
    desk.retention_days = 2
    desk.run(at("23 12:00"), {"cb-main": "2"})
    desk.run(at("27 12:00"), {"cb-main": "2"})
    expire(desk, "20261123T120000Z")
    assert verify(desk, at("27 13:00")).difference is None
    expire(desk, "20261122T120000Z")
    assert verify(desk, at("27 13:00")).difference is not None


# -- a part of it --------------------------------------------------------------------------------------------------


def test_a_period_looks_at_what_was_compared_in_it_and_at_nothing_else() -> None:
    desk = history()
    edit(desk, keys.prices_object("20261122T115500Z"), lambda it: it.update(source="x"))
    assert verify(desk, start=at("24 00:00")).difference is None
    assert verify(desk, start=at("22 12:00"), end=at("22 12:10")).difference is None
    assert verify(desk, end=at("22 11:55")).difference is None, "compared five seconds later"
    assert verify(desk, end=at("22 11:56")).difference is not None


@pytest.mark.parametrize(
    ("start", "end", "runs", "entries"),
    [
        ("22 00:00", "22 12:06", 3, 16),
        ("23 00:00", "23 00:30", 2, 9),
        ("23 23:50", "24 00:10", 3, 12),
        ("24 00:00", None, 4, 8),
        (None, "22 11:59", 1, 16),
        ("26 08:03", "26 08:30", 1, 4),
    ],
)
def test_chains_are_followed_through_the_days_of_a_period(
    start: str | None, end: str | None, runs: int, entries: int
) -> None:
    """Up to the first entry of the day after, which vouches for the last one; a slow run is looked for elsewhere."""
    outcome = verify(history(), start=start and at(start), end=end and at(end))
    assert outcome.difference is None
    assert outcome.seen.runs == runs
    assert outcome.entries == entries


@pytest.mark.parametrize("seq", [4, 5, 6, 7])
def test_an_entry_removed_in_a_period_is_missed(seq: int) -> None:
    desk = history()
    remove_entry(desk, "cb-two", seq)
    difference = verify(desk, start=at("23 00:00"), end=at("24 00:01")).difference
    assert difference is not None
    assert difference.what is What.ENTRY_MISSING


def test_the_last_entry_of_a_period_is_vouched_for_by_the_first_one_after_it() -> None:
    desk = history()
    rewritten(desk, lambda row: row.update(counts={**row["counts"], "lines_unheard_of": 1}), "cb-two", 5)
    hashes = {name: entry(desk, name, 5)["hash"] for name in ACCOUNTS}
    row(desk, "RUNS#2026-11-23", "RUN#20261123T000500Z")["seal"] = seal(hashes)
    difference = verify(desk, start=at("23 00:00"), end=at("23 12:00")).difference
    assert difference is not None
    assert difference.what is What.LINK_BROKEN


def test_a_period_in_the_past_says_nothing_of_the_head() -> None:
    desk = history()
    cut_head(desk, "cb-main", 8)
    assert verify(desk, end=at("22 13:00")).difference is None
    assert verify(desk, end=at("22 13:00")).tips == {}
    assert verify(desk, start=at("26 08:04")).difference is not None


def test_one_account_is_looked_at_with_its_part_of_each_report() -> None:
    desk = history()
    entry(desk, "cb-two", 2).update(status="MAJOR")
    edit(desk, keys.observation_object("20261122T115500Z", "cb-two"), lambda it: it.update(answers=[]))
    outcome = verify(desk, account_id="cb-main")
    assert outcome.difference is None
    assert (outcome.accounts, outcome.entries, set(outcome.tips)) == (1, 9, {"cb-main"})
    remove_entry(desk, "cb-main", 9)
    cut_head(desk, "cb-main", 8)
    assert verify(desk, account_id="cb-main").difference is not None


def test_accounts_that_were_removed_are_found_in_the_reports() -> None:
    known, met = verify(history(), accounts=(*ACCOUNTS, "cb-old")), verify(history(), accounts=())
    assert (met.difference, met.tips, met.entries) == (None, known.tips, known.entries)
    assert met.seen == replace(known.seen, runs=9, reports=9, prices=9, manifests=9)
    assert known.seen.runs == 10, "a run over nobody is only found on a day that is looked at"


def test_with_many_accounts_less_is_held_at_once_and_the_same_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    by_day = verify(history())
    monkeypatch.setattr(verifying, "MANY_ACCOUNTS", 0)
    by_hour = verify(history())
    assert by_hour == by_day
    assert by_hour.difference is None


def test_what_is_remembered_of_a_chain_does_not_grow_with_it() -> None:
    desk = Desk()
    for minute in range(30):
        desk.run(at(f"22 12:{minute:02}"), {"cb-main": "2"})
    verifier = Verifier(desk.rows, desk.objects, ["cb-main"], Wanted(), at("22 13:00"))
    assert verifier.verify().entries == 30
    chain = verifier._followed["cb-main"].chain
    assert (len(chain.stretches), len(chain.segments)) == (1, 1)


class CountingObjects(MemoryObjects):
    def __init__(self, like: MemoryObjects) -> None:
        super().__init__()
        self._objects = like._objects
        self.fetched: Counter[str] = Counter()

    def content(self, key: str) -> bytes | None:
        self.fetched[key] += 1
        return super().content(key)


def test_every_object_is_fetched_once() -> None:
    desk = history()
    assert isinstance(desk.objects, MemoryObjects)
    counting = CountingObjects(desk.objects)
    Verifier(desk.rows, counting, ACCOUNTS, Wanted(), NOW).verify()
    off, died = "20261123T001000Z", "20261123T001500Z"
    there = {key for key in desk.bucket if died not in key}
    assert set(counting.fetched) == {*there, keys.report_object(off), keys.report_object(died)}
    assert set(counting.fetched.values()) == {1}


# -- anchors -------------------------------------------------------------------------------------------------------


def anchor(desk: Desk, seq: int, account_id: str = "cb-main") -> Anchor:
    return Anchor(account_id, seq, entry(desk, account_id, seq)["hash"])


def test_an_anchor_that_still_holds_changes_nothing() -> None:
    desk = history()
    outcome = verify(desk, anchors=(anchor(desk, 9), anchor(desk, 2), anchor(desk, 4, "cb-old")))
    assert (outcome.difference, outcome.anchors) == (None, 3)


def rolled_back(desk: Desk, last_run: str) -> None:
    """Remove a run as if it had never been: entries, heads, run row, checkpoints, objects, what it says of breaks."""
    expire(desk, last_run)
    for pk, sk in [place for place, row in desk.table.items() if row.get("run_id") == last_run]:
        gone = desk.table.pop((pk, sk))
        pk, sk = keys.current_break(gone["account_id"], gone["break_id"])
        first, *rest = [row for (owner, _), row in sorted(desk.table.items()) if owner == keys.story(gone["break_id"])]
        known = begin(break_of(desk.table[pk, sk]).place, event_of(first))
        for row in rest:
            known = fold(known, event_of(row))
        newest = [first, *rest][-1]
        desk.table[pk, sk] = break_row(replace(known, story=Story(newest["hash"], newest["expires_at"])))
    for account_id in ACCOUNTS:
        left = desk.entries(account_id)
        cut_head(desk, account_id, left[-1]["seq"])


def test_a_tail_that_was_cut_off_everywhere_shows_only_by_an_anchor() -> None:
    desk = history()
    taken = anchor(desk, 9)
    rolled_back(desk, "20261126T080500Z")
    assert verify(desk).difference is None
    difference = verify(desk, anchors=(taken,)).difference
    assert difference is not None
    assert difference.what is What.ANCHOR_CUT_OFF
    assert "anchor cb-main:9: the chain ends with entry 8; the end of the chain was cut off" in difference.line


def test_a_tail_that_was_rewritten_everywhere_shows_only_by_an_anchor() -> None:
    desk = history()
    taken = anchor(desk, 9)
    rolled_back(desk, "20261126T080500Z")
    desk.run(at("26 08:05"), {"cb-main": "1.9999999", "cb-two": "2"})
    assert verify(desk).difference is None
    difference = verify(desk, anchors=(taken,)).difference
    assert difference is not None
    assert difference.what is What.ANCHOR_REWRITTEN
    assert difference.line.startswith("anchor cb-main:9: entry 9 is ")


def test_an_anchor_of_an_account_without_a_chain_is_a_chain_cut_off() -> None:
    difference = verify(history(), anchors=(Anchor("cb-gone", 1, "0" * 64),)).difference
    assert difference is not None
    assert "anchor cb-gone:1: there is no chain at all" in difference.line


def test_an_anchor_outside_the_period_is_looked_for_where_it_is() -> None:
    desk = history()
    outcome = verify(desk, start=at("26 08:00"), anchors=(anchor(desk, 2),))
    assert (outcome.difference, outcome.anchors) == (None, 1)
    assert verify(desk, start=at("26 08:00"), anchors=(replace(anchor(desk, 2), hash="0" * 64),)).difference is not None


def test_an_anchor_whose_entry_expired_holds_by_its_checkpoint_or_cannot_be_looked_at() -> None:
    desk = history()
    first, second = anchor(desk, 1), anchor(desk, 2)
    expire(desk, *OLD)
    assert verify(desk, LONG_AFTER, anchors=(first,)).not_looked_at == []
    outcome = verify(desk, LONG_AFTER, anchors=(second,))
    assert outcome.not_looked_at == [("anchor", "entry 2 of cb-main has expired, and is no checkpoint")]
    assert verify(desk, LONG_AFTER, anchors=(replace(first, hash="0" * 64),)).difference is not None


def test_an_alert_holds_an_anchor_of_the_entry_before_it() -> None:
    desk = history()
    for alert in desk.sent:
        position = alert.document["audit"]
        taken = Anchor(alert.account_id, position["seq"], position["hash"])
        assert verify(desk, anchors=(taken,)).difference is None
    said = [(alert.account_id, alert.document["audit"]["seq"], alert.type) for alert in desk.sent]
    assert said == [
        ("cb-old", 1, "breaks"),
        ("cb-old", 2, "resolved"),
        ("cb-two", 5, "breaks"),
        ("cb-two", 8, "resolved"),
    ]


# -- what nobody could look at -------------------------------------------------------------------------------------


class LockedObjects(MemoryObjects):
    """Refuses some objects, as S3 does."""

    def __init__(self, like: MemoryObjects, code: str, *locked: str) -> None:
        super().__init__()
        self._objects, self.code, self.locked = like._objects, code, locked

    def content(self, key: str) -> bytes | None:
        if any(part in key for part in self.locked):
            raise ClientError({"Error": {"Code": self.code}}, "GetObject")
        return super().content(key)


def locked(code: str, *parts: str, change: Callable[[Desk], object] = lambda desk: None) -> Outcome:
    desk = history()
    change(desk)
    assert isinstance(desk.objects, MemoryObjects)
    return Verifier(desk.rows, LockedObjects(desk.objects, code, *parts), ACCOUNTS, Wanted(), NOW).verify()


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState", "KMS.DisabledException"])
def test_an_object_nobody_may_read_is_named_and_the_rest_is_looked_at(code: str) -> None:
    key = keys.observation_object("20261122T115500Z", "cb-main")
    outcome = locked(code, key)
    assert (outcome.difference, outcome.not_looked_at) == (None, [(f"object {key}", code)])
    assert outcome.seen.evidence == 19


def test_a_difference_is_found_beside_what_nobody_may_read() -> None:
    outcome = locked("AccessDenied", "/report.json", change=lambda desk: entry(desk, "cb-two", 8).update(at="x"))
    assert outcome.difference is not None
    assert outcome.not_looked_at_count > 0


def test_more_than_a_list_takes_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "SHOWN", 3)
    outcome = locked("AccessDenied", "/observations/")
    assert (len(outcome.not_looked_at), outcome.not_looked_at_count) == (3, 20)


def test_a_refusal_that_concerns_everything_ends_it() -> None:
    with pytest.raises(ClientError):
        locked("ExpiredToken", "/observations/")


def test_an_object_that_is_no_gzip_is_a_difference() -> None:
    class Garbled(MemoryObjects):
        def content(self, key: str) -> bytes | None:
            from trueup.domain.reading import Malformed

            raise Malformed(key, "is not what was written: no gzip")

    desk = history()
    outcome = Verifier(desk.rows, Garbled(), ACCOUNTS, Wanted(), NOW).verify()
    assert outcome.difference is not None
    assert "not what was written: no gzip" in outcome.difference.line


def test_where_nothing_is_there_nothing_was_verified() -> None:
    outcome = verify(Desk())
    assert outcome.not_looked_at == [("the audit of every account", "there is no entry to look at")]


# -- while it is being written -------------------------------------------------------------------------------------


class Disturbed(MemoryRows):
    """Lets something happen just before one of the reads."""

    def __init__(self, like: Desk, at_read: int, happens: Callable[[], object]) -> None:
        super().__init__()
        self._rows = like.table
        self.reads, self.at_read, self.happens = 0, at_read, happens

    def _count(self) -> None:
        self.reads += 1
        if self.reads == self.at_read:
            self.happens()

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        self._count()
        return super().get(pk, sk)

    def query(self, pk: str, **how: Any) -> list[dict[str, Any]]:
        self._count()
        return super().query(pk, **how)


def test_a_run_that_is_written_while_we_look_changes_nothing() -> None:
    desk = history()
    reads = Disturbed(desk, 0, lambda: None)
    Verifier(reads, desk.objects, ACCOUNTS, Wanted(), NOW).verify()
    assert reads.reads > 20
    for at_read in range(1, reads.reads + 1):
        desk = history()
        rows = Disturbed(desk, at_read, lambda desk=desk: desk.run(at("26 08:59"), {"cb-main": "2", "cb-two": "2"}))
        outcome = Verifier(rows, desk.objects, ACCOUNTS, Wanted(), NOW).verify()
        assert (outcome.difference, outcome.not_looked_at) == (None, []), at_read


def test_the_first_run_of_a_new_day_written_while_we_look_changes_nothing() -> None:
    for at_read in range(1, 40):
        desk = history()
        rows = Disturbed(desk, at_read, lambda desk=desk: desk.run(at("27 00:00"), {"cb-main": "2", "cb-two": "2"}))
        outcome = Verifier(rows, desk.objects, ACCOUNTS, Wanted(), later(at("27 00:00"), -1)).verify()
        assert (outcome.difference, outcome.not_looked_at) == (None, []), at_read


def test_a_run_that_has_not_ended_yet_has_no_seal_to_look_at() -> None:
    def set_back(desk: Desk) -> None:
        ended = row(desk, "RUNS#2026-11-26", "RUN#20261126T080500Z")
        names = ("pk", "sk", "run_id", "execution", "started_at", "expires_at")
        claimed = {name: ended[name] for name in names} | {"state": "running", "claimed_by": "arn:x"}
        desk.rows.put(claimed)

    desk = history()
    set_back(desk)
    outcome = verify(desk)
    assert (outcome.difference, outcome.not_looked_at) == (None, []), "it may still end"
    remove_entry(desk, "cb-two", 9)
    cut_head(desk, "cb-two", 8)
    assert verify(desk).difference is None, "one account may have its entry before another"
    (left_open,) = verify(desk, NOW + timedelta(hours=3)).not_looked_at
    assert left_open[0] == "row RUNS#2026-11-26 RUN#20261126T080500Z"
    assert "there is no seal to look at" in left_open[1]


def test_a_seal_is_that_of_the_entries() -> None:
    desk = history()
    hashes = {name: entry(desk, name, 2)["hash"] for name in ("cb-main", "cb-old", "cb-two")}
    assert row(desk, *RUN_ROW)["seal"] == seal(hashes)
