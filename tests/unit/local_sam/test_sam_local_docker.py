"""A Docker that cannot be used is one line; one that can is known well enough to be reached from inside."""

from pathlib import Path
from typing import Any

import pytest
from sam_local_kit import BRIDGE, ENGINE, docker_that_says

from local.sam import docker
from local.sam.docker import Docker
from local.sam.errors import NotReady


@pytest.fixture(autouse=True)
def _nothing_else_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_no_docker_is_said() -> None:
    with pytest.raises(NotReady, match="there is no command `docker`; install Docker"):
        docker.find()


def test_a_daemon_that_does_not_run_is_said_in_dockers_words(tmp_path: Path) -> None:
    docker_that_says(tmp_path, None)
    with pytest.raises(NotReady, match=r"does not run \(Cannot connect to the Docker daemon at unix:///x\.\)"):
        docker.find()


def test_windows_containers_are_refused(tmp_path: Path) -> None:
    docker_that_says(tmp_path, {**ENGINE, "OSType": "windows"})
    with pytest.raises(NotReady, match="Docker runs windows on x86_64; Lambda's images need linux"):
        docker.find()


@pytest.mark.parametrize("bridge", [[], None, [{}], [{"Subnet": "nonsense"}]])
def test_a_docker_without_a_bridge_is_refused(tmp_path: Path, bridge: Any) -> None:
    docker_that_says(tmp_path, ENGINE, bridge=bridge)
    with pytest.raises(NotReady, match="no network `bridge`"):
        docker.find()


@pytest.mark.parametrize("bridge", [BRIDGE, [{"Subnet": "172.17.0.0/16"}]])
def test_on_linux_containers_find_this_machine_on_the_bridge(tmp_path: Path, bridge: Any) -> None:
    docker_that_says(tmp_path, ENGINE, bridge=bridge)
    assert docker.find() == Docker("unix:///of/the/context.sock", "x86_64", "172.17.0.1", "172.17.0.1")


def test_on_docker_desktop_they_find_it_by_name_and_nothing_but_loopback_is_listened_on(tmp_path: Path) -> None:
    docker_that_says(tmp_path, {**ENGINE, "Architecture": "aarch64", "OperatingSystem": "Docker Desktop"})
    assert docker.find() == Docker("unix:///of/the/context.sock", "arm64", "host.docker.internal", "127.0.0.1")


@pytest.mark.parametrize("here", [True, False])
def test_it_knows_whether_an_image_is_here(tmp_path: Path, here: bool) -> None:
    docker_that_says(tmp_path, ENGINE, images=here)
    assert docker.find().has_image("public.ecr.aws/lambda/python:3.13-x86_64") is here
