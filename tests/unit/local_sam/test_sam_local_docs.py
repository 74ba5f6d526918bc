"""docs/sam-local.md: its refusals are what a reader gets who has no Docker."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "sam-local.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [tuple(part.split("\n", 1)) for block in BLOCKS for part in block.removeprefix("$ ").split("\n$ ")]


@pytest.mark.parametrize(("command", "expected"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_the_page_shows_what_is_printed(command: str, expected: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "events", tmp_path / "events")
    words = shlex.split(command)
    assert words[0] == "make"
    make = shutil.which("make")
    assert make is not None
    # Nothing is installed for this (-o), and no Docker is on the path.
    options = ["-f", str(ROOT / "Makefile"), "-o", ".venv/app", "-o", ".venv-sam/sam"]
    binaries = f"BIN={Path(sys.executable).parent}"
    done = subprocess.run(
        [make, *options, binaries, *words[1:]],
        cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    pattern = ".*".join(re.escape(part) for part in expected.rstrip("\n").split("[...]"))
    assert re.fullmatch(pattern, done.stderr.rstrip("\n"), re.DOTALL), done.stderr
    assert done.stdout == ""
    assert done.returncode == 2
