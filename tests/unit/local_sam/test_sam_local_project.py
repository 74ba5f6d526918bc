"""What SAM CLI is given: every function as deployed, for this processor, and no credential where git could see it."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sam_local_kit import ON_LINUX, deployed

from local.cloud.template import FUNCTION, LAYER, Template, of_type, read
from local.sam import project
from local.sam.errors import NotReady
from local.sam.project import Environments
from local.sam.relay import Relay

ROOT = Path(__file__).parents[3]
REAL = read(ROOT / "template.yaml")
CLOUD = "http://127.0.0.1:4566"
FUNCTIONS = {
    name: deployed(TABLE_NAME="trueup-table", POWERTOOLS_SERVICE_NAME=name) for name in of_type(REAL, FUNCTION)
}


@pytest.fixture(name="names")
def _names() -> Iterator[Environments]:
    with Relay("127.0.0.1", [4566, 8443]) as relay:
        yield project.environments(FUNCTIONS, CLOUD, ON_LINUX, relay)


def derive(names: Environments, folder: Path, architecture: str = "x86_64") -> Template:
    return project.derive(REAL, ROOT, folder, FUNCTIONS, names, architecture)


def test_every_function_of_the_template_is_there_with_its_code(names: Environments, tmp_path: Path) -> None:
    derived = of_type(derive(names, tmp_path), FUNCTION)
    assert derived.keys() == of_type(REAL, FUNCTION).keys()
    for properties in derived.values():
        assert (Path(properties["CodeUri"]) / "app.py").is_file()


def test_a_function_that_is_not_deployed_is_not_there(tmp_path: Path) -> None:
    some = {"PlanFunction": FUNCTIONS["PlanFunction"]}
    derived = project.derive(REAL, ROOT, tmp_path, some, {"PlanFunction": {}}, "x86_64")
    assert set(of_type(derived, FUNCTION)) == {"PlanFunction"}


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_functions_and_layer_are_for_the_processor_docker_runs_on(
    names: Environments, tmp_path: Path, architecture: str
) -> None:
    template = derive(names, tmp_path, architecture)
    for properties in of_type(template, FUNCTION).values():
        assert properties["Architectures"] == [architecture]
        assert properties["Runtime"] == "python3.13"
    layer = template["Resources"]["SharedLayer"]
    assert layer["Metadata"] == {"BuildMethod": "makefile", "BuildArchitecture": architecture}


def test_memory_and_timeout_are_those_deployed(names: Environments, tmp_path: Path) -> None:
    plan = of_type(derive(names, tmp_path), FUNCTION)["PlanFunction"]
    assert (plan["MemorySize"], plan["Timeout"]) == (512, 11)


def test_the_template_names_every_variable_or_sam_cli_would_leave_it_out(names: Environments, tmp_path: Path) -> None:
    for name, properties in of_type(derive(names, tmp_path), FUNCTION).items():
        assert properties["Environment"]["Variables"].keys() == names[name].keys()


def test_a_function_gets_its_own_environment_the_cloud_and_its_own_role(names: Environments) -> None:
    plan = names["PlanFunction"]
    assert plan["TABLE_NAME"] == "trueup-table"
    assert plan["POWERTOOLS_SERVICE_NAME"] == "PlanFunction"
    assert plan["AWS_ENDPOINT_URL"] == CLOUD
    assert plan["AWS_ACCESS_KEY_ID"] == "ASIALOCAL"
    assert plan["AWS_SECRET_ACCESS_KEY"] == "key-of-the-role"
    assert plan["AWS_SESSION_TOKEN"] == "token-of-the-role"
    assert plan["SAM_LOCAL_HANDLER"] == "app.handler"
    assert plan["SAM_LOCAL_HOST"] == "172.17.0.1"
    assert plan["SAM_LOCAL_PORTS"] == "4566,8443"


def test_credentials_are_in_one_file_that_only_its_owner_reads(names: Environments, tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text("an old one, that everybody reads")
    (tmp_path / "environment.json").chmod(0o644)
    project.write(tmp_path, derive(names, tmp_path), names)
    secret = tmp_path / "environment.json"
    assert json.loads(secret.read_text()) == names
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    everything_else = (tmp_path / "template.json").read_text()
    for function in names.values():
        for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "SAM_LOCAL_TOKEN"):
            assert function[name] not in everything_else


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", "aarch64"), ("x86_64", "x86_64")])
def test_the_layers_makefile_takes_the_wheels_of_that_processor(
    tmp_path: Path, architecture: str, machine: str
) -> None:
    project.write_layer(ROOT, tmp_path, architecture)
    makefile = (tmp_path / "layer" / "Makefile").read_text()
    assert f"--platform manylinux_2_28_{machine}" in makefile
    assert ("aarch64" in makefile) is (machine == "aarch64")
    assert (tmp_path / "layer" / "requirements.txt").read_bytes() == (ROOT / "shared/requirements.txt").read_bytes()
    assert (tmp_path / "layer" / "trueup" / "config.py").is_file()


def test_the_layers_stand_where_the_template_says(names: Environments, tmp_path: Path) -> None:
    project.write_layer(ROOT, tmp_path, "x86_64")
    project.write_way_out(tmp_path)
    for layer in of_type(derive(names, tmp_path), LAYER).values():
        assert list(Path(layer["ContentUri"]).iterdir())


def test_the_ports_opened_are_the_clouds_and_the_venues_on_this_machine_and_no_others() -> None:
    here = ["http://localhost:7001", "http://127.0.0.1:7002/x", "http://127.0.0.1"]
    elsewhere = ["https://api.coinbase.com", "http://192.0.2.1:7003", "USD"]
    assert project.ports(CLOUD, [*here, *elsewhere]) == {4566, 7001, 7002, 80}


@pytest.mark.parametrize("port", [8080, 9001])
def test_a_port_lambda_needs_for_itself_is_refused(port: int) -> None:
    with pytest.raises(NotReady, match=f"port {port} is Lambda's own inside a container: `trueup down`"):
        project.ports(f"http://127.0.0.1:{port}", [])
