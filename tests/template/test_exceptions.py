"""What the security linter is told to pass over, and why: beside the resource, in words, and nowhere else."""

import re
from typing import Any

from cfn import ROOT, TEMPLATE

EXCEPTED = {
    "EvidenceBucket": {"CKV_AWS_18"},
    "FetchSubnetPolicy": {"CKV_AWS_111"},
    "ScheduleDeadLetterQueue": {"CKV_AWS_27"},
    **{
        f"{name}Function": {"CKV_AWS_115", "CKV_AWS_116", "CKV_AWS_117", "CKV_AWS_173"}
        for name in ("Plan", "FetchCoinbase", "FetchDydx", "FetchPrices", "Compare", "Book", "Notify")
    },
}


def test_every_exception_is_known_and_tells_its_reason(template: dict[str, Any]) -> None:
    found: dict[str, set[str]] = {}
    for name, resource in template["Resources"].items():
        for exception in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert exception.keys() == {"id", "comment"}, name
            assert re.fullmatch(r".{30,}", exception["comment"]), name
            found.setdefault(name, set()).add(exception["id"])
    assert found == EXCEPTED


def test_no_check_is_passed_over_for_the_whole_template() -> None:
    assert "checkov:skip" not in TEMPLATE.read_text(), "a comment; use Metadata on the resource"
    assert not [path for pattern in (".checkov*", ".cfnlintrc*") for path in ROOT.glob(pattern)]
    [command] = re.findall(r"\S*bin/checkov (.*)", (ROOT / "Makefile").read_text())
    assert "skip-check" not in command
    assert "soft-fail" not in command


def test_what_the_exceptions_say_is_so(template: dict[str, Any]) -> None:
    assert template["Resources"]["ScheduleDeadLetterQueue"]["Properties"]["SqsManagedSseEnabled"] is True
    names = set(template["Globals"]["Function"]["Environment"]["Variables"])
    for resource in template["Resources"].values():
        names |= resource.get("Properties", {}).get("Environment", {}).get("Variables", {}).keys()
    assert not [name for name in names if re.search(r"KEY|TOKEN|PASSWORD|CREDENTIAL|SECRET(?!_PREFIX)", name)]
