from collections.abc import Iterator

import pytest
from venue_kit import DESKS, Desk, Time


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=sorted(DESKS))
def desk(request: pytest.FixtureRequest, time: Time) -> Iterator[Desk]:
    """An account at each venue in turn: what holds for one venue holds for all."""
    with DESKS[request.param](time) as desk:
        yield desk


@pytest.fixture
def coinbase(time: Time) -> Iterator[Desk]:
    with DESKS["coinbase"](time) as desk:
        yield desk


@pytest.fixture
def dydx(time: Time) -> Iterator[Desk]:
    with DESKS["dydx"](time) as desk:
        yield desk
