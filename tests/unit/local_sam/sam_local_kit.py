"""Stand-ins for `docker` and `sam` on the PATH, and a function as it is deployed."""

import json
from pathlib import Path
from typing import Any

from local.sam.docker import Docker
from local.sam.project import Deployed

ON_LINUX = Docker("unix:///var/run/docker.sock", "x86_64", "172.17.0.1", "172.17.0.1")
ENGINE = {"ServerVersion": "28.0", "OSType": "linux", "Architecture": "x86_64", "OperatingSystem": "Debian"}
BRIDGE = [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def docker_that_says(folder: Path, info: dict[str, Any] | None, bridge: Any = BRIDGE, images: bool = True) -> Path:
    """A `docker` command: of a daemon as described, or of none."""
    described = json.dumps(info if info is not None else {"ServerVersion": "", "OSType": ""})
    complaint = "" if info is not None else "echo 'Cannot connect to the Docker daemon at unix:///x.' >&2; exit 1"
    return script(
        folder / "docker",
        f"""case "$1" in
info) echo '{described}'; {complaint} ;;
context) echo unix:///of/the/context.sock ;;
network) echo '{json.dumps(bridge)}' ;;
image) exit {0 if images else 1} ;;
esac""",
    )


def deployed(**environment: str) -> Deployed:
    return Deployed("app.handler", 512, 11, environment, "ASIALOCAL", "key-of-the-role", "token-of-the-role")
