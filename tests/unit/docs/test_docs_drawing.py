"""The drawing of the state machine is the state machine's."""

import importlib.util
from types import ModuleType

import pytest
import yaml

from tests.unit.docs.test_docs_formats import ROOT


@pytest.fixture(scope="module")
def draw_states() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_states", ROOT / "scripts" / "draw_states.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_definition_as_it_is(draw_states: ModuleType) -> None:
    shown = draw_states.DRAWING.search(draw_states.PAGE.read_text())
    assert shown is not None
    expected = draw_states.drawing(yaml.safe_load(draw_states.DEFINITION.read_text()))
    assert shown[0] == expected, "draw it again: .venv/bin/python scripts/draw_states.py"


def test_every_state_is_drawn(draw_states: ModuleType) -> None:
    def states(node: object) -> set[str]:
        if isinstance(node, list):
            return {name for inner in node for name in states(inner)}
        if not isinstance(node, dict):
            return set()
        own = set(node["States"]) if "States" in node else set()
        return own | {name for inner in node.values() for name in states(inner)}

    definition = yaml.safe_load(draw_states.DEFINITION.read_text())
    drawn = draw_states.drawing(definition)
    named = states(definition)
    assert len(named) > 10
    assert not [name for name in named if f"--> {name}" not in drawn]
