"""The scanner finds what it is there to find, in every kind of place, and nothing where there is nothing."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from local.venues import make_credential
from tests.leaks.canaries import Canaries
from tests.leaks.produced import Produced

ROOT = Path(__file__).parents[2]
PLANTED = {
    "test_log_message": "a signature in a log of planted",
    "test_log_field": "the balance 83419.27061553 in a log of planted",
    "test_log_error": "a private key in a log of any",
    "test_metric": "the balance 83419.27061553 in a metric",
    "test_error": "the balance 83419.27061553 in an error (VenueUnavailable)",
    "test_error_story": "a signature in an error's story (VenueUnavailable)",
    "test_handler_exception": "the balance 83419.27061553 in an exception that left a function",
    "test_handler_answer": "the balance 83419.27061553 in a function's answer",
    "test_row": "a private key in a row",
    "test_object": "a signature in an object runs/r/observations/a.json.gz",
    "test_aws_row": "a private key in a call of dynamodb PutItem",
    "test_aws_object": "a signature in an object evidence.gz",
    "test_aws_message": "a webhook's address in a call of sns Publish",
    "test_aws_queue": "the credentials of a role in a call of sqs SendMessage",
    "test_aws_execution": "the balance 83419.27061553 in a call of stepfunctions StartExecution",
    "test_command": "a private key in the command's output",
    "test_process": "a signature in a process's output",
    "test_printed": "a signature in captured output (Captured stdout call)",
    "test_read_by_capsys": "a private key in captured output",
    "test_signed_address": "a signed address in the command's output",
}
IN_FILES = (
    "a signature in a file test_file0/export.csv, in the folders of the tests",
    "the balance 83419.27061553 in a file test_file0/ministack.log, in the folders of the tests",
)
INNOCENT = ("test_secret_is_where_it_belongs", "test_balance_is_where_it_belongs", "cdp_api_key.json")


@pytest.mark.parametrize(
    "workers", [pytest.param((), marks=pytest.mark.slow), ("-n", "2")], ids=["alone", "two workers"]
)
def test_a_leak_anywhere_fails_the_run_in_one_line_that_names_the_place(workers: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pytest", "tests/leaks/planted.py", "-q", "-p", "no:randomly", *workers]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        assert run.stdout is not None
        said = run.stdout.read()  # not through communicate: those leaks are not this run's
    assert run.returncode == 1, said
    lines = [line.removeprefix("LEAK: ") for line in said.splitlines() if line.startswith("LEAK: ")]
    for test, leak in PLANTED.items():
        assert f"{leak}, in tests/leaks/planted.py::{test}" in lines
    for leak in IN_FILES:
        assert any(line.replace("popen-gw0/", "").replace("popen-gw1/", "") == leak for line in lines)
    assert not [line for line in lines for name in INNOCENT if name in line]
    assert f"{len(PLANTED) + 3} passed" in said
    assert "failed" not in said


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_key_is_found_in_every_form_it_could_leak_in(algorithm: str) -> None:
    key = make_credential("ES256" if algorithm == "ES256" else "EdDSA")
    other = make_credential("ES256" if algorithm == "ES256" else "EdDSA")
    canaries = Canaries()
    canaries.add_key(key.private_key)

    def found(text: str) -> bool:
        return "a private key" in list(canaries.in_text(text, balances=False))

    body = "".join(line for line in key.private_key.splitlines() if "---" not in line)
    raw = base64.b64decode(body)[:32] if algorithm == "EdDSA" else base64.b64decode(body)[7:39]
    forms = [
        key.key_file(),
        json.dumps(key.key_file()),
        body,
        key.private_key.splitlines()[-1 if algorithm == "EdDSA" else 1],
        raw.hex(),
        raw.hex().upper(),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        base64.b64encode(b"x" + raw + b"yz").decode(),
        base64.b64encode(b"xy" + raw).decode(),
        base64.b64encode(body.encode()).decode(),
        base64.b64encode(b"key=" + body.encode()).decode(),
        f"leading words {body[9:45]} and more",
    ]
    for form in forms:
        assert found(form), form
    for innocent in (key.public_key, key.name, other.key_file(), other.private_key):
        assert not found(innocent), innocent


def test_a_balance_is_found_however_it_is_written_and_a_common_one_is_none() -> None:
    canaries = Canaries()
    canaries.add_balance("-1234567.890123")
    for written in ("1234567.890123", "-1234567.890123", "1,234,567.890123", "holds 1,234,567.89 USD"):
        assert list(canaries.in_text(written, balances=True)), written
        assert not list(canaries.in_text(written, balances=False)), written
    for other in ("1234567", "11234567.890123", "v1234567.890123", "0.1234567.890123"):
        assert not list(canaries.in_text(other, balances=True)), other
    canaries.add_balance("120000")
    assert not list(canaries.in_text("120000", balances=True))


def test_a_text_is_looked_at_once_for_each_place_and_counted_each_time() -> None:
    produced = Produced(Canaries())
    produced.canaries.add_secret("a token", "Zq8vXw2LkT5rYb7NcE1dGh4JmPs9AuKf")
    for _ in range(2):
        produced.take("a log", "Zq8vXw2LkT5rYb7NcE1dGh4JmPs9AuKf", balances=True)
    produced.take("a row", "Zq8vXw2LkT5rYb7NcE1dGh4JmPs9AuKf", balances=True)
    assert list(produced.leaks) == ["a token in a log, in collecting tests", "a token in a row, in collecting tests"]
    assert produced.places == {"a log": 2, "a row": 1}
