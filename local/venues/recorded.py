"""Recorded answers: a folder that a simulator serves instead of its own balances.

A folder holds ``index.json`` and the files it names::

    {"answers": [
      {"path": "/api/v3/brokerage/accounts", "file": "accounts.json"},
      {"path": "/api/v3/brokerage/accounts", "query": {"cursor": "789100"}, "file": "accounts-2.json"},
      {"path": "/v4/height", "file": "down.html", "status": 503, "content_type": "text/html"}
    ]}

An answer fits when its path is the request's and every one of its query values is in the request; where
several fit, the one naming the most query values is served, byte for byte as in its file. Signatures are
still verified and faults still apply. A path the folder does not list is answered 404; only the venue's
public clock, when it is not listed, keeps telling the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import fields
from .server import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class _Recorded:
    path: str
    query: Mapping[str, str]
    answer: Answer

    def fits(self, request: Request) -> bool:
        return self.path == request.path and self.query.items() <= dict(request.query).items()


class RecordedAnswers:
    """The answers of one folder, read whole when constructed. Raises `fields.FieldError`."""

    def __init__(self, folder: Path) -> None:
        self._answers = [_read(folder, entry, where) for where, entry in _entries(folder)]

    def find(self, request: Request) -> Answer | None:
        """The most specific answer for this request; None where the folder has none."""
        fitting = [recorded for recorded in self._answers if recorded.fits(request)]
        return max(fitting, key=lambda recorded: len(recorded.query)).answer if fitting else None


def _entries(folder: Path) -> list[tuple[str, object]]:
    index = folder / "index.json"
    try:
        document = fields.parse_json(index.read_bytes())
    except OSError as error:
        raise fields.FieldError(f"{index}: cannot be read ({error.strerror})") from error
    record = fields.as_record(document, "", required=["answers"])
    return [(f"answers[{number}]", entry) for number, entry in enumerate(fields.as_list(record["answers"], "answers"))]


def _read(folder: Path, entry: object, where: str) -> _Recorded:
    record = fields.as_record(entry, where, required=["path", "file"], optional=["query", "status", "content_type"])
    name = fields.as_text(record["file"], f"{where}.file")
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise fields.FieldError(f"{where}.file: {name} lies outside the folder")
    try:
        body = file.read_bytes()
    except OSError as error:
        raise fields.FieldError(f"{where}.file: {name} cannot be read ({error.strerror})") from error
    query = fields.as_object(record.get("query", {}), f"{where}.query")
    return _Recorded(
        path=fields.as_text(record["path"], f"{where}.path"),
        query={key: fields.as_text(value, f"{where}.query.{key}") for key, value in query.items()},
        answer=Answer(
            status=fields.as_integer(record.get("status", 200), f"{where}.status", minimum=200),
            body=body,
            content_type=fields.as_text(record.get("content_type", "application/json"), f"{where}.content_type"),
        ),
    )
