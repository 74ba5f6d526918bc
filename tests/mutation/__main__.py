"""What the tests of the rules do not notice: `python -m tests.mutation [MODULE…]` (docs/mutation.md)."""

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.trial import DOMAIN, ROOT, Verdict, prepare, try_out

PAGE = ROOT / "docs" / "mutation.md"
RESULTS = ROOT / ".trueup" / "mutation.json"
"""What came of the last run, by module and mutant."""
LINES = ROOT / ".trueup" / "mutation-lines.json"
"""Which lines each test runs, and of which state of code and tests that is true."""
_EXPLAINED = re.compile(r"^- (`[\w.]+`: `.*` → `.*`)$", re.MULTILINE)
_TESTED_IN = {
    "advance": ("advance", "tracks"),
    "history": ("advance", "tracks", "news"),
    "base_urls": ("documents",),
    "judge": ("judge", "compare", "severity", "tolerance"),
    "lines": ("compare", "severity", "pending"),
    "documents": ("documents", "places"),
    "models": ("documents",),
    "nesting": ("reading",),
    "policy": ("policy", "policy_document"),
    "policy_fields": ("policy",),
    "policy_scopes": ("policy", "policy_document"),
    "reasons": ("reading", "report", "severity"),
    "report_reading": ("report", "places"),
}
"""Which files of tests/unit/domain test a module, where it is not the one with its name."""

Covered = dict[str, set[tuple[str, int]]]
"""By test: module and line."""


def main() -> int:
    """Try every mutant of the modules, print what survives unexplained and the score; 1 if something does."""
    modules = sorted(path.stem for path in DOMAIN.glob("*.py") if path.stem != "__init__")
    options = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    options.add_argument("modules", nargs="*", choices=[*modules, []], metavar="MODULE", help=", ".join(modules))
    options.add_argument("--resume", action="store_true", help="try what is new or survived unexplained")
    chosen = options.parse_args()
    os.chdir(ROOT)
    explained = set(_EXPLAINED.findall(PAGE.read_text())) if PAGE.exists() else set()
    results: dict[str, dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    prepare()
    covered, at_collection = baseline()
    counts: dict[str, Counter[str]] = {}
    unexplained = 0
    for module in chosen.modules or modules:
        started = time.monotonic()
        text = (DOMAIN / f"{module}.py").read_text()
        mutants = mutants_of(module, text)
        last = results.get(module, {}) if chosen.resume else {}
        now: dict[str, dict[str, Any]] = {}
        results[module] = last | now
        met = counts[module] = Counter[str]()
        for mutant in mutants:
            known = last.get(mutant.name)
            if known is None or (known["outcome"] == "survived" and mutant.name not in explained):
                verdict = tried(module, mutant, covered, at_collection)
                known = {"outcome": verdict.outcome, "by": verdict.by, "seconds": verdict.seconds}
            now[mutant.name] = known
            results[module] = last | now
            RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False))
            outcome = known["outcome"]
            if outcome == "survived" and mutant.name in explained:
                outcome = "explained"
            elif outcome == "survived":
                unexplained += 1
                print(f"{module}.py:{mutant.lines.start} {mutant.name}", flush=True)
            elif mutant.name in explained:
                print(f"explained, and does not survive: {mutant.name}", flush=True)
            met[outcome] += 1
            if known["by"] == "collection":
                met["by collection"] += 1
        results[module] = now
        for name in sorted(explained - now.keys()):
            if name.startswith((f"`{module}`", f"`{module}.")):
                print(f"explained, and not there: {name}", flush=True)
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False))
        print(f"{module}: {_said(met)} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"all: {_said(sum(counts.values(), Counter()))}")
    return 1 if unexplained else 0


def baseline() -> tuple[Covered, set[tuple[str, int]]]:
    """Run the tests on what is there, which must pass: say which lines each runs, and which run as tests are read."""
    files = [*DOMAIN.glob("*.py"), *(ROOT / "tests").glob("unit/domain/*.py"), *(ROOT / "tests").glob("twin/*.py")]
    files += [ROOT / "tests" / "unit" / "money_kit.py", *Path(__file__).parent.glob("*.py")]
    state = sha256(b"\0".join(path.read_bytes() for path in sorted(files))).hexdigest()
    known = json.loads(LINES.read_text()) if LINES.exists() else {}
    if known.get("state") != state:
        verdict = try_out("judge", (DOMAIN / "judge.py").read_text(), measured=True)
        if verdict.outcome != "survived":
            raise SystemExit(f"error: without any mutant, the tests: {verdict.outcome} {verdict.by or ''}")
        known = {"state": state, "covered": verdict.covered}
        LINES.write_text(json.dumps(known))
    covered = {
        test: {(module, line) for module, lines in by_module.items() for line in lines}
        for test, by_module in known["covered"].items()
    }
    print(f"{len(covered) - 1:,} tests run a line of the domain, and pass as it is", flush=True)
    return covered, covered.pop("")


def tried(module: str, mutant: Mutant, covered: Covered, at_collection: set[tuple[str, int]]) -> Verdict:
    """Try a mutant on every test that runs the statement; where it runs as tests are read, on all."""
    lines = {(module, line) for line in mutant.lines}
    tests: Sequence[str] | None = None
    if not lines & at_collection:
        tests = [test for test, ran in covered.items() if lines & ran]
        if not tests:
            return Verdict("survived", "no test runs it")
    names = _TESTED_IN.get(module, (module,))
    return try_out(module, mutant.text, tests, [f"tests/unit/domain/test_domain_{name}.py" for name in names])


def _said(met: Counter[str]) -> str:
    noticed = met["killed"] + met["timed out"]
    total = noticed + met["survived"] + met["explained"]
    share = f"{100 * noticed / total:.1f} %" if total else "nothing to try"
    return (
        f"{noticed:,} of {total:,} noticed, {share} ({met['timed out']} never end, {met['by collection']} as tests are "
        f"read); {met['explained']} explained, {met['survived']} not; {met['not a program']} cannot be imported"
    )


if __name__ == "__main__":
    sys.exit(main())
