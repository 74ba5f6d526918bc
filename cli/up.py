"""`trueup up` and `trueup down`: the local cloud on its schedule, in the background."""

import subprocess
import sys
import time
from pathlib import Path

from cli.demo import Port
from cli.errors import NotThere
from cli.options import Json
from cli.output import note, print_document, print_line
from local.cloud.errors import LocalCloudError
from local.cloud.ministack import DEFAULT_STATE_FOLDER, ask_to_stop, attach
from local.cloud.state_folder import has_owner
from local.stage.__main__ import READY

PATIENCE_SECONDS = 90.0
_LOOK_EVERY_SECONDS = 0.1


def up(port: Port = None, as_json: Json = False) -> None:
    """Keep the local cloud, the simulated venues and a live book running, with a run every two minutes."""
    if has_owner(DEFAULT_STATE_FOLDER):
        raise NotThere(f"it is running already, at {attach().endpoint_url}; `trueup down` ends it")
    log = DEFAULT_STATE_FOLDER.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.stage", "--state-folder", str(DEFAULT_STATE_FOLDER)]
    if port is not None:
        command += ["--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module, and a port that is a number
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it outlives this command and its terminal
        )
    try:
        _tell_until_ready(process, log)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if as_json:
        print_document({"endpoint": attach().endpoint_url, "state_folder": str(DEFAULT_STATE_FOLDER), "log": str(log)})
        return
    print_line("Look with `trueup runs list --local` and `trueup runs last cb-algo --local`; `trueup down` ends it.")


def down(as_json: Json = False) -> None:
    """Stop what `trueup up` started."""
    try:
        ran = ask_to_stop()
    except LocalCloudError as error:
        raise NotThere(str(error)) from None
    if as_json:
        print_document({"stopped": ran})
        return
    print_line("Stopped." if ran else "Nothing was running.")


def _tell_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline, told = time.monotonic() + PATIENCE_SECONDS, 0
    while True:
        ended = process.poll() is not None
        lines = log.read_text(errors="replace").splitlines()
        for line in lines[told:]:
            if line.startswith("error: "):
                raise NotThere(line.removeprefix("error: "))
            note(f"- {line}")
            if line.startswith(READY):
                return
        told = len(lines)
        if ended:
            raise NotThere(f"it ended at once; the whole story is in {log}")
        if time.monotonic() > deadline:
            raise NotThere(f"it is not ready after {PATIENCE_SECONDS:.0f} s; the whole story is in {log}")
        time.sleep(_LOOK_EVERY_SECONDS)
