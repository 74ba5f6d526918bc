"""The folder a local cloud lives in: whose it is, who has it now, and what a crash left there.

trueup-local-cloud.json   says that the folder is ours and how it is laid out
owner.lock                held by the process that runs the cloud; the system lets go of it however that ends
instance.json             the running cloud: its token, port and owner
ministack.log             ministack's own log, of the last start
work/                     everything ministack and the functions write; emptied at every start
"""

import dataclasses
import fcntl
import json
import shutil
from pathlib import Path
from typing import IO

from local.cloud import processes
from local.cloud.errors import CloudNotRunning, StateFolderForeign, StateFolderInUse

LAYOUT = 1
_MARKER = "trueup-local-cloud.json"


@dataclasses.dataclass(frozen=True)
class Instance:
    """A local cloud that runs, or was running when its owner died."""

    token: str
    owner_pid: int
    port: int


class StateFolder:
    """A state folder this process has to itself until `release`."""

    def __init__(self, path: Path, lock: IO[str]) -> None:
        self.path = path
        self._lock = lock

    @property
    def log(self) -> Path:
        """Where ministack's log goes."""
        return self.path / "ministack.log"

    def work(self, name: str) -> Path:
        """Return a folder for ministack's own files, made on the way."""
        folder = self.path / "work" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def record(self, instance: Instance) -> None:
        """Write down who is about to run; before the first process starts, so that none can be lost."""
        text = json.dumps(dataclasses.asdict(instance), indent=2)
        temporary = self.path / "instance.json.new"
        temporary.write_text(text)
        temporary.replace(self.path / "instance.json")

    def release(self) -> None:
        """Give the folder back. Safe to call twice."""
        if self._lock.closed:
            return
        (self.path / "instance.json").unlink(missing_ok=True)
        self._lock.close()


def acquire(path: Path) -> tuple[StateFolder, int]:
    """Take the folder, making it if needed, and end what a crashed owner left. Return it and how many that were.

    Raises StateFolderForeign or StateFolderInUse, having changed nothing.
    """
    path = path.resolve()
    _claim(path)
    lock = (path / "owner.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StateFolderInUse(_in_use(path)) from None
    left_over = _instance(path)
    ended = processes.end(left_over.token) if left_over else 0
    folder = StateFolder(path, lock)
    shutil.rmtree(path / "work", ignore_errors=True)
    (path / "instance.json").unlink(missing_ok=True)
    return folder, ended


def running(path: Path) -> Instance:
    """Return the instance whose owner lives. Raises CloudNotRunning."""
    path = path.resolve()
    if not has_owner(path):
        raise CloudNotRunning(f"no local cloud runs in {path}")
    instance = _instance(path)
    if instance is None:
        raise CloudNotRunning(f"the local cloud in {path} is just starting or stopping; try again")
    return instance


def has_owner(path: Path) -> bool:
    """Say whether a living process holds the folder."""
    try:
        with (path / "owner.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _claim(path: Path) -> None:
    """Make the folder ours, or refuse."""
    if not path.exists():
        path.mkdir(parents=True, mode=0o700)
    if not path.is_dir():
        raise StateFolderForeign(f"{path} is a file, not a folder; choose another state folder")
    marker = path / _MARKER
    if marker.is_file():
        if _layout(marker) != LAYOUT:
            raise StateFolderForeign(f"{path} was made by another version of Trueup; remove it and start again")
        return
    if any(path.iterdir()):
        raise StateFolderForeign(f"{path} holds files that are not Trueup's; choose another state folder")
    marker.write_text(json.dumps({"layout": LAYOUT}))


def _layout(marker: Path) -> object:
    try:
        content = json.loads(marker.read_text())
    except ValueError:
        return None
    return content.get("layout") if isinstance(content, dict) else None


def _instance(path: Path) -> Instance | None:
    try:
        content = json.loads((path / "instance.json").read_text())
        return Instance(str(content["token"]), int(content["owner_pid"]), int(content["port"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _in_use(path: Path) -> str:
    instance = _instance(path)
    who = f"process {instance.owner_pid}, port {instance.port}" if instance else "just starting or stopping"
    return f"{path} is in use by a local cloud ({who}); stop that one or choose another state folder"
