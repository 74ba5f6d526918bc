"""The fetch handler as one writes it on ccxt: the same work, the same habits (clients made late, one structured log).

Only its imports are measured; it is written out whole so that they are those of a handler that would work.
"""

import gzip
import json
import os
from functools import cache
from typing import Any

import boto3
import ccxt
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

logger = Logger()


@cache
def client(service: str) -> Any:
    return boto3.client(service)  # type: ignore[call-overload]  # the service's name is not literal


@cache
def exchange(venue: str, secret: str | None) -> Any:
    options: dict[str, Any] = {"timeout": int(os.environ["RECONCILIATION_TIMEOUT_MILLISECONDS"])}
    if secret is not None:
        key = json.loads(client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
        options |= {"apiKey": key["name"], "secret": key["privateKey"]}
    return getattr(ccxt, venue)(options)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    run_id, account_id = event["run_id"], event["account_id"]
    table, bucket = os.environ["TABLE_NAME"], os.environ["BUCKET_NAME"]
    row = client("dynamodb").get_item(TableName=table, Key={"pk": {"S": "ACCOUNTS"}, "sk": {"S": account_id}})
    account = json.loads(row["Item"]["account"]["S"])
    before = _book(table, account_id)
    balance = exchange(account["venue"], account["secret"]).fetch_balance()
    document = {"book": before, "balance": balance["info"], "book_after": _book(table, account_id)}
    key = f"runs/{run_id}/observations/{account_id}.json.gz"
    try:
        body = gzip.compress(json.dumps(document).encode())
        client("s3").put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
    return {"run_id": run_id, "account_id": account_id, "object": key}


def _book(table: str, account_id: str) -> Any:
    answer = client("dynamodb").get_item(TableName=table, Key={"pk": {"S": f"BOOK#{account_id}"}, "sk": {"S": "HEAD"}})
    return json.loads(answer["Item"]["book"]["S"])
