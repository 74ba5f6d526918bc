from collections.abc import Iterator

import pytest
from book_kit import REGION, SHELVES, UNDO, HttpsShelf, S3Shelf, Shelf, TableShelf
from botocore.config import Config
from moto import mock_aws

from tests.unit.book_server import BookServer
from trueup import aws


@pytest.fixture(scope="module")
def cloud() -> Iterator[None]:
    """AWS, empty, whose clients ask once: what is tried here is what becomes of a failure, not how often."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setattr(aws, "_CONFIG", Config(retries={"total_max_attempts": 1}))
        aws.client.cache_clear()
        with mock_aws():
            yield
        aws.client.cache_clear()


@pytest.fixture
def answering_cloud(cloud: None) -> Iterator[None]:
    """The same, well again after each test."""
    yield
    while UNDO:
        UNDO.pop()()


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    """Each source in turn: what holds for one holds for all."""
    if request.param == "https":
        with BookServer() as server:
            yield HttpsShelf(server)
    else:
        request.getfixturevalue("answering_cloud")
        yield {"table": TableShelf, "s3": S3Shelf}[request.param]()


@pytest.fixture
def csv_in_s3(answering_cloud: None) -> S3Shelf:
    return S3Shelf("books/cb-main.csv")
