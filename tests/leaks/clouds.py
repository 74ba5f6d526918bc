"""What a local cloud holds at its end: tables, objects, logs, executions, queues, its own log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.cloud import processes
from local.cloud.ministack import LocalCloud
from tests.leaks.produced import Produced

_DEPLOYED_FROM = "trueup-local-deploy"
_CREDENTIALS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def watch(produced: Produced) -> None:
    """Look at every local cloud of this process before it ends."""
    stop = LocalCloud.stop

    def stopped(cloud: LocalCloud) -> None:
        if cloud._child is not None and cloud._child.process.poll() is None:
            try:
                look_at(cloud, produced)
            except (BotoCoreError, ClientError) as error:
                # One that a test has broken. That a whole one is looked at has a test of its own.
                produced.places[f"a local cloud that did not answer ({type(error).__name__})"] += 1
        stop(cloud)

    LocalCloud.stop = stopped  # type: ignore[assignment,method-assign]


def look_at(cloud: LocalCloud, produced: Produced) -> None:
    """Look at everything a running cloud holds, Secrets Manager apart."""
    learn_roles(cloud, produced)
    session = cloud.session()
    for place, where, content, balances in (
        *_rows(session),
        *_objects(session),
        *_logs(session),
        *_executions(session),
        *_messages(session),
    ):
        produced.take(place, content, where=where, balances=balances)
    produced.take("the local cloud's log", cloud.log.read_bytes(), balances=True)


def learn_roles(cloud: LocalCloud, produced: Produced) -> None:
    """Know the credentials that the functions' roles were given."""
    for pid in processes.marked(cloud._instance.token):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile
        for variable in environment:
            name, _, value = variable.decode("utf-8", "replace").partition("=")
            if name in _CREDENTIALS:
                produced.canaries.add_secret("the credentials of a role", value)


Found = Iterator[tuple[str, str, Any, bool]]
"""Place, which one, content, and whether balances may not be there."""


def _rows(session: boto3.Session) -> Found:
    dynamodb = session.client("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        for page in dynamodb.get_paginator("scan").paginate(TableName=table):
            for row in page["Items"]:
                yield "a row of the cloud", f"{row.get('pk')} {row.get('sk')}", row, False


def _objects(session: boto3.Session) -> Found:
    s3 = session.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        if bucket["Name"] != _DEPLOYED_FROM:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
                for found in page.get("Contents", []):
                    body = s3.get_object(Bucket=bucket["Name"], Key=found["Key"])["Body"].read()
                    yield "an object of the cloud", found["Key"], body, False


def _logs(session: boto3.Session) -> Found:
    logs = session.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            for event in page["events"]:
                yield "a log of the cloud", name, event["message"], True


def _executions(session: boto3.Session) -> Found:
    states = session.client("stepfunctions")
    for machine in states.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        for page in states.get_paginator("list_executions").paginate(stateMachineArn=arn):
            for execution in page["executions"]:
                described = states.describe_execution(executionArn=execution["executionArn"])
                yield "an execution of the cloud", execution["name"], described, True
                history = states.get_paginator("get_execution_history")
                for events in history.paginate(executionArn=execution["executionArn"]):
                    yield "an execution's history in the cloud", execution["name"], events["events"], True


def _messages(session: boto3.Session) -> Found:
    sqs = session.client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        for message in found.get("Messages", []):
            yield "a message of the cloud", url.rpartition("/")[2], message["Body"], False
