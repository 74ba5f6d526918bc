"""docs/sam-local.md, its commands run one after the other, where there is Docker."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.sam import docker
from local.sam.errors import NotReady

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sam-local.md").read_text()
SAM = ROOT / ".venv-sam" / "bin" / "sam"
BINARIES = Path(sys.executable).parent
MAKE = ["make", "-f", str(ROOT / "Makefile"), "-o", ".venv/app", "-o", ".venv-sam/sam", f"BIN={BINARIES}"]
SECONDS = 600


def lines_of(heading: str) -> list[str]:
    """The commands under a heading."""
    block = re.search(rf"^## {heading}\n.*?^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1].splitlines()


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of the page in a folder that stands for the checkout."""
    program, *words = shlex.split(line)
    command = {"trueup": [str(BINARIES / "trueup")], "make": MAKE, ".venv-sam/bin/sam": [str(SAM)]}[program]
    return subprocess.run(
        [*command, *words], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )  # fmt: skip


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder where `trueup up` runs."""
    try:
        docker.find()
    except NotReady as missing:
        pytest.skip(str(missing))
    if not SAM.exists():
        pytest.fail(f"no SAM CLI at {SAM}: `make .venv-sam/sam` installs it")
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(ROOT / "events", folder / "events")
    try:
        done = run("trueup up", folder)
        assert done.returncode == 0, done.stderr
        yield folder
    finally:
        run("trueup down", folder)
        for others_code in ("build", "cache"):  # nothing of ours to look at afterwards
            shutil.rmtree(folder / ".trueup" / "sam-local" / others_code, ignore_errors=True)


def test_each_function_answers_in_docker_as_in_the_cloud(desk: Path) -> None:
    answers = {}
    for line in lines_of("Each function"):
        if line.startswith("make"):
            done = run(line, desk)
            assert done.returncode == 0, done.stderr
            answers[line.split("FUNCTION=")[1].split()[0]] = json.loads(done.stdout)
    assert answers.pop("BookFunction")["account_id"] == "cb-airdrop"
    assert {answer["run_id"] for answer in answers.values()} == {"20261122T120000Z"}
    assert answers["FetchCoinbaseFunction"]["object"] == "runs/20261122T120000Z/observations/cb-main.json.gz"
    # The two accounts that were fetched, by functions with their own roles from simulated venues, could be verified.
    assert (answers["CompareFunction"]["accounts"], answers["CompareFunction"]["accounts_verified"]) == (8, 2)
    assert "20261122T120000Z" in run("trueup runs list --local", desk).stdout


def test_a_function_that_raises_is_an_exit_code(desk: Path) -> None:
    (desk / "nobody.json").write_text('{"run_id": "20261122T120000Z", "account_id": "nobody"}')
    done = run("make sam-local FUNCTION=FetchCoinbaseFunction EVENT=nobody.json", desk)
    assert done.returncode == 2
    assert "Error 1" in done.stderr
    assert json.loads(done.stdout)["errorType"] == "ConfigInvalid"


def test_by_hand_it_works_while_the_way_is_open_and_not_after(desk: Path) -> None:
    by_hand = next(line for line in lines_of("By hand") if "PlanFunction" in line) + " --skip-pull-image"
    # One process, so that the signal is its own; make is the first test's business.
    opened = subprocess.Popen(
        [sys.executable, "-m", "local.sam", "--open"],
        cwd=desk, env=os.environ, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert opened.stderr is not None
    with opened.stderr as said:
        assert any("Open for an hour" in line for line in said)
        while_open = run(by_hand, desk)
        opened.send_signal(signal.SIGTERM)  # SIGINT is ignored by what a shell starts in the background
    assert opened.wait(timeout=60) == 130
    assert json.loads(while_open.stdout)["next"] == "fetch", while_open.stderr
    assert "next" not in run(by_hand, desk).stdout
