"""The README's commands, run one after the other as a reader would, in an empty folder."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.venues.dydx import DydxSimulator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TRUEUP = Path(sys.executable).with_name("trueup")
VERDICTS = {0, 1, 2}


def console_commands(document: Path) -> list[str]:
    """Every line of the document's ```console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TRUEUP_"))}
    words = command.split()
    assert words[0] == "trueup", command
    return subprocess.run(
        [str(TRUEUP), *words[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_every_trueup_command_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    account = tmp_path / "examples" / "dydx-account.yaml"
    address = re.search(r"^address: (\S+)$", account.read_text(), re.MULTILINE)
    assert address is not None
    commands = [line for line in console_commands(ROOT / "README.md") if line.startswith("trueup ")]
    assert "trueup down" in commands
    printed = {}
    with DydxSimulator() as venue:
        venue.open_subaccount(address[1], 0, assets={"USDC": "25"})
        # The one change: the example asks the real venue, which a test must not need.
        account.write_text(f"{account.read_text()}base_url: {venue.url}\n")
        try:
            for command in commands:
                done = run(command, tmp_path)
                assert done.returncode in VERDICTS, f"{command}\n{done.stderr}"
                assert "Traceback" not in done.stderr
                printed[command] = done.stdout
        finally:
            run("trueup down", tmp_path)

    assert "8 of 9 accounts verified" in printed["trueup run --local"]
    assert "cb-algo" in printed["trueup runs last cb-algo --local"]
    assert "4 breaks: CRITICAL 2, MAJOR 1, MINOR 1" in printed["trueup breaks list --local"]
    assert "USDC" in printed["trueup fetch examples/dydx-account.yaml"]
    assert printed["trueup audit verify --local"].startswith("intact: ")
    assert printed["trueup down"] == "Stopped.\n"


def test_the_demo_shows_everything_and_leaves_nothing_running(tmp_path: Path) -> None:
    done = run("trueup demo", tmp_path)

    assert done.returncode == 0, done.stderr
    for said in ("THE E-MAILS", "THE WEBHOOK", "THE REPORT", "opposite sides", "UNVERIFIED (auth_failed)"):
        assert said in done.stdout
    assert "Everything came out as seeded." in done.stdout


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with DydxSimulator() as somebody_else:
        taken = somebody_else.port
        done = run(f"trueup demo --port {taken}", tmp_path)

    assert done.returncode == 69
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("trueup:")]
    assert f"port {taken} cannot be used" in line


def test_a_state_folder_that_is_not_ours_is_one_clear_line_and_stays_as_it_is(tmp_path: Path) -> None:
    theirs = tmp_path / ".trueup" / "demo" / "thesis.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("chapter one")

    done = run("trueup demo", tmp_path)

    assert done.returncode == 69
    assert len([line for line in done.stderr.splitlines() if line.startswith("trueup:")]) == 1
    assert theirs.read_text() == "chapter one"


@pytest.mark.parametrize("moment", ["Starting the local cloud", "Deploying the stack", "reading 9 accounts"])
def test_ctrl_c_ends_the_demo_and_leaves_nothing_running(tmp_path: Path, moment: str) -> None:
    demo = subprocess.Popen(
        [str(TRUEUP), "demo"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert demo.stderr is not None
    with demo.stderr as said:
        assert any(moment in line for line in said), f"the demo never said {moment!r}"
        os.killpg(demo.pid, signal.SIGINT)
        rest = said.read()

    assert demo.wait(timeout=60) == 130
    assert rest.splitlines()[-1] == "Stopped; nothing is left running"
    assert working_in(tmp_path) == []


def working_in(folder: Path) -> list[str]:
    """The commands of all processes that work below a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "cwd").readlink().is_relative_to(folder):
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # it ended, or is not ours to look at
    return found
