"""Who may import whom: a file's place says what it may do."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TRUEUP = ROOT / "shared" / "trueup"


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """The modules a file imports, relative ones in full."""
    package = file.relative_to(TRUEUP.parent if TRUEUP in file.parents else ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*above, *((node.module,) if node.module else ())))


@pytest.mark.parametrize("file", python_files(TRUEUP / "domain"), ids=lambda file: file.name)
def test_the_domain_imports_the_standard_library_and_itself(file: Path) -> None:
    outside = {
        name
        for name in imported(file)
        if not name.startswith("trueup.domain") and name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert outside == set()
    assert not {"os", "time", "random", "socket", "logging"} & set(imported(file)), "the domain has no world to ask"


@pytest.mark.parametrize("file", python_files(ROOT / "functions"), ids=lambda file: file.parent.name)
def test_a_handler_imports_only_trueup(file: Path) -> None:
    roots = {name.partition(".")[0] for name in imported(file)}
    assert roots <= {"trueup", "os", "typing"}


@pytest.mark.parametrize("file", python_files(TRUEUP), ids=lambda file: file.relative_to(TRUEUP).as_posix())
def test_nothing_in_the_layer_knows_the_command_or_the_local_cloud(file: Path) -> None:
    assert not {"cli", "local", "functions"} & {name.partition(".")[0] for name in imported(file)}


@pytest.mark.parametrize("layer", ["store", "venues", "alerts"])
def test_what_meets_the_world_does_not_import_the_steps(layer: str) -> None:
    for file in python_files(TRUEUP / layer):
        assert not any(name.startswith("trueup.steps") for name in imported(file)), file
