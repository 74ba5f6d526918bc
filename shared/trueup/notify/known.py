"""The endpoints as they are configured, read when needed and kept for a minute by a warm function."""

import time
from collections.abc import Callable, Collection
from functools import cache

from botocore.exceptions import ClientError

from trueup.aws import code_of
from trueup.domain.reading import Malformed
from trueup.errors import ConfigInvalid
from trueup.notify.endpoints import Endpoint, read_endpoints
from trueup.secrets import secret_string

KEPT_SECONDS = 60.0


class KnownEndpoints:
    """Endpoints by `read`, asked again when what it said is a minute old."""

    def __init__(
        self, read: Callable[[], tuple[Endpoint, ...]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._kept: tuple[Endpoint, ...] = ()
        self._until = float("-inf")

    def all(self) -> tuple[Endpoint, ...]:
        """Return every endpoint. Raises ConfigInvalid and StoreUnavailable."""
        if self._monotonic() >= self._until:
            self._kept = self._read()
            self._until = self._monotonic() + KEPT_SECONDS
        return self._kept

    def find(self, name: str) -> Endpoint | None:
        """Return one by its name."""
        return next((endpoint for endpoint in self.all() if endpoint.name == name), None)

    def wanted(self, name: str | None) -> tuple[Endpoint, ...]:
        """Return the one of a name, or all where none is given. Raises ConfigInvalid naming those there are."""
        found = self.all() if name is None else tuple(it for it in self.all() if it.name == name)
        if not found:
            known = ", ".join(endpoint.name for endpoint in self.all())
            raise ConfigInvalid(f"there is no endpoint {name}; there are {known}")
        return found


def read_alert_endpoints(name: str, allowed_hosts: Collection[str]) -> tuple[Endpoint, ...]:
    """Read the list of endpoints from its secret. Raises ConfigInvalid, naming the field and nothing in it."""
    try:
        text = secret_string(name)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            raise ConfigInvalid(
                f"the secret {name} (AlertEndpointsSecret) does not exist; create it in Secrets Manager with the list "
                "of endpoints as its value (docs/alerts.md)"
            ) from None
        raise
    try:
        return read_endpoints(text or "", allowed_hosts)
    except Malformed as error:
        raise ConfigInvalid(f"the secret {name}: {error}") from None


@cache
def known_endpoints(secret: str, allowed_hosts: frozenset[str]) -> KnownEndpoints:
    """Return the endpoints of a secret, the same object as long as the process lives."""
    return KnownEndpoints(lambda: read_alert_endpoints(secret, allowed_hosts))
