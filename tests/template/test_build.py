"""`sam build` makes what Lambda can run, on a machine that has neither its Python nor its processor."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="module")
def sam() -> str:
    found = os.environ.get("SAM_CLI") or str(ROOT / ".venv-sam" / "bin" / "sam")
    path = shutil.which(found)
    if path is None:
        pytest.fail(f"no SAM CLI at {found}: install requirements/sam.txt into .venv-sam, or name one in SAM_CLI")
    return path


@pytest.fixture(scope="module")
def built(sam: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sam") / "build"
    _run(sam, "build", "--template-file", str(ROOT / "template.yaml"), "--build-dir", str(folder))
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
    assert {path.relative_to(layer / "trueup") for path in (layer / "trueup").rglob("*") if path.is_file()} == ours
    changed = [path for path in ours if (layer / "trueup" / path).read_bytes() != (source / path).read_bytes()]
    assert changed == []


def test_the_layer_carries_nothing_made_for_this_machine(layer: Path) -> None:
    assert list(layer.rglob("*.pyc")) == []
    assert not (layer / "bin").exists()


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


def _normal(name: str, version: str) -> tuple[str, str]:
    return re.sub(r"[-_.]+", "-", name).lower(), version


def _run(*command: str) -> str:
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
