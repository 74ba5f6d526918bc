"""What is printed: documents for machines, tables for people, and one line for what went wrong."""

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, RenderableType

from cli.errors import one_line


def print_document(document: Any) -> None:
    """Print one JSON document, in the order of its format, exact amounts as strings."""
    _write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def print_line(text: str) -> None:
    """Print one line to stdout."""
    _write(text + "\n")


def print_table(*parts: RenderableType) -> None:
    """Print for people. Colour only where a terminal shows it (NO_COLOR is obeyed); 80 columns are enough."""
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    _write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def note(text: str) -> None:
    """Say something on stderr, beside the result."""
    sys.stderr.write(f"{one_line(text)}\n")
    sys.stderr.flush()


def count(number: int, one: str, many: str | None = None) -> str:
    """Write how many there are of something."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


class Progress:
    """Says on stderr how far long work has come: one line that is written over, and only on a terminal."""

    def __init__(self) -> None:
        self._is_seen = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """Say how far it is."""
        if self._is_seen:
            sys.stderr.write(f"\r\x1b[K{one_line(text)}")
            sys.stderr.flush()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_seen:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def lines(rows: Iterable[str]) -> str:
    """Join rows of text for a table's cell."""
    return "\n".join(rows)


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read this has seen enough; the exit code still tells the verdict. Nothing may be flushed into it later.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
