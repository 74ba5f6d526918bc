"""Making the environment: what is missing is one clear line, before anything is made."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "environment.sh"


def make_environment(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), str(folder / "venv"), "requirements/app.txt"],
        env={**os.environ, "PYTHON": python},
        cwd=SCRIPT.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )


def pretend(folder: Path, name: str, script: str) -> str:
    """A stand-in for an interpreter."""
    stand_in = folder / name
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    stand_in.chmod(0o755)
    return str(stand_in)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "there is no"),
        (
            '[ "$1" = --version ] && echo "Python 3.9.18"; exit 1',
            "Python 3.9.18 is too old; Trueup needs 3.11 or newer",
        ),
        ('case "$2" in *ensurepip*) exit 1;; esac', "cannot make virtual environments"),
    ],
    ids=["none", "too old", "without venv"],
)
def test_an_interpreter_that_will_not_do_is_one_line_and_makes_nothing(
    tmp_path: Path, script: str | None, said: str
) -> None:
    python = str(tmp_path / "python") if script is None else pretend(tmp_path, "python", script)

    done = make_environment(tmp_path, python)

    assert done.returncode == 64
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not (tmp_path / "venv").exists()
