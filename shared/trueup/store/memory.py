"""In-memory twins of the stores, for tests and for whoever embeds Trueup. They pass the same suite."""

import copy
import threading
from collections.abc import Sequence
from typing import Any

from trueup.domain.reading import canonical_json, parse_json
from trueup.store.objects import not_null
from trueup.store.rows import Condition, Index, Row


class MemoryRows:
    """A table in memory (see store.rows.Rows)."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        """Read one row."""
        return copy.deepcopy(self._rows.get((pk, sk)))

    def put(self, row: Row, condition: Condition | None = None) -> bool:
        """Write one row if the condition holds."""
        return self.put_all([(row, condition)])

    def put_all(self, puts: Sequence[tuple[Row, Condition | None]]) -> bool:
        """Write all rows if every condition holds."""
        with self._lock:
            if not all(self._holds(row, condition) for row, condition in puts):
                return False
            for row, _ in puts:
                self._rows[(row["pk"], row["sk"])] = copy.deepcopy(dict(row))
            return True

    def delete(self, pk: str, sk: str) -> None:
        """Remove a row."""
        self._rows.pop((pk, sk), None)

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        between: tuple[str, str] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        index: Index | None = None,
    ) -> list[dict[str, Any]]:
        """Read rows of one partition in order."""
        partition, order = ("pk", "sk") if index is None else (index.pk, index.sk)

        def wanted(row: Row) -> bool:
            if row.get(partition) != pk or order not in row:
                return False
            sk: str = row[order]
            return between[0] <= sk <= between[1] if between else sk.startswith(prefix)

        rows = sorted(filter(wanted, list(self._rows.values())), key=lambda row: row[order], reverse=newest_first)
        return copy.deepcopy(rows[:limit])

    def _holds(self, row: Row, condition: Condition | None) -> bool:
        if condition is None:
            return True
        current = self._rows.get((row["pk"], row["sk"]))
        if current is None:
            return condition.kind.startswith("absent")
        if condition.kind == "absent" or condition.field not in current:
            return False
        if condition.kind == "absent_or_below":
            return bool(current[condition.field] < condition.value)
        if condition.kind == "absent_or_at_most":
            return bool(current[condition.field] <= condition.value)
        return bool(current[condition.field] == condition.value)


class MemoryObjects:
    """Objects in memory (see store.objects.Objects)."""

    def __init__(self) -> None:
        self._objects: dict[str, str] = {}
        self._lock = threading.Lock()

    def put_once(self, key: str, document: object) -> bool:
        """Write a document unless the key is taken."""
        with self._lock:
            if key in self._objects:
                return False
            self._objects[key] = canonical_json(document)
            return True

    def get(self, key: str) -> Any | None:
        """Read a document; None when there is none."""
        text = self._objects.get(key)
        return None if text is None else not_null(parse_json(text, key), key)

    def content(self, key: str) -> bytes | None:
        """Read the text of a document; None when there is none."""
        text = self._objects.get(key)
        return None if text is None else text.encode()

    def keys(self, prefix: str) -> list[str]:
        """List keys in order."""
        return sorted(key for key in self._objects if key.startswith(prefix))
