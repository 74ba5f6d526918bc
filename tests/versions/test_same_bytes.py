"""The same input gives the same bytes: on every version of Python, on a 32-bit platform, in any process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.versions import corpus
from tests.versions.corpus import EXPECTED, RUNS, VENUES, Desk, case, digests, written
from tests.versions.interpreters import IN_NODE, ROOT, VERSIONS, Said, Unavailable, native, say, say_in_node

HOW = "If rules, words or tables were changed on purpose: python -m tests.versions.corpus > tests/versions/expected.txt"


def test_this_python_says_what_is_expected() -> None:
    assert written(digests()) == EXPECTED.read_text(), HOW


def test_the_corpus_meets_what_could_come_out_otherwise() -> None:
    desk = Desk()
    said = "".join(text for run in range(RUNS) for text in desk.run(run, {name: case(run, name) for name in VENUES}))
    for name, words in {
        "outcome": ("exact", "within_tolerance", "in_motion", "explained", "break", "unverified"),
        "hint": ("alias", "transfer", "fee", "open_order"),
        "news": ("confirmed", "explained"),
        "recheck": ("read", "unreachable"),
        "reason": ("book_in_motion", "no_book", "incomplete", "stale_book", "clock_skew"),
    }.items():
        assert [word for word in words if f'"{name}":"{word}"' not in said] == []
    assert '"unmapped":true' in said
    refused = {corpus.said_of(text) for text in corpus.broken_texts()}
    assert {"snapshot: is nested too deeply", "snapshot: holds a number with too many digits"} <= refused
    assert len(refused) > 40


@pytest.mark.slow
def test_a_set_that_is_not_put_in_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(items: object, *more: object, **how: object) -> list[object]:
        return sorted(items, *more, **how)[::-1]  # type: ignore[call-overload]  # whatever was sorted

    monkeypatch.setattr("trueup.domain.compare.sorted", backwards, raising=False)
    found = dict(line.split() for line in EXPECTED.read_text().splitlines())
    assert digests()["made"] == found["made"]
    assert digests()["said"] != found["said"]


# -- every Python --------------------------------------------------------------------------------------------------


def same(said: Said) -> None:
    assert said.digests == EXPECTED.read_text(), f"{said.python} differs. {HOW}"


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_a_python_of_this_machine_says_what_is_expected(version: str) -> None:
    found = native()
    if version not in found:
        pytest.skip(f"there is no Python {version} on this machine itself; node runs 3.12 to 3.14 (below)")
    said = say(found[version])
    assert said.python.startswith(f"python {version}.")
    same(said)


@pytest.mark.slow
@pytest.mark.parametrize("version", IN_NODE)
def test_a_python_of_32_bits_says_what_is_expected(version: str) -> None:
    try:
        said = say_in_node(version)
    except Unavailable as error:
        pytest.skip(str(error))
    assert said.python.startswith(f"python {version}.")
    assert said.python.endswith("on emscripten, 32 bits")
    same(said)


# -- every process -------------------------------------------------------------------------------------------------


def batch(folder: Path, **settings: str) -> bytes:
    """What `trueup compare --batch` prints in a process with these settings."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}", **settings}
    command = [sys.executable, "-m", "cli", "compare", "--batch", "cases"]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=60)
    assert ran.returncode == 1, ran.stderr.decode()
    return ran.stdout


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Cases with everything that could depend on where they are read: names, times, faults."""
    for number in range(12):
        folder = tmp_path / "cases" / f"{number:02}"
        folder.mkdir(parents=True)
        found = case(number, "a")
        for name in ("snapshot", "book", "book-after", "prices", "account"):
            if found[name] is not None and (name != "book-after" or found["book"] is not None):
                (folder / f"{name}.json").write_text(json.dumps(found[name]))
        if found["policy"] is not None:
            (folder / "policy.yaml").write_text(json.dumps(found["policy"]))
    broken = tmp_path / "cases" / "größer \U0001fae8"
    broken.mkdir()
    (broken / "snapshot.json").write_text('{"account_id": "a",\n}')
    (broken / "book.csv").write_text("wallet,asset,total\nspot,größer,1\nspot,größer,2\n")
    named = tmp_path / "cases" / "names"
    named.mkdir()
    snapshot = case(1, "a")["snapshot"] | {"pending": [], "wallets": {"spot": "complete"}}
    snapshot["holdings"] = [{"wallet": "spot", "asset": name, "total": "1"} for name in ("größer", "\U0001fae8", "Z")]
    (named / "snapshot.json").write_text(json.dumps(snapshot), encoding="utf-8")
    (named / "book.csv").write_text("wallet,asset,total\nspot,größer,2\n", encoding="utf-8")
    return tmp_path


def test_a_batch_prints_the_same_bytes_whatever_the_hash_seed_the_locale_and_the_time_zone(cases: Path) -> None:
    here = batch(cases, PYTHONHASHSEED="0", LC_ALL="C.UTF-8", TZ="UTC")
    there = batch(
        cases, PYTHONHASHSEED="4242", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0", PYTHONIOENCODING="latin-1",
        TZ="Asia/Kathmandu", COLUMNS="20", LANG="tr_TR.UTF-8", FORCE_COLOR="1",
    )  # fmt: skip
    assert here == there
    assert "größer".encode() in here
    assert len(here.splitlines()) == 14
