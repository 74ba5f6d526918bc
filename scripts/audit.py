"""Ask for known vulnerabilities of every package in every lock: whatever the platform, whatever the Python.

Exit 0: every package was looked up, and nothing is known against any but what requirements/audit-ignored.txt excuses.
Exit 1: something is known. Exit 69: not every package could be looked up; nothing is said about those.

pip-audit alone ends with 0 and "no known vulnerabilities" when it could look nothing up, and passes over packages whose
marker does not hold on the machine it runs on.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
UNAVAILABLE = 69
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_EXCUSE = re.compile(r"(\S+) +(\S.{9,})")

Pin = tuple[str, str]


def main(root: Path = ROOT) -> int:
    """Audit, say what came of it, and return the exit code."""
    try:
        excuses = read_excuses(root / "requirements" / "audit-ignored.txt")
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    pins = read_locks(root)
    known, unknown = look_up(pins)
    used = set()
    bad = 0
    for (name, version), problems in sorted(known.items()):
        for problem in problems:
            ids = {problem["id"], *problem.get("aliases", [])}
            where = f"{name} {version} ({', '.join(sorted(pins[name, version]))})"
            if excused := sorted(ids & excuses.keys()):
                used.add(excused[0])
                print(f"{where}: {excused[0]} ignored: {excuses[excused[0]]}")
                continue
            bad += 1
            fixed = ", ".join(problem.get("fix_versions", [])) or "no version yet"
            print(f"error: {where}: {problem['id']}, fixed in {fixed}", file=sys.stderr)
    if bad:
        print("error: upgrade (make lock), or excuse it in requirements/audit-ignored.txt", file=sys.stderr)
        return 1
    if unknown:
        print(
            f"error: NOT AUDITED: {len(unknown)} of {len(pins)} packages: the advisories cannot be reached from here. "
            "Run `make audit` where they can be, before a release.",
            file=sys.stderr,
        )
        return UNAVAILABLE
    for useless in sorted(excuses.keys() - used):
        print(f"requirements/audit-ignored.txt: {useless} is no longer needed")
    print(f"Audited {len(pins)} packages of all locks: nothing is known against any{' other' if used else ''}.")
    return 0


def read_locks(root: Path) -> dict[Pin, set[str]]:
    """Return every pinned package and the locks it is in, whatever its marker: each is installed somewhere."""
    pins: dict[Pin, set[str]] = defaultdict(set)
    for lock in (root / "shared" / "requirements.txt", *sorted((root / "requirements").glob("*.txt"))):
        for name, version in _PIN.findall(lock.read_text()):
            pins[re.sub(r"[-_.]+", "-", name).lower(), version].add(lock.relative_to(root).as_posix())
    return pins


def read_excuses(path: Path) -> dict[str, str]:
    """Return the ids to ignore and why. Raises ValueError for a line without a reason."""
    excuses = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            found = _EXCUSE.fullmatch(line.strip())
            if found is None:
                raise ValueError(f"{path.name}: {line.strip()}: a line is an id and the reason to ignore it")
            excuses[found[1]] = found[2]
    return excuses


def look_up(pins: dict[Pin, set[str]]) -> tuple[dict[Pin, list[dict[str, Any]]], set[Pin]]:
    """Return what is known against which package, and the packages that could not be looked up."""
    versions: dict[str, list[str]] = defaultdict(list)
    for name, version in sorted(pins):
        versions[name].append(version)
    answered: dict[Pin, list[dict[str, Any]]] = {}
    # pip-audit takes a name once a call.
    for round_ in range(max(map(len, versions.values()), default=0)):
        answered |= _ask({name: found[round_] for name, found in versions.items() if len(found) > round_})
    return {pin: found for pin, found in answered.items() if found}, pins.keys() - answered.keys()


def _ask(packages: dict[str, str]) -> dict[Pin, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "packages.txt"
        listed.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()))
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        ran = subprocess.run(  # noqa: S603 (the command is ours)
            [*command, "--format", "json", "--requirement", str(listed)], capture_output=True, text=True, check=False
        )
    try:
        dependencies = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        return {}  # it ended before it had an answer: nothing was looked up
    return {(found["name"], found["version"]): found["vulns"] for found in dependencies if "skip_reason" not in found}


if __name__ == "__main__":
    sys.exit(main())
