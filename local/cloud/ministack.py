"""ministack as a child process of ours: started clean, on loopback only, with IAM enforced, and stopped for certain.

Facts about ministack 1.5.33 this module relies on, each found by trying:

- `AUTH=true` evaluates the roles of the functions. The access key `test` is the account's root and its signature is not
  checked: whoever can reach the port can do everything, so the port is on 127.0.0.1 and nothing else is opened.
- Functions inherit its environment, except for the credentials: those are of their own role.
- With a Docker socket it removes containers it takes for its own, which may be another ministack's: it gets none.
"""

import http.client
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import boto3

from local.cloud import processes, state_folder
from local.cloud.errors import CloudNotReady, CloudNotRunning, MinistackMissing, PortTaken
from local.cloud.session import REGION, local_session
from local.cloud.state_folder import Instance, StateFolder

HOST = "127.0.0.1"
DEFAULT_STATE_FOLDER = Path(".trueup") / "cloud"
READY_SECONDS = 30.0
_POLL_SECONDS = 0.05

Progress = Callable[[str], None]


def _silent(_line: str) -> None:
    """Say nothing."""


class LocalCloud:
    """A local cloud that runs. `stop` ends it, if it was started here; as a context manager it ends by itself."""

    def __init__(self, instance: Instance, path: Path, child: "_Child | None" = None) -> None:
        self._instance = instance
        self._child = child
        self.path = path

    @property
    def endpoint_url(self) -> str:
        """Where every service answers."""
        return f"http://{HOST}:{self._instance.port}"

    @property
    def log(self) -> Path:
        """ministack's own log."""
        return self.path / "ministack.log"

    def session(self) -> boto3.Session:
        """Return a session of the operator, who may do everything; nothing of the caller's own AWS settings counts."""
        return local_session(self.endpoint_url)

    def wait(self) -> None:
        """Block for as long as ministack runs, if it was started here. Raises CloudNotRunning when it has ended."""
        if self._child is not None:
            self._child.process.wait()
        raise CloudNotRunning(f"ministack ended: {_last_line(self.log)}")

    def stop(self) -> None:
        """End ministack and every function it started. Safe to call twice, and for a cloud started elsewhere."""
        if self._child is not None:
            self._child.stop()

    def __enter__(self) -> "LocalCloud":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Child:
    """The ministack process and the folder it lives in."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: StateFolder, token: str) -> None:
        self.process = process
        self._folder = folder
        self._token = token

    def stop(self) -> None:
        with _undisturbed():
            processes.end(self._token)
            self.process.wait()
            self._folder.release()


def start(
    path: Path = DEFAULT_STATE_FOLDER,
    *,
    port: int | None = None,
    wait_scale: float = 1.0,
    environment: Mapping[str, str] | None = None,
    progress: Progress = _silent,
) -> LocalCloud:
    """Start a local cloud in the state folder `path` and return when it answers.

    `port` None takes a free one. `wait_scale` multiplies the seconds of Wait states. `environment` is what ministack
    and the functions see besides, or instead, such as an HTTP_PROXY between them. `progress` is told, in words, what
    is going on. Raises MinistackMissing, StateFolderForeign, StateFolderInUse, PortTaken, CloudNotReady.
    """
    _need_packages()
    folder, ended = state_folder.acquire(path)
    try:
        if ended:
            progress(f"Ended {ended} processes that an earlier local cloud left behind")
        instance = Instance(secrets.token_hex(8), os.getpid(), _usable_port(port))
        folder.record(instance)
        progress(f"Starting the local cloud on port {instance.port}")
        return _launch(folder, instance, {**_environment(folder, instance, wait_scale), **(environment or {})})
    except BaseException:
        folder.release()
        raise


def attach(path: Path = DEFAULT_STATE_FOLDER) -> LocalCloud:
    """Return the local cloud another process runs in `path`. Raises CloudNotRunning."""
    return LocalCloud(state_folder.running(path), path.resolve())


def ask_to_stop(path: Path = DEFAULT_STATE_FOLDER, seconds: float = 30.0) -> bool:
    """Ask the process that runs the local cloud in `path` to end, and wait until it has.

    Returns False if none ran; what a crashed one left is ended then. Raises StateFolderForeign if the folder is not
    ours, CloudNotReady if the owner does not end in time.
    """
    path = path.resolve()
    if not path.exists():
        return False
    try:
        owner = state_folder.running(path).owner_pid
    except CloudNotRunning:
        folder, ended = state_folder.acquire(path)
        folder.release()
        return ended > 0
    # The lock is held, and its holder wrote the number: it is the owner's, not a stranger's.
    os.kill(owner, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while state_folder.has_owner(path):
        if time.monotonic() > deadline:
            raise CloudNotReady(f"process {owner}, which runs the local cloud in {path}, does not end")
        time.sleep(_POLL_SECONDS)
    return True


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, so that what was started is stopped."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _launch(folder: StateFolder, instance: Instance, environment: Mapping[str, str]) -> LocalCloud:
    with folder.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *processes.mark(instance.token), "-m", "ministack"],
            env=environment,
            cwd=folder.work("home"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for us, who then stop it in good order
        )
    child = _Child(process, folder, instance.token)
    try:
        _wait_until_ready(process, instance.port, folder.log)
    except BaseException:
        child.stop()
        raise
    return LocalCloud(instance, folder.path, child)


def _environment(folder: StateFolder, instance: Instance, wait_scale: float) -> dict[str, str]:
    """Everything ministack and the functions see. Nothing of ours but PATH: no credentials, profiles or proxies."""
    endpoint = f"http://{HOST}:{instance.port}"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(folder.work("home")),
        "TMPDIR": str(folder.work("tmp")),
        "STATE_DIR": str(folder.work("state")),
        "S3_DATA_DIR": str(folder.work("s3")),
        "AUTH": "true",
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(instance.port),
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder.path / 'no-docker'}",
        "LAMBDA_EXECUTOR": "local",
        "SFN_WAIT_SCALE": str(wait_scale),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
        "TRUEUP_CLOUD": instance.token,
    }


def _need_packages() -> None:
    for package in ("ministack", "samtranslator", "awslambdaric"):
        if importlib.util.find_spec(package) is None:
            raise MinistackMissing(
                f"{sys.executable} has no package {package}, which the local cloud needs; run `make setup`"
            )


def _usable_port(wanted: int | None) -> int:
    """Return a port nobody listens on: `wanted`, or any. Raises PortTaken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OverflowError:
            raise PortTaken(f"port {wanted} does not exist; choose one from 1024 to 65535") from None
        except OSError as error:
            raise PortTaken(f"port {wanted} cannot be used ({error.strerror}); choose another port") from None
        return int(probe.getsockname()[1])


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(port):
        if process.poll() is not None:
            raise CloudNotReady(f"ministack ended at once (status {process.returncode}): {_last_line(log)}")
        if time.monotonic() > deadline:
            raise CloudNotReady(f"ministack did not answer within {READY_SECONDS:.0f} s; see {log}")
        time.sleep(_POLL_SECONDS)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "its log is empty"


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back a second Ctrl-C until the stopping is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
