"""The chooser: the account says where, and what is not used is not imported."""

import json
import subprocess
import sys
from pathlib import Path

SHARED = Path(__file__).parents[3] / "shared"


def modules_after(statement: str) -> set[str]:
    code = f"import sys, json; {statement}; print(json.dumps(list(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SHARED)}
    )
    return set(json.loads(run.stdout))


def test_a_fetch_function_imports_no_source_before_an_account_uses_it() -> None:
    found = modules_after("import trueup.steps.fetch")
    assert "trueup.books.table" in found
    elsewhere = {f"trueup.{name}" for name in ("books.https", "books.s3", "books.content", "domain.csv_book")}
    assert not elsewhere & found


def test_taking_a_push_imports_nothing_that_talks_to_venues_or_asks_for_books() -> None:
    found = modules_after("import trueup.steps.book")
    assert not {"trueup.books.https", "trueup.books.s3", "trueup.venues.http", "trueup.wire.ask"} & found
