"""The policy in force: versions as immutable objects, and a row for each time somebody put one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.domain.policy import Policy, policy_document, read_policy_document
from trueup.domain.reading import Malformed, Record, format_time
from trueup.errors import ConfigInvalid, PolicyConflict
from trueup.store import keys
from trueup.store.objects import Objects
from trueup.store.rows import ABSENT, Rows


@dataclass(frozen=True, slots=True)
class Put:
    """One putting of a policy: which version, when, and who did it (the caller's ARN). Numbers have no gaps."""

    number: int
    version: str
    put_at: datetime
    by: str

    def document(self) -> dict[str, Any]:
        """Write the putting as a row and a JSON document have it."""
        return {"number": self.number, "version": self.version, "put_at": format_time(self.put_at), "by": self.by}


class Policies:
    """Policies that were put. The newest putting is the one in force; without any, what is built in is."""

    def __init__(self, rows: Rows, objects: Objects) -> None:
        self._rows = rows
        self._objects = objects

    def put(self, policy: Policy, at: datetime, by: str, replacing: Put | None) -> Put:
        """Put a policy into force if `replacing` is still the newest putting (None: there is none yet).

        Raises PolicyConflict when somebody else put one first, ConfigInvalid when something else is kept under the
        policy's name, and StoreUnavailable.
        """
        if not self._objects.put_once(keys.policy_object(policy.version), policy_document(policy)):
            self.version(policy.version)
        made = Put(1 if replacing is None else replacing.number + 1, policy.version, at, by)
        pk, sk = keys.policy_put(made.number)
        row = {"pk": pk, "sk": sk, **made.document()}
        # A refusal may also be an answer to our own first attempt that was lost on its way.
        if not self._rows.put(row, ABSENT) and self._rows.get(pk, sk) != row:
            raise PolicyConflict(
                f"the policy is no longer {'the built-in one' if replacing is None else replacing.version}; somebody "
                "put another meanwhile: look with `trueup policy show`, then try again"
            )
        return made

    def last(self) -> Put | None:
        """Return the newest putting."""
        found = self._rows.query(keys.POLICIES, prefix=keys.PUT, newest_first=True, limit=1)
        return _read_put(found[0]) if found else None

    def history(self) -> list[Put]:
        """Return every putting, oldest first."""
        return [_read_put(row) for row in self._rows.query(keys.POLICIES, prefix=keys.PUT)]

    def current(self, built_in: Policy) -> Policy:
        """Return what applies: what the policy in force states, over what is built in here.

        Raises ConfigInvalid for a policy that cannot be read: nothing else takes its place.
        """
        last = self.last()
        if last is None:
            return built_in
        policy = self.version(last.version)
        if policy is None:
            key = keys.policy_object(last.version)
            raise ConfigInvalid(f"the policy {last.version}: {key} is missing; put it again: `trueup policy put FILE`")
        try:
            return policy.over(built_in)
        except Malformed as error:
            raise ConfigInvalid(
                f"the policy {last.version}: {error}; put one that fits: `trueup policy put FILE`"
            ) from None

    def version(self, version: str) -> Policy | None:
        """Return a policy that was put, as it was put. Raises ConfigInvalid for one that cannot be read."""
        key = keys.policy_object(version)
        try:
            document = self._objects.get(key)
            if document is None:
                return None
            policy = read_policy_document(document)
        except Malformed as error:
            raise _unreadable(version, str(error)) from None
        if policy.version != version:
            raise _unreadable(version, f"it is the policy {policy.version}")
        return policy


def _unreadable(version: str, why: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"the policy {version} cannot be read: {why}; put another (`trueup policy put FILE`), or remove "
        f"{keys.policy_object(version)} from the bucket and put this one again"
    )


def _read_put(row: Mapping[str, Any]) -> Put:
    record = Record(row, f"{row['pk']} {row['sk']}")
    try:
        return Put(record.whole("number"), record.text("version"), record.time("put_at"), record.text("by"))
    except Malformed as error:
        raise ConfigInvalid(f"the row of a policy: {error}; correct the row, nothing else may take its place") from None
