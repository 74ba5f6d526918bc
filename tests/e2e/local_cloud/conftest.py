"""The small stack the local cloud is tried with."""

from pathlib import Path

import pytest

from local.cloud import deploy
from local.cloud.deploy import Deployment
from local.cloud.ministack import LocalCloud

PROJECT = Path(__file__).parent / "project"


@pytest.fixture(scope="session")
def tiny(cloud: LocalCloud) -> Deployment:
    """Two functions and a state machine."""
    return deploy.deploy(cloud, PROJECT / "template.yaml", stack_name="tiny")
