"""Rows with a partition key and a sort key: the few operations everything else is built from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Row = Mapping[str, Any]
"""Strings, whole numbers, booleans, None, lists and objects of these; `pk` and `sk` are always there."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold of the row that is there now for a write to happen."""

    kind: Literal["absent", "equals", "absent_or_equals", "absent_or_below", "absent_or_at_most"]
    field: str = "pk"
    value: Any = None


ABSENT = Condition("absent")


@dataclass(frozen=True, slots=True)
class Index:
    """Another order of the rows that have both of these fields; a moment behind the table."""

    name: str
    pk: str
    sk: str


OPEN_BREAKS = Index("OpenBreaks", "open_breaks", "rank")
"""The breaks that are not resolved, the worst first and of these the oldest."""


class Rows(Protocol):
    """A table. Every method raises StoreUnavailable for a passing fault."""

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        """Read one row, strongly consistent."""
        ...

    def put(self, row: Row, condition: Condition | None = None) -> bool:
        """Write one row; False when the condition does not hold (then nothing is written)."""
        ...

    def put_all(self, puts: Sequence[tuple[Row, Condition | None]]) -> bool:
        """Write several rows or none; False when a condition does not hold."""
        ...

    def delete(self, pk: str, sk: str) -> None:
        """Remove a row; a row that is not there is fine."""
        ...

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
        """Read rows of one partition in the order of their sort keys, strongly consistent unless of an `index`.

        `between` has both ends included and takes the place of `prefix`. Without a `limit` every page is read.
        """
        ...
