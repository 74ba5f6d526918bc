"""Finding and ending the processes of one local cloud, and no others.

ministack and the functions it starts carry `-X trueup-cloud=<token>` on their command line: Python ignores options of
that form which it does not know. The token is random for each start, so a process that has it is ours, whatever became
of its parent, and a process that merely got a number of ours again is not.
"""

import itertools
import os
import signal
import subprocess
import time
from pathlib import Path

from local.cloud.errors import LocalCloudError

_PROC = Path("/proc")
_POLL_SECONDS = 0.02


def mark(token: str) -> list[str]:
    """Return the interpreter options that mark a process as belonging to `token`."""
    return ["-X", f"trueup-cloud={token}"]


def marked(token: str) -> list[int]:
    """Return the process ids that carry the mark of `token`, in ascending order."""
    option, value = mark(token)
    return sorted(
        pid
        for pid, command in _commands().items()
        if any(pair == (option, value) for pair in itertools.pairwise(command))
    )


def end(token: str, grace_seconds: float = 5.0) -> int:
    """End every process of `token`: asked first, killed after `grace_seconds`. Return how many there were."""
    found = marked(token)
    _signal_all(found, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while marked(token) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    # A function can still start while its neighbours are being asked, hence the loop.
    deadline = time.monotonic() + grace_seconds
    while left := marked(token):
        if time.monotonic() > deadline:
            raise LocalCloudError(f"processes of the local cloud do not end: {', '.join(map(str, left))}")
        _signal_all(left, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    return len(found)


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _commands() -> dict[int, list[str]]:
    """Every process and its command line; a zombie has an empty one."""
    if (_PROC / "self" / "cmdline").exists():
        return _commands_from_proc()
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
    rows = (line.split() for line in listing.stdout.splitlines())
    return {int(row[0]): row[1:] for row in rows if row}


def _commands_from_proc() -> dict[int, list[str]]:
    commands = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            raw = (entry / "cmdline").read_bytes()
        except OSError:  # ended in between, or not ours to read
            continue
        commands[int(entry.name)] = raw.decode("utf-8", "replace").split("\0")
    return commands
