"""Invoking a function of the local cloud with `sam local invoke`."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from local.cloud import deploy, ministack
from local.cloud import template as templates
from local.cloud.errors import LocalCloudError
from local.cloud.session import REGION
from local.cloud.values import Values
from local.sam import docker as dockers
from local.sam import project
from local.sam.docker import Docker
from local.sam.errors import NotReady, WrongArgument
from local.sam.project import Deployed
from local.sam.relay import Relay
from trueup.aws import use_session
from trueup.store.accounts import Accounts
from trueup.store.dynamodb import DynamoRows
from trueup.venues.registry import VENUES

ROOT = Path(__file__).parents[2]
FOLDER = ministack.DEFAULT_STATE_FOLDER.parent / "sam-local"
_IMAGE = "public.ecr.aws/lambda/python:3.13-{architecture}"


@dataclasses.dataclass(frozen=True)
class Ready:
    """Everything is in place for as long as this is open: built, written down, and the way out open."""

    sam: str
    has_image: bool
    surroundings: dict[str, str]

    def command(self, function: str, event: str) -> list[str]:
        """Return the command that invokes a function."""
        command = [self.sam, "local", "invoke", function, "--event", event]
        command += ["--template-file", str(FOLDER / "build" / "template.yaml")]
        command += ["--env-vars", str(FOLDER / "environment.json")]
        # With the image here SAM CLI would ask for a newer one every time, and fail without a network.
        return [*command, "--skip-pull-image"] if self.has_image else command


def offered() -> dict[str, str]:
    """Return the functions of the local cloud, each with its sample: those that are deployed without any choice."""
    real = templates.read(ROOT / "template.yaml")
    holds = Values(real, {}, "").conditions()
    return {
        name: f"events/{resource['Properties']['Environment']['Variables']['POWERTOOLS_SERVICE_NAME']}.json"
        for name, resource in real["Resources"].items()
        if resource["Type"] == templates.FUNCTION and holds.get(resource.get("Condition", ""), True)
    }


def check_arguments(function: str, event: str) -> None:
    """Refuse what cannot be invoked, or with what. Raises WrongArgument naming what there is."""
    functions = offered()
    if function not in functions:
        what = f"there is no function {function}" if function else "FUNCTION is missing"
        raise WrongArgument(f"{what}; FUNCTION is one of {', '.join(sorted(functions))}")
    samples = ", ".join(sorted(functions.values()))
    if not event:
        raise WrongArgument(f"EVENT is missing; EVENT is a JSON file, such as {samples}")
    try:
        content = json.loads(Path(event).read_bytes())
    except OSError as error:
        raise WrongArgument(f"{event}: {error.strerror}; EVENT is a JSON file, such as {samples}") from None
    except ValueError:
        raise WrongArgument(f"{event} is not JSON; EVENT is a JSON file, such as {samples}") from None
    if not isinstance(content, dict):
        raise WrongArgument(f"{event} is not a JSON object; EVENT is a JSON file, such as {samples}")


@contextmanager
def ready() -> Iterator[Ready]:
    """Find Docker, the cloud and SAM CLI, build, and open the way out. Raises NotReady naming what is missing."""
    docker = dockers.find()
    try:
        cloud = ministack.attach()
        session = cloud.session()
        deployment = deploy.described(session)
    except LocalCloudError as error:
        raise NotReady(f"{error}; `trueup up` starts it (wait until it says Ready)") from None
    sam = _sam()
    real = templates.read(ROOT / "template.yaml")
    functions = {
        name: _deployed(session, deployment.resources[name])
        for name in templates.of_type(real, templates.FUNCTION)
        if name in deployment.resources
    }
    needed = project.ports(cloud.endpoint_url, _base_urls(session, deployment.outputs["TableName"], functions))
    with Relay(docker.listen_on, needed) as relay:
        names = project.environments(functions, cloud.endpoint_url, docker, relay)
        FOLDER.mkdir(parents=True, exist_ok=True)
        project.write_way_out(FOLDER)
        project.write_layer(ROOT, FOLDER, docker.architecture)
        project.write(FOLDER, project.derive(real, ROOT, FOLDER, functions, names, docker.architecture), names)
        surroundings = _surroundings(docker)
        _build(sam, surroundings, docker.architecture)
        yield Ready(sam, docker.has_image(_IMAGE.format(architecture=docker.architecture)), surroundings)


def invoke(ready: Ready, function: str, event: str) -> int:
    """Invoke a function, its answer to stdout and its log to stderr. Return 0, or 1 if either failed."""
    command = ready.command(function, event)
    say(" ".join(command))
    with subprocess.Popen(command, env=ready.surroundings, stdout=subprocess.PIPE, text=True) as process:
        try:
            answer, _ = process.communicate()
        except KeyboardInterrupt:
            process.wait()  # it has the signal too, and removes its container
            raise
    print(answer.strip())
    return 1 if process.returncode or _is_error(answer) else 0


def say(line: str) -> None:
    """Say what is going on, apart from the function's answer."""
    print(f"- {line}", file=sys.stderr, flush=True)


def _is_error(answer: str) -> bool:
    """Tell whether a function answered with an exception, which SAM CLI counts as success."""
    try:
        document = json.loads(answer)
    except ValueError:
        return True
    return isinstance(document, dict) and {"errorType", "errorMessage"} <= document.keys()


def _sam() -> str:
    named = Path(os.environ.get("SAM_CLI") or ROOT / ".venv-sam" / "bin" / "sam")
    if shutil.which(named) is None:
        raise NotReady(f"there is no SAM CLI at {named}; `make .venv-sam/sam` installs it")
    here = Path.cwd()
    return str(named.relative_to(here) if named.is_relative_to(here) else named)


def _surroundings(docker: Docker) -> dict[str, str]:
    """Return SAM CLI's environment: ours, without any AWS settings or credentials, which it would hand on."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_CLI_"))}
    return {
        **ours,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": REGION,
        "DOCKER_HOST": docker.host,  # it does not know of Docker's contexts
        "SAM_CLI_TELEMETRY": "0",
    }


def _deployed(session: boto3.Session, physical_id: str) -> Deployed:
    """Ask the cloud for a function, and for an hour of its role."""
    found: Any = session.client("lambda").get_function_configuration(FunctionName=physical_id)
    role = session.client("sts").assume_role(RoleArn=found["Role"], RoleSessionName="sam-local")["Credentials"]
    return Deployed(
        handler=found["Handler"],
        memory=found["MemorySize"],
        timeout=found["Timeout"],
        environment=found["Environment"]["Variables"],
        access_key=role["AccessKeyId"],
        secret_key=role["SecretAccessKey"],
        session_token=role["SessionToken"],
    )


def _base_urls(session: boto3.Session, table_name: str, functions: dict[str, Deployed]) -> list[str]:
    """Return every address a function may be told to ask: in accounts, and in environments."""
    use_session(session)
    accounts = [account for _, account in Accounts(DynamoRows(table_name), VENUES).each() if account]
    told = [value for function in functions.values() for value in function.environment.values()]
    return [url for url in (*(account.base_url for account in accounts), *told) if url]


def _build(sam: str, surroundings: dict[str, str], architecture: str) -> None:
    say(f"sam build, for {architecture} (again only when shared/ has changed)")
    command = [sam, "build", "--template-file", str(FOLDER / "template.json"), "--build-dir", str(FOLDER / "build")]
    command += ["--cached", "--cache-dir", str(FOLDER / "cache")]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode:
        log = FOLDER / "build.log"
        log.write_text(done.stdout + done.stderr)
        raise NotReady(f"sam build failed; the whole story is in {log}")
