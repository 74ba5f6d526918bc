"""The real template.yaml, deployed into the local cloud by a change set, as `sam deploy` does on AWS."""

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from local.cloud import definition, dropped, package, template
from local.cloud.errors import DeployFailed
from local.cloud.ministack import LocalCloud, Progress
from local.cloud.template import FUNCTION, LAYER, STATE_MACHINE, Template, Uploaded
from local.cloud.values import Values

if TYPE_CHECKING:  # the stubs are not installed where the operator's command is
    from mypy_boto3_cloudformation import CloudFormationClient

DEFAULT_STACK_NAME = "trueup"
_DEPLOY_BUCKET = "trueup-local-deploy"
_DEPLOY_SECONDS = 60.0
_POLL_SECONDS = 0.05
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A deployed stack: `outputs` by name, `resources` as physical ids by logical name."""

    stack_name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]


def deploy(
    cloud: LocalCloud,
    path: Path = Path("template.yaml"),
    *,
    stack_name: str = DEFAULT_STACK_NAME,
    parameters: Mapping[str, str] | None = None,
    progress: Progress = lambda _line: None,
) -> Deployment:
    """Create or update the stack from the template at `path`, and return when it is complete.

    `parameters` are the template's own, as text. Raises TemplateUnsupported, DeployFailed.
    """
    session = cloud.session()
    real = template.read(path)
    _refuse_unknown(parameters or {}, real)
    account_id = session.client("sts").get_caller_identity()["Account"]
    values = Values(real, dict(parameters or {}), account_id)
    progress("Uploading the functions")
    local = template.localise(real, _upload(session, real, path.parent, values), values.conditions())
    progress(f"Deploying the stack {stack_name}: {len(local['Resources'])} resources")
    deployment = _change(session, stack_name, local, values.parameters)
    dropped.apply(session, real, dataclasses.replace(values, resources=deployment.resources))
    return deployment


def _refuse_unknown(parameters: Mapping[str, str], real: Template) -> None:
    """Refuse a parameter the template does not have; ministack, other than AWS, takes it and forgets it."""
    allowed = sorted(real.get("Parameters", {}))
    for name in parameters:
        if name not in allowed:
            raise DeployFailed(f"the template has no parameter {name}; it has {', '.join(allowed)}")


def _upload(session: boto3.Session, real: Template, root: Path, values: Values) -> Uploaded:
    """Put code, layers and state machine definitions into the deploy bucket."""
    layers = template.of_type(real, LAYER)
    shared = root / next((properties["ContentUri"] for properties in layers.values()), ".")
    contents: dict[str, tuple[bytes, str]] = {}
    for name, properties in template.of_type(real, FUNCTION).items():
        contents[name] = (package.function_zip(root / properties["CodeUri"], shared), "zip")
    for name in layers:
        contents[name] = (package.layer_zip(), "zip")
    for name, properties in template.of_type(real, STATE_MACHINE).items():
        text = (root / properties["DefinitionUri"]).read_text()
        rendered = definition.render(text, properties.get("DefinitionSubstitutions", {}), values)
        contents[name] = (rendered.encode(), "json")

    s3 = session.client("s3")
    s3.create_bucket(Bucket=_DEPLOY_BUCKET)
    keys = {name: package.key(content, suffix) for name, (content, suffix) in contents.items()}
    for name, (content, _) in contents.items():
        s3.put_object(Bucket=_DEPLOY_BUCKET, Key=keys[name], Body=content)
    return Uploaded(_DEPLOY_BUCKET, keys)


def _change(session: boto3.Session, stack_name: str, local: Template, parameters: Mapping[str, str]) -> Deployment:
    cloudformation = session.client("cloudformation")
    body = json.dumps(local).encode()
    key = package.key(body, "template.json")
    session.client("s3").put_object(Bucket=_DEPLOY_BUCKET, Key=key, Body=body)
    exists = _exists(cloudformation, stack_name)
    try:
        change_set = cloudformation.create_change_set(
            StackName=stack_name,
            ChangeSetName=f"deploy-{time.time_ns()}",
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateURL=f"{session.client('s3').meta.endpoint_url}/{_DEPLOY_BUCKET}/{key}",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )["Id"]
    except ClientError as error:
        raise DeployFailed(f"{stack_name}: {_words(error)}") from None
    if _await_change_set(cloudformation, stack_name, change_set):
        cloudformation.execute_change_set(ChangeSetName=change_set)
    _await_stack(cloudformation, stack_name)
    return described(session, stack_name)


def described(session: boto3.Session, stack_name: str = DEFAULT_STACK_NAME) -> Deployment:
    """Return a stack that is deployed already. Raises DeployFailed if there is none."""
    cloudformation = session.client("cloudformation")
    try:
        stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        raise DeployFailed(f"{stack_name}: {_words(error)}") from None
    resources = cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]
    return Deployment(
        stack_name,
        {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources},
    )


def _exists(cloudformation: "CloudFormationClient", stack_name: str) -> bool:
    try:
        cloudformation.describe_stacks(StackName=stack_name)
    except ClientError:
        return False
    return True


def _await_change_set(cloudformation: "CloudFormationClient", stack_name: str, change_set: str) -> bool:
    """Wait for the change set; return whether it changes anything."""
    for _ in _ticks(f"the change set of {stack_name}"):
        state = cloudformation.describe_change_set(ChangeSetName=change_set)
        reason = state.get("StatusReason", "")
        if state["Status"] == "CREATE_COMPLETE":
            return True
        if state["Status"] == "FAILED":
            if any(words in reason for words in _NO_CHANGES):
                return False
            raise DeployFailed(f"{stack_name}: {reason}")
    raise AssertionError("unreachable: the ticks end in DeployFailed")


def _await_stack(cloudformation: "CloudFormationClient", stack_name: str) -> None:
    for _ in _ticks(f"the stack {stack_name}"):
        status = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        if not status.endswith("_IN_PROGRESS"):
            raise DeployFailed(f"{stack_name}: {status}: {_first_failure(cloudformation, stack_name)}")


def _first_failure(cloudformation: "CloudFormationClient", stack_name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    if not failed:
        return "no resource says why"
    first = failed[-1]  # events come newest first
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason given')}"


def _ticks(what: str) -> Iterator[None]:
    deadline = time.monotonic() + _DEPLOY_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(_POLL_SECONDS)
    raise DeployFailed(f"{what} is not complete after {_DEPLOY_SECONDS:.0f} s")


def _words(error: ClientError) -> str:
    return error.response["Error"]["Message"]
