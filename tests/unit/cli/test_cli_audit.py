"""`trueup audit`: what is printed, how it exits, and one change in each of AWS's stores found after the other."""

import gzip
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from cli_kit import RUN_ID, is_one_line, trueup

from cli.auditing.differences import What
from tests.unit.auditing.history import ACCOUNTS, NOW, history
from tests.unit.auditing.pack_reader import faults_of_pack
from trueup.store import keys

AT = "2026-11-22T12:00:05.000Z"
CHAIN, ENTRY = ("ACCOUNT#cb-main", "CHAIN"), ("ACCOUNT#cb-main", f"REPORT#{AT}#{RUN_ID}")
CHECKPOINT, RUN = ("ACCOUNT#cb-main", "CHECKPOINT#2026-11-22"), ("RUNS#2026-11-22", f"RUN#{RUN_ID}")


@pytest.fixture
def audited(a_run: Any, two_accounts: Any) -> Any:
    """One finished run over two accounts that are still looked at."""
    return a_run


def table() -> Any:
    return boto3.resource("dynamodb").Table("table")


def test_an_audit_nobody_touched_is_intact(audited: Any) -> None:
    ran = trueup("audit", "verify")
    assert (ran.code, ran.err) == (0, "")
    first, *positions = ran.out.splitlines()
    assert first == "intact: 2 entries of 2 accounts, 1 run, 1 observation"
    head = audited.rows.get(*CHAIN)
    assert positions[0] == f"cb-main:1:{head['hash']}"
    assert [line.partition(":")[0] for line in positions] == ["cb-main", "dydx-one"]


def test_the_json_of_an_intact_audit(audited: Any) -> None:
    head = audited.rows.get(*CHAIN)
    document = trueup("audit", "verify", "--account", "cb-main", "--from", "2026-11-22", "--json").document
    assert document == {
        "verdict": "intact",
        "account_id": "cb-main",
        "from": "2026-11-22T00:00:00.000Z",
        "to": None,
        "difference": None,
        "not_looked_at": [],
        "not_looked_at_count": 0,
        "looked_at": {
            "accounts": 1,
            "entries": 1,
            "checkpoints": 1,
            "runs": 1,
            "reports": 1,
            "evidence": 1,
            "prices": 1,
            "manifests": 1,
            "breaks": 0,
            "events": 0,
            "anchors": 0,
        },
        "expired": {"entries": 0, "objects": 0, "events": 0},
        "positions": [{"account_id": "cb-main", "seq": 1, "hash": head["hash"]}],
    }


def put(keys_of_row: tuple[str, str], **changes: Any) -> None:
    row = table().get_item(Key=dict(zip(("pk", "sk"), keys_of_row, strict=True)))["Item"]
    table().put_item(Item={**row, **changes})


def delete(keys_of_row: tuple[str, str]) -> None:
    table().delete_item(Key=dict(zip(("pk", "sk"), keys_of_row, strict=True)))


def flip(key: str) -> None:
    """Change one digit of an object, as somebody does who knows how it is stored."""
    s3 = boto3.client("s3")
    text = gzip.decompress(s3.get_object(Bucket="bucket", Key=key)["Body"].read())
    place = next(index for index, byte in enumerate(text) if chr(byte).isdigit())
    changed = text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]
    s3.put_object(Bucket="bucket", Key=key, Body=gzip.compress(changed))


SPOILT: dict[str, Any] = {
    "an entry": (lambda: put(ENTRY, status="OK"), What.ENTRY_CHANGED),
    "an entry's number": (lambda: put(ENTRY, counts={"lines": 5}), What.ENTRY_CHANGED),
    "an entry with a set": (lambda: put(ENTRY, reasons={"permission_denied"}), What.ENTRY_CHANGED),
    "an entry's field": (lambda: put(ENTRY, extra=True), What.ENTRY_CHANGED),
    "an entry removed": (lambda: delete(ENTRY), What.ENTRY_MISSING),
    "the head": (lambda: put(CHAIN, hash="0" * 64), What.HEAD_DIFFERS),
    "the head removed": (lambda: delete(CHAIN), What.HEAD_DIFFERS),
    "a checkpoint": (lambda: put(CHECKPOINT, retention_days=1), What.CHECKPOINT_DIFFERS),
    "a checkpoint removed": (lambda: delete(CHECKPOINT), What.HEAD_DIFFERS),
    "a run": (lambda: put(RUN, verified=True), What.RUN_DIFFERS),
    "a seal": (lambda: put(RUN, seal="0" * 64), What.SEAL_DIFFERS),
    "a run removed": (lambda: delete(RUN), What.RUN_MISSING),
    "a report": (lambda: flip(keys.report_object(RUN_ID)), What.OBJECT_CHANGED),
    "evidence": (lambda: flip(keys.observation_object(RUN_ID, "cb-main")), What.OBJECT_CHANGED),
    "prices": (lambda: flip(keys.prices_object(RUN_ID)), What.OBJECT_CHANGED),
    "a manifest": (lambda: flip(keys.manifest_object(RUN_ID)), What.OBJECT_CHANGED),
    "evidence that is no gzip": (
        lambda: boto3.client("s3").put_object(
            Bucket="bucket", Key=keys.observation_object(RUN_ID, "cb-main"), Body=b"x"
        ),
        What.OBJECT_CHANGED,
    ),
    "evidence removed": (
        lambda: boto3.client("s3").delete_object(Bucket="bucket", Key=keys.observation_object(RUN_ID, "cb-main")),
        What.OBJECT_MISSING,
    ),
}


@pytest.mark.parametrize(("spoil", "what"), SPOILT.values(), ids=SPOILT)
def test_one_change_in_any_store_of_aws_is_found(audited: Any, spoil: Any, what: What) -> None:
    spoil()
    ran = trueup("audit", "verify")
    assert ran.code == 1
    first, second, hint = ran.out.splitlines()
    assert first.startswith("differs: ")
    assert second.startswith("differs: ")
    assert hint == "what to do: docs/runbook.md, Something differs in the audit"
    document = trueup("audit", "verify", "--json").document
    assert (document["verdict"], document["difference"]["what"]) == ("differs", what)
    assert first.removeprefix("differs: ").startswith(document["difference"]["where"])
    assert first.endswith(document["difference"]["means"])


PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


def test_the_page_explains_everything_that_can_differ() -> None:
    explained = re.findall(r"^\| `([a-z_]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert explained == list(What)


def test_the_sample_of_the_page_is_what_is_printed(audited: Any) -> None:
    found = re.search(r"^```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    put(ENTRY, status="OK")
    printed = trueup("audit", "verify", "--json").out
    without_hashes = [re.sub("[0-9a-f]{12}…", "…", text) for text in (found[1], printed)]
    assert without_hashes[0] == without_hashes[1]


def test_a_history_of_days_is_intact_on_aws_too(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = history()
    for row in desk.table.values():
        cloud.rows.put(row)
    for key, text in desk.bucket.items():
        cloud.objects.put_once(key, json.loads(text))
    for name in ACCOUNTS:
        cloud.rows.put({"pk": "ACCOUNTS", "sk": f"ACCOUNT#{name}", "account": "{}"})
    monkeypatch.setattr("cli.audit.utc_now", lambda: NOW)
    ran = trueup("audit", "verify")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "intact: 22 entries of 3 accounts, 10 runs, 20 observations")


def test_an_anchor_is_compared(audited: Any) -> None:
    head = audited.rows.get(*CHAIN)
    assert trueup("audit", "verify", "--anchor", f"cb-main:1:{head['hash']}").code == 0
    cut_off = trueup("audit", "verify", "--anchor", f"cb-main:2:{head['hash']}")
    assert cut_off.code == 1
    assert "anchor cb-main:2: the chain ends with entry 1; the end of the chain was cut off" in cut_off.out
    rewritten = trueup("audit", "verify", "--anchor", f"cb-main:1:{'0' * 64}", "--json").document
    assert rewritten["difference"]["what"] == "anchor_rewritten"


def test_what_may_not_be_read_is_named_and_the_exit_code_says_so(audited: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    from trueup.store.objects import S3Objects

    read = S3Objects.content

    def content(self: S3Objects, key: str) -> bytes | None:
        if "/observations/" in key:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
        return read(self, key)

    monkeypatch.setattr(S3Objects, "content", content)
    ran = trueup("audit", "verify")
    assert ran.code == 2
    assert ran.out.splitlines()[:2] == [
        f"not looked at: object runs/{RUN_ID}/observations/cb-main.json.gz: AccessDenied",
        "incomplete: 2 entries of 2 accounts, 1 run, 0 observations",
    ]
    monkeypatch.setattr("cli.audit.NAMED", 0)
    assert trueup("audit", "verify").out.startswith("not looked at: 1 more\n")
    refused_pack = trueup("audit", "export", "--from", "2026-11-22", "--to", "2026-11-23", "--out", "pack")
    assert refused_pack.code == 69
    assert "may not be read (AccessDenied); nothing was written" in refused_pack.err


def test_an_audit_that_is_not_there_is_not_intact(cloud: Any) -> None:
    ran = trueup("audit", "verify", "--account", "cb-mian")
    assert ran.code == 2
    assert "not looked at: the audit of cb-mian: there is no entry to look at" in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "--account", "CB"], ["--account", "lower-case"]),
        (["verify", "--from", "soon"], ["--from", "2026-11-22"]),
        (["verify", "--to", "soon"], ["--to"]),
        (["verify", "--from", "2026-11-23", "--to", "2026-11-22"], ["--from", "after --to"]),
        (["verify", "--anchor", "cb-main:1"], ["--anchor", "ACCOUNT:NUMBER:HASH"]),
        (["verify", "--anchor", f"cb-main:0:{'a' * 64}"], ["--anchor"]),
        (["verify", "--anchor", f"cb-main:1:{'A' * 64}"], ["--anchor"]),
        (
            ["verify", "--anchor", f"cb-main:1:{'a' * 64}", "--anchor", f"cb-main:1:{'b' * 64}"],
            ["different hashes for entry 1 of cb-main"],
        ),
        (
            ["verify", "--account", "cb-two", "--anchor", f"cb-main:1:{'a' * 64}"],
            ["--anchor: is of cb-main, but --account is cb-two"],
        ),
        (["export", "--to", "2026-11-22", "--out", "x"], ["--from"]),
        (["export", "--from", "2026-11-22", "--out", "x"], ["--to"]),
        (["export", "--from", "2026-11-22", "--to", "2026-11-23"], ["--out"]),
        (["export", "--from", "2026-11-23", "--to", "2026-11-22", "--out", "x"], ["--from", "after --to"]),
        (["export", "--from", "2026-11-22", "--to", "2026-11-23", "--out", "/"], ["--out", "is there already"]),
        (["export", "--from", "2026-11-21", "--to", "2026-11-22", "--out", "x"], ["there is no entry of any account"]),
        (["export", "--from", "2026-11-22", "--to", "x", "--out", "x"], ["--to"]),
    ],
)
def test_what_is_mistyped_is_one_line_naming_it(
    audited: Any, arguments: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = trueup("audit", *arguments)
    assert ran.code == 64, ran
    assert is_one_line(ran.err)
    for word in words:
        assert word in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_taken_away(audited: Any, tmp_path: Path) -> None:
    period = ("--from", "2026-11-22", "--to", "2026-11-23")
    ran = trueup("audit", "export", *period, "--out", tmp_path / "pack")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (f"{tmp_path}/pack: 2 entries of 2 accounts, 4 objects; README.txt says how to verify them\n")
    assert list(faults_of_pack(tmp_path / "pack")) == []
    document = trueup("audit", "export", *period, "--account", "cb-main", "--out", tmp_path / "one", "--json").document
    assert document == {
        "out": str(tmp_path / "one"),
        "from": "2026-11-22T00:00:00.000Z",
        "to": "2026-11-23T00:00:00.000Z",
        "account_id": "cb-main",
        "accounts": ["cb-main"],
        "entries": 1,
        "runs": 0,
        "objects": 1,
        "missing": 0,
    }


def test_what_is_missing_from_a_pack_is_said(audited: Any, tmp_path: Path) -> None:
    boto3.client("s3").delete_object(Bucket="bucket", Key=keys.prices_object(RUN_ID))
    ran = trueup("audit", "export", "--from", "2026-11-22", "--to", "2026-11-23", "--out", tmp_path / "pack")
    assert ran.code == 0
    assert ran.err == f"note: 1 object that is named was not there: {tmp_path}/pack/missing.jsonl\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_how_far_it_is_is_said_on_a_terminal_and_nowhere_else(audited: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from cli.output import Progress

    for stream, said in ((io.StringIO(), ""), (Terminal(), "\r\x1b[K2026-11-22: 5 entries\r\x1b[K")):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress() as progress:
            progress("2026-11-22: 5 entries")
        assert stream.getvalue() == said
