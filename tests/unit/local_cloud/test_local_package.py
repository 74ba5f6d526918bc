"""The same code makes the same upload, so an update is seen exactly when there is one."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from local.cloud import package
from local.cloud.errors import TemplateUnsupported


@pytest.fixture(name="code")
def _code(tmp_path: Path) -> Path:
    code = tmp_path / "plan"
    code.mkdir()
    (code / "app.py").write_text("def handler(event, context): ...\n")
    return code


def _key(code: Path) -> str:
    return package.key(package.function_zip(code, Path("shared")), "zip")


def test_a_touched_file_or_a_cache_is_no_change(code: Path) -> None:
    before = _key(code)
    os.utime(code / "app.py", (0, 0))
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "app.pyc").write_text("x")
    assert _key(code) == before


def test_changed_code_is_a_change(code: Path) -> None:
    before = _key(code)
    (code / "app.py").write_text("def handler(event, context): return 1\n")
    assert _key(code) != before


def test_the_bootstrap_can_be_run_and_names_the_layer(code: Path, tmp_path: Path) -> None:
    layer = tmp_path / "a folder's layer"
    with zipfile.ZipFile(io.BytesIO(package.function_zip(code, layer))) as archive:
        assert archive.getinfo("bootstrap").external_attr >> 16 == 0o755
        script = archive.read("bootstrap").decode()
    assert "-m awslambdaric" in script
    assert "layer" in script


def test_a_function_without_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateUnsupported, match="no code in"):
        package.function_zip(tmp_path / "nothing", Path("shared"))
