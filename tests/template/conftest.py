"""The template, read once."""

from typing import Any

import pytest
from cfn import Deployed, load


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return load()


@pytest.fixture(scope="session")
def deployed(template: dict[str, Any]) -> Deployed:
    return Deployed(template)
