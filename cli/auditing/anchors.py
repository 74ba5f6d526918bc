"""Anchors: what somebody outside wrote down of a chain, most often an alert."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from trueup.domain.amounts import shorten
from trueup.domain.reading import Malformed

_ANCHOR = re.compile(r"([a-z0-9][a-z0-9-]{0,62}):([1-9][0-9]{0,14}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The hash that an entry of an account had."""

    account_id: str
    seq: int
    hash: str


def read_anchors(typed: Iterable[str], field: str) -> tuple[Anchor, ...]:
    """Read anchors that were typed. Raises Malformed naming the field."""
    found: dict[tuple[str, int], Anchor] = {}
    for text in typed:
        match = _ANCHOR.fullmatch(text)
        if match is None:
            raise Malformed(field, f"must be ACCOUNT:NUMBER:HASH, as an alert has it, not {shorten(text)}")
        anchor = Anchor(match[1], int(match[2]), match[3])
        if found.setdefault((anchor.account_id, anchor.seq), anchor) != anchor:
            raise Malformed(field, f"two of them state different hashes for entry {anchor.seq} of {anchor.account_id}")
    return tuple(found.values())
