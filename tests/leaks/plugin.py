"""The pytest plugin: the run fails if anything the suite produced holds a secret, or a balance where none belongs.

Every process of a run looks at what it produced itself; at the end the workers hand what they found to the one that
prints. One line a leak, and what was looked at.
"""

import json
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.leaks import clouds, watch
from tests.leaks.canaries import Canaries
from tests.leaks.produced import LARGEST, Produced

PRODUCED = Produced(Canaries())
"""What this process has seen."""
watch.watch(PRODUCED)
clouds.watch(PRODUCED)
# In the process that prints: what all of them found.
_leaks: dict[str, None] = {}
_places: Counter[str] = Counter()


def pytest_collection_finish() -> None:
    watch.watch_executions(PRODUCED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    PRODUCED.doing = item.nodeid
    yield
    PRODUCED.doing = "between tests"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for title, text in report.sections:
        PRODUCED.take("captured output", text, where=f"({title})", balances=False)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    _look_at_files(session.config)
    workers = getattr(session.config, "workeroutput", None)
    if workers is not None:
        workers["leaks"] = [list(PRODUCED.leaks), dict(PRODUCED.places)]
        return
    _gather(list(PRODUCED.leaks), dict(PRODUCED.places))
    if _leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if found := getattr(node, "workeroutput", {}).get("leaks"):
        _gather(*found)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    looked = f"leaks: {len(_leaks)} in {sum(_places.values())} texts of {len(_places)} kinds"
    for leak in _leaks:
        terminalreporter.write_line(f"LEAK: {leak}", red=True)
    terminalreporter.write_line(looked, red=bool(_leaks))


def _gather(leaks: list[str], places: dict[str, int]) -> None:
    _leaks.update(dict.fromkeys(leaks))
    _places.update(places)


def _look_at_files(config: pytest.Config) -> None:
    """Everything that is left in the tests' own folders: state folders, logs, exports. Keys given to it are given."""
    base = config._tmp_path_factory._basetemp  # type: ignore[attr-defined]
    if base is None:
        return  # nobody asked for a folder
    PRODUCED.doing = "the folders of the tests"
    # Where packages were installed stands other people's code, with examples of all that is looked for.
    installed = {found.parent for found in Path(base).rglob("*.dist-info")}
    for path in sorted(Path(base).rglob("*")):
        if installed and not installed.isdisjoint(path.parents):
            continue
        if path.is_symlink() or not path.is_file() or path.suffix == ".pem" or path.stat().st_size > LARGEST:
            continue
        content = path.read_bytes()
        if not _is_key_file(content):
            where = path.relative_to(base).as_posix()
            PRODUCED.take("a file", content, where=where, balances=path.suffix == ".log")


def _is_key_file(content: bytes) -> bool:
    if b"privateKey" not in content[:4096]:
        return False
    try:
        return "privateKey" in json.loads(content)
    except (ValueError, TypeError):
        return False
