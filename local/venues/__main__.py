"""Starts both simulated venues in one process.

``python -m local.venues --seed SEED.json --ready-file READY.json [--coinbase-port 0] [--dydx-port 0]``

Once both listen, the ready file appears whole (it is renamed into place)::

    {"pid": 4711, "coinbase": {"port": 40001, "url": "http://127.0.0.1:40001"}, "dydx": {...}}

It is removed again on the way out. SIGTERM and SIGINT end the process with 0; a bad seed or bad usage is one
line and 64, a taken port one line and 69.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .fields import FieldError
from .seed import Seeded, read_seed
from .server import PortTakenError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_USAGE = 64
EXIT_UNAVAILABLE = 69


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _say(message)
        raise SystemExit(EXIT_USAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal says stop. Returns the exit code."""
    options = _parse(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        venues = read_seed(options.seed, coinbase_port=options.coinbase_port, dydx_port=options.dydx_port)
    except FieldError as error:
        _say(f"{options.seed}: {error}")
        return EXIT_USAGE
    try:
        with venues.coinbase, venues.dydx:
            _announce(options.ready_file, venues)
            stop.wait()
            options.ready_file.unlink(missing_ok=True)
    except PortTakenError as error:
        _say(str(error))
        return EXIT_UNAVAILABLE
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Arguments(prog="python -m local.venues", description="Simulated venues on loopback.")
    parser.add_argument("--seed", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--ready-file", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--coinbase-port", type=int, default=0, metavar="PORT")
    parser.add_argument("--dydx-port", type=int, default=0, metavar="PORT")
    return parser.parse_args(arguments)


def _announce(file: Path, venues: Seeded) -> None:
    document = {
        "pid": os.getpid(),
        "coinbase": {"port": venues.coinbase.port, "url": venues.coinbase.url},
        "dydx": {"port": venues.dydx.port, "url": venues.dydx.url},
    }
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    unfinished.write_text(json.dumps(document), encoding="utf-8")
    unfinished.replace(file)


def _say(message: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(f"local.venues: {message}\n")


if __name__ == "__main__":
    sys.exit(main())
