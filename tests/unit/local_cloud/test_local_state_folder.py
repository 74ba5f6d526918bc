"""Whose the local cloud's folder is, and what becomes of what a crash left in it."""

import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from local.cloud import processes, state_folder
from local.cloud.errors import CloudNotRunning, StateFolderForeign, StateFolderInUse
from local.cloud.state_folder import Instance


def test_a_new_folder_becomes_ours_and_stays_usable(tmp_path: Path) -> None:
    for _ in range(2):
        folder, ended = state_folder.acquire(tmp_path / "cloud")
        assert ended == 0
        folder.release()


def test_a_folder_with_somebody_elses_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StateFolderForeign, match="not Trueup's; choose another"):
        state_folder.acquire(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cloud").write_text("")
    with pytest.raises(StateFolderForeign, match="is a file"):
        state_folder.acquire(tmp_path / "cloud")


@pytest.mark.parametrize("marker", ['{"layout": 2}', "[]", "not json"])
def test_a_folder_laid_out_by_another_version_is_refused(tmp_path: Path, marker: str) -> None:
    (tmp_path / "trueup-local-cloud.json").write_text(marker)
    with pytest.raises(StateFolderForeign, match="another version of Trueup"):
        state_folder.acquire(tmp_path)


def test_two_local_clouds_never_share_a_folder(tmp_path: Path) -> None:
    folder, _ = state_folder.acquire(tmp_path)
    folder.record(Instance("token", 4711, 4566))
    with pytest.raises(StateFolderInUse, match="process 4711, port 4566"):
        state_folder.acquire(tmp_path)
    folder.release()
    state_folder.acquire(tmp_path)[0].release()


def test_what_the_last_cloud_wrote_is_gone_at_the_next_start(tmp_path: Path) -> None:
    folder, _ = state_folder.acquire(tmp_path)
    old = folder.work("s3") / "evidence"
    old.write_text("of another run")
    folder.release()
    state_folder.acquire(tmp_path)[0].release()
    assert not old.exists()


def test_processes_of_an_owner_that_was_killed_are_ended_at_the_next_start(tmp_path: Path) -> None:
    token = secrets.token_hex(8)  # its own: whoever else ends processes of a token must not mean these
    folder, _ = state_folder.acquire(tmp_path)
    folder.record(Instance(token, 4711, 4566))
    command = [sys.executable, *processes.mark(token), "-c", "print(flush=True); input()"]
    orphan = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert orphan.stdout is not None
    # A process that has only just begun has no command line yet, so nobody could know whose it is.
    assert orphan.stdout.readline() == b"\n"
    _die_without_a_word(folder)

    folder, ended = state_folder.acquire(tmp_path)
    folder.release()

    assert ended == 1
    assert orphan.wait(timeout=5) != 0
    assert orphan.stdin is not None
    orphan.stdin.close()
    orphan.stdout.close()


def test_a_stranger_that_got_the_recorded_number_is_not_touched(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder, _ = state_folder.acquire(tmp_path)
    folder.record(Instance(secrets.token_hex(8), stranger.pid, 4566))
    _die_without_a_word(folder)

    folder, ended = state_folder.acquire(tmp_path)
    folder.release()

    assert ended == 0
    assert stranger.poll() is None
    stranger.communicate(b"\n", timeout=5)


def test_nobody_runs_in_a_folder_that_was_given_back(tmp_path: Path) -> None:
    folder, _ = state_folder.acquire(tmp_path)
    folder.record(Instance("token", 4711, 4566))
    assert state_folder.running(tmp_path) == Instance("token", 4711, 4566)
    folder.release()
    with pytest.raises(CloudNotRunning, match="no local cloud runs"):
        state_folder.running(tmp_path)


def test_a_record_left_by_a_killed_owner_is_not_a_running_cloud(tmp_path: Path) -> None:
    folder, _ = state_folder.acquire(tmp_path)
    folder.record(Instance("token", 4711, 4566))
    _die_without_a_word(folder)
    with pytest.raises(CloudNotRunning):
        state_folder.running(tmp_path)


def test_a_torn_record_hurts_nobody(tmp_path: Path) -> None:
    state_folder.acquire(tmp_path)[0].release()
    (tmp_path / "instance.json").write_text(json.dumps({"token": "t"}))
    state_folder.acquire(tmp_path)[0].release()


def _die_without_a_word(folder: state_folder.StateFolder) -> None:
    """Do what kill -9 does: the system lets go of the lock, the record stays."""
    record = folder.path / "instance.json"
    text = record.read_text()
    folder.release()
    record.write_text(text)
