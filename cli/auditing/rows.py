"""What the rows of the audit look like: every field, its sort, and nothing else."""

from collections.abc import Mapping
from typing import Any

from cli.auditing.differences import What, differs
from trueup.store.audit import LAST_VERIFIED, chain_hash
from trueup.store.rows import Row

Shape = Mapping[str, tuple[type, ...]]
_NONE = type(None)

ENTRY: Shape = {
    "pk": (str,),
    "sk": (str,),
    "seq": (int,),
    "prev": (str,),
    "checkpoint": (str,),
    "account_id": (str,),
    "run_id": (str,),
    "at": (str,),
    "status": (str,),
    "verified": (bool,),
    "reasons": (list,),
    "report_sha256": (str,),
    "run_report_sha256": (str,),
    "evidence_sha256": (str, _NONE),
    "object": (str,),
    "counts": (dict,),
    "expires_at": (int,),
    "hash": (str,),
}
CHECKPOINT: Shape = {
    "pk": (str,),
    "sk": (str,),
    "account_id": (str,),
    "day": (str,),
    "seq": (int,),
    "entry_hash": (str,),
    "retention_days": (int,),
    "last_verified": (dict, _NONE),
    "prev": (str,),
    "hash": (str,),
}
HEAD: Shape = {
    "pk": (str,),
    "sk": (str,),
    "seq": (int,),
    "hash": (str,),
    "last_verified": (dict, _NONE),
    "checkpoint": (dict,),
}
BEGUN: Shape = {
    "pk": (str,),
    "sk": (str,),
    "run_id": (str,),
    "execution": (str,),
    "started_at": (str,),
    "expires_at": (int,),
    "state": (str,),
}
"""What is in the row of every run; the other fields tell how it ended."""


def place_of(row: Row) -> str:
    """Name a row by its keys."""
    return f"row {row.get('pk')} {row.get('sk')}"


def check_shape(row: Row, shape: Shape, what: What, **about: Any) -> None:
    """Raise Differs for a row with a field too many, one too few, or one of another sort."""
    for name, sorts in shape.items():
        if name not in row:
            differs(what, place_of(row), f"has no {name}", **about)
        # True is a number to Python, and is none.
        if not isinstance(row[name], sorts) or (isinstance(row[name], bool) and bool not in sorts):
            differs(what, place_of(row), f"{name} is no {sorts[0].__name__}", **about)
    for name in sorted(row.keys() - shape.keys()):
        differs(what, place_of(row), f"has a field {name} that nobody writes", **about)


def check_told(row: Row, what: What, **about: Any) -> None:
    """Raise Differs where what is kept of the last verified report is not of that form."""
    told = row["last_verified"]
    if told is not None and (told.keys() != set(LAST_VERIFIED) or not all(isinstance(it, str) for it in told.values())):
        differs(what, place_of(row), "last_verified is not what a run writes", **about)


def hash_of(row: Row) -> str | None:
    """Return what an entry or a checkpoint hashes to; None when it holds what no document can."""
    try:
        return chain_hash(row)
    except (TypeError, ValueError):
        return None


def as_last_verified(row: Row) -> dict[str, Any]:
    """Return what is kept at hand of an entry that was verified whole."""
    return {name: row[name] for name in LAST_VERIFIED}
