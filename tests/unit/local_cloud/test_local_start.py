"""What stops a local cloud from starting is said in one line, and leaves the folder as it was."""

import importlib.util
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.cloud import ministack, state_folder
from local.cloud.__main__ import main
from local.cloud.errors import CloudNotRunning, MinistackMissing, PortTaken
from local.cloud.state_folder import StateFolder


@pytest.fixture(name="taken_port")
def _taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named_and_the_folder_given_back(tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(PortTaken, match=f"port {taken_port} cannot be used"):
        ministack.start(tmp_path / "cloud", port=taken_port)
    assert not state_folder.has_owner(tmp_path / "cloud")


def test_a_port_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortTaken, match="port 99999 does not exist"):
        ministack.start(tmp_path / "cloud", port=99999)


def test_a_missing_package_is_named_before_anything_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "samtranslator" else object())
    with pytest.raises(MinistackMissing, match="has no package samtranslator"):
        ministack.start(tmp_path / "cloud")
    assert not (tmp_path / "cloud").exists()


def test_the_command_prints_one_line_and_fails(
    tmp_path: Path, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--port", str(taken_port), "--state-folder", str(tmp_path / "cloud")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: port {taken_port} ")
    assert printed.err.count("\n") == 1


def test_there_is_nothing_to_attach_to_or_to_stop_where_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(CloudNotRunning):
        ministack.attach(tmp_path / "cloud")
    assert ministack.ask_to_stop(tmp_path / "cloud") is False


def test_nothing_of_the_callers_environment_reaches_the_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTPS_PROXY", "DOCKER_HOST", "PYTHONPATH"):
        monkeypatch.setenv(name, "of-the-caller")
    folder, _ = state_folder.acquire(tmp_path)
    environment = ministack._environment(folder, state_folder.Instance("t", 1, 4566), 1.0)
    assert "of-the-caller" not in environment.values()
    assert environment["AUTH"] == "true"
    assert environment["BIND_HOST"] == "127.0.0.1"
    folder.release()


@pytest.fixture(name="environments")
def _environments(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """What each cloud would have been launched with."""
    seen: list[Mapping[str, str]] = []

    def launch(folder: StateFolder, _instance: object, environment: Mapping[str, str]) -> None:
        seen.append(environment)
        folder.release()

    monkeypatch.setattr(ministack, "_launch", launch)
    return seen


def test_more_environment_reaches_the_cloud_and_wins_over_ours(
    tmp_path: Path, environments: list[Mapping[str, str]]
) -> None:
    ministack.start(tmp_path, environment={"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""})

    assert (environments[0]["HTTP_PROXY"], environments[0]["NO_PROXY"]) == ("http://127.0.0.1:9", "")
    assert environments[0]["AUTH"] == "true"


def test_without_more_environment_no_proxy_is_used(tmp_path: Path, environments: list[Mapping[str, str]]) -> None:
    ministack.start(tmp_path)

    assert "HTTP_PROXY" not in environments[0]
    assert environments[0]["NO_PROXY"] == "*"
