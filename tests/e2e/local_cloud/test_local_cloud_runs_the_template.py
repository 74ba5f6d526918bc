"""What the state machine, the roles and the subscribers rely on, tried on the local cloud."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from local.cloud import deploy, logs
from local.cloud.deploy import Deployment
from local.cloud.errors import DeployFailed
from local.cloud.logs import Failure
from local.cloud.mailbox import open_mailbox
from local.cloud.ministack import LocalCloud
from local.cloud.webhook import Webhook

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parent / "project"


def execute(cloud: LocalCloud, stack: Deployment, given: dict[str, Any]) -> tuple[str, str]:
    """Run the state machine to its end; return its status and ARN."""
    states = cloud.session().client("stepfunctions")
    arn = states.start_execution(stateMachineArn=stack.outputs["Machine"], input=json.dumps(given))["executionArn"]
    deadline = time.monotonic() + 20
    while (status := states.describe_execution(executionArn=arn)["status"]) == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return status, arn


def look(cloud: LocalCloud, stack: Deployment, call: str, **arguments: Any) -> Any:
    answer = (
        cloud.session()
        .client("lambda")
        .invoke(FunctionName=stack.outputs["Look"], Payload=json.dumps({"call": call, "arguments": arguments}))
    )
    return json.loads(answer["Payload"].read())


def test_an_error_is_retried_by_its_own_name(cloud: LocalCloud, tiny: Deployment) -> None:
    status, arn = execute(cloud, tiny, {"error": "VenueRateLimited"})
    assert status == "FAILED"
    tries = Failure("VenueRateLimited", "cb-main: the venue said no")
    assert logs.execution_failures(cloud.session(), arn) == [tries, tries, tries]  # two tasks, then the execution


def test_an_error_is_caught_by_its_own_name_and_written_down(cloud: LocalCloud, tiny: Deployment) -> None:
    status, arn = execute(cloud, tiny, {"error": "VenueAuthFailed"})
    assert status == "SUCCEEDED"
    assert [failure.error for failure in logs.execution_failures(cloud.session(), arn)] == ["VenueAuthFailed"]
    written = cloud.session().client("dynamodb").scan(TableName=tiny.outputs["Table"])["Items"]
    assert written == [{"pk": {"S": "FAILURE#VenueAuthFailed"}}]


def test_what_a_function_printed_can_be_read(cloud: LocalCloud, tiny: Deployment) -> None:
    assert execute(cloud, tiny, {"error": ""})[0] == "SUCCEEDED"
    assert "asked for nothing" in logs.function_log(cloud.session(), "/aws/lambda/tiny/shout")
    assert logs.function_log(cloud.session(), "/aws/lambda/nobody") == []


def test_a_role_allows_what_it_names_and_denies_the_rest(cloud: LocalCloud, tiny: Deployment) -> None:
    key = {"pk": {"S": "a"}}
    assert look(cloud, tiny, "get_item", Key=key) == {"refused": None}
    assert look(cloud, tiny, "put_item", Item=key) == {"refused": "AccessDeniedException"}
    assert look(cloud, tiny, "scan") == {"refused": "AccessDeniedException"}


def test_a_property_cloudformation_drops_here_is_applied_all_the_same(cloud: LocalCloud, tiny: Deployment) -> None:
    answer = cloud.session().client("dynamodb").describe_time_to_live(TableName=tiny.outputs["Table"])
    assert answer["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_an_alert_reaches_the_mailbox_and_a_webhook_that_confirmed(cloud: LocalCloud, tiny: Deployment) -> None:
    session, topic = cloud.session(), tiny.outputs["Topic"]
    mailbox = open_mailbox(session, topic, "tiny-mailbox")
    with Webhook() as webhook:
        webhook.subscribe(session, topic)
        session.client("sns").publish(
            TopicArn=topic,
            Subject="CRITICAL",
            Message=json.dumps({"default": json.dumps({"subject": "CRITICAL", "text": "0.15 BTC are missing"})}),
            MessageStructure="json",
            MessageAttributes={"accounts": {"DataType": "String.Array", "StringValue": '["cb-main"]'}},
        )
        for received in (
            mailbox.wait_for(lambda messages: len(messages) == 1, seconds=10),
            webhook.wait_for(lambda messages: len(messages) == 1, seconds=10),
        ):
            assert received[0].alert["text"] == "0.15 BTC are missing"
            assert received[0].attributes == {"accounts": '["cb-main"]'}
    mailbox.close()


def test_a_parameter_is_refused_in_the_templates_own_words(cloud: LocalCloud) -> None:
    template = PROJECT / "template.yaml"
    with pytest.raises(DeployFailed, match="no parameter Retries; it has MaxRetries, Shouting"):
        deploy.deploy(cloud, template, stack_name="refused", parameters={"Retries": "1"})
    with pytest.raises(DeployFailed, match="Shouting"):
        deploy.deploy(cloud, template, stack_name="refused", parameters={"Shouting": "loud"})


def test_the_real_stack_is_deployed_and_deployed_again(cloud: LocalCloud, deployment: Deployment) -> None:
    again = deploy.deploy(cloud, Path(__file__).parents[3] / "template.yaml")
    assert again == deployment
    bucket = cloud.session().client("s3").get_bucket_encryption(Bucket=deployment.outputs["BucketName"])
    (rule,) = bucket["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == deployment.outputs["KeyArn"]


def test_a_venue_that_is_no_longer_chosen_loses_its_function(cloud: LocalCloud) -> None:
    template = Path(__file__).parents[3] / "template.yaml"
    both = deploy.deploy(cloud, template, stack_name="venues")
    one = deploy.deploy(cloud, template, stack_name="venues", parameters={"Venues": "coinbase"})
    gone = set(both.resources) - set(one.resources)
    assert "FetchDydxFunction" in gone
    assert "FetchCoinbaseFunction" not in gone
    assert set(json.loads(one.outputs["FetchFunctions"])) == {"coinbase"}
