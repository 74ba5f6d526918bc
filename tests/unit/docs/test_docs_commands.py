"""What the pages tell people to type exists: verbs, options, targets, parameters, AWS's own operations.

What can be run here is run elsewhere (`console` blocks); these are the commands that need an AWS account.
"""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer

from cli.main import app
from tests.template.cfn import load, of_type, parameter_accepts
from tests.unit.docs.test_docs_formats import ROOT
from trueup.domain.reasons import Reason

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[list[str]]:
    for block in BLOCK.finditer(page.read_text()):
        for line in block[1].replace("\\\n", " ").splitlines():
            if line.strip():
                yield shlex.split(line)


ALL = [(page.name, words) for page in PAGES for words in commands(page)]


def typed(*program: str) -> list[Any]:
    found = [
        pytest.param(words[len(program) :], id=f"{page}: {' '.join(words)[:60]}")
        for page, words in ALL
        if words[: len(program)] == list(program)
    ]
    assert found, f"no page has {program}"
    return found


def test_every_command_is_of_a_kind_that_is_checked() -> None:
    for page, words in ALL:
        known = words[0] in {"trueup", "make", "aws"} or words[:2] == ["git", "pull"]
        assert known or words[0] == ".venv-sam/bin/sam", f"{page}: {words}"


@pytest.mark.parametrize("words", typed("trueup"))
def test_a_verb_and_its_options_are_taken(words: list[str]) -> None:
    command = typer.main.get_command(app)
    context = command.make_context("trueup", list(words), resilient_parsing=False)
    while isinstance(command, typer.core.TyperGroup):
        name, command, words = command.resolve_command(context, words)
        assert command is not None
        context = command.make_context(name or "", list(words), parent=context)
    assert context.args == []


@pytest.mark.parametrize("words", typed("make"))
def test_a_target_is_there(words: list[str]) -> None:
    targets = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(words) - {"=" in word and word for word in words} <= set(targets)


@pytest.mark.parametrize("words", typed(".venv-sam/bin/sam", "deploy"))
def test_a_parameter_override_is_one_the_template_takes(words: list[str]) -> None:
    declared = load()["Parameters"]
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            assert parameter_accepts(declared[name], value), word


@pytest.mark.parametrize("words", typed("aws"))
def test_an_operation_of_aws_and_its_options_exist(words: list[str]) -> None:
    service, operation, *options = words
    if service == "s3":
        assert operation in {"cp", "rb"}
        return
    model = botocore.session.get_session().get_service_model(service)
    camel = "".join(part.capitalize() for part in operation.split("-"))
    shape = model.operation_model(camel).input_shape
    assert shape is not None
    # The one name aws's own command line changed.
    options = ["--endpoint" if option == "--notification-endpoint" else option for option in options]
    members = {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in shape.members}
    for option in options:
        if option.startswith("--"):
            assert option.removeprefix("--").removeprefix("no-") in members, option
    for option in options:
        if option.startswith("{"):
            json.loads(json.loads(option)["FilterPolicy"])


def test_the_runbook_says_what_to_do_about_every_reason() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    rows = " ".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    assert [reason for reason in Reason if f"`{reason}`" not in rows] == []


def test_the_runbook_has_a_section_for_every_alarm() -> None:
    headings = re.findall(r"^## .*$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    for name in of_type(load(), "AWS::CloudWatch::Alarm"):
        assert any(f"`{name}`" in heading for heading in headings), name
