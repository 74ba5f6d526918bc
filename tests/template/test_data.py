"""What is kept is encrypted, outlives the stack, and goes when it should; what leaks nothing is logged."""

from typing import Any

import pytest
from cfn import FUNCTION, LOG_GROUP, PSEUDO, STATE_MACHINE, Deployed, of_type

from trueup.store.rows import OPEN_BREAKS

KEEPS_DATA = ["TrueupTable", "EvidenceBucket", "EvidenceBucketPolicy", "TrueupKey"]
ACCOUNT, REGION = PSEUDO["AWS::AccountId"], PSEUDO["AWS::Region"]


@pytest.fixture(scope="module")
def resources(deployed: Deployed) -> dict[str, dict[str, Any]]:
    return deployed.resources


@pytest.fixture(scope="module")
def key_policy(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {it["Sid"]: it for it in resources["TrueupKey"]["Properties"]["KeyPolicy"]["Statement"]}


@pytest.mark.parametrize("name", KEEPS_DATA)
def test_what_keeps_data_outlives_the_stack(template: dict[str, Any], name: str) -> None:
    assert template["Resources"][name]["DeletionPolicy"] == "Retain"
    assert template["Resources"][name]["UpdateReplacePolicy"] == "Retain"


def test_every_store_is_on_the_list_of_what_keeps_data(template: dict[str, Any]) -> None:
    stores = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key"}
    assert {name for name, it in template["Resources"].items() if it["Type"] in stores} <= set(KEEPS_DATA)


def test_the_table_has_the_keys_the_code_spells_and_lets_old_rows_go(resources: dict[str, dict[str, Any]]) -> None:
    table = resources["TrueupTable"]["Properties"]
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    keys = {"pk": "S", "sk": "S", OPEN_BREAKS.pk: "S", OPEN_BREAKS.sk: "S"}
    assert {it["AttributeName"]: it["AttributeType"] for it in table["AttributeDefinitions"]} == keys
    (index,) = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]) == (OPEN_BREAKS.name, {"ProjectionType": "ALL"})
    assert index["KeySchema"] == [
        {"AttributeName": OPEN_BREAKS.pk, "KeyType": "HASH"},
        {"AttributeName": OPEN_BREAKS.sk, "KeyType": "RANGE"},
    ]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_the_table_can_be_brought_back_and_not_dropped_by_a_slip(resources: dict[str, dict[str, Any]]) -> None:
    table = resources["TrueupTable"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True


def test_table_bucket_and_topic_are_encrypted_with_the_key_of_the_stack(resources: dict[str, dict[str, Any]]) -> None:
    sse = resources["TrueupTable"]["Properties"]["SSESpecification"]
    assert sse == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "arn:TrueupKey"}
    [rule] = resources["EvidenceBucket"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    expected = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:TrueupKey"}
    assert rule["ServerSideEncryptionByDefault"] == expected
    assert rule["BucketKeyEnabled"] is True
    assert resources["AlertTopic"]["Properties"]["KmsMasterKeyId"] == "arn:TrueupKey"
    assert resources["ScheduleDeadLetterQueue"]["Properties"]["SqsManagedSseEnabled"] is True
    assert resources["TrueupKey"]["Properties"]["EnableKeyRotation"] is True


def test_an_overwritten_object_can_still_be_read(resources: dict[str, dict[str, Any]]) -> None:
    bucket = resources["EvidenceBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_nothing_in_the_bucket_is_ever_public(resources: dict[str, dict[str, Any]]) -> None:
    block = resources["EvidenceBucket"]["Properties"]["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(
        ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"], True
    )


def test_evidence_goes_after_the_days_chosen_and_books_stay(template: dict[str, Any]) -> None:
    stack = Deployed(template, RetentionDays="90")
    rules = stack.resources["EvidenceBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = {it.get("Prefix", ""): it["ExpirationInDays"] for it in rules if "ExpirationInDays" in it}
    assert expiring == {"runs/": "90"}
    noncurrent = [it for it in rules if "NoncurrentVersionExpiration" in it]
    assert [it["NoncurrentVersionExpiration"] for it in noncurrent] == [{"NoncurrentDays": "90"}]
    assert "Prefix" not in noncurrent[0]
    assert all(it["Status"] == "Enabled" for it in rules)


def test_evidence_is_locked_only_where_somebody_says_for_how_long(template: dict[str, Any]) -> None:
    bucket = Deployed(template).resources["EvidenceBucket"]["Properties"]
    assert not {"ObjectLockEnabled", "ObjectLockConfiguration"} & bucket.keys()
    locked = Deployed(template, EvidenceLockDays="365").resources["EvidenceBucket"]["Properties"]
    assert locked["ObjectLockEnabled"] is True
    assert locked["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": "365"}},
    }
    assert locked["VersioningConfiguration"] == {"Status": "Enabled"}, "else S3 refuses"
    assert locked["LifecycleConfiguration"] == bucket["LifecycleConfiguration"], "it waits for the lock to end"


def test_no_role_may_delete_what_is_locked(template: dict[str, Any]) -> None:
    assert "BypassGovernanceRetention" not in str(template["Resources"])
    assert "PutObjectRetention" not in str(template["Resources"])


def test_everything_that_would_answer_over_plain_http_refuses_to(resources: dict[str, dict[str, Any]]) -> None:
    def policy(name: str) -> dict[str, Any]:
        properties = resources[name]["Properties"]
        document: dict[str, Any] = properties.get("ResourcePolicy", properties)["PolicyDocument"]
        return document

    for name, actions, where in (
        ("EvidenceBucketPolicy", "s3:*", ["arn:EvidenceBucket", "arn:EvidenceBucket/*"]),
        ("AlertTopicPolicy", "sns:Publish", "AlertTopic"),
        ("ScheduleDeadLetterQueuePolicy", "sqs:*", "arn:ScheduleDeadLetterQueue"),
        ("NoticeQueuePolicy", "sqs:*", "arn:NoticeQueue"),
        ("DeliveryQueuePolicy", "sqs:*", "*"),
        ("TrueupTable", "dynamodb:*", "*"),
    ):
        [deny] = [it for it in policy(name)["Statement"] if it["Effect"] == "Deny"]
        # Bool, and on "false" alone: calls of one service to another may come without the key, and must pass.
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert (deny["Principal"], deny["Action"], deny["Resource"]) == ("*", actions, where)
    assert resources["EvidenceBucketPolicy"]["Properties"]["Bucket"] == "EvidenceBucket"
    assert resources["AlertTopicPolicy"]["Properties"]["Topics"] == ["AlertTopic"]
    queues = {name for name, resource in resources.items() if resource["Type"] == "AWS::SQS::Queue"}
    policies = [it["Properties"] for it in resources.values() if it["Type"] == "AWS::SQS::QueuePolicy"]
    assert sorted(queue for policy in policies for queue in policy["Queues"]) == sorted(queues)


def test_no_store_topic_or_queue_is_without_that_refusal(template: dict[str, Any]) -> None:
    # Of the services used these answer over plain HTTP; the others only over TLS.
    answering = ("AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::DynamoDB::Table")
    assert [len(of_type(template, kind)) for kind in answering] == [1, 1, 5, 1]
    assert str(template).count("aws:SecureTransport") == 6, "three of the queues share a policy"


def test_only_alarms_and_rules_of_this_account_publish_beside_compare(resources: dict[str, dict[str, Any]]) -> None:
    found = resources["AlertTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = [it for it in found if it["Effect"] == "Allow"]
    assert {it["Principal"]["Service"] for it in allowed} == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}
    for statement in allowed:
        assert statement["Action"] == "sns:Publish"
        assert statement["Resource"] == "AlertTopic"
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_an_alarm_can_encrypt_what_it_publishes(key_policy: dict[str, dict[str, Any]]) -> None:
    alarms = key_policy["AlarmsOfThisAccount"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(alarms["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_an_event_rule_can_encrypt_what_it_publishes(key_policy: dict[str, dict[str, Any]]) -> None:
    events = key_policy["EventsToTheTopic"]
    assert events["Principal"] == {"Service": "events.amazonaws.com"}
    assert set(events["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert "Condition" not in events, "EventBridge sends KMS no source account: every message would be lost"


def test_the_topic_can_encrypt_what_it_puts_into_its_queue(key_policy: dict[str, dict[str, Any]]) -> None:
    topic = key_policy["TopicToItsQueue"]
    assert topic["Principal"] == {"Service": "sns.amazonaws.com"}
    assert set(topic["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert topic["Condition"] == {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:trueup-AlertTopic-*"}}


def test_the_account_can_manage_the_key_and_hand_out_its_use(key_policy: dict[str, dict[str, Any]]) -> None:
    assert key_policy["AccountDecidesByIam"]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert key_policy["AccountDecidesByIam"]["Action"] == "kms:*"


def test_cloudwatch_logs_may_use_the_key_for_the_logs_of_this_stack_only(
    resources: dict[str, dict[str, Any]], key_policy: dict[str, dict[str, Any]]
) -> None:
    logs = key_policy["LogsOfThisStack"]
    assert logs["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
    patterns = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    prefixes = tuple(pattern.removesuffix("*") for pattern in patterns)
    assert all(pattern.endswith("/trueup/*") for pattern in patterns), "another stack's name may begin with ours"
    for name, properties in _log_groups(resources).items():
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{properties['LogGroupName']}"
        assert arn.startswith(prefixes), name
        assert properties["KmsKeyId"] == "arn:TrueupKey"


def test_everything_that_logs_has_a_log_group_of_its_own_that_forgets(
    template: dict[str, Any], resources: dict[str, dict[str, Any]]
) -> None:
    groups = _log_groups(resources)
    functions = of_type(template, FUNCTION)
    used = [properties["LoggingConfig"]["LogGroup"]["Ref"] for properties in functions.values()]
    assert len(set(used)) == len(functions)
    [machine] = of_type(template, STATE_MACHINE).values()
    [destination] = machine["Logging"]["Destinations"]
    used.append(destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"][0])
    assert sorted(used) == sorted(groups)
    assert all(properties["RetentionInDays"] == "30" for properties in groups.values())


def test_a_log_group_is_deployed_exactly_when_its_function_is(template: dict[str, Any]) -> None:
    for name, properties in of_type(template, FUNCTION).items():
        group = properties["LoggingConfig"]["LogGroup"]["Ref"]
        parts = [
            template["Resources"][it].get("Condition") for it in (name, group, properties["Role"]["Fn::GetAtt"][0])
        ]
        assert len(set(parts)) == 1, name


def test_the_log_of_a_run_holds_no_data(template: dict[str, Any]) -> None:
    [machine] = of_type(template, STATE_MACHINE).values()
    assert machine["Logging"]["IncludeExecutionData"] is False
    assert machine["Logging"]["Level"] == "ERROR"
    assert machine["Tracing"] == {"Enabled": True}


def test_names_in_the_account_carry_the_name_of_the_stack(template: dict[str, Any]) -> None:
    fixed = {
        "FunctionName",
        "TableName",
        "BucketName",
        "TopicName",
        "QueueName",
        "RoleName",
        "Name",
        "LogGroupName",
        "AlarmName",
        "LayerName",
        "AliasName",
    }
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            continue  # names a function, and has no name itself
        for given in fixed & resource.get("Properties", {}).keys():
            assert "${AWS::StackName}" in str(resource["Properties"][given]), f"{name}: two stacks would collide"


def test_an_operator_finds_everything_in_the_outputs(template: dict[str, Any], deployed: Deployed) -> None:
    outputs = {name: deployed.resolve(it["Value"]) for name, it in template["Outputs"].items()}
    assert outputs.keys() == {
        "StateMachineArn",
        "ScheduleName",
        "ScheduleDeadLetterQueueUrl",
        "TableName",
        "BucketName",
        "TopicArn",
        "ReconciliationIntervalSeconds",
        "ReconciliationThresholdPercentage",
        "RetentionDays",
        "KeyArn",
        "SecretPrefix",
        "FetchFunctions",
        "BookFunctionArn",
        "BookAllowedHosts",
        "NotifyFunctionArn",
        "NoticeQueueUrl",
        "NoticeDeadLetterQueueUrl",
        "DeliveryQueueUrl",
        "DeliveryDeadLetterQueueUrl",
    }
    assert outputs["SecretPrefix"] == "trueup/" == deployed.environment("FetchCoinbaseFunction")["SECRET_PREFIX"]
    # What somebody does to a break expires as what runs see of it.
    assert outputs["RetentionDays"] == deployed.environment("CompareFunction")["RETENTION_DAYS"]
    assert all(it["Description"] for it in template["Outputs"].values())


def _log_groups(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: it["Properties"] for name, it in resources.items() if it["Type"] == LOG_GROUP}
