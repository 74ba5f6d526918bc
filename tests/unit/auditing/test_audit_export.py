"""The record to take away: whole or not at all, the same bytes every time, and every hash in it can be recomputed."""

import csv
import json
import random
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.auditing.pack import Packed, Packer
from cli.errors import BadInput, NotThere
from tests.unit.auditing.history import ACCOUNTS, NOW, Desk, at, history
from tests.unit.auditing.pack_reader import documents, faults_of_pack
from trueup.store import keys
from trueup.store.memory import MemoryObjects

ALL = at("22 00:00"), at("27 00:00")


def pack(desk: Desk, out: Path, period: tuple[datetime, datetime] = ALL, only: str | None = None) -> Packed:
    return Packer(desk.rows, desk.objects, ACCOUNTS, *period, NOW, only).pack(out)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "pack"


def test_a_pack_adds_up_by_its_own_note(out: Path) -> None:
    packed = pack(history(), out)
    assert (packed.accounts, packed.entries, packed.runs, packed.missing) == ({*ACCOUNTS, "cb-old"}, 22, 10, 0)
    assert list(faults_of_pack(out)) == []
    assert (out / "missing.jsonl").read_text() == ""
    assert packed.objects == len(list((out / "objects").rglob("*.json")))


def test_a_pack_holds_all_that_is_vouched_for(out: Path) -> None:
    desk = history()
    pack(desk, out)
    there = {f"{name.removeprefix('objects/')}.gz" for name in contents(out) if name.startswith("objects/")}
    assert there == {key for key in desk.bucket if "20261123T001500Z" not in key}
    assert all((out / "objects" / key.removesuffix(".gz")).read_text() == desk.bucket[key] for key in there)


def test_sha256sum_agrees(out: Path) -> None:
    pack(history(), out)
    checked = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr


PERIODS = [
    ("22 12:00", "22 13:00", {"cb-main": 2, "cb-old": 2, "cb-two": 2}, 2),
    ("23 00:00", "23 23:59", {"cb-main": 3, "cb-old": 1, "cb-two": 3}, 3),
    ("24 00:00", "24 23:59", {"cb-main": 1, "cb-two": 1}, 2),
    ("26 08:05", "26 08:06", {"cb-main": 1, "cb-two": 1}, 1),
]


@pytest.mark.parametrize(("start", "end", "entries", "runs"), PERIODS)
def test_a_period_holds_the_runs_compared_in_it(
    out: Path, start: str, end: str, entries: dict[str, int], runs: int
) -> None:
    packed = pack(history(), out, (at(start), at(end)))
    found = {path.parent.name: len(documents(path)) for path in out.glob("accounts/*/entries.jsonl")}
    assert (found, packed.runs) == (entries, runs)
    assert list(faults_of_pack(out)) == []


def test_a_pack_of_one_account_holds_nothing_of_the_others(out: Path) -> None:
    packed = pack(history(), out, only="cb-main")
    assert (packed.accounts, packed.entries, packed.runs) == ({"cb-main"}, 9, 0)
    assert list(faults_of_pack(out)) == []
    assert [name for name, content in contents(out).items() if b"cb-two" in content or b"cb-old" in content] == []
    assert "cannot be recomputed here" in (out / "README.txt").read_text()
    assert not (out / "runs.jsonl").exists()


def test_the_same_period_is_the_same_bytes_even_later(tmp_path: Path) -> None:
    desk = history()
    pack(desk, tmp_path / "first", (at("22 00:00"), at("24 12:00")))
    desk.run(at("26 08:59"), {"cb-main": "2", "cb-two": "2"})
    pack(desk, tmp_path / "second", (at("22 00:00"), at("24 12:00")))
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_whatever_is_changed_in_a_pack_its_note_finds(tmp_path: Path) -> None:
    pack(history(), tmp_path / "pack")
    chance = random.Random(5)
    # Of a run's row the note vouches for two digests only.
    spoilt = [
        name for name in contents(tmp_path / "pack") if name.endswith((".json", "s.jsonl")) and "runs.j" not in name
    ]
    for name in chance.sample(sorted(spoilt), 25):
        path = tmp_path / "pack" / name
        content = path.read_bytes()
        place = chance.choice([index for index, byte in enumerate(content) if chr(byte).isdigit()])
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            found = [fault for fault in faults_of_pack(tmp_path / "pack") if "is another file" not in fault]
        except (LookupError, OSError, ValueError) as error:  # it was in a name, or ended a document early
            found = [str(error)]
        path.write_bytes(content)
        assert found, (name, place)
    assert list(faults_of_pack(tmp_path / "pack")) == []


def test_the_lines_are_a_table(out: Path) -> None:
    desk = history()
    pack(desk, out)
    with (out / "lines.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    reports = [json.loads(text) for key, text in desk.bucket.items() if key.endswith("/report.json.gz")]
    assert len(rows) == sum(report["counts"]["lines"] for report in reports)
    broken = [row for row in rows if row["outcome"] == "break" and row["severity"] == "CRITICAL"]
    assert {(row["run_id"], row["account_id"], row["difference"]) for row in broken} == {
        ("20261122T120000Z", "cb-old", "-1"),
        ("20261124T000000Z", "cb-two", "-1.5"),
    }
    assert {row["venue_name"] for row in rows} == {"coinbase"}


def test_a_name_that_a_spreadsheet_would_take_for_a_formula_is_text(out: Path) -> None:
    from cli.auditing.pack import _cell

    line = {"wallet": "spot", "asset": "=HYPERLINK(1)", "difference": "-1", "references": ["@x", "y"]}
    assert [_cell(line, name) for name in ("wallet", "asset", "difference", "references")] == [
        "spot",
        "'=HYPERLINK(1)",
        "-1",
        "'@x y",
    ]


# -- whole, or not at all ------------------------------------------------------------------------------------------


def nothing_is_left(folder: Path) -> bool:
    return list(folder.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(out: Path) -> None:
    out.mkdir()
    (out / "mine").write_text("mine")
    with pytest.raises(BadInput, match=r"--out: .*pack is there already; name a folder that is not"):
        pack(history(), out)
    assert contents(out) == {"mine": b"mine"}


def test_a_link_that_leads_nowhere_is_there_too(out: Path) -> None:
    out.symlink_to("nowhere")
    with pytest.raises(BadInput, match="is there already"):
        pack(history(), out)


def test_a_folder_with_nowhere_to_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="missing is no folder; make it first"):
        pack(history(), tmp_path / "missing" / "pack")


def test_a_period_without_an_entry_leaves_nothing(tmp_path: Path, out: Path) -> None:
    with pytest.raises(BadInput, match="there is no entry of any account from 2026-11-25"):
        pack(history(), out, (at("25 00:00"), at("25 23:00")))
    with pytest.raises(BadInput, match="there is no entry of cb-gone"):
        pack(history(), out, only="cb-gone")
    assert nothing_is_left(tmp_path)


class Refusing(MemoryObjects):
    def __init__(self, like: MemoryObjects, part: str, error: Callable[[], Exception]) -> None:
        super().__init__()
        self._objects, self.part, self.error = like._objects, part, error

    def content(self, key: str) -> bytes | None:
        if self.part in key:
            raise self.error()
        return super().content(key)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (lambda: ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject"), NotThere),
        (lambda: ClientError({"Error": {"Code": "ExpiredToken"}}, "GetObject"), ClientError),
        (KeyboardInterrupt, KeyboardInterrupt),
    ],
    ids=["refused", "signed out", "interrupted"],
)
@pytest.mark.parametrize("part", ["20261126T080500Z/report", "second/cb-main"])
def test_what_cannot_be_read_leaves_nothing(
    tmp_path: Path, out: Path, part: str, error: Callable[[], Any], expected: type[BaseException]
) -> None:
    desk = history()
    assert isinstance(desk.objects, MemoryObjects)
    desk.objects = Refusing(desk.objects, part, error)
    with pytest.raises(expected) as raised:
        pack(desk, out)
    if expected is NotThere:
        assert "may not be read (AccessDenied); nothing was written" in str(raised.value)
    assert nothing_is_left(tmp_path)


def test_what_is_named_and_not_there_is_listed(out: Path) -> None:
    desk = history()
    gone = keys.observation_object("20261122T115500Z", "cb-main"), keys.report_object("20261124T000000Z")
    for key in gone:
        del desk.bucket[key]
    packed = pack(desk, out)
    assert packed.missing == 2
    listed = [document for _, document in documents(out / "missing.jsonl")]
    assert listed == [{"what": key, "why": "it was not there"} for key in gone]
    assert len(documents(out / "accounts/cb-two/entries.jsonl")) == 9


def test_a_record_that_was_tampered_with_can_be_taken_away_as_it_is(out: Path) -> None:
    desk = history()
    entry = desk.entries("cb-main")[1]
    entry["status"] = "OK"
    entry["seq"] = [1]
    report = keys.report_object("20261124T000000Z")
    desk.bucket[report] = '{"run_id":"20261124T000000Z","accounts":[{"account_id":"../../../../evil"}]}'
    packed = pack(desk, out)
    assert [document["what"] for _, document in documents(out / "missing.jsonl")] == [report]
    assert packed.missing == 1
    assert {"status": "OK", "seq": [1]}.items() <= documents(out / "accounts/cb-main/entries.jsonl")[1][1].items()


@pytest.mark.slow
def test_long_work_says_how_far_it_is(out: Path) -> None:
    desk, told = history(), list[str]()
    period = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    Packer(desk.rows, desk.objects, ACCOUNTS, *period, NOW, None, told.append).pack(out)
    assert 3000 < len(told) < 4000, "no further back than anything is kept, and not into the future"
    assert told[-2:] == ["2026-11-25: 18 entries, 44 objects", "2026-11-26: 18 entries, 44 objects"]
    assert len(list(out.glob("accounts/*"))) == 3
