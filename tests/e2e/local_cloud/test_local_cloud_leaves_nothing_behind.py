"""However a local cloud ends, no process of it is left, or the next start ends what is."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.cloud import deploy, ministack, processes, state_folder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PROJECT = Path(__file__).parent / "project"


@contextmanager
def command(path: Path, *options: str) -> "Iterator[subprocess.Popen[str]]":
    """`python -m local.cloud`, ready."""
    child = subprocess.Popen(
        [sys.executable, "-m", "local.cloud", "--state-folder", str(path), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert child.stdout is not None
    try:
        for line in child.stdout:
            if line.startswith("Ready"):
                break
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        child.communicate(timeout=15)


def warm_up(path: Path) -> str:
    """Make the cloud start a function's process; return the token of all of them."""
    cloud = ministack.attach(path)
    stack = deploy.described(cloud.session(), "trueup")
    answer = cloud.session().client("lambda").invoke(FunctionName=stack.outputs["Shout"], Payload=b'{"error": ""}')
    assert json.loads(answer["Payload"].read()) == {"said": "nothing"}
    token = state_folder.running(path).token
    assert len(processes.marked(token)) == 2
    return token


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_ministack_and_the_functions_it_started(tmp_path: Path, number: signal.Signals) -> None:
    with command(tmp_path / "cloud", "--template", str(PROJECT / "template.yaml")) as child:
        token = warm_up(tmp_path / "cloud")
        child.send_signal(number)
        assert child.wait(timeout=15) == 0
    assert processes.marked(token) == []
    assert not (tmp_path / "cloud" / "instance.json").exists()


def test_down_from_another_process_ends_it(tmp_path: Path) -> None:
    with command(tmp_path / "cloud") as child:
        token = state_folder.running(tmp_path / "cloud").token
        assert ministack.ask_to_stop(tmp_path / "cloud") is True
        assert child.wait(timeout=15) == 0
    assert processes.marked(token) == []


def test_what_a_killed_owner_left_is_reported_and_ended_at_the_next_start(tmp_path: Path) -> None:
    with command(tmp_path / "cloud", "--template", str(PROJECT / "template.yaml")) as child:
        token = warm_up(tmp_path / "cloud")
        child.kill()
        child.wait(timeout=15)
    assert processes.marked(token)

    said: list[str] = []
    with ministack.start(tmp_path / "cloud", progress=said.append):
        assert processes.marked(token) == []
    assert said[0] == "Ended 2 processes that an earlier local cloud left behind"


def test_a_second_cloud_on_a_taken_port_says_so_in_one_line(tmp_path: Path) -> None:
    with command(tmp_path / "one"):
        port = state_folder.running(tmp_path / "one").port
        second = subprocess.run(
            [sys.executable, "-m", "local.cloud", "--state-folder", str(tmp_path / "two"), "--port", str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert second.returncode == 1
    assert second.stderr == f"error: port {port} cannot be used (Address already in use); choose another port\n"
    assert second.stdout == ""


def test_a_cloud_that_dies_under_us_is_reported(tmp_path: Path) -> None:
    with command(tmp_path / "cloud") as child:
        (leader,) = processes.marked(state_folder.running(tmp_path / "cloud").token)
        os.kill(leader, signal.SIGKILL)
        assert child.wait(timeout=15) == 1
        assert child.stdout is not None
        assert "error: ministack ended" in child.stdout.read()


def test_a_session_goes_to_the_local_cloud_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_PROFILE": "nobody",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "of-the-caller",
    }.items():
        monkeypatch.setenv(name, value)
    with ministack.start(tmp_path / "cloud") as cloud:
        assert cloud.session().client("sts").get_caller_identity()["Account"] == "000000000000"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{cloud.endpoint_url}/_ministack/health", timeout=5) as answer:
            assert json.load(answer)["auth"] == "enabled"
