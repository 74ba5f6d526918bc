"""What each role asks of AWS while the desk works: every call, as the requests that IAM is asked to judge."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.iam.evaluator import Request, request
from tests.template.cfn import PSEUDO
from tests.workflow import desk
from tests.workflow.desk import Functions

ROLES = {
    "plan": "PlanRole",
    "fetch-coinbase": "FetchCoinbaseRole",
    "fetch-dydx": "FetchDydxRole",
    "prices": "FetchPricesRole",
    "compare": "CompareRole",
    "book": "BookRole",
    "notify": "NotifyRole",
}
QUEUES = {"trueup-deliveries.fifo": "arn:DeliveryQueue", "trueup-dead-deliveries.fifo": "arn:DeliveryDeadLetterQueue"}
TABLE, BUCKET, TOPIC, KEY = "arn:TrueupTable", "arn:EvidenceBucket", "AlertTopic", "arn:TrueupKey"
HEARTBEAT = "HeartbeatSecret.Id"
"""The one secret that is the stack's own."""
BUCKETS = {desk.BUCKET: BUCKET, desk.BOOK_BUCKET: f"arn:aws:s3:::{desk.BOOK_BUCKET}"}


class Recorder:
    """Requests by role."""

    def __init__(self) -> None:
        self.requests: dict[str, set[Request]] = {}

    def note(self, role: str, asked: list[Request]) -> None:
        self.requests.setdefault(role, set()).update(asked)


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record what the functions and the state machine ask for; what the test itself asks for does not count.

    A thread works for whoever started it: for a function, else for the state machine.
    """
    recorder = Recorder()
    real_call: Any = BaseClient.__dict__["_make_api_call"]
    real_start, real_invoke = threading.Thread.start, Functions.invoke

    def call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        role = _role()
        service = self.meta.service_model.service_name
        if role is not None:
            requests = _requests(service, operation, parameters)
            recorder.note(role, [*requests, *_encryption(service, operation, parameters)])
        try:
            return real_call(self, operation, parameters)
        except ClientError as error:
            if role is not None and error.response["Error"]["Code"] == "NoSuchKey":
                # S3 tells that there is no such object only to those who may list; this question has no prefix.
                recorder.note(role, [request("s3:ListBucket", BUCKETS[parameters["Bucket"]])])
            raise

    def start(self: threading.Thread) -> None:
        self.__dict__["works_for"] = _role() or "ReconcileRole"
        real_start(self)

    def invoke(self: Functions, function_name: str, body: str) -> tuple[str, bool]:
        thread = threading.current_thread()
        before = thread.__dict__.get("works_for")  # nobody, where the test itself invokes
        thread.__dict__["works_for"] = ROLES[function_name.rpartition(":")[2]]
        try:
            return real_invoke(self, function_name, body)
        finally:
            thread.__dict__["works_for"] = before

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        patch.setattr(threading.Thread, "start", start)
        patch.setattr(Functions, "invoke", invoke)
        yield recorder


def _role() -> str | None:
    """Whose call this is; None for the test's own."""
    role: str | None = threading.current_thread().__dict__.get("works_for")
    return role


def _requests(service: str, operation: str, given: Mapping[str, Any]) -> list[Request]:
    match service, operation:
        case "dynamodb", "TransactWriteItems":
            # Judged as the single writes it is made of.
            return [_row("PutItem", item["Put"]["Item"]["pk"]["S"]) for item in given["TransactItems"]]
        case "dynamodb", "PutItem":
            return [_row("PutItem", given["Item"]["pk"]["S"])]
        case "dynamodb", "GetItem":
            return [_row("GetItem", given["Key"]["pk"]["S"])]
        case "dynamodb", "Query":
            return [_row("Query", given["ExpressionAttributeValues"][":pk"]["S"])]
        case "s3", "GetObject" | "PutObject":
            return [request(f"s3:{operation}", f"{BUCKETS[given['Bucket']]}/{given['Key']}")]
        case "s3", "ListObjectsV2":
            return [request("s3:ListBucket", BUCKETS[given["Bucket"]], s3_prefix=[given["Prefix"]])]
        case "secretsmanager", "GetSecretValue":
            secret = given["SecretId"] if given["SecretId"] == HEARTBEAT else _secret(given["SecretId"])
            via = f"secretsmanager.{PSEUDO['AWS::Region']}.amazonaws.com"
            context = {"kms:ViaService": (via,), "kms:EncryptionContext:SecretARN": (secret,)}
            opened = Request("kms:Decrypt", KEY, tuple(sorted(context.items())))
            return [request("secretsmanager:GetSecretValue", secret), opened]
        case "sns", "Publish":
            return [request("sns:Publish", TOPIC)]
        case "sqs", "SendMessage" | "ChangeMessageVisibility":
            return [request(f"sqs:{operation}", QUEUES[given["QueueUrl"].rpartition("/")[2]])]
        case "lambda", "Invoke":
            function = given["FunctionName"].rpartition(":")[2]
            return [request("lambda:InvokeFunction", f"arn:{ROLES[function].removesuffix('Role')}Function")]
    raise AssertionError(f"{service}:{operation} is new here; say what IAM is asked for it")


def _encryption(service: str, operation: str, given: Mapping[str, Any]) -> list[Request]:
    """What AWS asks of the stack's key on the caller's behalf, by its documentation (the local cloud asks nothing)."""
    via = [f"{service}.{PSEUDO['AWS::Region']}.amazonaws.com"]
    opened = request("kms:Decrypt", KEY, kms_ViaService=via)
    sealed = request("kms:GenerateDataKey", KEY, kms_ViaService=via)
    match service, operation:
        case "dynamodb", _:
            return [opened]
        case "s3", "GetObject":
            # A bucket of the operator's has a key of its own, whose policy is for the operator to write.
            return [opened] if given["Bucket"] == desk.BUCKET else []
        case "s3", "PutObject":
            return [sealed]
        case ("sns", "Publish") | ("sqs", "SendMessage"):
            return [opened, sealed]
    return []


def _row(action: str, partition: str) -> Request:
    return request(f"dynamodb:{action}", TABLE, dynamodb_LeadingKeys=[partition])


def _secret(name: str) -> str:
    """A secret's ARN ends in a hyphen and six characters of its own."""
    region, account = PSEUDO["AWS::Region"], PSEUDO["AWS::AccountId"]
    return f"arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf"
