"""Fetching what the audit vouches for, each object once, and saying what nobody may read."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from trueup.aws import code_of
from trueup.domain.reading import Malformed
from trueup.domain.run_ids import day_of
from trueup.store.objects import Objects

MISSING = "missing"
"""Stands for the digest of an object that is not there."""
UNREADABLE = "unreadable"
"""Stands for the digest of an object that we may not read; see Evidence.refused."""
NO_DOCUMENT = "not what was written: no gzip"
_REFUSED = {"AccessDenied", "AllAccessDisabled", "InvalidObjectState", "403"}
PRICES_REMEMBERED = 2000


@dataclass(slots=True)
class Evidence:
    """Objects by their digests."""

    objects: Objects
    refused: dict[str, str] = field(default_factory=dict)
    """Why an object could not be read: AWS's own word, by key. The caller takes them out."""
    _prices: dict[str, str] = field(default_factory=dict)

    def content(self, key: str) -> bytes | str:
        """Return an object's text; MISSING, UNREADABLE or NO_DOCUMENT in its place. Raises StoreUnavailable."""
        try:
            content = self.objects.content(key)
        except Malformed:
            return NO_DOCUMENT
        except ClientError as error:
            code = code_of(error)
            if code not in _REFUSED and not code.startswith("KMS"):
                raise
            self.refused[key] = code
            return UNREADABLE
        return MISSING if content is None else content

    def sha256(self, key: str) -> str:
        """Return the digest of an object, or what stands in its place."""
        if key in self._prices:
            return self._prices[key]
        content = self.content(key)
        if isinstance(content, str):
            return content
        found = hashlib.sha256(content).hexdigest()
        if key.endswith("/prices.json.gz"):
            # Many runs may rest on the last good price set; all else belongs to one run.
            if len(self._prices) >= PRICES_REMEMBERED:
                self._prices.clear()
            self._prices[key] = found
        return found


def may_be_gone_from(run_id: str, retention_days: int) -> int:
    """Return from when on the objects of a run may be gone: the bucket's lifecycle ends at the midnight after."""
    return _midnight(run_id, 1 + retention_days)


def row_may_be_gone_from(run_id: str, retention_days: int) -> int:
    """Return from when on the row of a run may be gone: it was begun on the day that its id tells, or later."""
    return _midnight(run_id, retention_days)


def _midnight(run_id: str, days: int) -> int:
    day = datetime.strptime(day_of(run_id), "%Y-%m-%d").replace(tzinfo=UTC)
    return int((day + timedelta(days=days)).timestamp())
