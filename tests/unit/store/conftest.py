"""Each store twice: in memory, and on AWS as moto plays it, with the table of the real template."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from moto import mock_aws

from tests.template.cfn import load
from trueup import aws
from trueup.store.dynamodb import DynamoRows
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.store.objects import Objects, S3Objects
from trueup.store.rows import Rows

REGION = "eu-central-1"
NUMBERS = count()


@pytest.fixture(scope="module")
def cloud() -> Iterator[None]:
    """AWS, empty, with clients of its own; each test has its own table and bucket."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.delenv(name, raising=False)
        aws.client.cache_clear()
        with mock_aws():
            yield
        aws.client.cache_clear()


@pytest.fixture(scope="session")
def table_properties() -> dict[str, Any]:
    properties: dict[str, Any] = load()["Resources"]["TrueupTable"]["Properties"]
    return properties


@pytest.fixture
def dynamo_rows(cloud: None, table_properties: dict[str, Any]) -> DynamoRows:
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    name = f"trueup-{next(NUMBERS)}"
    aws.client("dynamodb").create_table(TableName=name, **{field: table_properties[field] for field in wanted})
    return DynamoRows(name)


@pytest.fixture
def bucket(cloud: None) -> str:
    return f"trueup-{next(NUMBERS)}"


@pytest.fixture
def s3_objects(cloud: None, bucket: str) -> S3Objects:
    aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return S3Objects(bucket)


@pytest.fixture(params=["memory", "dynamodb"])
def rows(request: pytest.FixtureRequest) -> Rows:
    if request.param == "memory":
        return MemoryRows()
    found: Rows = request.getfixturevalue("dynamo_rows")
    return found


@pytest.fixture(params=["memory", "s3"])
def objects(request: pytest.FixtureRequest) -> Objects:
    if request.param == "memory":
        return MemoryObjects()
    found: Objects = request.getfixturevalue("s3_objects")
    return found


@pytest.fixture(params=["memory", "aws"])
def stores(request: pytest.FixtureRequest) -> tuple[Rows, Objects]:
    """Rows and objects of the same kind, for the stores built on both."""
    if request.param == "memory":
        return MemoryRows(), MemoryObjects()
    return request.getfixturevalue("dynamo_rows"), request.getfixturevalue("s3_objects")
