"""Zips of the functions' folders. The same content makes the same bytes, so an upload's key says what is in it."""

import hashlib
import io
import shlex
import sys
import zipfile
from pathlib import Path

from local.cloud.errors import TemplateUnsupported

_EPOCH = (1980, 1, 1, 0, 0, 0)

# AWS's own client of the Lambda Runtime API, in the Python that runs us. ministack does not mount layers, so the
# layer's folder is put on the path. The mark is what the processes of a local cloud are found by.
_BOOTSTRAP = """\
#!/bin/sh
export PYTHONPATH="$LAMBDA_TASK_ROOT:"{layer}
exec {python} -X "trueup-cloud=$TRUEUP_CLOUD" -m awslambdaric "$_HANDLER"
"""


def function_zip(code: Path, layer: Path) -> bytes:
    """Return a function's folder and its bootstrap as a zip. Raises TemplateUnsupported if the folder has no code."""
    files = {
        path.relative_to(code).as_posix(): path.read_bytes()
        for path in sorted(code.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    if not files:
        raise TemplateUnsupported(f"there is no code in {code}")
    bootstrap = _BOOTSTRAP.format(python=shlex.quote(sys.executable), layer=shlex.quote(str(layer.resolve())))
    return _zip({**files, "bootstrap": bootstrap.encode()})


def layer_zip() -> bytes:
    """Return what stands for the layer, which is not mounted here."""
    return _zip({"python/README": b"The bootstrap of each function has the layer's folder on its path.\n"})


def key(content: bytes, suffix: str) -> str:
    """Return the S3 key of some content: its hash, so that an update is seen exactly when there is one."""
    return f"{hashlib.sha256(content).hexdigest()}.{suffix}"


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o755 if name == "bootstrap" else 0o644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()
