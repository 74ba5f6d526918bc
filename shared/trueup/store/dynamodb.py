"""Rows in DynamoDB: one table, keys `pk` and `sk`."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from trueup.aws import client, code_of, raising_store_unavailable
from trueup.errors import StoreUnavailable
from trueup.store.rows import Condition, Index, Row

_write = TypeSerializer().serialize
_read = TypeDeserializer().deserialize
_COMPARISONS = {"absent_or_below": "<", "absent_or_at_most": "<="}


class DynamoRows:
    """A DynamoDB table (see store.rows.Rows)."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name

    @raising_store_unavailable
    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        """Read one row, strongly consistent."""
        answer = client("dynamodb").get_item(
            TableName=self._table, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
        )
        return _from_item(answer["Item"]) if "Item" in answer else None

    @raising_store_unavailable
    def put(self, row: Row, condition: Condition | None = None) -> bool:
        """Write one row if the condition holds."""
        try:
            client("dynamodb").put_item(**self._put(row, condition))
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    @raising_store_unavailable
    def put_all(self, puts: Sequence[tuple[Row, Condition | None]]) -> bool:
        """Write all rows in one transaction if every condition holds."""
        try:
            client("dynamodb").transact_write_items(
                TransactItems=[{"Put": self._put(row, condition)} for row, condition in puts]
            )
        except ClientError as error:
            # There are none unless the transaction as such was cancelled.
            reasons = error.response.get("CancellationReasons", [])
            codes = {str(reason.get("Code")) for reason in reasons}
            if codes & {"ConditionalCheckFailed", "TransactionConflict"}:
                # A conflicting transaction is a condition about to fail: the caller reads again either way.
                return False
            if codes & {"ThrottlingError", "ProvisionedThroughputExceeded"}:
                raise StoreUnavailable(
                    f"TransactWriteItems: {', '.join(sorted(codes - {'None'}))}; try again"
                ) from None
            raise
        return True

    @raising_store_unavailable
    def delete(self, pk: str, sk: str) -> None:
        """Remove a row."""
        client("dynamodb").delete_item(TableName=self._table, Key={"pk": {"S": pk}, "sk": {"S": sk}})

    @raising_store_unavailable
    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        between: tuple[str, str] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        index: Index | None = None,
    ) -> list[dict[str, Any]]:
        """Read rows of one partition in order."""
        # Of an index, the names of the fields may be words that DynamoDB keeps for itself.
        names = {"#pk": "pk", "#sk": "sk"} if index is None else {"#pk": index.pk, "#sk": index.sk}
        expression, values = "#pk = :pk", {":pk": {"S": pk}}
        if between:
            expression += " AND #sk BETWEEN :from AND :to"
            values |= {":from": {"S": between[0]}, ":to": {"S": between[1]}}
        elif prefix:
            expression += " AND begins_with(#sk, :prefix)"
            values[":prefix"] = {"S": prefix}
        else:
            del names["#sk"]
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not newest_first,
            "ConsistentRead": index is None,
        }
        if index is not None:
            request["IndexName"] = index.name
        if limit is not None:
            request["Limit"] = limit
        rows: list[dict[str, Any]] = []
        while True:
            answer = client("dynamodb").query(**request)
            rows += [_from_item(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer or (limit is not None and len(rows) >= limit):
                return rows
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _put(self, row: Row, condition: Condition | None) -> dict[str, Any]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "Item": {name: _write(value) for name, value in row.items()},
        }
        if condition is None:
            return request
        absent = "attribute_not_exists(pk)"
        comparison = f"#field {_COMPARISONS.get(condition.kind, '=')} :value"
        if condition.kind == "absent":
            return request | {"ConditionExpression": absent}
        expression = comparison if condition.kind == "equals" else f"{absent} OR {comparison}"
        return request | {
            "ConditionExpression": expression,
            "ExpressionAttributeNames": {"#field": condition.field},
            "ExpressionAttributeValues": {":value": _write(condition.value)},
        }


def _from_item(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _whole(_read(value)) for name, value in item.items()}


def _whole(value: Any) -> Any:
    """Give back whole numbers as int: rows hold no others (amounts are strings), unless somebody changed one."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    return value
