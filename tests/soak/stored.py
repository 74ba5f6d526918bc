"""What the product left behind, read with nothing of the product's: plain AWS calls, plain JSON, plain SHA-256."""

import gzip
import hashlib
import json
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

GENESIS = "0" * 64
NOT_HASHED = ("pk", "sk", "hash")

Row = dict[str, Any]


def sha256(document: object) -> str:
    """Of the document as docs/formats.md has it: sorted keys, no blanks, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def chain_faults(rows: list[Row], head: Row | None) -> list[str]:
    """What is wrong with an account's chain, given all its rows in the order of their numbers."""
    faults = []
    before = GENESIS
    for number, row in enumerate(sorted(rows, key=lambda row: int(row["seq"])), start=1):
        if row["seq"] != number:
            faults.append(f"number {number} is missing or doubled: found {row['seq']} (run {row['run_id']})")
            break
        if row["prev"] != before:
            faults.append(f"row {number} (run {row['run_id']}) names {row['prev'][:12]} before it, not {before[:12]}")
        if row["hash"] != sha256({name: value for name, value in row.items() if name not in NOT_HASHED}):
            faults.append(f"row {number} (run {row['run_id']}) has a hash which is not its own")
        before = row["hash"]
    if rows and (head is None or (head["seq"], head["hash"]) != (len(rows), before)):
        faults.append(f"the head does not point at row {len(rows)}")
    return faults


class Stored:
    """The table and the bucket of the stack."""

    def __init__(self, session: boto3.Session, table: str, bucket: str) -> None:
        self._dynamodb = session.client("dynamodb")
        self._s3 = session.client("s3")
        self._table, self._bucket = table, bucket

    def chain(self, account_id: str) -> tuple[list[Row], Row | None]:
        """All audit rows of an account, and its head."""
        rows = self._query(f"ACCOUNT#{account_id}")
        heads = [row for row in rows if row["sk"] == "CHAIN"]
        return [row for row in rows if row["sk"].startswith("REPORT#")], heads[0] if heads else None

    def run_row(self, run_id: str, day: str) -> Row | None:
        """The row of a run."""
        found = [row for row in self._query(f"RUNS#{day}") if row["run_id"] == run_id]
        return found[0] if found else None

    def document(self, key: str) -> Any | None:
        """An object, parsed; None when there is none."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return json.loads(gzip.decompress(answer["Body"].read()))

    def _query(self, pk: str) -> list[Row]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
        )
        read = TypeDeserializer().deserialize
        return [{name: _plain(read(value)) for name, value in item.items()} for page in pages for item in page["Items"]]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value
