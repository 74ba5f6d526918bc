"""What a role cannot reach: everything any of the functions does, and more, tried with the real credentials of each.

A probe function runs under each deployed role, so nothing stands between the call and IAM.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.iam_stack import BOOK_BUCKET, DENIED, ENDPOINTS, STACK, ProofStack, proof_stack

pytestmark = pytest.mark.slow

Call = tuple[str, str, dict[str, Any]]

RUN = "runs/20261122T120000Z"
POLICY = "policies/0a1b2c3d4e5f.json.gz"
ROW = {"pk": {"S": "RUNS#2026-11-22"}, "sk": {"S": "RUN#20261122T120000Z"}}

MAY = {
    "PlanRole": {"write a row", "write rows together", "query a partition", "read a policy", "write the manifest"},
    "FetchCoinbaseRole": {
        "read a row",
        "read a book",
        "read a book in the bucket of books",
        "list the bucket of books",
        "write an observation",
        "read a secret of Coinbase",
    },
    "FetchDydxRole": {
        "read a row",
        "read a book",
        "read a book in the bucket of books",
        "list the bucket of books",
        "write an observation",
        f"read the secret {STACK}/dydx/main",
    },
    "BookRole": {"read a row", "write a row", "write rows together", "write a book"},
    "FetchPricesRole": {"write a row", "write rows together", "write the prices"},
    "NotifyRole": {
        "read a row",
        "write a row",
        "write rows together",
        "read the list of endpoints",
        "send to the endpoints",
        "send to the dead letters",
        "take from the topic's queue",
        "take from the endpoints' queue",
    },
    "CompareRole": {
        "read a row",
        "write a row",
        "write rows together",
        "query a partition",
        "list the runs",
        "read an observation",
        "read the manifest",
        "write the report",
        "publish an alert",
    },
}
"""Which of the calls below each role may make; the partitions of the table are for tests/workflow/test_iam_use.py."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProofStack]:
    with proof_stack(tmp_path_factory.mktemp("iam")) as stack:
        secrets = stack.client("secretsmanager")
        for name in OTHER_SECRETS:
            secrets.create_secret(Name=name, SecretString="{}")
        objects = stack.client("s3")
        for key in (f"{RUN}/manifest.json.gz", f"{RUN}/observations/cb.json.gz", "books/cb/1.json.gz", POLICY):
            objects.put_object(Bucket=stack.deployment.outputs["BucketName"], Key=key, Body=b"")
        for key in ("books/cb.json", "payroll.csv"):
            objects.put_object(Bucket=BOOK_BUCKET, Key=key, Body=b"")
        yield stack


OTHER_SECRETS = (
    f"{STACK}/kraken/main",
    f"{STACK}/dydx/main",
    f"{STACK}/coinbase-old/cb",
    "other/coinbase/cb",
    f"other/{STACK}/coinbase/cb",
)


def calls(stack: ProofStack) -> dict[str, Call]:
    """Everything that is tried, each call one that succeeds for who may."""
    outputs, resources = stack.deployment.outputs, stack.deployment.resources
    table, bucket, topic = {"TableName": outputs["TableName"]}, outputs["BucketName"], outputs["TopicArn"]
    key = {"KeyId": outputs["KeyArn"]}
    plan = resources["PlanFunction"]
    condition = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "ACCOUNTS"}}}

    def read(name: str) -> Call:
        return "s3", "get_object", {"Bucket": bucket, "Key": name}

    def write(name: str) -> Call:
        return "s3", "put_object", {"Bucket": bucket, "Key": name, "Body": "x"}

    def send(queue: str) -> Call:
        given = {"QueueUrl": resources[queue], "MessageBody": "x"}
        order = {"MessageGroupId": "probe", "MessageDeduplicationId": "probe"}
        return "sqs", "send_message", given if queue == "NoticeQueue" else given | order

    def take(queue: str) -> Call:
        return "sqs", "receive_message", {"QueueUrl": resources[queue], "VisibilityTimeout": 0}

    def secret(name: str) -> Call:
        return "secretsmanager", "get_secret_value", {"SecretId": name}

    return {
        "read a row": ("dynamodb", "get_item", {**table, "Key": ROW}),
        "write a row": ("dynamodb", "put_item", {**table, "Item": ROW}),
        "write rows together": (
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"Put": {**table, "Item": ROW}}]},
        ),
        "query a partition": ("dynamodb", "query", {**table, **condition}),
        "scan the table": ("dynamodb", "scan", table),
        "update a row": ("dynamodb", "update_item", {**table, "Key": ROW}),
        "delete a row": ("dynamodb", "delete_item", {**table, "Key": ROW}),
        "delete the table": ("dynamodb", "delete_table", table),
        "read many rows": ("dynamodb", "batch_get_item", {"RequestItems": {outputs["TableName"]: {"Keys": [ROW]}}}),
        "query by SQL": ("dynamodb", "execute_statement", {"Statement": f'SELECT * FROM "{outputs["TableName"]}"'}),
        "export the table": (
            "dynamodb",
            "export_table_to_point_in_time",
            {"TableArn": f"arn:aws:dynamodb:us-east-1:000000000000:table/{outputs['TableName']}", "S3Bucket": "mine"},
        ),
        "read a book": read("books/cb/1.json.gz"),
        "read a policy": read(POLICY),
        "read the manifest": read(f"{RUN}/manifest.json.gz"),
        "read an observation": read(f"{RUN}/observations/cb.json.gz"),
        "write the manifest": write(f"{RUN}/manifest.json.gz"),
        "write an observation": write(f"{RUN}/observations/dydx.json.gz"),
        "write the prices": write(f"{RUN}/prices.json.gz"),
        "write the report": write(f"{RUN}/report.json.gz"),
        "write a book": write("books/cb/2.json.gz"),
        "write a policy": write(POLICY),
        "write elsewhere": write("elsewhere.json.gz"),
        "read a book in the bucket of books": ("s3", "get_object", {"Bucket": BOOK_BUCKET, "Key": "books/cb.json"}),
        "read something else there": ("s3", "get_object", {"Bucket": BOOK_BUCKET, "Key": "payroll.csv"}),
        "write a book there": ("s3", "put_object", {"Bucket": BOOK_BUCKET, "Key": "books/cb.json", "Body": "x"}),
        "list the bucket of books": ("s3", "list_objects_v2", {"Bucket": BOOK_BUCKET, "Prefix": "books/"}),
        "list something else there": ("s3", "list_objects_v2", {"Bucket": BOOK_BUCKET, "Prefix": "payroll"}),
        "list the runs": ("s3", "list_objects_v2", {"Bucket": bucket, "Prefix": "runs/"}),
        "list the books": ("s3", "list_objects_v2", {"Bucket": bucket, "Prefix": "books/"}),
        "list the versions": ("s3", "list_object_versions", {"Bucket": bucket}),
        "delete an object": ("s3", "delete_object", {"Bucket": bucket, "Key": f"{RUN}/observations/cb.json.gz"}),
        "delete the bucket's policy": ("s3", "delete_bucket_policy", {"Bucket": bucket}),
        "change what expires": (
            "s3",
            "put_bucket_lifecycle_configuration",
            {"Bucket": bucket, "LifecycleConfiguration": {"Rules": []}},
        ),
        "read a secret of Coinbase": secret(f"{STACK}/coinbase/cb"),
        **{f"read the secret {name}": secret(name) for name in OTHER_SECRETS},
        "read the list of endpoints": secret(ENDPOINTS),
        "send to the endpoints": send("DeliveryQueue"),
        "send to the dead letters": send("DeliveryDeadLetterQueue"),
        "send in the topic's name": send("NoticeQueue"),
        "take from the topic's queue": take("NoticeQueue"),
        "take from the endpoints' queue": take("DeliveryQueue"),
        "take from the dead letters": take("DeliveryDeadLetterQueue"),
        "purge a queue": ("sqs", "purge_queue", {"QueueUrl": resources["DeliveryQueue"]}),
        "list the secrets": ("secretsmanager", "list_secrets", {}),
        "replace a secret": (
            "secretsmanager",
            "put_secret_value",
            {"SecretId": f"{STACK}/coinbase/cb", "SecretString": "{}"},
        ),
        "publish an alert": ("sns", "publish", {"TopicArn": topic, "Message": "x"}),
        "subscribe": ("sns", "subscribe", {"TopicArn": topic, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:::mine"}),
        "use the key directly": ("kms", "encrypt", {**key, "Plaintext": "x"}),
        "make a data key": ("kms", "generate_data_key", {**key, "KeySpec": "AES_256"}),
        "hand out the key": (
            "kms",
            "create_grant",
            {**key, "GranteePrincipal": "arn:aws:iam::000000000000:root", "Operations": ["Decrypt"]},
        ),
        "schedule the key's end": ("kms", "schedule_key_deletion", key),
        "invoke a function": ("lambda", "invoke", {"FunctionName": plan, "Payload": "{}"}),
        "push a book": ("lambda", "invoke", {"FunctionName": resources["BookFunction"], "Payload": "{}"}),
        "read a function's settings": ("lambda", "get_function", {"FunctionName": plan}),
        "start a run": ("stepfunctions", "start_execution", {"stateMachineArn": outputs["StateMachineArn"]}),
        "take another role": (
            "sts",
            "assume_role",
            {"RoleArn": stack.role_arn("CompareRole"), "RoleSessionName": "probe"},
        ),
        "give itself a right": (
            "iam",
            "put_role_policy",
            {"RoleName": resources["FetchDydxRole"], "PolicyName": "more", "PolicyDocument": "{}"},
        ),
    }


@pytest.mark.parametrize("role", MAY)
def test_a_role_reaches_what_its_function_uses_and_nothing_else(stack: ProofStack, role: str) -> None:
    tried = calls(stack)

    answers = dict(zip(tried, stack.try_as(role, list(tried.values())), strict=True))

    assert {name for name, code in answers.items() if code is None} == MAY[role]
    other = {name: code for name, code in answers.items() if code is not None and code not in DENIED}
    assert other == {}, "refused, but not by IAM"


def test_every_call_that_is_refused_would_succeed_for_the_operator(stack: ProofStack) -> None:
    """So a refusal above is IAM's and not one of a call that nobody could make."""
    harmless = [
        *("read a row", "query a partition", "scan the table", "read many rows", "query by SQL"),
        *("list the books", "list the versions", "list the secrets"),
        *("read something else there", "list something else there"),
        *(f"read the secret {name}" for name in OTHER_SECRETS),
        *("use the key directly", "make a data key", "read a function's settings"),
    ]
    tried = calls(stack)
    for name in harmless:
        service, operation, given = tried[name]
        getattr(stack.client(service), operation)(**given)
