"""The leak scanner finds what is planted in each place of a local cloud, and a webhook's address nowhere."""

import base64
import gzip
import json
import secrets
import time
from pathlib import Path

import pytest

from local.cloud import deploy, processes
from local.cloud.deploy import Deployment
from local.cloud.ministack import LocalCloud
from tests.leaks import clouds
from tests.leaks.canaries import Canaries
from tests.leaks.produced import Produced

pytestmark = pytest.mark.slow

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
BALANCE = "83419.27061553"


@pytest.fixture
def produced() -> Produced:
    """A scanner with canaries of its own: what is planted here is no leak of the run."""
    made = Produced(Canaries())
    made.doing = "the cloud"
    made.canaries.add_balance(BALANCE)
    return made


def test_a_secret_is_found_in_every_place_of_a_cloud(cloud: LocalCloud, tiny: Deployment, produced: Produced) -> None:
    session = cloud.session()
    planted = {
        place: f"{place.replace(' ', '-')}-{secrets.token_hex(24)}" for place in ("row", "object", "log", "queue")
    }
    for place, secret in planted.items():
        produced.canaries.add_secret(f"the {place}'s secret", secret)
    dynamodb, s3 = session.client("dynamodb"), session.client("s3")
    logs, sqs = session.client("logs"), session.client("sqs")
    dynamodb.put_item(TableName=tiny.outputs["Table"], Item={"pk": {"S": "planted"}, "a": {"S": planted["row"]}})
    s3.create_bucket(Bucket="planted")
    s3.put_object(Bucket="planted", Key="a.json.gz", Body=gzip.compress(base64.b64encode(planted["object"].encode())))
    logs.create_log_group(logGroupName="/planted")
    logs.create_log_stream(logGroupName="/planted", logStreamName="s")
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName="/planted",
        logStreamName="s",
        logEvents=[{"timestamp": now, "message": f"{planted['log']} {BALANCE}"}],
    )
    queue = sqs.create_queue(QueueName="planted")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody=planted["queue"])
    states = session.client("stepfunctions")
    started = states.start_execution(
        stateMachineArn=tiny.outputs["Machine"], name="planted", input=json.dumps({"error": "", "held": BALANCE + "1"})
    )
    produced.canaries.add_balance(BALANCE + "1")

    clouds.look_at(cloud, produced)
    dynamodb.delete_item(TableName=tiny.outputs["Table"], Key={"pk": {"S": "planted"}})

    for found in (
        "the row's secret in a row of the cloud {'S': 'planted'}",
        "the object's secret in an object of the cloud a.json.gz",
        "the log's secret in a log of the cloud /planted",
        f"the balance {BALANCE} in a log of the cloud /planted",
        "the queue's secret in a message of the cloud planted",
        f"the balance {BALANCE}1 in an execution of the cloud planted",
        f"the balance {BALANCE}1 in an execution's history in the cloud planted",
    ):
        assert any(leak.startswith(found) for leak in produced.leaks), found
    assert produced.places["the local cloud's log"] == 1
    deadline = time.monotonic() + 20
    while states.describe_execution(executionArn=started["executionArn"])["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_credentials_of_a_role_are_known_and_found(cloud: LocalCloud, tiny: Deployment, produced: Produced) -> None:
    session = cloud.session()
    session.client("lambda").invoke(
        FunctionName=tiny.outputs["Look"],
        Payload=json.dumps({"call": "get_item", "arguments": {"Key": {"pk": {"S": "a"}}}}),
    )
    found = {
        value
        for pid in processes.marked(cloud._instance.token)
        for variable in Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        for name, _, value in [variable.partition("=")]
        if name in clouds._CREDENTIALS and len(value) > 30
    }
    assert found, "a function has credentials in its environment"
    dynamodb = session.client("dynamodb")
    row = {"pk": {"S": "credentials"}}
    dynamodb.put_item(TableName=tiny.outputs["Table"], Item={**row, "a": {"SS": sorted(found)}})
    try:
        clouds.look_at(cloud, produced)
    finally:
        dynamodb.delete_item(TableName=tiny.outputs["Table"], Key=row)
    assert any(leak.startswith("the credentials of a role in a row of the cloud") for leak in produced.leaks)


def test_a_webhooks_address_is_nowhere_after_a_deployment(cloud: LocalCloud, produced: Produced) -> None:
    token = secrets.token_hex(24)
    produced.canaries.add_secret("a webhook's address", token)
    hooked = deploy.deploy(
        cloud, TEMPLATE, stack_name="hooked", parameters={"AlertWebhookUrl": f"https://127.0.0.1:9/hook/{token}"}
    )
    clouds.look_at(cloud, produced)
    told = cloud.session().client("cloudformation").describe_stacks(StackName="hooked")
    produced.take("the stack's description", told, balances=True)
    assert token not in json.dumps(dict(hooked.outputs))
    assert [leak for leak in produced.leaks if leak.startswith("a webhook")] == []
