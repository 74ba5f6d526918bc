"""Everything the suite produced passes through here, once, and what must not be in it is written down."""

import gzip
import json
import threading
import zlib
from collections import Counter
from typing import Any

from tests.leaks.canaries import Canaries

LARGEST = 32 * 1024 * 1024


class Produced:
    """Looks at texts as they appear. `leaks` has one line for each, `places` how many texts each place showed."""

    def __init__(self, canaries: Canaries) -> None:
        self.canaries = canaries
        self.leaks: dict[str, None] = {}
        self.places: Counter[str] = Counter()
        self.doing = "collecting tests"
        self._seen: set[int] = set()
        self._lock = threading.Lock()

    def take(self, place: str, content: Any, *, where: str = "", balances: bool) -> None:
        """Look at a text, bytes (unpacked if gzip), or anything that can be written as JSON.

        `balances` tells that none may be here. `where` says which of the place's texts it is.
        """
        text = as_text(content)
        with self._lock:
            self.places[place] += 1
            known = hash((place, text))
            if known in self._seen:
                return
            self._seen.add(known)
        for what in self.canaries.in_text(text, balances=balances):
            with self._lock:
                self.leaks.setdefault(f"{what} in {place}{f' {where}' if where else ''}, in {self.doing}")


def as_text(content: Any) -> str:
    """Write anything as the text it would leak as."""
    if isinstance(content, bytes | bytearray):
        return _unpacked(bytes(content)).decode("utf-8", "replace")
    return content if isinstance(content, str) else json.dumps(content, default=_plain, ensure_ascii=False)


def _unpacked(content: bytes) -> bytes:
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return content


def _plain(value: Any) -> str:
    return as_text(value) if isinstance(value, bytes | bytearray) else str(value)


def chain_of(error: BaseException) -> str:
    """Write an error as the runtime prints it, with what it was raised from or during."""
    lines: list[str] = []
    at: BaseException | None = error
    while at is not None and len(lines) < 20:
        lines.append(f"{type(at).__name__}: {at}" + "".join(f"\n{note}" for note in getattr(at, "__notes__", [])))
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "\n".join(lines)
