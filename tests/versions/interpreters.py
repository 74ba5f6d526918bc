"""Every Python from 3.11 on that can be found here: the machine's own, and those that run as WebAssembly in node."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WASM = Path(__file__).with_name("wasm")
INSTALLED = ROOT / ".pyodide"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
IN_NODE = ("3.12", "3.13", "3.14")
NAMED = "PYTHONS"
"""The environment variable that names more of them, separated as in PATH."""
SECONDS = 300
_SAY = """\
import platform, sys
from tests.versions.corpus import digests, written
print(f"python {platform.python_version()} on {sys.platform}, {sys.maxsize.bit_length() + 1} bits")
print(written(digests()), end="")
"""


class Unavailable(Exception):
    """What runs a Python is not on this machine; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a Python says of itself, and the digests it came to, as they stand in expected.txt."""

    python: str
    digests: str


def native() -> dict[str, Path]:
    """Find the machine's own Pythons: in PYTHONS, in PATH, and among pyenv's; the first of each version."""
    found: dict[str, Path] = {}
    for candidate in _candidates():
        version = _version_of(candidate)
        if version in VERSIONS:
            found.setdefault(version, candidate)
    return dict(sorted(found.items()))


def _candidates() -> Iterator[Path]:
    yield from (Path(path) for path in os.environ.get(NAMED, "").split(os.pathsep) if path)
    for version in VERSIONS:
        if (there := shutil.which(f"python{version}")) is not None:
            yield Path(there)
    if shutil.which("pyenv") is not None:
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
        yield from sorted(Path(root).glob("versions/*/bin/python3.[0-9]*"), reverse=True) if root else ()


def _version_of(python: Path) -> str | None:
    """Ask a Python for its version; None from what is none, such as pyenv's stand-in for one that is not chosen."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        ran = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False, timeout=SECONDS)
    except OSError:
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None


def say(python: Path) -> Said:
    """Run the corpus on a Python of this machine."""
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'shared'}", "PYTHONDONTWRITEBYTECODE": "1"}
    return _said([str(python), "-c", _SAY], environment)


def say_in_node(version: str) -> Said:
    """Run the corpus on CPython as WebAssembly. Raises Unavailable where there is no node or npm."""
    _install()
    command = ["node", str(WASM / "run.mjs"), f"pyodide-{version}", str(ROOT)]
    return _said(command, {"PATH": os.environ["PATH"]}, INSTALLED)


def _said(command: list[str], environment: dict[str, str], folder: Path = ROOT) -> Said:
    ran = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    if ran.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {ran.returncode}: {ran.stderr.strip()[-2000:]}")
    python, _, digests = ran.stdout.partition("\n")
    return Said(python, digests)


def _install() -> None:
    """Install what the lock names, once, where nothing else is."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Unavailable(f"there is no {program} here, which runs CPython as WebAssembly")
    lock = INSTALLED / "package-lock.json"
    wanted = WASM / lock.name
    stamp = INSTALLED / "node_modules" / ".package-lock.json"
    if stamp.exists() and lock.exists() and lock.read_bytes() == wanted.read_bytes():
        return
    INSTALLED.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(WASM / name, INSTALLED / name)
    ran = subprocess.run(["npm", "ci"], cwd=INSTALLED, capture_output=True, text=True, check=False, timeout=SECONDS)
    if ran.returncode != 0:
        lock.unlink()
        raise RuntimeError(f"npm ci failed: {ran.stderr.strip()[-2000:]}")
