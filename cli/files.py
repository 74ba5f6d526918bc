"""Reading files people write: strict, bounded, and every fault one line that names the file."""

from pathlib import Path
from typing import Any

from cli.errors import BadInput
from cli.strict_yaml import parse_yaml
from trueup.domain.reading import Malformed, parse_json

MAX_YAML_BYTES = 1_000_000
MAX_BYTES = 256 * 1024 * 1024
"""A snapshot of a million holdings is about 150 MB."""


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Read a file whole. Raises BadInput for one that is not there, not a file, not readable or too large."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: is a folder, not a file") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > limit:
        raise BadInput(f"{path}: is larger than {limit:,} bytes")
    return content


def read_document(path: Path) -> Any:
    """Parse a document: YAML if the file's name ends in .yaml or .yml, else JSON. Raises BadInput or Malformed.

    A byte order mark is tolerated.
    """
    if path.suffix.lower() in {".yaml", ".yml"}:
        return parse_yaml(read_bytes(path, MAX_YAML_BYTES), str(path))
    document = parse_json(read_bytes(path).removeprefix(b"\xef\xbb\xbf"), str(path))
    if document is None:
        raise Malformed(str(path), "must be an object, not null")
    return document
