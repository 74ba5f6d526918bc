"""Breaks: listed and shown as they are, and what people do about them, whole or not at all."""

import json
from datetime import timedelta

import pytest
from break_kit import ANN, BITCOIN, MOTO, OVER, POSITION, at, look, sides, tell_story, tell_three
from cli_kit import ACCOUNT, DYDX, is_one_line, trueup

from cli.break_story import MAX_LINES
from cli.cloud import Cloud
from trueup.domain.break_documents import event_document, read_break, read_event
from trueup.domain.breaks import Acknowledged, Agreed, Assigned, Commented, Explained, Place, Suppressed, Unsuppressed
from trueup.domain.reading import canonical_json, format_time, read_time
from trueup.domain.reasons import Severity
from trueup.domain.report import Kind
from trueup.errors import StoreUnavailable
from trueup.store import keys
from trueup.store.breaks import MAX_AT_ONCE, Breaks
from trueup.store.memory import MemoryRows

NOW = read_time("2026-11-22T12:01:00Z", "now")
BTC, ETH, SOL = BITCOIN.break_id, POSITION.break_id, OVER.break_id
OF_TIME = ("status", "age_seconds", "age_bucket", "overdue")


@pytest.fixture(autouse=True)
def cloud_with_breaks(monkeypatch):
    """Two accounts and three breaks, in memory; AWS as moto plays it is in the pages' test and the workflow's."""
    rows = MemoryRows()
    monkeypatch.setattr(Cloud, "rows", rows)
    monkeypatch.setattr(Cloud, "caller", MOTO)
    cloud = Cloud("trueup", {"RetentionDays": "400", "ReconciliationIntervalSeconds": "300"})
    monkeypatch.setattr("cli.breaks.connect", lambda *_, **__: cloud)
    for document in (ACCOUNT, DYDX):
        pk, sk = keys.account(document["account_id"])
        rows.put({"pk": pk, "sk": sk, "account": canonical_json(document)})
    tell_three(cloud)
    return cloud


def refused(ran, *words, code=64):
    assert (ran.code, ran.out) == (code, ""), ran
    assert is_one_line(ran.err), ran.err
    for word in words:
        assert word in ran.err


def listed(*options):
    ran = trueup("breaks", "list", *options, "--json")
    assert (ran.code, ran.err) == (0, "")
    return [each["break_id"] for each in ran.document["breaks"]]


def everything(cloud):
    """All that is kept of breaks."""
    rows = [cloud.rows.query(keys.audit(name)) for name in ("cb-main", "dydx-one")]
    return rows, [cloud.rows.query(keys.story(name)) for name in (BTC, ETH, SOL)]


# -- list ----------------------------------------------------------------------------------------------------------


def test_what_is_open_is_listed_the_worst_first(cloud_with_breaks):
    ran = trueup("breaks", "list")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "break                 where           what              age",
        f"{BTC}  cb-main         quantity differs  11 min (<1h)",
        "CRITICAL confirmed    spot BTC        -0.15             due in 3 h",
        "                      coinbase        worth 14,550.08   nobody's",
        f"{ETH}  dydx-one        not in the book   5 h (4-24h)",
        "MAJOR open            perp/0 ETH-USD  +2                OVERDUE by 1 h",
        "last look 5 h ago     dydx            worth 6,800.00    ann's",
        "",
        "2 breaks: CRITICAL 1, MAJOR 1; 1 overdue; gross worth 21,350.08",
    ]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), [BTC, ETH]),
        (("--severity", "CRITICAL"), [BTC]),
        (("--severity", "MAJOR"), [BTC, ETH]),
        (("--severity", "MINOR"), [BTC, ETH]),
        (("--account", "dydx-one"), [ETH]),
        (("--venue", "coinbase"), [BTC]),
        (("--asset", "ETH-USD"), [ETH]),
        (("--owner", "ann"), [ETH]),
        (("--status", "open"), [ETH]),
        (("--status", "confirmed"), [BTC]),
        (("--overdue",), [ETH]),
        (("--overdue", "--account", "cb-main"), []),
        (("--resolved",), [SOL]),
        (("--status", "resolved"), [SOL]),
        (("--resolved", "--status", "resolved"), [SOL]),
        (("--resolved", "--account", "dydx-one"), []),
        (("--all",), [BTC, ETH, SOL]),
        (("--all", "--account", "cb-main"), [BTC, SOL]),
        (("--all", "--overdue"), [ETH]),
        (("--all", "--severity", "MAJOR"), [BTC, ETH]),
    ],
)
def test_a_list_holds_what_was_asked_for(options, names):
    assert listed(*options) == names


def test_open_breaks_are_one_request_whatever_they_are_asked_by(monkeypatch):
    asked = []
    whole = Breaks.open
    monkeypatch.setattr(Breaks, "open", lambda self: asked.append("open") or whole(self))
    monkeypatch.setattr(Breaks, "of_account", lambda self, name: asked.append(name) or {})
    listed("--account", "cb-main", "--severity", "MAJOR")
    assert asked == ["open"]


def test_a_break_in_a_list_says_what_depends_on_now(cloud_with_breaks):
    documents = trueup("breaks", "list", "--all", "--json").document["breaks"]
    assert [[each[name] for name in OF_TIME] for each in documents] == [
        ["confirmed", 660, "<1h", False],
        ["open", 18_060, "4-24h", True],
        ["resolved", 1800, "<1h", False],
    ]
    kept = {name: value for name, value in documents[0].items() if name not in OF_TIME}
    assert read_break(kept) == cloud_with_breaks.breaks.get(BTC)


def test_what_nobody_could_look_at_for_two_intervals_says_so(cloud_with_breaks, monkeypatch):
    for now, said in (("12:10", False), ("12:11", True)):
        monkeypatch.setattr("cli.breaks.utc_now", lambda now=now: at(now))
        assert ("last look 11 min ago" in trueup("breaks", "list", "--asset", "BTC").out) is said
    assert "last look" not in trueup("breaks", "list", "--resolved").out


def test_what_is_resolved_is_worth_nothing_any_more_and_says_how():
    out = trueup("breaks", "list", "--all").out
    assert out.endswith(
        "MINOR resolved        spot SOL        -1                venue_moved\n"
        "                      coinbase        worth 180.00      nobody's\n\n"
        "3 breaks: CRITICAL 1, MAJOR 1, MINOR 1; 1 resolved; 1 overdue; gross worth\n21,350.08\n"
    )
    assert trueup("breaks", "list", "--resolved").out.endswith("\n1 break: MINOR 1; 1 resolved\n")


def test_what_has_no_price_is_counted_and_an_account_as_a_whole_is_named(cloud_with_breaks):
    whole = Place("brk-00000000000000a1", "cb-main", "coinbase", None, None, "account")
    empty = {"kind": Kind.ACCOUNT_EMPTY, "difference": None, "worth": None, "confirmed": True}
    tell_story(cloud_with_breaks, whole, [look("11:59", "0", "0", **empty)])
    held = Place("brk-00000000000000a2", "cb-main", "coinbase", "spot", "BTC", "held")
    tell_story(cloud_with_breaks, held, [look("11:59", "1", severity=Severity.MINOR)])
    out = trueup("breaks", "list", "--account", "cb-main").out
    for word in ("the whole account", "the venue shows", "no price", "quantity differs (held)"):
        assert word in out
    assert out.endswith("3 breaks: CRITICAL 2, MINOR 1; 0 overdue; gross worth 38,800.20, 1 without a\nprice\n")
    assert all(len(line) <= 80 for line in out.splitlines())


def test_an_empty_list_says_what_was_asked_and_that_it_is_no_all_clear():
    ran = trueup("breaks", "list", "--asset", "DOGE", "--severity", "MAJOR", "--overdue")
    assert (ran.code, ran.out) == (0, "no open break (MAJOR or worse, asset DOGE, overdue)\n")
    assert is_one_line(ran.err)
    assert "trueup runs list" in ran.err
    others = ("--account", "cb-main", "--venue", "dydx", "--owner", "ben", "--resolved")
    assert trueup("breaks", "list", *others).out == ("no resolved break (account cb-main, venue dydx, owner ben)\n")
    assert trueup("breaks", "list", "--all", "--status", "explained").out == "no break (status explained)\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--severity", "major"), ["--severity", "MINOR, MAJOR, CRITICAL", "'major'"]),
        (("--severity", "OK"), ["--severity", "MINOR, MAJOR, CRITICAL"]),
        (("--status", "closed"), ["--status", "open, confirmed, acknowledged", "'closed'"]),
        (("--venue", "krakn"), ["--venue", "coinbase, dydx", "'krakn'"]),
        (("--account", "CB Main"), ["--account", "lower-case"]),
        (("--account", "cb-mian"), ["--account: there is no account cb-mian", "cb-main, dydx-one"]),
        (("--asset", ""), ["--asset", "empty"]),
        (("--owner", "a\nb"), ["--owner", "control characters"]),
        (("--all", "--resolved"), ["--all", "leave --resolved out"]),
        (("--resolved", "--status", "open"), ["--status", "nothing that is resolved is open"]),
        (("--resolved", "--overdue"), ["--overdue"]),
        (("--status", "resolved", "--overdue"), ["--overdue"]),
    ],
)
def test_a_question_nothing_can_answer_is_refused(options, words):
    refused(trueup("breaks", "list", *options), *words)


def test_breaks_of_an_account_that_was_removed_are_still_listed(cloud_with_breaks):
    cloud_with_breaks.accounts.remove("cb-main")
    assert listed() == [BTC, ETH]
    assert listed("--account", "cb-main") == [BTC]
    assert listed("--account", "cb-main", "--resolved") == [SOL]
    assert listed("--resolved") == []


# -- show ----------------------------------------------------------------------------------------------------------


def test_a_break_is_shown_whole_with_its_story(cloud_with_breaks):
    cloud_with_breaks.breaks.do(BTC, Assigned(NOW, ANN, "ben"))
    cloud_with_breaks.breaks.do(BTC, Suppressed(NOW, ANN, at("14:00"), "migration"))
    ran = trueup("breaks", "show", BTC)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"{BTC}: CRITICAL suppressed, quantity differs: BTC in spot,",
        "account cb-main at coinbase",
        "",
        "difference    -0.15 (venue 1.1, book 1.25)",
        "worth         14,550.08 (at 97,000.5)",
        "largest       -0.15, worth 14,550.08",
        "first seen    2026-11-22T11:50:00.000Z",
        "last seen     2026-11-22T12:00:00.000Z, 3 times",
        "last look     2026-11-22T12:00:00.000Z, policy a4000106f60b",
        "open          2026-11-22T11:50:00.000Z, 11 min (<1h)",
        "due           2026-11-22T15:50:00.000Z, due in 3 h",
        "owner         ben",
        "told          last at 2026-11-22T11:55:00.000Z",
        "acknowledged  no",
        "suppressed    until 2026-11-22T14:00:00.000Z, however large it grows; by",
        f"              {ANN}: migration",
        "comments      0",
        "",
        "when                      what",
        "2026-11-22T11:50:00.000Z  seen: CRITICAL quantity differs, -0.1, worth 9,700.05,",
        "                          not confirmed",
        "2026-11-22T11:55:00.000Z  seen: CRITICAL quantity differs, -0.15, worth",
        "                          14,550.08, confirmed; people are told: confirmed",
        "2026-11-22T12:00:00.000Z  seen: CRITICAL quantity differs, -0.15, worth",
        "                          14,550.08, confirmed",
        f"2026-11-22T12:01:00.000Z  assigned to ben by {ANN}",
        "2026-11-22T12:01:00.000Z  suppressed until 2026-11-22T14:00:00.000Z by",
        f"                          {ANN}: migration",
    ]


def test_the_document_has_every_event_and_what_depends_on_now(cloud_with_breaks):
    document = trueup("breaks", "show", SOL, "--json").document
    assert document.keys() == {"break", "story", "events_expired"}
    assert [read_event(event) for event in document["story"]] == cloud_with_breaks.breaks.story(SOL)
    assert [document["break"][name] for name in ("break_id", "how", *OF_TIME)] == [
        SOL, "venue_moved", "resolved", 1800, "<1h", False,
    ]  # fmt: skip
    assert document["events_expired"] == 0


def test_looks_that_say_the_same_are_one_line_and_everything_else_is_one_of_its_own(cloud_with_breaks):
    steady = [look(f"12:{minute:02}", "1.1", confirmed=True, worth=14_000 + minute) for minute in range(5, 15)]
    story = [
        *steady,
        look("12:15", "1.3", confirmed=True),
        look("12:16", "1.3", confirmed=True, told="grown"),
        Explained(at("12:20"), "run-1", ("w-1", "w-2")),
        Explained(at("12:25"), "run-2", ("w-1", "w-2")),
        Explained(at("12:30"), "run-3", ()),
        Agreed(at("12:35"), "run-4", sides("1.1", "1.1"), adjusted=True, told=True),
        Commented(at("12:36"), ANN, "done"),
        look("12:40", "1.1"),
    ]
    tell_story(cloud_with_breaks, BITCOIN, story)
    rows = trueup("breaks", "show", BTC).out.partition("when  ")[2].splitlines()[1:]
    joined = "\n".join(rows).replace("\n" + " " * 26, " ").splitlines()
    assert [row[11:16] for row in joined] == [
        "11:50", "11:55", "12:00", "12:15", "12:16", "12:20", "12:30", "12:35", "12:36", "12:40",
    ]  # fmt: skip
    said = [row[26:] for row in joined]
    assert said[2] == (
        "seen 11 times until 2026-11-22T12:14:00.000Z: CRITICAL quantity differs, -0.15, "
        "worth 14,005.00 to 14,550.08, confirmed"
    )
    assert said[3].startswith("seen: CRITICAL quantity differs, +0.05,")
    assert said[4].endswith("confirmed; people are told: grown")
    assert said[5:9] == [
        "explained 2 times until 2026-11-22T12:25:00.000Z: by w-1, w-2",
        "explained: by an item without a reference",
        "resolved: venue 1.1, book 1.1; the venue's holdings were adopted as the book; people are told",
        f"{ANN}: done",
    ]


def test_what_people_took_back_is_in_the_story(cloud_with_breaks):
    cloud_with_breaks.breaks.do(ETH, Assigned(NOW, ANN, None), Suppressed(NOW, ANN, at("14:00"), "x"))
    cloud_with_breaks.breaks.do(ETH, Unsuppressed(NOW, ANN), Acknowledged(NOW, ANN))
    out = " ".join(trueup("breaks", "show", ETH).out.split())
    assert f"taken from its owner by {ANN}" in out
    assert f"no longer suppressed, by {ANN}" in out
    assert f"acknowledged by {ANN}" in out
    assert f"acknowledged 2026-11-22T12:01:00.000Z by {ANN}" in out
    assert "suppressed no" in out
    assert "OVERDUE by 1 h" in out


def test_of_a_very_long_story_people_see_the_end_and_documents_have_everything(cloud_with_breaks):
    swings = [look("12:00", ("1.1", "1.4")[number % 2]) for number in range(1, 111)]
    story = [event_document(each) | {"at": format_time(NOW + timedelta(minutes=n))} for n, each in enumerate(swings)]
    tell_story(cloud_with_breaks, OVER, [read_event(each) for each in story])
    out = trueup("breaks", "show", SOL).out
    assert "…  12 lines before this are left out; --json has every event" in " ".join(out.split()).replace("… ", "…  ")
    assert out.count("seen: ") == MAX_LINES
    assert len(trueup("breaks", "show", SOL, "--json").document["story"]) == 112


def test_events_that_are_no_longer_kept_are_missed_in_so_many_words(cloud_with_breaks):
    cloud_with_breaks.rows.delete(*keys.event(BTC, 1))
    ran = trueup("breaks", "show", BTC)
    assert (ran.code, ran.err) == (0, "note: 1 of 3 events are no longer kept\n")
    assert trueup("breaks", "show", BTC, "--json").document["events_expired"] == 1


# -- naming a break ------------------------------------------------------------------------------------------------


def test_the_beginning_of_an_open_one_will_do():
    assert trueup("breaks", "show", BTC[:8]).out == trueup("breaks", "show", BTC).out
    assert trueup("breaks", "ack", BTC[:9], ETH, "--json").document["breaks"][0]["break_id"] == BTC


def test_a_beginning_of_two_or_of_none_that_is_open_is_refused(cloud_with_breaks):
    for number in (1, 2):
        tell_story(cloud_with_breaks, place_like(f"brk-ffff00000000000{number}"), [look("12:00", "1")])
    refused(trueup("breaks", "ack", "brk-ffff"), "BREAK_ID: brk-ffff begins 2 open breaks")
    refused(trueup("breaks", "show", SOL[:12]), f"BREAK_ID: {SOL[:12]} begins no open break; of others, give it whole")


def place_like(name):
    return Place(name, "cb-main", "coinbase", "spot", "BTC", "total")


@pytest.mark.parametrize(
    "name", ["", "b00bd720ac3d9826", "brk-b00", "BRK-b00bd720ac3d9826", f"{BTC}0", "brk-٣٣٣٣", f"{BTC}\n"]
)
@pytest.mark.parametrize("verb", ["show", "ack"])
def test_what_is_no_name_of_a_break_is_refused(verb, name):
    refused(trueup("breaks", verb, name), "BREAK_ID: must be like brk-0123456789abcdef")


# -- deeds ---------------------------------------------------------------------------------------------------------


def test_an_acknowledgement_is_kept_with_who_and_when_and_what_they_said(cloud_with_breaks):
    ran = trueup("breaks", "ack", BTC, "--comment", "asked the venue")
    assert (ran.code, ran.out, ran.err) == (0, f"{BTC}: acknowledged\n", "")
    known = cloud_with_breaks.breaks.get(BTC)
    assert (known.acknowledged, known.comments, str(known.status(NOW))) == (Acknowledged(NOW, MOTO), 1, "acknowledged")
    assert cloud_with_breaks.breaks.story(BTC)[3:] == [
        Acknowledged(NOW, MOTO),
        Commented(NOW, MOTO, "asked the venue"),
    ]


def test_a_break_is_assigned_and_taken_away(cloud_with_breaks):
    assert trueup("breaks", "assign", BTC, "ben b.").out == f"{BTC}: ben b.'s from now on\n"
    assert listed("--owner", "ben b.") == [BTC]
    assert trueup("breaks", "assign", BTC, "--nobody").out == f"{BTC}: nobody's from now on\n"
    assert cloud_with_breaks.breaks.story(BTC)[3:] == [Assigned(NOW, MOTO, "ben b."), Assigned(NOW, MOTO, None)]


def test_a_comment_goes_on_what_is_over_too(cloud_with_breaks):
    text = "ü" * 500
    ran = trueup("breaks", "comment", SOL, text, "--json")
    assert ran.code == 0
    assert ran.document["did"] == [event_document(Commented(NOW, MOTO, text))]
    assert [(each["break_id"], each["comments"], each["status"]) for each in ran.document["breaks"]] == [
        (SOL, 1, "resolved")
    ]
    assert cloud_with_breaks.breaks.story(SOL)[-1] == Commented(NOW, MOTO, text)


@pytest.mark.parametrize(
    ("options", "until"),
    [
        (("--for", "2h"), NOW + timedelta(hours=2)),
        (("--for", "90m"), NOW + timedelta(minutes=90)),
        (("--for", "90d"), NOW + timedelta(days=90)),
        (("--until", "2026-11-22T14:00:00+01:00"), at("13:00")),
        (("--until", "2026-11-23"), at("12:00") + timedelta(hours=12)),
    ],
)
def test_a_suppression_has_an_end_and_a_reason(cloud_with_breaks, options, until):
    ran = trueup("breaks", "suppress", ETH, *options, "--reason", "migration")
    assert ran.out == f"{ETH}: suppressed until {format_time(until)}, unless it gets worse than MAJOR\n"
    assert cloud_with_breaks.breaks.story(ETH)[-1] == Suppressed(NOW, MOTO, until, "migration")
    assert listed("--status", "suppressed") == [ETH]
    assert "unless it gets worse than MAJOR" in " ".join(trueup("breaks", "show", ETH).out.split())
    assert trueup("breaks", "unsuppress", ETH, "--comment", "done").out == f"{ETH}: no longer suppressed\n"
    assert cloud_with_breaks.breaks.story(ETH)[-2:] == [Unsuppressed(NOW, MOTO), Commented(NOW, MOTO, "done")]
    assert listed("--status", "suppressed") == []


def test_several_are_done_at_once_each_with_an_event_of_its_own(cloud_with_breaks):
    ran = trueup("breaks", "ack", BTC, ETH, BTC)
    assert ran.out == f"{BTC}: acknowledged\n{ETH}: acknowledged\n"
    for name in (BTC, ETH):
        assert cloud_with_breaks.breaks.story(name)[-1] == Acknowledged(NOW, MOTO)
    quiet = trueup("breaks", "suppress", ETH, BTC, "--for", "1d", "--reason", "migration", "--json").document
    assert [each["break_id"] for each in quiet["breaks"]] == [ETH, BTC]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ack", SOL), [SOL, "it is resolved: all one can do is comment on it"]),
        (("ack", BTC, SOL), [SOL, "it is resolved"]),
        (("ack", BTC, "brk-0000000000000000"), ["brk-0000000000000000", "there is no such break"]),
        (("show", "brk-0000000000000000"), ["brk-0000000000000000", "there is no such break"]),
        (("assign", SOL, "ann"), [SOL, "it is resolved"]),
        (("assign", ETH, "ann"), [ETH, "it is ann's"]),
        (("assign", BTC, "--nobody"), [BTC, "it is nobody's"]),
        (("assign", BTC), ["OWNER", "--nobody"]),
        (("assign", BTC, "ann", "--nobody"), ["OWNER", "--nobody"]),
        (("assign", BTC, ""), ["OWNER", "empty"]),
        (("assign", BTC, "a" * 501), ["OWNER", "at most 500 characters, not 501"]),
        (("comment", BTC, ""), ["TEXT", "empty"]),
        (("comment", BTC, "a" * 501), ["TEXT", "at most 500 characters, not 501"]),
        (("comment", BTC, "a\x1b[31mb"), ["TEXT", "control characters"]),
        (("comment", BTC, "two\nlines"), ["TEXT", "control characters"]),
        (("ack", BTC, "--comment", ""), ["--comment", "empty"]),
        (("unsuppress", BTC, "--comment", " "), ["--comment", "blanks"]),
        (("unsuppress", BTC), [BTC, "it is not suppressed"]),
        (("suppress", SOL, "--for", "1h", "--reason", "x"), [SOL, "it is resolved"]),
        (("suppress", BTC, "--for", "1h"), ["--reason"]),
        (("suppress", BTC, "--for", "1h", "--reason", ""), ["--reason", "empty"]),
        (("suppress", BTC, "--reason", "x"), ["--until", "--for"]),
        (("suppress", BTC, "--for", "1h", "--until", "2026-11-23", "--reason", "x"), ["--until", "--for"]),
        (("suppress", BTC, "--for", "2 hours", "--reason", "x"), ["--for", "30m, 2h or 3d", "'2 hours'"]),
        (("suppress", BTC, "--for", "0h", "--reason", "x"), ["--for", "30m, 2h or 3d"]),
        (("suppress", BTC, "--for", "٣h", "--reason", "x"), ["--for", "30m, 2h or 3d"]),
        (("suppress", BTC, "--for", "91d", "--reason", "x"), ["--for", "at most 90 days", "2027-02-20T12:01:00.000Z"]),
        (("suppress", BTC, "--for", "99999d", "--reason", "x"), ["--for", "at most 90 days"]),
        (("suppress", BTC, "--until", "2026-11-22T12:01:00Z", "--reason", "x"), ["--until", "a time to come"]),
        (("suppress", BTC, "--until", "2026-11-22T12:01:00.0004Z", "--reason", "x"), ["--until", "a time to come"]),
        (("suppress", BTC, "--until", "2027-02-20T12:01:00.001Z", "--reason", "x"), ["--until", "at most 90 days"]),
        (("suppress", BTC, "--until", "tomorrow", "--reason", "x"), ["--until", "must be a day such as"]),
        (("ack",), ["BREAK_ID"]),
        (
            ("ack", *[f"brk-{number:016x}" for number in range(MAX_AT_ONCE + 1)]),
            ["BREAK_ID: at most 33 at once, not 34"],
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_no_trace(cloud_with_breaks, arguments, words):
    before = everything(cloud_with_breaks)
    refused(trueup("breaks", *arguments), *words)
    assert everything(cloud_with_breaks) == before


def test_who_acknowledged_it_first_is_named(cloud_with_breaks):
    cloud_with_breaks.breaks.do(BTC, Acknowledged(NOW, ANN))
    refused(trueup("breaks", "ack", BTC), f"BREAK_ID: {BTC}: {ANN} has acknowledged it")


def test_when_others_keep_writing_one_may_try_again(monkeypatch):
    def busy(*_):
        raise StoreUnavailable(f"{BTC}: others keep writing at the same moment; try again")

    monkeypatch.setattr(Breaks, "do_all", busy)
    refused(trueup("breaks", "ack", BTC), "try again", code=75)


def test_as_many_as_are_allowed_fit_into_one_transaction_with_a_comment_each(cloud_with_breaks):
    names = [f"brk-{number:016x}" for number in range(MAX_AT_ONCE)]
    for name in names:
        tell_story(cloud_with_breaks, place_like(name), [look("12:00", "1")])
    ran = trueup("breaks", "ack", *names, "--comment", "all of them")
    assert (ran.code, len(ran.out.splitlines())) == (0, MAX_AT_ONCE)


def test_a_stack_that_does_not_say_how_long_events_are_kept_is_to_be_deployed_again(cloud_with_breaks):
    del cloud_with_breaks.outputs["RetentionDays"]
    refused(trueup("breaks", "list"), "RetentionDays", "deploy it again")


def test_what_somebody_did_expires_after_the_time_of_the_stack(cloud_with_breaks):
    cloud_with_breaks.outputs["RetentionDays"] = "500"
    trueup("breaks", "ack", BTC)
    last = cloud_with_breaks.rows.get(*keys.event(BTC, 4))
    assert last["expires_at"] == int((NOW + timedelta(days=500)).timestamp())


def test_the_same_state_gives_the_same_document():
    assert trueup("breaks", "show", BTC, "--json").out == trueup("breaks", "show", BTC, "--json").out
    json.loads(trueup("breaks", "list", "--json").out)
