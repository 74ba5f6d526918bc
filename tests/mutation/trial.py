"""One trial: the tests of the rules, run in a process of its own in which one module has another text.

This process imports what the tests need and nothing of ours; each trial is a fork of it. There the changed text is what
`import` finds, whoever imports it, and before the verdict it is checked that it was: a mutant that nobody imports would
survive whatever the tests are worth.
"""

import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import Phase

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT / "shared" / "trueup" / "domain"
TESTS = ("tests/unit/domain", "tests/twin")
LEFT_OUT = (
    "test_many_breaks_of_one_size_take_no_longer_than_their_number",  # it measures time, and the machine is busy
    "test_the_observations_meet_every_outcome_kind_severity_reason_rule_and_origin",  # of what the twin says alone
    "test_a_disagreement_is_shown_at_its_smallest",  # here it is not: that takes its time
)
OBSERVATIONS = 100
"""How many of each part product and twin compare here; in the suite it is 1,000."""
EXAMPLES = 25
"""How many hypothesis tries at most, always the same ones; in the suite it is up to 300."""
CPU_SECONDS = 10
"""For one test, or for importing; the longest takes two. What takes longer is taken to never end."""
WALL_SECONDS = 300
MEMORY = 2 << 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a trial."""

    outcome: str
    """survived, killed, timed out, or not a program: it cannot even be imported."""
    by: str | None = None
    """The test that noticed; `collection` where test modules could not be imported."""
    seconds: float = 0.0
    covered: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    """For a trial that was measured: lines by test and module."""

    @property
    def is_noticed(self) -> bool:
        return self.outcome in ("killed", "timed out")


def prepare() -> None:
    """Import what every trial needs, so that none has to."""
    sys.path[:0] = [str(ROOT / "shared"), str(ROOT)]
    for name in ("hypothesis", "hypothesis.strategies", "urllib3", "zoneinfo", "difflib", "fractions"):
        importlib.import_module(name)
    assert not [name for name in sys.modules if name.partition(".")[0] == "trueup"]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    gc.collect()
    gc.freeze()
    gc.disable()


def try_out(
    module: str, text: str, tests: Sequence[str] | None = None, first: Sequence[str] = (), *, measured: bool = False
) -> Verdict:
    """Run tests while `trueup.domain.<module>` has this text: those named, or all, those in the files `first` first."""
    started = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_the_trial(writing, lambda: _trial(module, text, tests, first, measured=measured))
    os.close(writing)
    said = _all_of(reading, started + WALL_SECONDS * (4 if measured else 1))
    if said is None:
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    seconds = round(time.monotonic() - started, 2)
    if said:
        answer: dict[str, Any] = json.loads(said)
        return Verdict(**answer, seconds=seconds)
    if said is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGKILL)):
        return Verdict("timed out", seconds=seconds)
    raise RuntimeError(f"a trial of {module} broke (status {status}): see it with MUTATION_LOUD=1")


def _all_of(reading: int, deadline: float) -> bytes | None:
    said = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return None
        part = os.read(reading, 1 << 20)
        if not part:
            return said
        said += part


def _be_the_trial(writing: int, trial: Callable[[], dict[str, Any]]) -> None:
    """Never returns."""
    try:
        silence = os.open(os.devnull, os.O_RDWR)
        if "MUTATION_LOUD" not in os.environ:
            for stream in (1, 2):
                os.dup2(silence, stream)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        answer = json.dumps(trial()).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        while answer:
            answer = answer[os.write(writing, answer) :]
    except BaseException:  # noqa: BLE001 - a fork that fails must not go on as if it were its parent
        traceback.print_exc()
        os._exit(os.EX_SOFTWARE)
    os._exit(0)


def _trial(
    module: str, text: str, tests: Sequence[str] | None, first: Sequence[str], *, measured: bool
) -> dict[str, Any]:
    mutated = _Mutated(f"trueup.domain.{module}", text)
    sys.meta_path.insert(0, mutated)
    coverage = _coverage() if measured else None
    try:
        for path in sorted(DOMAIN.glob("*.py")):
            importlib.import_module(f"trueup.domain.{path.stem}".removesuffix(".__init__"))
    except BaseException as error:  # noqa: BLE001 - whatever it raises, it is no program
        return {"outcome": "not a program", "by": repr(error)[:200]}
    watcher = _Watcher(tests, coverage)
    # An assertion need not say what it saw, nor a failure where: only whether.
    arguments = ["-q", "-x", "--noconftest", "--assert=plain", "--tb=no", f"--rootdir={ROOT}"]
    names = (str(path.relative_to(ROOT)) for folder in TESTS for path in (ROOT / folder).glob("test_*.py"))
    files = sorted(names if tests is None else {name.partition("::")[0] for name in tests})
    # Most are noticed by the tests of the module itself: the others are not even read then.
    parts = [file for file in files if file in first], [file for file in files if file not in first]
    code = pytest.ExitCode.OK
    for part in filter(None, parts):
        if code == pytest.ExitCode.OK:
            code = pytest.ExitCode(pytest.main([*arguments, *part], plugins=[watcher]))
    assert mutated.module is sys.modules[mutated.name], "the mutant was not what the tests imported"
    assert watcher.compared_with in (None, sys.modules["trueup.domain.compare"])
    covered = {} if coverage is None else _lines_by_test(coverage)
    if code == pytest.ExitCode.OK:
        return {"outcome": "survived", "covered": covered}
    if watcher.failed is not None or watcher.failed_to_collect:
        return {"outcome": "killed", "by": watcher.failed or "collection"}
    raise AssertionError(f"pytest ended with {code}")


class _Mutated(MetaPathFinder, Loader):
    """Gives one module another text."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.module: ModuleType | None = None
        self._text = text

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return spec_from_loader(fullname, self, origin=str(DOMAIN / f"{fullname.rpartition('.')[2]}.py"))

    def exec_module(self, module: ModuleType) -> None:
        self.module = module
        assert module.__spec__ is not None
        module.__file__ = module.__spec__.origin
        exec(compile(self._text, str(module.__file__), "exec"), module.__dict__)


class _Watcher:
    """The pytest plugin of a trial: which tests, in which order, how long, and which noticed."""

    def __init__(self, tests: Sequence[str] | None, coverage: Any) -> None:
        self.failed: str | None = None
        self.failed_to_collect = False
        self.compared_with: ModuleType | None = None
        self._tests = None if tests is None else set(tests)
        self._coverage = coverage

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.failed_to_collect |= report.failed

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [
            item
            for item in items
            if (self._tests is None or item.nodeid in self._tests) and not item.nodeid.endswith(LEFT_OUT)
        ]
        for item in items:
            _with_fewer_examples(item)
            if "test_agreement" in item.nodeid:
                item.module.QUICK = OBSERVATIONS  # type: ignore[attr-defined]
                item.module.shrunk = lambda case: case  # type: ignore[attr-defined]
        if kit := sys.modules.get("tests.unit.money_kit"):
            self.compared_with = sys.modules[kit.compare.__module__]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS * (3 if self._coverage else 1))
        if self._coverage:
            self._coverage.switch_context(item.nodeid)
        yield
        if self._coverage:
            self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed is None:
            self.failed = report.nodeid


def _with_fewer_examples(item: pytest.Item) -> None:
    test = getattr(item, "obj", None)
    chosen = getattr(test, "_hypothesis_internal_use_settings", None)
    if chosen is not None:
        fewer = min(chosen.max_examples, EXAMPLES)
        # Found is enough: it need not be the smallest.
        test._hypothesis_internal_use_settings = type(chosen)(
            chosen, max_examples=fewer, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
        )


def _coverage() -> Any:
    from coverage import Coverage

    coverage = Coverage(data_file=None, config_file=False, include=[f"{DOMAIN}/*"])
    coverage.set_option("run:core", "ctrace")
    coverage.start()
    return coverage


def _lines_by_test(coverage: Any) -> dict[str, dict[str, list[int]]]:
    coverage.stop()
    data = coverage.get_data()
    found: dict[str, dict[str, list[int]]] = {}
    for path in data.measured_files():
        for line, tests in data.contexts_by_lineno(path).items():
            for test in tests:
                found.setdefault(test, {}).setdefault(Path(path).stem, []).append(line)
    return found
