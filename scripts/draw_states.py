"""Draws the state machine from its definition, as the Mermaid diagram that docs/architecture.md holds.

Run it to put the drawing in place again after a change: .venv/bin/python scripts/draw_states.py
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DEFINITION = ROOT / "statemachine" / "reconcile.asl.yaml"
PAGE = ROOT / "docs" / "architecture.md"
DRAWING = re.compile(r"(?<=^```mermaid\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
COMPARISONS = {"StringEquals": "is"}


def drawing(definition: Mapping[str, Any]) -> str:
    """Return the whole diagram."""
    return "\n".join(["stateDiagram-v2", *(f"  {line}" for line in _machine(definition))]) + "\n"


def _machine(machine: Mapping[str, Any]) -> Iterator[str]:
    """Draw the states of one machine, of a Map's or of a Parallel's branch."""
    yield f"[*] --> {machine['StartAt']}"
    for name, state in machine["States"].items():
        yield from _state(name, state)


def _state(name: str, state: Mapping[str, Any]) -> Iterator[str]:
    kind = state["Type"]
    inner = [state["ItemProcessor"]] if kind == "Map" else state.get("Branches", [])
    if kind == "Choice":
        for choice in state["Choices"]:
            yield f"{name} --> {choice['Next']}: {_condition(choice)}"
        yield f"{name} --> {state['Default']}: else"
        return
    if inner:
        yield f'state "{name}{": each, several at once" if kind == "Map" else ": all at once"}" as {name} {{'
        for number, machine in enumerate(inner):
            if number:
                yield "  --"
            yield from (f"  {line}" for line in _machine(machine))
        yield "}"
    else:
        yield f"{name}: {name}{_what(state)}"
    for catch in state.get("Catch", []):
        yield f"{name} --> {catch['Next']}: failed{' for good' if 'Retry' in state else ''}"
    if "Next" in state:
        yield f"{name} --> {state['Next']}"
    elif kind in {"Succeed", "Fail"} or state.get("End"):
        yield f"{name} --> [*]"


def _what(state: Mapping[str, Any]) -> str:
    """Say in brackets what a state does: its service, its retries, its end."""
    if state["Type"] == "Task":
        service = state["Resource"].removeprefix("arn:aws:states:::").partition(":")[0]
        return f" ({service}{', retried' if 'Retry' in state else ''})"
    return {"Succeed": " (succeeds)", "Fail": " (fails)", "Wait": " (waits)"}.get(state["Type"], "")


def _condition(choice: Mapping[str, Any]) -> str:
    comparison = next(name for name in choice if name in COMPARISONS)
    return f"{choice['Variable'].removeprefix('$.')} {COMPARISONS[comparison]} {choice[comparison]}"


def main() -> None:
    """Put the drawing into the page."""
    page = PAGE.read_text()
    PAGE.write_text(DRAWING.sub(drawing(yaml.safe_load(DEFINITION.read_text())), page))


if __name__ == "__main__":
    main()
