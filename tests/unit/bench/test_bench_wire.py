"""The counter of AWS requests: AWS's published rules, on requests as they leave."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from bench.wire import Uncounted, Wire, item_size

TABLE = "rows"
KEY = {"pk": {"S": "P"}, "sk": {"S": "S"}}  # 2 names of 2 bytes, 2 values of 1: 6 bytes


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(), Wire().watching() as wire:
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        )
        boto3.client("s3").create_bucket(Bucket="evidence")
        yield wire


def text_of(size: int) -> dict[str, dict[str, str]]:
    """An item of exactly so many bytes."""
    return {**KEY, "t": {"S": "x" * (size - 7)}}


def test_the_size_of_an_item_is_names_and_values_by_the_published_rules() -> None:
    item = {
        **KEY,  # 6
        "text": {"S": "zwölf"},  # 4 + 6
        "number": {"N": "-1200.50"},  # 6 + sign 1 + "1200.5" is 5 digits: 3 + 1
        "flag": {"BOOL": True},  # 4 + 1
        "none": {"NULL": True},  # 4 + 1
        "list": {"L": [{"S": "ab"}, {"N": "7"}]},  # 4 + 3 + (1 + 2) + (1 + 2)
        "map": {"M": {"k": {"S": "v"}}},  # 3 + 3 + (1 + 1 + 1)
    }
    assert item_size(item) == 6 + 10 + 11 + 5 + 5 + 13 + 9


@pytest.mark.parametrize(("size", "units"), [(100, 1), (1024, 1), (1025, 2), (4096, 4)])
def test_a_write_costs_a_unit_for_each_kilobyte_begun(wire: Wire, size: int, units: int) -> None:
    with wire.counting() as counted:
        boto3.client("dynamodb").put_item(TableName=TABLE, Item=text_of(size))
    assert counted["DynamoDB write units"] == units
    assert counted["DynamoDB bytes added"] == size + 100


def test_a_smaller_row_over_a_larger_one_costs_what_the_larger_one_did(wire: Wire) -> None:
    boto3.client("dynamodb").put_item(TableName=TABLE, Item=text_of(3000))
    with wire.counting() as counted:
        boto3.client("dynamodb").put_item(TableName=TABLE, Item=text_of(100))
    assert counted == {"DynamoDB write units": 3, "DynamoDB bytes added": -2900}


def test_a_refused_write_is_paid_and_a_transaction_costs_double(wire: Wire) -> None:
    client = boto3.client("dynamodb")
    put = {"TableName": TABLE, "Item": text_of(1500), "ConditionExpression": "attribute_not_exists(pk)"}
    with wire.counting() as counted:
        client.transact_write_items(TransactItems=[{"Put": put}])
    assert counted["DynamoDB write units"] == 4
    with wire.counting() as counted, pytest.raises(ClientError):
        client.put_item(**put)
    assert counted == {"DynamoDB write units": 2}


@pytest.mark.parametrize(("consistent", "half_units"), [(True, 4), (False, 2)])
def test_a_read_costs_a_unit_for_each_four_kilobytes_begun_and_half_if_it_may_be_old(
    wire: Wire, consistent: bool, half_units: int
) -> None:
    client = boto3.client("dynamodb")
    client.put_item(TableName=TABLE, Item=text_of(5000))
    with wire.counting() as counted:
        client.get_item(TableName=TABLE, Key=KEY, ConsistentRead=consistent)
    assert counted == {"DynamoDB half read units": half_units}


def test_a_query_is_paid_by_the_sum_of_what_it_read_and_an_empty_answer_still_costs(wire: Wire) -> None:
    client = boto3.client("dynamodb")
    for number in range(3):
        client.put_item(TableName=TABLE, Item={**text_of(2000), "sk": {"S": str(number)}})
    for partition, half_units in (("P", 4), ("nobody", 2)):
        with wire.counting() as counted:
            client.query(
                TableName=TABLE,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": partition}},
            )
        assert counted == {"DynamoDB half read units": half_units}


def test_objects_are_counted_by_what_was_asked(wire: Wire) -> None:
    client = boto3.client("s3")
    with wire.counting() as counted:
        client.put_object(Bucket="evidence", Key="a", Body=b"x" * 300)
        client.get_object(Bucket="evidence", Key="a")
        client.list_objects_v2(Bucket="evidence")
        with pytest.raises(ClientError):
            client.get_object(Bucket="evidence", Key="b")
    assert counted == {"S3 puts": 1, "S3 bytes added": 300, "S3 gets": 2, "S3 lists": 1}


def test_what_the_counter_does_not_know_does_not_go_uncounted(wire: Wire) -> None:
    with pytest.raises(Uncounted, match="DeleteItem"), wire.counting():
        boto3.client("dynamodb").delete_item(TableName=TABLE, Key=KEY)
    with pytest.raises(Uncounted, match="DELETE"), wire.counting():
        boto3.client("s3").delete_object(Bucket="evidence", Key="a")
    with pytest.raises(Uncounted, match="sqs"), wire.counting():
        boto3.client("sqs").list_queues()
