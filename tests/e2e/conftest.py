"""One local cloud for all end-to-end tests of a session, and the real stack deployed into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud import deploy, ministack
from local.cloud.deploy import Deployment
from local.cloud.ministack import LocalCloud

ROOT = Path(__file__).parents[2]
# Seconds of Wait states become hundredths: nothing here is about how long they are.
WAIT_SCALE = 0.01


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud on a free port."""
    with ministack.start(tmp_path_factory.mktemp("local") / "cloud", wait_scale=WAIT_SCALE) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def deployment(cloud: LocalCloud) -> Deployment:
    """The real template.yaml, deployed with its defaults."""
    return deploy.deploy(cloud, ROOT / "template.yaml")
