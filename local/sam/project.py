"""What SAM CLI is given: a template, an environment file and a layer, all derived from what is deployed.

SAM CLI cannot run the real template against the local cloud: it does not know what !Ref and !GetAtt came to there, it
passes on only variables a function's template names, and it refuses a layer built for another processor. `derive` is
the complete list of differences.
"""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.cloud.session import REGION
from local.cloud.template import FUNCTION, LAYER, Template, of_type
from local.sam.docker import Docker
from local.sam.errors import NotReady
from local.sam.relay import Relay

_LOOPBACK = ("127.0.0.1", "localhost")
_PORTS_OF_LAMBDA = (8080, 9001)
"""Where Lambda's emulator listens inside a container."""
_INSIDE = ("__init__.py", "sam/__init__.py", "sam/pipe.py", "sam/inside.py")
_WAY_OUT = "WayOutLayer"
_WAY_OUT_FOLDER = "way-out"
_LAYER_FOLDER = "layer"
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""What wheels call the processors."""

Environments = dict[str, dict[str, str]]


@dataclasses.dataclass(frozen=True)
class Deployed:
    """A function as it is in the local cloud, with credentials of its own role there."""

    handler: str
    memory: int
    timeout: int
    environment: Mapping[str, str]
    access_key: str
    secret_key: str
    session_token: str


def ports(endpoint_url: str, base_urls: list[str]) -> frozenset[int]:
    """Return the ports of loopback a function needs: the cloud's, and the venues'. Raises NotReady."""
    needed = set()
    for url in (endpoint_url, *base_urls):
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname in _LOOPBACK:
            needed.add(parts.port or 80)
    for port in _PORTS_OF_LAMBDA:
        if port in needed:
            raise NotReady(f"port {port} is Lambda's own inside a container: `trueup down`, `trueup up` with another")
    return frozenset(needed)


def environments(functions: Mapping[str, Deployed], endpoint_url: str, docker: Docker, relay: Relay) -> Environments:
    """Return the environment of each function: the deployed one, where the cloud is, and the way there."""
    return {
        name: {
            **function.environment,
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": function.access_key,
            "AWS_SECRET_ACCESS_KEY": function.secret_key,
            "AWS_SESSION_TOKEN": function.session_token,
            # Docker hands its own proxy settings to containers.
            "NO_PROXY": "*",
            "no_proxy": "*",
            "SAM_LOCAL_HANDLER": function.handler,
            "SAM_LOCAL_HOST": docker.seen_as,
            "SAM_LOCAL_PORT": str(relay.port),
            "SAM_LOCAL_PORTS": ",".join(map(str, sorted(relay.ports))),
            "SAM_LOCAL_TOKEN": relay.token,
        }
        for name, function in functions.items()
    }


def derive(
    real: Template, root: Path, folder: Path, functions: Mapping[str, Deployed], names: Environments, architecture: str
) -> Template:
    """Return the template SAM CLI builds and runs. It differs from the real one in this:

    - it has the functions that are deployed and the layer, and nothing else; paths are absolute;
    - memory, timeout and environment are those deployed; the environment has names here, and values in a file of its
      own that only its owner may read;
    - both are for the processor Docker runs on, and the layer's source is the copy `write_layer` makes;
    - each function's handler is reached through `inside.py`, which a second layer brings.
    """
    (layer,) = of_type(real, LAYER)
    resources: dict[str, Any] = {
        layer: {
            "Type": LAYER,
            "Metadata": {"BuildMethod": "makefile", "BuildArchitecture": architecture},
            "Properties": {
                "ContentUri": str((folder / _LAYER_FOLDER).resolve()),
                "CompatibleArchitectures": [architecture],
            },
        },
        _WAY_OUT: {"Type": LAYER, "Properties": {"ContentUri": str((folder / _WAY_OUT_FOLDER).resolve())}},
    }
    everywhere = real["Globals"]["Function"]
    for name, function in functions.items():
        properties = {**everywhere, **of_type(real, FUNCTION)[name]}
        resources[name] = {
            "Type": FUNCTION,
            "Metadata": {"SkipBuild": True},
            "Properties": {
                "CodeUri": str(root / properties["CodeUri"]),
                "Runtime": properties["Runtime"],
                "Handler": "local.sam.inside.handler",
                "Architectures": [architecture],
                "MemorySize": function.memory,
                "Timeout": function.timeout,
                "Layers": [{"Ref": layer}, {"Ref": _WAY_OUT}],
                "Environment": {"Variables": dict.fromkeys(names[name], "")},
            },
        }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": resources,
    }


def write(folder: Path, template: Template, names: Environments) -> None:
    """Write template.json and environment.json, the latter for its owner alone."""
    (folder / "template.json").write_text(json.dumps(template, indent=2))
    secret = folder / "environment.json"
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(json.dumps(names, indent=2))


def write_layer(root: Path, folder: Path, architecture: str) -> None:
    """Write the layer's source for a processor: a copy, in which the makefile names that one's wheels."""
    copy = folder / _LAYER_FOLDER
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(root / "shared", copy, ignore=shutil.ignore_patterns("__pycache__"))
    makefile = copy / "Makefile"
    makefile.write_text(makefile.read_text().replace(_MACHINES["arm64"], _MACHINES[architecture]))


def write_way_out(folder: Path) -> None:
    """Write the layer that opens the way out of the container: copies of four of our modules."""
    layer = folder / _WAY_OUT_FOLDER
    shutil.rmtree(layer, ignore_errors=True)
    ours = Path(__file__).parents[1]
    for name in _INSIDE:
        copy = layer / "python" / "local" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ours / name, copy)
