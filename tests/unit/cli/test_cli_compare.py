"""`trueup compare`: the domain core on files, as a script and as a person use it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_kit import ACCOUNT, BOOK, PRICES, SNAPSHOT, Ran, agreeing_snapshot, changed, is_one_line, trueup, write

ROOT = Path(__file__).parents[3]


def compare(folder: Path, snapshot=SNAPSHOT, book=BOOK, *more: str | Path) -> Ran:
    name = "book.csv" if isinstance(book, str) else "book.json"
    return trueup(
        "compare", "--venue", write(folder, "snapshot.json", snapshot), "--book", write(folder, name, book), *more
    )


def test_the_worked_example_is_a_critical_break_of_14550_dollars(tmp_path):
    prices = write(tmp_path, "prices.json", PRICES)
    ran = compare(tmp_path, SNAPSHOT, BOOK, "--prices", prices, "--json")
    assert (ran.code, ran.err) == (1, "")
    report = ran.document
    assert report["status"] == "CRITICAL"
    assert report["verified"] is False
    assert report["reasons"] == ["permission_denied"]
    line = report["lines"][1]
    assert line == {
        **line,
        "wallet": "spot",
        "asset": "BTC",
        "field": "total",
        "book": "1.25",
        "book_after": "1.25",
        "venue": "1.1",
        "difference": "-0.15",
        "relative": "0.12",
        "price": "97000.5",
        "worth": "14550.075",
        "outcome": "break",
        "kind": "quantity",
        "severity": "CRITICAL",
        "rule": None,
        "reason": None,
        "state": "unconfirmed",
        "streak": 1,
    }


def test_a_break_exits_1_even_when_something_else_is_unverified(tmp_path):
    assert compare(tmp_path).code == 1


def test_nothing_broken_but_a_wallet_unread_exits_2(tmp_path):
    snapshot = changed(agreeing_snapshot(), wallets=SNAPSHOT["wallets"])
    assert compare(tmp_path, snapshot).code == 2


def test_everything_verified_and_equal_exits_0(tmp_path):
    assert compare(tmp_path, agreeing_snapshot()).code == 0


def test_a_wallet_asked_for_and_not_in_the_snapshot_is_not_verified(tmp_path):
    account = write(tmp_path, "account.json", changed(ACCOUNT, wallets=["spot", "vault"]))
    ran = compare(tmp_path, agreeing_snapshot(), BOOK, "--account", account, "--json")
    assert (ran.code, ran.document["reasons"]) == (2, ["incomplete"])


def test_a_second_reading_of_the_book_is_the_other_bound(tmp_path):
    after = write(tmp_path, "after.json", changed(BOOK, holdings=[{"wallet": "spot", "asset": "BTC", "total": "1.0"}]))
    ran = compare(tmp_path, SNAPSHOT, BOOK, "--book-after", after, "--json")
    assert [line["outcome"] for line in ran.document["lines"]] == ["in_motion"]


def test_the_policy_decides_and_its_digits_are_exact(tmp_path):
    policy = write(tmp_path, "policy.yaml", "tolerance:\n  default:\n    relative: 0.12\n")
    ran = compare(tmp_path, SNAPSHOT, BOOK, "--policy", policy, "--json")
    line = ran.document["lines"][1]
    assert (line["outcome"], line["rule"]["field"], line["rule"]["limit"]) == ("within_tolerance", "relative", "0.12")


def test_the_same_files_give_the_same_bytes(tmp_path):
    first, second = (compare(tmp_path, SNAPSHOT, BOOK, "--json").out for _ in range(2))
    assert first == second


def test_a_csv_book_is_as_of_the_observation_and_covers_the_wallets_it_names(tmp_path):
    ran = compare(tmp_path, agreeing_snapshot(), "wallet,asset,total\nspot,BTC,1.25\n", "--json")
    assert (ran.code, ran.document["verified"]) == (0, True)


def test_a_csv_book_of_an_hour_ago_is_stale(tmp_path):
    csv = "wallet,asset,total\nspot,BTC,1.25\n"
    ran = compare(tmp_path, agreeing_snapshot(), csv, "--as-of", "2026-11-22T11:00:00Z", "--json")
    assert (ran.code, ran.document["reasons"]) == (2, ["stale_book"])


def test_the_held_column_is_compared_where_the_venue_states_it(tmp_path):
    ran = compare(tmp_path, agreeing_snapshot(), "wallet,asset,total,held\nspot,BTC,1.25,0.5\n", "--json")
    assert [(line["field"], line["outcome"]) for line in ran.document["lines"]] == [
        ("held", "break"),
        ("total", "exact"),
    ]


def test_people_see_the_worst_line_and_what_was_not_read(tmp_path):
    book = changed(BOOK, wallets=["spot", "earn"])
    book["holdings"].append({"wallet": "earn", "asset": "DOT", "total": "7"})
    ran = compare(tmp_path, SNAPSHOT, book, "--prices", write(tmp_path, "prices.json", PRICES))
    first, second = (next(line for line in ran.out.splitlines() if asset in line) for asset in ("BTC", "DOT"))
    assert "-0.15" in first
    assert "14,550.08" in first
    assert "not read" in second
    assert ran.out.index("BTC") < ran.out.index("DOT")
    assert "CRITICAL 1; gross" in ran.out


# -- bad input: one line, 64 -----------------------------------------------------------------------------------


def refused(ran: Ran, *words: str) -> None:
    assert ran.code == 64, ran
    assert ran.out == ""
    assert is_one_line(ran.err), ran.err
    for word in words:
        assert word in ran.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extra": 1}, ["snapshot.json.extra"]),
        ({"observed_at": "yesterday"}, ["snapshot.json.observed_at", "must be a time"]),
        ({"holdings": {}}, ["snapshot.json.holdings", "must be a list"]),
        (
            {"holdings": [{"wallet": "spot", "asset": "BTC", "total": 1.1}]},
            ["snapshot.json.holdings[0].total", "a number"],
        ),
        ({"holdings": [{"wallet": "spot", "asset": "BTC", "total": "NaN"}]}, ["holdings[0].total", "decimal number"]),
        ({"holdings": [{"wallet": "spot", "asset": "BTC"}]}, ["total", "is missing"]),
        ({"holdings": [{"wallet": "moon", "asset": "BTC", "total": "1"}]}, ["wallet", "moon" if False else "spot"]),
        ({"holdings": SNAPSHOT["holdings"] * 2}, ["holdings[1]", "repeats"]),
        ({"account_id": "CB Main"}, ["account_id", "lower-case"]),
    ],
)
def test_a_wrong_snapshot_is_one_line_naming_the_field(tmp_path, change, words):
    refused(compare(tmp_path, changed(SNAPSHOT, **change)), *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is not JSON"]),
        ("null", ["must be an object"]),
        ("[]", ["must be an object, not a list"]),
        ('{"a": 1, "a": 2}', ["repeats the key 'a'"]),
        ('{"a": NaN}', ["NaN"]),
        ("[" * 100_000, ["nested too deeply"]),
        ('{"a": ' + "9" * 5000 + "}", ["too many digits"]),
    ],
)
def test_what_is_not_proper_json_is_one_line_naming_the_file(tmp_path, text, words):
    refused(compare(tmp_path, text), "snapshot.json", *words)


def test_a_file_that_is_not_text_is_one_line(tmp_path):
    path = write(tmp_path, "book.json", BOOK)
    path.write_bytes(path.read_bytes().decode().encode("utf-16"))
    refused(trueup("compare", "--venue", write(tmp_path, "s.json", SNAPSHOT), "--book", path), "book.json", "UTF-8")


def test_a_missing_file_and_a_folder_are_one_line_each(tmp_path):
    book = write(tmp_path, "book.json", BOOK)
    refused(trueup("compare", "--venue", tmp_path / "none.json", "--book", book), "none.json", "no such file")
    refused(trueup("compare", "--venue", tmp_path, "--book", book), str(tmp_path), "is a folder")


def test_a_file_larger_than_we_read_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("cli.files.read_bytes.__defaults__", (1000,))
    refused(compare(tmp_path, " " * 2000), "snapshot.json", "larger than 1,000 bytes")


def test_the_book_of_another_account_is_refused(tmp_path):
    refused(compare(tmp_path, SNAPSHOT, changed(BOOK, account_id="cb-two")), "account_id", "cb-two", "cb-main")


def test_the_account_of_another_snapshot_is_refused(tmp_path):
    account = write(tmp_path, "account.json", changed(ACCOUNT, account_id="cb-two"))
    refused(compare(tmp_path, SNAPSHOT, BOOK, "--account", account), "account.json", "cb-two")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("tolerance:\n  default:\n    relativ: 0.1\n", ["policy.yaml.tolerance.default.relativ"]),
        ("tolerance:\n  default:\n    relative: wide\n", ["relative", "'wide'"]),
        ("tolerance:\n  default:\n    relative: .nan\n", ["relative", "'.nan'"]),
        ("alerts:\n  default:\n    alert_from: HIGH\n", ["alert_from", "MINOR, MAJOR, CRITICAL"]),
        ("timing:\n  default:\n    stale_book_seconds: 1.5\n", ["stale_book_seconds", "whole number"]),
        ("severity:\n  default:\n    unpriced_critical: yes\n", ["unpriced_critical", "true or false"]),
    ],
)
def test_a_wrong_policy_is_one_line_naming_the_field(tmp_path, policy, words):
    refused(compare(tmp_path, SNAPSHOT, BOOK, "--policy", write(tmp_path, "policy.yaml", policy)), *words)


def test_a_price_of_zero_is_refused(tmp_path):
    prices = write(tmp_path, "prices.json", changed(PRICES, prices={"BTC": "0"}))
    refused(compare(tmp_path, SNAPSHOT, BOOK, "--prices", prices), "prices.json.prices.BTC", "above zero")


def test_as_of_is_for_csv_books_only(tmp_path):
    refused(compare(tmp_path, SNAPSHOT, BOOK, "--as-of", "2026-11-22T12:00:00Z"), "--as-of")


def test_a_mistyped_as_of_is_one_line(tmp_path):
    refused(compare(tmp_path, SNAPSHOT, "wallet,asset,total\nspot,BTC,1\n", "--as-of", "noon"), "--as-of", "such as")


def test_missing_options_are_named():
    refused(trueup("compare"), "--venue")
    refused(trueup("compare", "--venue", "x"), "--book")


# -- batch -----------------------------------------------------------------------------------------------------


def batch(folder: Path, *more: str) -> tuple[int, list[dict]]:
    ran = trueup("compare", "--batch", folder, *more)
    assert ran.err == ""
    return ran.code, [json.loads(line) for line in ran.out.splitlines()]


def case(folder: Path, name: str, snapshot=None, book=None, **files) -> Path:
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    if snapshot is not None:
        write(folder, "snapshot.json", snapshot)
    if book is not None:
        write(folder, "book.json", book)
    for stem, content in files.items():
        write(
            folder,
            {"csv": "book.csv", "after": "book-after.json", "policy": "policy.yaml"}.get(stem, f"{stem}.json"),
            content,
        )
    return folder


def test_a_batch_is_one_report_a_line_in_the_order_of_the_folders(tmp_path):
    case(tmp_path, "b-equal", agreeing_snapshot(), BOOK)
    case(tmp_path, "a-short", changed(SNAPSHOT, wallets={"spot": "complete"}), BOOK, prices=PRICES)
    write(tmp_path, "notes.txt", "not a case")
    code, reports = batch(tmp_path)
    assert code == 1
    assert [report["status"] for report in reports] == ["CRITICAL", "OK"]
    assert all("detail" not in report for report in reports)


def test_a_batch_without_breaks_exits_2_if_anything_is_unverified_and_else_0(tmp_path):
    case(tmp_path, "a", agreeing_snapshot(), BOOK)
    assert batch(tmp_path)[0] == 0
    case(tmp_path, "b", agreeing_snapshot())
    assert batch(tmp_path)[0] == 2


@pytest.mark.parametrize(
    ("files", "reason", "account_id", "detail"),
    [
        ({"book": BOOK}, "missing_observation", "cb-main", "snapshot.json: there is no such file"),
        ({"snapshot": "{", "book": BOOK}, "bad_response", "cb-main", "snapshot.json: is not JSON"),
        ({"snapshot": "{"}, "bad_response", "the-case", "snapshot.json: is not JSON"),
        ({"snapshot": changed(SNAPSHOT, holdings=1)}, "bad_response", "cb-main", "snapshot.json.holdings"),
        ({"snapshot": SNAPSHOT, "book": "[]"}, "bad_book", "cb-main", "book.json: must be an object"),
        ({"snapshot": SNAPSHOT, "book": changed(BOOK, account_id="x")}, "bad_book", "cb-main", "book.json: account_id"),
        ({"snapshot": SNAPSHOT, "csv": "wallet,asset\n"}, "bad_book", "cb-main", "book.csv, line 1: the column total"),
        ({"snapshot": SNAPSHOT, "book": BOOK, "csv": ""}, "bad_book", "cb-main", "both there"),
        ({"snapshot": SNAPSHOT, "book": BOOK, "after": "{}"}, "bad_book", "cb-main", "book-after.json.account_id"),
        ({"snapshot": SNAPSHOT, "book": BOOK, "policy": "a: 1"}, "missing_observation", "cb-main", "policy.yaml.a"),
        ({"snapshot": SNAPSHOT, "book": BOOK, "prices": "{}"}, "missing_observation", "cb-main", "prices.json.base"),
        ({"snapshot": SNAPSHOT, "book": BOOK, "account": "{}"}, "missing_observation", "cb-main", "account.json.acc"),
    ],
)
def test_a_case_that_cannot_be_read_is_one_unverified_report_naming_why(tmp_path, files, reason, account_id, detail):
    case(tmp_path, "the-case", **files)
    code, [report] = batch(tmp_path)
    assert code == 2
    assert (report["status"], report["verified"], report["lines"]) == ("UNVERIFIED", False, [])
    assert report["reasons"] == [reason]
    assert report["account_id"] == account_id
    assert report["detail"].startswith(detail) or detail in report["detail"]
    assert str(tmp_path) not in report["detail"]


def test_a_missing_book_is_no_book_and_says_what_the_venue_holds(tmp_path):
    case(tmp_path, "a", SNAPSHOT)
    code, [report] = batch(tmp_path)
    assert (code, report["status"]) == (2, "UNVERIFIED")
    assert "no_book" in report["reasons"]
    assert "detail" not in report


def test_an_unreadable_case_does_not_stop_the_others(tmp_path):
    case(tmp_path, "a", "{")
    case(tmp_path, "b", agreeing_snapshot(), BOOK)
    assert [report["status"] for report in batch(tmp_path)[1]] == ["UNVERIFIED", "OK"]


def test_an_empty_batch_is_no_all_clear(tmp_path):
    refused(trueup("compare", "--batch", tmp_path), "no subfolder")
    refused(trueup("compare", "--batch", tmp_path / "none"), "none")


def test_batch_takes_no_other_file(tmp_path):
    refused(trueup("compare", "--batch", tmp_path, "--venue", "x"), "--batch")


def test_a_batch_is_the_same_bytes_wherever_it_lies_and_whenever_it_runs(tmp_path):
    outs = []
    for name in ("here", "there"):
        case(tmp_path / name, "a", SNAPSHOT, BOOK)
        case(tmp_path / name, "b", "{")
        outs.append(trueup("compare", "--batch", tmp_path / name).out)
    assert outs[0] == outs[1]


# -- as a process ----------------------------------------------------------------------------------------------


def process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'shared'}", **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_a_process_prints_utf8_and_no_colour_into_a_pipe_whatever_the_terminal_says(tmp_path):
    snapshot = agreeing_snapshot()
    snapshot["holdings"].append({"wallet": "spot", "asset": "猫", "total": "5"})
    ran = process(
        "compare",
        "--venue",
        write(tmp_path, "s.json", snapshot),
        "--book",
        write(tmp_path, "b.json", BOOK),
        PYTHONIOENCODING="ascii",
    )
    assert ran.returncode == 1, ran.stderr
    assert "猫" in ran.stdout.decode()
    assert b"\x1b[" not in ran.stdout
    assert max(map(len, ran.stdout.decode().splitlines())) <= 80


def test_a_process_refuses_usage_with_64_and_one_line():
    ran = process("compare", "--no-such-option")
    assert (ran.returncode, ran.stdout) == (64, b"")
    assert is_one_line(ran.stderr.decode())


def test_a_reader_that_leaves_early_does_not_change_the_verdict(tmp_path):
    for number in range(200):
        case(tmp_path / "cases", f"{number:03}", agreeing_snapshot(), BOOK)
    command = (
        f"{sys.executable} -m cli compare --batch {tmp_path / 'cases'} | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    )
    ran = subprocess.run(
        ["bash", "-c", command],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'shared'}"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == (b"0\n", b"")


def test_a_subaccount_that_was_asked_for_and_is_not_there_leaves_the_account_not_all_verified(tmp_path):
    snapshot = {**changed(SNAPSHOT, venue="dydx"), "wallets": {"perp/0": "complete"}, "holdings": []}
    book = changed(BOOK, wallets=["perp/0"], holdings=[])
    account = {"account_id": "cb-main", "venue": "dydx", "address": "dydx1", "subaccounts": [0, 128]}
    ran = compare(tmp_path, snapshot, book, "--account", write(tmp_path, "account.json", account), "--json")
    assert (ran.document["status"], ran.document["verified"]) == ("OK", False)
    assert ran.document["reasons"] == ["incomplete"]
    assert ran.code == 2


# -- names of assets -----------------------------------------------------------------------------------------------


def holding(asset: str, total: str, **more: object) -> dict[str, object]:
    return {"wallet": "spot", "asset": asset, "total": total, **more}


def of(document, *holdings):
    return changed(document, wallets=["spot"] if document is BOOK else {"spot": "complete"}, holdings=list(holdings))


def test_a_book_may_call_an_asset_as_its_venue_does(tmp_path):
    celo = of(SNAPSHOT, holding("CELO", "5", venue_asset="CGLD"))
    assert compare(tmp_path, celo, of(BOOK, holding("CGLD", "5"))).code == 0
    assert compare(tmp_path, celo, "wallet,asset,total\nspot,CGLD,5\n").code == 0
    assert compare(tmp_path, changed(celo, venue="dydx"), of(BOOK, holding("CGLD", "5"))).code == 1
    assert compare(tmp_path, changed(celo, venue="mtgox"), of(BOOK, holding("CGLD", "5"))).code == 1


def test_a_form_of_an_asset_is_a_break_that_says_what_it_looks_like(tmp_path):
    ran = compare(tmp_path, of(SNAPSHOT, holding("POL", "100")), of(BOOK, holding("MATIC", "100")))
    assert ran.code == 1
    said = " ".join(ran.out.split())
    assert "CRITICAL missing at the venue; maybe another name of cb-main spot POL" in said
    assert "maybe another name of cb-main spot MATIC" in said


def test_a_name_nobody_knows_is_shown_as_such_whether_it_agrees_or_not(tmp_path):
    new = holding("NEWCOIN", "5", unmapped=True)
    ran = compare(tmp_path, of(SNAPSHOT, new), of(BOOK, holding("NEWCOIN", "4"), holding("BTCC", "1")))
    said = " ".join(ran.out.split())
    assert "CRITICAL missing at the venue; unknown name" in said
    assert "CRITICAL quantity differs; unknown name" in said
    assert "exact; unknown name" in compare(tmp_path, of(SNAPSHOT, new), of(BOOK, holding("NEWCOIN", "5")), "--all").out
    ran = compare(tmp_path, of(SNAPSHOT, new), of(BOOK, holding("NEWCOIN", "5")))
    assert "1 line agrees (1 exact, 0 within tolerance, 1 under a name that is not known)" in ran.out
    ran = compare(tmp_path, of(SNAPSHOT, new), of(BOOK, holding("NEWCOIN", "5")), "--json")
    assert [line["unmapped"] for line in ran.document["lines"]] == [True]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"base": "EUR"}, "it is in EUR, not USD"),
        ({"prices": {}}, "it has no price"),
        ({"as_of": "2026-11-22T09:00:00Z"}, "it is more than 3600 s away from what was seen"),
    ],
)
def test_a_price_set_that_cannot_serve_is_said_and_nothing_has_a_price(tmp_path, change, why):
    prices = write(tmp_path, "prices.json", changed(PRICES, **change))
    ran = compare(tmp_path, SNAPSHOT, BOOK, "--prices", prices)
    assert ran.err == f"cb-main: the price set is not used: {why}\n"
    assert "no price" in ran.out
    assert compare(tmp_path, SNAPSHOT, BOOK, "--prices", write(tmp_path, "prices.json", PRICES)).err == ""
