"""The template, read once."""

from typing import Any

import pytest
from cfn import Deployed, load


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return load()


@pytest.fixture(scope="session")
def deployed(template: dict[str, Any]) -> Deployed:
    """Everything there is: with endpoints for alerts, which are not there by default."""
    return Deployed(template, AlertEndpointsSecret="trueup/alert-endpoints")
