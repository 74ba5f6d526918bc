"""`trueup runs replay`: what it says and how it exits; what is judged is tests/unit/auditing/test_replay.py."""

import json
import re
from pathlib import Path

import pytest
from cli_kit import JUDGED, is_one_line, trueup

from trueup import aws
from trueup.domain.reading import digest, read_time
from trueup.store import keys
from trueup.store.runs import Runs

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


def replace_object(cloud, key, change):
    document = cloud.objects.get(key)
    change(document)
    aws.client("s3").delete_object(Bucket="bucket", Key=key)
    cloud.objects.put_once(key, document)
    return document


def test_a_run_that_nobody_touched_is_identical(judged_run):
    ran = trueup("runs", "replay", JUDGED)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"identical: run {JUDGED}, 1 account, 2 lines, from 1 observation\n"
    document = trueup("runs", "replay", JUDGED, "--json").document
    assert (document["verdict"], document["problems"], document["differences"]) == ("identical", [], [])


def test_changed_evidence_is_named_and_exits_with_one(judged_run):
    key = keys.observation_object(JUDGED, "cb-main")
    replace_object(judged_run, key, lambda document: document["snapshot"]["holdings"][0].update(total="1.2"))
    ran = trueup("runs", "replay", JUDGED)
    assert ran.code == 1
    assert ran.out.startswith(f"object {key}: its digest is ")
    assert ran.out.splitlines()[1:] == [
        f"tampered: run {JUDGED}",
        "what to do: docs/runbook.md, Something differs in the audit",
    ]


def test_evidence_that_is_gone_exits_with_two(judged_run):
    aws.client("s3").delete_object(Bucket="bucket", Key=keys.prices_object(JUDGED))
    ran = trueup("runs", "replay", JUDGED)
    assert ran.code == 2
    assert ran.out.splitlines()[-1] == f"unverifiable: run {JUDGED}"
    assert keys.prices_object(JUDGED) in ran.out


def rewritten(cloud):
    """The worth is another, and so is the version; every digest of the report was corrected."""

    def change(document):
        (total,) = [line for line in document["accounts"][0]["lines"] if line["field"] == "total"]
        total["worth"] = "14550.076"
        document["judged_with"]["version"] = "0.0.9"

    sha256 = digest(replace_object(cloud, keys.report_object(JUDGED), change))
    row = cloud.rows.get(*keys.run(JUDGED))
    cloud.rows.put(row | {"report_sha256": sha256})
    entry = cloud.audit.last("cb-main")
    cloud.rows.put(entry | {"run_report_sha256": sha256})


def test_a_report_that_does_not_follow_shows_its_first_place(judged_run):
    rewritten(judged_run)
    ran = trueup("runs", "replay", JUDGED)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "cb-main: line spot BTC total worth was 14550.076, and comes out as 14550.075",
        "it was judged by Trueup 0.0.9, this is 0.1.0: replay it with that version",
        f"differs: run {JUDGED}, 1 account, 2 lines, from 1 observation",
    ]


def test_the_document_of_the_page_is_what_is_printed(judged_run):
    rewritten(judged_run)
    blocks = re.findall(r"^```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (shown,) = [found for block in blocks if "comes_out_as" in (found := json.loads(block)).get("differences", [{}])[0]]
    document = trueup("runs", "replay", JUDGED, "--json").document
    versions = document["assets_version"]
    assert versions["then"] == versions["now"]
    assert document == shown | {"assets_version": versions}


def test_a_run_without_a_report_says_why(cloud):
    Runs(cloud.rows, cloud.objects, 400).claim(JUDGED, "arn:x", read_time("2026-11-21T12:00:00Z", "at"), "disabled")
    ran = trueup("runs", "replay", JUDGED)
    assert ran.code == 2
    assert "nothing was looked at: ReconciliationEnabled was false" in ran.err


@pytest.mark.parametrize(("typed", "words"), [(JUDGED, "there is no run"), ("yesterday", "must be like")])
def test_a_run_that_is_not_there_is_bad_usage(cloud, typed, words):
    ran = trueup("runs", "replay", typed)
    assert ran.code == 64
    assert is_one_line(ran.err)
    assert words in ran.err


def test_what_a_report_says_cannot_write_on_the_terminal(judged_run):
    replace_object(judged_run, keys.report_object(JUDGED), lambda document: document.update(run_id="\x1b[2Jx"))
    assert "\x1b" not in trueup("runs", "replay", JUDGED).out
