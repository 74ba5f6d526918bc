"""`sam build` makes what Lambda can run, on a machine that has neither its Python nor its processor."""

import importlib.util
import marshal
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest
from cfn import FUNCTION, ROOT, load, of_type

pytestmark = pytest.mark.slow

LOCK = ROOT / "shared" / "requirements.txt"
FUNCTION_FOLDERS = sorted(path.parent for path in ROOT.glob("functions/*/app.py"))
EM_AARCH64 = 183
LAMBDA_LIMIT_BYTES = 250 * 1024 * 1024

IMPORT_HANDLER = """
import sys
layer, folder, project = sys.argv[1:]
sys.path += [folder, layer]
import app
assert callable(app.handler)
for name, module in sorted(sys.modules.items()):
    path = getattr(module, "__file__", None) or ""
    if path.startswith(project) and not path.startswith(folder):
        sys.exit(f"{name} comes from {path}, which Lambda does not have")
"""

# Pure Python up to here: cryptography, whose binary is for another processor, is not needed to make a client.
MAKE_CLIENTS = """
import sys
sys.path.insert(0, sys.argv[1])
import boto3
for service in sys.argv[2:]:
    boto3.client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
"""


@pytest.fixture(scope="module")
def sam() -> str:
    found = os.environ.get("SAM_CLI") or str(ROOT / ".venv-sam" / "bin" / "sam")
    path = shutil.which(found)
    if path is None:
        pytest.fail(f"no SAM CLI at {found}: install requirements/sam.txt into .venv-sam, or name one in SAM_CLI")
    return path


@pytest.fixture(scope="module")
def runtime_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What passes for Lambda's Python on a machine that has another: it compiles, for the Python it really is."""
    stand_in = tmp_path_factory.mktemp("runtime") / "python3.13"
    stand_in.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exit 0\nexec "{sys.executable}" "$@"\n')
    stand_in.chmod(0o755)
    return stand_in


@pytest.fixture(scope="module")
def built(sam: str, runtime_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sam") / "build"
    command = [sam, "build", "--template-file", str(ROOT / "template.yaml"), "--build-dir", str(folder)]
    _run(*command, RUNTIME_PYTHON=str(runtime_python))
    return folder


@pytest.fixture(scope="module")
def layer(built: Path) -> Path:
    return built / "SharedLayer" / "python"


@pytest.fixture(scope="module")
def host_layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer's lock and our code for this machine: what is missing there is missing here."""
    folder = tmp_path_factory.mktemp("host-layer")
    options = ["--quiet", "--no-compile", "--require-hashes", "--only-binary=:all:", "--disable-pip-version-check"]
    _run(sys.executable, "-m", "pip", "install", *options, "-r", str(LOCK), "--target", str(folder))
    shutil.copytree(ROOT / "shared" / "trueup", folder / "trueup", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_template_is_valid(sam: str) -> None:
    assert "is a valid SAM Template" in _run(sam, "validate", "--lint", "--template-file", str(ROOT / "template.yaml"))


def test_the_template_passes_the_linter_without_a_word() -> None:
    linter = shutil.which("cfn-lint", path=str(Path(sys.executable).parent))
    assert linter is not None
    assert _run(linter, str(ROOT / "template.yaml")).strip() == ""


def test_functions_are_deployed_as_they_are_written(built: Path) -> None:
    functions = of_type(load((built / "template.yaml").read_text()), FUNCTION)
    folders = {(built / properties["CodeUri"]).resolve() for properties in functions.values()}
    assert folders == set(FUNCTION_FOLDERS)
    assert functions.keys() == of_type(load(), FUNCTION).keys()


def test_every_shared_object_is_for_the_processor_lambda_runs_on(layer: Path) -> None:
    objects = list(_shared_objects(layer))
    assert objects, "cryptography without its binary?"
    for path in objects:
        header = path.read_bytes()[:20]
        assert header[:5] == b"\x7fELF\x02", path.name
        assert int.from_bytes(header[18:20], "little") == EM_AARCH64, path.name


def test_every_shared_object_is_for_the_python_lambda_runs(layer: Path) -> None:
    for path in _shared_objects(layer):
        assert re.search(r"\.(cpython-313-aarch64-linux-gnu|abi3)\.so$", path.name), path.name


def test_every_wheel_was_made_for_lambda_or_for_anything(layer: Path) -> None:
    tags = [
        line.removeprefix("Tag: ")
        for path in layer.glob("*.dist-info/WHEEL")
        for line in path.read_text().splitlines()
        if line.startswith("Tag: ")
    ]
    native = [tag for tag in tags if not tag.endswith("-none-any")]
    assert native
    assert all(re.fullmatch(r"(cp313-cp313|cp3\d+-abi3)-manylinux\w+_aarch64", tag) for tag in native), native


def test_the_layer_holds_exactly_what_is_locked(layer: Path) -> None:
    locked = set(re.findall(r"^([a-z0-9][a-z0-9.-]*==[^\s;]+)", LOCK.read_text(), re.MULTILINE))
    installed = {path.name.removesuffix(".dist-info") for path in layer.glob("*.dist-info")}
    assert {_normal(*name.rsplit("-", 1)) for name in installed} == {_normal(*it.split("==")) for it in locked}


def test_the_layer_holds_our_code_as_it_is(layer: Path) -> None:
    source = ROOT / "shared" / "trueup"
    ours = {path.relative_to(source) for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    there = {path.relative_to(layer / "trueup") for path in (layer / "trueup").rglob("*") if path.is_file()}
    assert {path for path in there if path.suffix != ".pyc"} == ours
    changed = [path for path in ours if (layer / "trueup" / path).read_bytes() != (source / path).read_bytes()]
    assert changed == []


def test_the_layer_carries_no_script_for_this_machines_python(layer: Path) -> None:
    assert not (layer / "bin").exists()


def test_a_cold_start_compiles_nothing(layer: Path) -> None:
    sources = sorted(layer.rglob("*.py"))
    assert len(sources) > 300
    for source in sources:
        header, code = _byte_code(source)
        # PEP 552: found by its hash, and the hash not checked against the source.
        assert int.from_bytes(header[4:8], "little") == 0b01, source
        assert header[8:16] == importlib.util.source_hash(source.read_bytes()), source
        assert code.co_filename == f"/opt/python/{source.relative_to(layer)}"
    assert len(list(layer.rglob("*.pyc"))) == len(sources)


def test_without_the_runtimes_python_the_layer_is_built_without_byte_code(tmp_path: Path) -> None:
    _run(
        *("make", "--directory", str(ROOT / "shared"), "build-SharedLayer"),
        ARTIFACTS_DIR=str(tmp_path),
        RUNTIME_PYTHON=str(tmp_path / "no-such-python"),
    )
    assert (tmp_path / "python" / "trueup" / "aws.py").exists()
    assert list(tmp_path.rglob("*.pyc")) == []


def test_the_layer_has_the_models_of_the_services_we_are_clients_of_and_no_others(layer: Path) -> None:
    used = {
        name
        for path in (ROOT / "shared" / "trueup").rglob("*.py")
        for name in re.findall(r'\bclient\("([a-z0-9-]+)"\)', path.read_text())
    }
    assert used >= {"dynamodb", "s3"}
    assert {path.name for path in (layer / "botocore" / "data").iterdir() if path.is_dir()} == used
    _run(sys.executable, "-I", "-S", "-B", "-c", MAKE_CLIENTS, str(layer), *sorted(used))


def test_the_layer_leaves_lambda_most_of_its_room(layer: Path) -> None:
    size = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())
    print(f"layer: {size / 1024 / 1024:.1f} MiB unpacked")
    assert size < LAMBDA_LIMIT_BYTES / 4


@pytest.mark.parametrize("folder", FUNCTION_FOLDERS, ids=lambda folder: folder.name)
def test_a_handler_needs_nothing_but_the_layer_and_its_folder(host_layer: Path, folder: Path) -> None:
    # -I and -S: no current folder, no PYTHONPATH, no site-packages, as in Lambda.
    command = [sys.executable, "-I", "-S", "-B", "-c", IMPORT_HANDLER, str(host_layer), str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, env={}, cwd=host_layer, check=False)
    assert done.returncode == 0, done.stderr


def test_every_function_of_the_template_has_its_handler_tried() -> None:
    used = {(ROOT / properties["CodeUri"]).resolve() for properties in of_type(load(), FUNCTION).values()}
    assert used == set(FUNCTION_FOLDERS)


def _shared_objects(layer: Path) -> Iterator[Path]:
    return (path for path in layer.rglob("*.so*") if path.is_file())


def _byte_code(source: Path) -> tuple[bytes, CodeType]:
    """The byte code beside a source, as its header of 16 bytes and the code. Raises if there is none."""
    content = Path(importlib.util.cache_from_source(str(source))).read_bytes()
    code = marshal.loads(content[16:])
    assert isinstance(code, CodeType)
    return content[:16], code


def _normal(name: str, version: str) -> tuple[str, str]:
    return re.sub(r"[-_.]+", "-", name).lower(), version


def _run(*command: str, **variables: str) -> str:
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1", **variables}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
