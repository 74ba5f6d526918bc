"""A past run judged again from its evidence: identical, or the first place of each account that differs."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.auditing.replay import Place, Replayed, Verdict, replay
from cli.auditing.verify import Verifier, Wanted
from tests.unit.auditing.history import ACCOUNTS, Desk, at, history
from tests.unit.auditing.second_verifier import canonical, own_hash, sha
from tests.unit.money_kit import book, item, later, snapshot
from trueup.domain.breaks import Commented, Suppressed
from trueup.domain.documents import observation_document
from trueup.domain.models import Book, Observation, Snapshot
from trueup.domain.policy import default_policy, policy_document, read_policy
from trueup.domain.report import break_id
from trueup.store import keys
from trueup.store.breaks import Breaks

MINUTES = tuple(at(f"22 12:{minute:02}") for minute in range(0, 60, 5))
OBSERVED = "runs/{}/observations/cb-main.json.gz"


def again(desk: Desk, run_id: str) -> Replayed:
    return replay(desk.rows, desk.objects, run_id)


def look(desk: Desk, run_id: str, seen: Snapshot, before: Book, after: Book | None = None) -> None:
    document = observation_document(
        run_id, Observation(seen, before, after or before), seen.observed_at, before.as_of, []
    )
    desk.objects.put_once(keys.observation_object(run_id, seen.account_id), document)


@cache
def _written() -> tuple[Desk, tuple[str, ...]]:
    """An hour of one account: whatever of the past can matter to judging matters once. Returns its runs."""
    desk, runs = Desk(), []

    def run(number: int, venue: str, believed: str, after: str | None = None, *references: str, **how: Any) -> None:
        started = MINUTES[number]
        run_id = desk.plan(started, ["cb-main"], **how)
        runs.append(run_id)
        moment = later(started, 2)
        pending = tuple(item("BTC", "-0.5", name, applied=True, since=started) for name in references)
        seen = snapshot(("BTC", venue), observed_at=moment, pending=pending)
        look(desk, run_id, seen, book(("BTC", believed), as_of=moment), book(("BTC", after or believed), as_of=moment))
        desk.compare(run_id, later(started, 5), {"cb-main": None} if number == 1 else {"cb-main": venue})

    run(0, "2", "2")
    run(1, "1", "2")  # critical; looking again fails, and it is told
    (known,) = Breaks(desk.rows, 400).of_account("cb-main").values()
    until = later(MINUTES[1], 86400)
    Breaks(desk.rows, 400).do(known.place.break_id, Suppressed(later(MINUTES[1], 60), "arn:me", until, "known"))
    run(2, "1", "2")  # kept quiet
    run(3, "1.5", "2", None, "wd-1")  # explained by what is in flight
    run(4, "1.5", "1", "2")  # the book moves across it
    run(5, "1.5", "2", priced=False)  # the last good prices
    pk, sk = keys.adoption("cb-main", later(MINUTES[6], 1))
    desk.rows.put({"pk": pk, "sk": sk})
    run(6, "1.5", "1.5")  # adopted
    run(7, "1.49", "1.5")  # back; its hint looks at the report before
    run(8, "1.4", "1.5")
    return desk, tuple(runs)


def hour() -> tuple[Desk, tuple[str, ...]]:
    desk, runs = _written()
    return desk.copy(), runs


def report(desk: Desk, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(desk.bucket[keys.report_object(run_id)])
    return found


def test_the_hour_holds_what_can_matter() -> None:
    desk, runs = hour()
    reports = [report(desk, run_id) for run_id in runs]
    outcomes = [line["outcome"] for one in reports for line in one["accounts"][0]["lines"]]
    assert {"exact", "break", "explained", "in_motion"} == set(outcomes)
    known = [name for one in reports for name in one["judged_with"]["accounts"].get("cb-main", {})]
    assert {"looked_at", "tracks", "breaks", "adopted", "earlier", "second_failure"} == set(known)
    assert [one["prices"]["origin"] for one in reports].count("last_good") == 1
    assert any(one["suppression"] for one in reports[2]["judged_with"]["accounts"]["cb-main"]["breaks"])


@pytest.mark.parametrize("number", range(9))
def test_a_run_that_nobody_touched_is_identical(number: int) -> None:
    desk, runs = hour()
    done = again(desk, runs[number])
    assert (done.verdict, done.problems, done.places) == (Verdict.IDENTICAL, [], [])
    assert done.accounts == 1


BREAK = break_id("cb-main", "spot", "BTC", "total")
RUNS = sorted(key.split("/")[1] for key in history().bucket if key.endswith("report.json.gz"))


@pytest.mark.parametrize("run_id", RUNS)
def test_whatever_a_run_can_meet_it_is_judged_again_alike(run_id: str) -> None:
    assert again(history(), run_id).verdict is Verdict.IDENTICAL


def test_what_is_known_today_changes_nothing() -> None:
    """Not the table: rows of tracks, breaks, failures and the last good prices are of today."""
    desk, runs = hour()
    for pk, sk in list(desk.table):
        if sk.startswith(
            (keys.TRACK, keys.BREAK, keys.EVENT, keys.FAILURE, keys.RECHECK, keys.ADOPTED, keys.LAST_GOOD)
        ):
            del desk.table[pk, sk]
    assert {again(desk, run_id).verdict for run_id in runs} == {Verdict.IDENTICAL}


def test_evidence_that_came_too_late_changes_nothing() -> None:
    desk = history()
    dead = "20261123T001500Z"
    other = next(key for key in desk.bucket if key.endswith("observations/cb-main.json.gz"))
    desk.bucket["runs/20261126T080000Z/observations/cb-main.json.gz"] = desk.bucket[other]
    assert again(desk, "20261126T080000Z").verdict is Verdict.IDENTICAL
    assert not again(desk, dead).has_report


def test_a_history_that_nobody_could_read_is_unreadable_again() -> None:
    desk = Desk()
    desk.run(MINUTES[0], {"cb-main": "1"}, {"cb-main": "1"})
    pk, sk = keys.last_look("cb-main")
    desk.rows.put({"pk": pk, "sk": sk, "looked_at": "yesterday"})
    run_id = desk.run(MINUTES[1], {"cb-main": "2"})
    assert "its history" in report(desk, run_id)["failures"][0]["message"]
    assert again(desk, run_id).verdict is Verdict.IDENTICAL


# -- tampered with ----------------------------------------------------------------------------------------------------


def spoil(desk: Desk, key: str, change: Callable[[Any], object]) -> None:
    document = json.loads(desk.bucket[key])
    change(document)
    desk.bucket[key] = canonical(document)


def one_digit(document: Any, *path: Any) -> None:
    *way, last = path
    for step in way:
        document = document[step]
    text = document[last]
    document[last] = text[:-1] + ("8" if text[-1] != "8" else "7")


KNOWN = ("judged_with", "accounts", "cb-main")
CHANGES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "an observation": (OBSERVED, ("snapshot", "holdings", 0, "total")),
    "the book in it": (OBSERVED, ("book", "holdings", 0, "total")),
    "prices": ("runs/{}/prices.json.gz", ("prices", "BTC")),
    "the policy": ("runs/{}/manifest.json.gz", ("policy", "built_in", "tolerance", "value_floor")),
    "the history": ("runs/{}/report.json.gz", (*KNOWN, "looked_at")),
    "a break as it was known": ("runs/{}/report.json.gz", (*KNOWN, "breaks", 0, "worth")),
    "the verdict": ("runs/{}/report.json.gz", ("accounts", 0, "lines", 0, "worth")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_one_changed_digit_is_found_and_its_object_named(what: str) -> None:
    desk, runs = hour()
    key = CHANGES[what][0].format(runs[2])
    spoil(desk, key, lambda document: one_digit(document, *CHANGES[what][1]))
    done = again(desk, runs[2])
    assert done.verdict is Verdict.TAMPERED
    assert all(problem.startswith(f"object {key}: its digest is ") for problem in done.problems)
    assert done.places == []


def test_evidence_of_a_second_look_and_the_list_of_them_count_too() -> None:
    for name in ("observations/second/cb-old.json.gz", "recheck.json.gz"):
        desk, key = history(), f"runs/20261122T120000Z/{name}"
        spoil(desk, key, lambda document: document.update(schema=2))
        assert [problem.split(":")[0] for problem in again(desk, "20261122T120000Z").problems] == [f"object {key}"]


def test_an_earlier_report_that_hints_rested_on_counts_too() -> None:
    desk, runs = hour()
    key = keys.report_object(runs[6])
    spoil(desk, key, lambda document: one_digit(document, "compared_at"))
    assert again(desk, runs[7]).problems[0].startswith(f"object {key}: its digest is ")


def rewrite(desk: Desk, run_id: str, change: Callable[[Any], object], other: str | None = None) -> None:
    """Change the report, or what it names, and every digest of it there is: nothing shows but the judgement itself."""
    if other is not None:
        was = sha(desk.bucket[other])
        spoil(desk, other, change)
        now = sha(desk.bucket[other])
        desk.bucket[keys.report_object(run_id)] = desk.bucket[keys.report_object(run_id)].replace(was, now)
    else:
        spoil(desk, keys.report_object(run_id), change)
    digest = sha(desk.bucket[keys.report_object(run_id)])
    for row in desk.table.values():
        if row.get("run_id") == run_id and "run_report_sha256" in row:
            row["run_report_sha256"] = digest
            row["hash"] = own_hash(row)
        elif row.get("run_id") == run_id and "report_sha256" in row:
            row["report_sha256"] = digest


REWRITTEN: dict[str, tuple[str | None, tuple[Any, ...], str]] = {
    "an observation": (OBSERVED, ("snapshot", "holdings", 0, "total"), "line spot BTC total venue"),
    "prices": ("runs/{}/prices.json.gz", ("prices", "BTC"), "line spot BTC total price"),
    "the verdict": (None, ("accounts", 0, "lines", 0, "worth"), "line spot BTC total worth"),
    "what was remembered": (None, ("tracks", "cb-main", 0, "counted_at"), "tracks {} counted_at"),
}


@pytest.mark.parametrize("what", REWRITTEN)
def test_what_was_rewritten_with_all_digests_does_not_follow_from_the_evidence(what: str) -> None:
    desk, runs = hour()
    other, path, where = REWRITTEN[what]
    key = None if other is None else other.format(runs[2])
    rewrite(desk, runs[2], lambda document: one_digit(document, *path), key)
    done = again(desk, runs[2])
    assert done.verdict is Verdict.DIFFERS
    assert (done.places[0].account_id, done.places[0].where) == ("cb-main", where.format(BREAK))
    assert "rewritten together" in done.problems[0]


def test_a_rewritten_history_gives_another_verdict() -> None:
    """As if nobody had kept the break quiet: then people would have been told again."""
    desk, runs = hour()

    def forget(document: Any) -> None:
        known = document["judged_with"]["accounts"]["cb-main"]
        known["breaks"][0]["suppression"] = None
        known["tracks"][0]["said"] = known["tracks"][0]["said_at"] = known["tracks"][0]["said_worth"] = None

    rewrite(desk, runs[2], forget)
    done = again(desk, runs[2])
    assert done.verdict is Verdict.DIFFERS
    assert done.places[0] == Place("cb-main", "line spot BTC total news", "nothing", "confirmed")


def test_another_policy_gives_another_verdict() -> None:
    desk, runs = hour()

    def loosen(document: Any) -> None:
        loose = read_policy({"severity": {"default": {"worth_critical_from": "90000000"}}}, default_policy())
        document["policy"] = policy_document(loose)

    rewrite(desk, runs[2], loosen, keys.manifest_object(runs[2]))
    done = again(desk, runs[2])
    assert [place.account_id for place in done.places] == ["cb-main", None]
    assert done.places[1].where == "policy_version"


# -- what cannot be told -----------------------------------------------------------------------------------------------


def test_evidence_that_is_gone_is_named() -> None:
    desk, runs = hour()
    del desk.bucket[OBSERVED.format(runs[2])]
    done = again(desk, runs[2])
    assert done.verdict is Verdict.UNVERIFIABLE
    assert done.problems == [
        f"object {OBSERVED.format(runs[2])}: it is gone: expired, or removed (`trueup audit verify` tells which)"
    ]


def test_what_was_changed_goes_before_what_is_gone() -> None:
    desk, runs = hour()
    del desk.bucket[OBSERVED.format(runs[2])]
    spoil(desk, keys.prices_object(runs[2]), lambda document: one_digit(document, "source"))
    assert again(desk, runs[2]).verdict is Verdict.TAMPERED


def test_a_report_that_nobody_vouches_for_is_not_believed() -> None:
    desk, runs = hour()
    for pk, sk in list(desk.table):
        if runs[2] in sk:
            del desk.table[pk, sk]
    assert again(desk, runs[2]).verdict is Verdict.UNVERIFIABLE


def test_a_report_of_before_says_that_it_cannot_be_judged_again() -> None:
    desk, runs = hour()
    rewrite(desk, runs[2], lambda document: document.pop("judged_with"))
    done = again(desk, runs[2])
    assert done.verdict is Verdict.UNVERIFIABLE
    assert "it does not say what it was judged with" in done.problems[0]


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (("judged_with", "version"), "it was judged by Trueup 0.1.8, this is 0.1.0: replay it with that version"),
        (("assets_version",), "the tables of names of assets are others: "),
    ],
)
def test_another_version_is_told_apart_from_tampering(where: tuple[str, ...], says: str) -> None:
    """Here the verdict was changed as well; with another version, that may be why."""
    desk, runs = hour()

    def older(document: Any) -> None:
        one_digit(document, *where)
        one_digit(document, "accounts", 0, "lines", 0, "worth")

    rewrite(desk, runs[2], older)
    done = again(desk, runs[2])
    assert done.verdict is Verdict.DIFFERS
    assert len(done.problems) == 1
    assert done.problems[0].startswith(says)


def test_another_version_that_judges_alike_is_identical() -> None:
    desk, runs = hour()
    rewrite(desk, runs[2], lambda document: one_digit(document, "judged_with", "version"))
    assert again(desk, runs[2]).verdict is Verdict.IDENTICAL


def test_a_policy_that_this_code_cannot_read_is_said() -> None:
    desk, runs = hour()
    rewrite(desk, runs[2], lambda document: one_digit(document, "policy", "version"), keys.manifest_object(runs[2]))
    done = again(desk, runs[2])
    assert done.verdict is Verdict.UNVERIFIABLE
    assert "cannot judge it" in done.problems[0]


def test_a_report_that_is_none_is_tampered_with() -> None:
    desk, runs = hour()
    desk.bucket[keys.report_object(runs[2])] = '{"run_id":"x"}'
    assert again(desk, runs[2]).verdict is Verdict.TAMPERED


# -- whatever happens --------------------------------------------------------------------------------------------------

AMOUNTS = st.sampled_from(("0", "1", "1.5", "1.999", "2", "2.0000001", "30"))
REFERENCES = st.lists(st.sampled_from(("wd-1", "wd-2")), unique=True, max_size=2)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(data=st.data())
def test_whatever_two_accounts_go_through_it_is_judged_again_alike_and_the_audit_is_intact(data: st.DataObject) -> None:
    desk = Desk()
    for number in range(data.draw(st.integers(2, 5))):
        run_id = desk.plan(MINUTES[number], ACCOUNTS, priced=data.draw(st.booleans()))
        for account_id in ACCOUNTS:
            if data.draw(st.integers(0, 9)) == 0:
                desk.observe(run_id, account_id, None, MINUTES[number])
                continue
            # Looks may come out of order: the older one changes nothing.
            moment = later(MINUTES[number], data.draw(st.sampled_from((-400, 2, 30))))
            sent = tuple(item("BTC", "-0.5", name, applied=True, since=moment) for name in data.draw(REFERENCES))
            seen = snapshot(("BTC", data.draw(AMOUNTS)), account_id=account_id, observed_at=moment, pending=sent)
            before, after = (
                book(("BTC", data.draw(AMOUNTS)), account_id=account_id, as_of=moment, version=version)
                for version in ("1", "2")
            )
            look(desk, run_id, seen, before, data.draw(st.sampled_from((before, after))))
        again_seen = {account_id: data.draw(st.sampled_from((None, "1", "2"))) for account_id in ACCOUNTS}
        desk.compare(run_id, later(MINUTES[number], 40), again_seen)
        done = again(desk, run_id)
        assert (done.verdict, done.places) == (Verdict.IDENTICAL, [])
        breaks = Breaks(desk.rows, 400)
        for known in [one for account_id in ACCOUNTS for one in breaks.of_account(account_id).values()]:
            if data.draw(st.booleans()):
                breaks.do(known.place.break_id, Commented(later(MINUTES[number], 90), "arn:me", "seen"))
    assert Verifier(desk.rows, desk.objects, ACCOUNTS, Wanted(), MINUTES[-1]).verify().difference is None
