"""Calls DynamoDB as it is told, with the rights of its own role."""

import os
from typing import Any

import boto3
from botocore.exceptions import ClientError


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    dynamodb = boto3.client("dynamodb")
    try:
        getattr(dynamodb, event["call"])(TableName=os.environ["TABLE_NAME"], **event["arguments"])
    except ClientError as error:
        return {"refused": error.response["Error"]["Code"]}
    return {"refused": None}
