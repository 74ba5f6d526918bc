"""Processes of a local cloud are found by their mark, and only those are ended."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.cloud import processes

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('set', flush=True); input()"


@contextmanager
def process(*options: str, code: str = "print('set', flush=True); input()") -> "Iterator[subprocess.Popen[bytes]]":
    child = subprocess.Popen([sys.executable, *options, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_process_is_ours_by_its_mark_alone() -> None:
    with process(*processes.mark("aaaa")) as ours, process(*processes.mark("bbbb")), process():
        assert processes.marked("aaaa") == [ours.pid]


def test_a_process_that_only_mentions_the_mark_is_not_ours() -> None:
    with process(code="print('set', flush=True); input()  # -X trueup-cloud=cccc"):
        assert processes.marked("cccc") == []


def test_ending_spares_every_process_without_the_mark() -> None:
    with process(*processes.mark("dddd")) as ours, process(*processes.mark("eeee")) as theirs:
        assert processes.end("dddd") == 1
        assert ours.wait(timeout=5) != 0
        assert theirs.poll() is None


def test_a_process_that_does_not_listen_is_killed() -> None:
    with process(*processes.mark("ffff"), code=STUBBORN) as ours:
        assert processes.end("ffff", grace_seconds=0.2) == 1
        assert ours.wait(timeout=5) == -9


def test_nothing_to_end_is_no_error() -> None:
    assert processes.end("nobody") == 0


def test_without_proc_the_same_processes_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    with process(*processes.mark("9999")) as ours:
        assert processes.marked("9999") == [ours.pid]
