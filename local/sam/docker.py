"""Docker as it is here: whether it runs, for which processor, and where its containers find this machine."""

import dataclasses
import ipaddress
import json
import shutil
import subprocess
from typing import Any

from local.sam.errors import NotReady

_SECONDS = 20.0
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_HOW_TO = "install Docker (https://docs.docker.com/engine/install/) and start it"


@dataclasses.dataclass(frozen=True)
class Docker:
    """A Docker that runs.

    `host` is its socket; `architecture` that of its containers, as Lambda calls it. A container reaches this machine at
    `seen_as`, and what it finds there has to listen on `listen_on`.
    """

    host: str
    architecture: str
    seen_as: str
    listen_on: str

    def has_image(self, name: str) -> bool:
        """Say whether the image is on this machine."""
        return _docker("image", "inspect", name).returncode == 0


def find() -> Docker:
    """Return the Docker of this machine. Raises NotReady."""
    if shutil.which("docker") is None:
        raise NotReady(f"sam local needs Docker, and there is no command `docker`; {_HOW_TO}")
    info = _information()
    architecture = _ARCHITECTURES.get(str(info.get("Architecture", "")))
    if info.get("OSType") != "linux" or architecture is None:
        raise NotReady(f"Docker runs {info.get('OSType')} on {info.get('Architecture')}; Lambda's images need linux")
    host = _docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").stdout.strip()
    if "Docker Desktop" in str(info.get("OperatingSystem", "")):
        # Its virtual machine hands such connections on to the loopback of the machine around it.
        return Docker(host, architecture, "host.docker.internal", "127.0.0.1")
    gateway = _gateway(_docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}").stdout)
    return Docker(host, architecture, gateway, gateway)


def _gateway(described: str) -> str:
    """Return this machine's address on the bridge, where every container starts."""
    try:
        first = json.loads(described)[0]
        # Some versions leave out what they chose themselves: the first address of the network.
        return str(first.get("Gateway") or ipaddress.ip_network(first["Subnet"])[1])
    except (ValueError, LookupError, TypeError):
        raise NotReady(
            "Docker has no network `bridge`, where sam local starts its containers; start Docker with one"
        ) from None


def _information() -> dict[str, Any]:
    done = _docker("info", "--format", "{{json .}}")
    try:
        info = json.loads(done.stdout)
    except ValueError:
        info = None
    # Without a daemon some versions fail and some describe only themselves.
    if not isinstance(info, dict) or not info.get("ServerVersion"):
        said = done.stderr.strip().splitlines()
        raise NotReady(f"Docker does not run ({said[-1] if said else 'it says nothing'}); {_HOW_TO}")
    return info


def _docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotReady(f"Docker does not answer within {_SECONDS:.0f} s; {_HOW_TO}") from None
