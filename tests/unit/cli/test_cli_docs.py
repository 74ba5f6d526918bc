"""Every command in docs/ is run, and prints what its page says (`[...]` stands for anything)."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from break_kit import tell_three
from cli_kit import trueup, write

from cli.main import app
from local.venues.credentials import make_credential
from tests.unit.notify.notify_kit import alert, endpoint, parcels_of
from trueup.notify.endpoints import Kind
from trueup.notify.queue import SqsQueue

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "cli.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[tuple[str, str]]:
    """Pairs of a command and what is printed after it."""
    found: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            command, printed = found[-1]
            found[-1] = command, f"{printed}{line}\n"
    return found


# make needs a Makefile where it is called: tests/unit/local_sam/test_sam_local_docs.py.
OF_MAKE = ROOT / "docs" / "sam-local.md"
BLOCKS = [commands(match[1]) for page in PAGES if page != OF_MAKE for match in BLOCK.finditer(page.read_text())]


class Shell:
    """Runs what a reader of the page would type, in a folder with the examples."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = 0

    def run(self, command: str) -> str:
        if command == "echo $?":
            return f"{self.code}\n"
        if command.startswith("trueup "):
            ran = trueup(*shlex.split(command)[1:])
            self.code = ran.code
            return ran.out + ran.err
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout


def pattern(expected: str) -> str:
    return ".*".join(re.escape(part) for part in expected.split("[...]"))


def endpoints_of_the_page(cloud, monkeypatch):
    """Two endpoints, of which one refuses, and one dead letter."""
    told = [
        {"endpoint": "desk", "kind": "slack", "outcome": "delivered", "answer": "answered 200"},
        {
            "endpoint": "on-call",
            "kind": "pagerduty",
            "outcome": "not delivered",
            "answer": "answered 400: Event object is invalid",
        },
    ]
    monkeypatch.setattr("cli.alerts.invoke", lambda function, event: {"test": "test-1", "endpoints": told})
    queue = SqsQueue(cloud.outputs["DeliveryQueueUrl"], cloud.outputs["DeliveryDeadLetterQueueUrl"])
    [parcel] = parcels_of(alert(), endpoint(Kind.SLACK, name="desk"))
    queue.bury(parcel, "m-1", "answered 503")


@pytest.mark.parametrize("block", BLOCKS, ids=[block[0][0] for block in BLOCKS])
def test_the_page_shows_what_is_printed(block, a_run, schedule, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    if any("trueup alerts" in command for command, _ in block):
        endpoints_of_the_page(request.getfixturevalue("endpoints"), monkeypatch)
    if any("replay" in command for command, _ in block):
        request.getfixturevalue("judged_run")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    write(tmp_path, "cdp_api_key.json", make_credential().key_file())
    if not any("accounts put" in command for command, _ in block):
        trueup("accounts", "put", "examples/coinbase-account.json")
        trueup("accounts", "disable", "cb-main")
    if any(command.startswith("trueup breaks") for command, _ in block):
        tell_three(a_run)
    shell = Shell(tmp_path)
    for command, expected in block:
        printed = shell.run(command)
        assert re.fullmatch(pattern(expected), printed, re.DOTALL), f"$ {command}\n{printed}"


def test_the_page_names_every_verb():
    group = __import__("typer").main.get_command(app)
    text = PAGE.read_text()
    for name, command in group.commands.items():
        assert f"trueup {name}" in text
        for verb in getattr(command, "commands", ()):
            assert re.search(rf"trueup {name} [^\n]*\b{verb}\b", text), f"{name} {verb}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "SECURITY.md"], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for file, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([a-z-]+))?\)", page.read_text()):
        target = page.parent / file if file else page
        assert target.exists(), file
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, anchor


def test_only_a_case_that_cannot_be_read_has_a_detail():
    printed = next(printed for block in BLOCKS for command, printed in block if "--batch" in command)
    reports = [json.loads(line.replace("[[...]]", "[]")) for line in printed.splitlines()]
    assert ["detail" in report for report in reports] == [False, True, True]
