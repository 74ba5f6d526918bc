"""What a cold start imports: the fetch handler, and the same handler built on ccxt, in fresh processes.

Both sides run in the same Python with the same packages installed. `shipped` is with byte code, as the built layer has
it; `compiled` is without, as from a layer of sources: the folder of a layer cannot be written, so every cold start
compiles again. Processor time is measured: an import waits for nothing, and other processes' turns are not its own.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.ratios import Seconds, ratio, summary, take_turns

ROOT = Path(__file__).parents[1]
BUDGET = 0.6
TWIN = "on ccxt"

# -I and -S: no site-packages but those named, as in Lambda. -B: nothing is left behind for the next process.
_CHILD = """
import sys, time
adapter, clients, *sys.path[:0] = sys.argv[1:]
begun = time.process_time()
import app
if adapter:
    from trueup.venues.registry import load
    load(adapter)
if clients:
    from trueup.aws import client
    for service in clients.split(","):
        client(service)
print(time.process_time() - begun)
"""

_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True, slots=True)
class Side:
    """One thing to import: a handler's folder, and what the first event needs beyond it: an adapter, AWS clients."""

    name: str
    handler: Path
    adapter: str = ""
    clients: str = ""


SIDES = (
    Side(TWIN, ROOT / "bench" / "ccxt_twin"),
    Side("trueup, handler alone", ROOT / "functions" / "fetch"),
    Side("trueup, Coinbase loaded", ROOT / "functions" / "fetch", "coinbase"),
    Side("trueup, dYdX loaded", ROOT / "functions" / "fetch", "dydx"),
)


def import_seconds(python: Path, packages: Sequence[Path], side: Side) -> Seconds:
    """Import one side in a fresh process. Raises CalledProcessError, with what the process said."""
    command = [str(python), "-I", "-S", "-B", "-c", _CHILD, side.adapter, side.clients]
    folders = [str(side.handler), *map(str, packages)]
    done = subprocess.run(command + folders, capture_output=True, text=True, env=_ENVIRONMENT, cwd=ROOT, check=False)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()
    return float(done.stdout)


def measure(python: Path, packages: Path, sides: Sequence[Side], rounds: int) -> dict[str, list[Seconds]]:
    """Measure all sides in turns, after one round that only warms the disk's cache."""
    measures: dict[str, Callable[[], Seconds]] = {
        side.name: partial(import_seconds, python, [packages], side) for side in sides
    }
    take_turns(measures, 1)
    return take_turns(measures, rounds)


def link_packages(installed: Path, target: Path, *, byte_code: bool) -> Path:
    """Put the installed packages and ours into one folder by hard links, with or without their byte code.

    `target` must be on the same disk as `installed`.
    """
    left_out = shutil.ignore_patterns("*.pth") if byte_code else shutil.ignore_patterns("*.pth", "__pycache__")
    shutil.copytree(installed, target, copy_function=os.link, ignore=left_out)
    shutil.copytree(ROOT / "shared" / "trueup", target / "trueup", ignore=shutil.ignore_patterns("__pycache__"))
    return target


def main() -> int:
    """Measure and print. Returns 64 when there is no environment with ccxt."""
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description="Import times against ccxt's")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-bench", help="with requirements/bench.txt")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    python = options.environment / "bin" / "python"
    if not python.exists():
        print(f"error: there is no {python}; `make bench` makes it", file=sys.stderr)
        return 64
    installed = Path(_ask(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    print(f"Importing the fetch handler, Python {_ask(python, 'import platform; print(platform.python_version())')}")
    with tempfile.TemporaryDirectory(dir=options.environment) as folder:
        for name, byte_code in (("byte code shipped", True), ("compiled at every cold start", False)):
            packages = link_packages(installed, Path(folder) / str(byte_code), byte_code=byte_code)
            if byte_code:
                subprocess.run([python, "-m", "compileall", "-q", str(packages / "trueup")], check=True)
            print(f"\n{name}, median of {options.rounds} fresh processes each, in turns")
            show(measure(python, packages, SIDES, options.rounds))
    return 0


def show(times: dict[str, list[Seconds]]) -> None:
    """Print every side and its ratio to the handler on ccxt."""
    for name, taken in times.items():
        against = "" if name == TWIN else f"   ÷ {TWIN}: {ratio(taken, times[TWIN])}, budget {BUDGET}"
        print(f"  {name:24} {summary(taken)}{against}")


def _ask(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
