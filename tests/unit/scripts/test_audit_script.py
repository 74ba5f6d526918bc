"""The audit of the locks, with the real pip-audit asking an advisory service on this machine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.venues.server import Answer, Request, VenueServer

SCRIPT = Path(__file__).parents[3] / "scripts" / "audit.py"
BAD: dict[str, object] = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "affected": []}


@contextmanager
def advisories(known: dict[str, dict[str, object]], *, status: int = 200) -> Iterator[str]:
    """A service that speaks OSV's way: what is known by `name version`."""

    def respond(request: Request) -> Answer:
        asked = json.loads(request.body)
        found = known.get(f"{asked['package']['name']} {asked['version']}")
        return Answer.of_json({"vulns": [found]} if found else {}, status=status)

    server = VenueServer(respond)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}/v1/query"
    finally:
        server.stop()


def audit(folder: Path, url: str, *, ignored: str = "") -> tuple[int, str]:
    """Run the script over two locks, in which networkx is at two versions and colorama for Windows only."""
    (folder / "scripts").mkdir(parents=True)
    (folder / "shared").mkdir()
    (folder / "requirements").mkdir()
    script = folder / "scripts" / "audit.py"
    script.write_text(SCRIPT.read_text())
    (folder / "shared" / "requirements.txt").write_text("boto3==1.0 \\\n    --hash=sha256:00\nurllib3==2.8.0\n")
    (folder / "requirements" / "dev.txt").write_text(
        "boto3==1.0\ncolorama==0.4 ; sys_platform == 'win32' \\\n    --hash=sha256:00\nmoto[s3]==5.0\n"
        "networkx==3.4 ; python_full_version < '3.12'\nnetworkx==3.6 ; python_full_version >= '3.12'\n    # via moto\n"
    )
    (folder / "requirements" / "audit-ignored.txt").write_text("# why\n" + ignored)
    ran = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PIP_AUDIT_VULNERABILITY_SERVICE": "osv", "PIP_AUDIT_OSV_URL": url, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_every_package_of_every_lock_is_looked_up(tmp_path: Path) -> None:
    with advisories({}) as url:
        assert audit(tmp_path, url) == (0, "Audited 6 packages of all locks: nothing is known against any.\n")


def test_what_is_known_is_said_whatever_the_platform_it_is_for(tmp_path: Path) -> None:
    bad = ("boto3 1.0", "colorama 0.4", "networkx 3.4", "networkx 3.6")
    with advisories(dict.fromkeys(bad, BAD)) as url:
        code, said = audit(tmp_path, url)
    assert code == 1
    for name in bad:
        assert f"error: {name} (" in said
    assert said.count("PYSEC-2026-1, fixed in no version yet") == len(bad)
    assert "boto3 1.0 (requirements/dev.txt, shared/requirements.txt)" in said


def test_what_is_excused_by_any_of_its_names_passes_with_its_reason(tmp_path: Path) -> None:
    with advisories({"moto 5.0": BAD}) as url:
        code, said = audit(tmp_path, url, ignored="CVE-2026-1 only tests use it, on data of their own\n")
    assert code == 0
    assert "moto 5.0 (requirements/dev.txt): CVE-2026-1 ignored: only tests use it, on data of their own" in said
    assert "nothing is known against any other" in said


def test_an_excuse_without_a_reason_is_refused(tmp_path: Path) -> None:
    with advisories({}) as url:
        assert audit(tmp_path, url, ignored="CVE-2026-1\n") == (
            1,
            "error: audit-ignored.txt: CVE-2026-1: a line is an id and the reason to ignore it\n",
        )


def test_a_service_that_does_not_answer_is_not_an_audit(tmp_path: Path) -> None:
    said = "error: NOT AUDITED: 6 of 6 packages: the advisories cannot be reached from here."
    code, out = audit(tmp_path / "gone", "http://127.0.0.1:1/v1/query")
    assert (code, out.splitlines()[0].startswith(said), out.count("\n")) == (69, True, 1)
    with advisories({}, status=503) as url:
        code, out = audit(tmp_path / "ill", url)
    assert (code, out.startswith(said)) == (69, True)
