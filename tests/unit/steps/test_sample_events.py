"""events/ has one sample for each function, and each function takes its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from local.cloud.template import of_type, read
from trueup.domain.reading import parse_json
from trueup.steps import book, compare, fetch, notify, plan, prices

ROOT = Path(__file__).parents[3]
READERS: dict[str, Callable[[object], object]] = {
    "plan": lambda event: plan.read_request(event, 300),
    "fetch-coinbase": fetch.read_request,
    "fetch-dydx": fetch.read_request,
    "prices": prices.read_request,
    "book": book.read_request,
    "compare": compare.read_request,
    "notify": notify.read_request,
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_function_takes_its_sample_event(name: str) -> None:
    event = parse_json((ROOT / "events" / f"{name}.json").read_bytes(), name)

    assert READERS[name](event)


def test_every_function_of_the_template_has_a_sample_event() -> None:
    samples = {path.stem for path in (ROOT / "events").glob("*.json")}
    functions = of_type(read(ROOT / "template.yaml"), "AWS::Serverless::Function").values()
    services = [function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for function in functions]

    assert sorted(services) == sorted(samples)
    assert samples == set(READERS)
