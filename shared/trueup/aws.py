"""AWS clients, made when first needed and reused while warm, and what counts as a passing fault of AWS."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as AwsConnectionError

from trueup.domain.base_urls import check_base_url
from trueup.errors import ConfigInvalid, StoreUnavailable
from trueup.parallel import AT_ONCE

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "max_attempts": 3},
    max_pool_connections=AT_ONCE,
)

_TRANSIENT = {
    "ConditionalRequestConflict",
    "InternalError",
    "InternalErrorException",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "KMSInternalException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}

P = ParamSpec("P")
R = TypeVar("R")


class _Clients:
    """Clients by service, each made once, however many threads ask for it first."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._making = threading.Lock()

    def __call__(self, service: str) -> Any:
        """Return the client of an AWS service. Raises ConfigInvalid for an endpoint elsewhere in the clear."""
        with self._making:  # clients may be used by many threads at once, but not made
            if service not in self._made:
                self._made[service] = _make(service)
            return self._made[service]

    def cache_clear(self) -> None:
        """Forget all clients: the next ones are of another session."""
        self._made.clear()


client = _Clients()


def _make(service: str) -> Any:
    made = boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]  # the service's name is not literal
    try:
        check_base_url(made.meta.endpoint_url)
    except ValueError as error:
        raise ConfigInvalid(f"AWS_ENDPOINT_URL: {error}") from None
    return made


def use_session(session: boto3.Session) -> None:
    """Make all clients from this session from now on: an operator's profile, or the local cloud."""
    boto3.DEFAULT_SESSION = session
    client.cache_clear()


def code_of(error: ClientError) -> str:
    """Return AWS's own name for an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_passing(error: ClientError) -> bool:
    """Tell whether AWS's answer is a passing fault, so that asking again later may help."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code_of(error) in _TRANSIENT or status >= 500


def raising_store_unavailable(call: Callable[P, R]) -> Callable[P, R]:
    """Turn AWS's passing faults into StoreUnavailable, which the state machine retries.

    Anything else (AccessDenied, a missing table) passes through under AWS's own name: a retry would not help, and
    no word of ours says it better.
    """

    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except ClientError as error:
            if is_passing(error):
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                raise StoreUnavailable(f"{error.operation_name}: {code_of(error)} ({status}); try again") from None
            raise
        except (HTTPClientError, AwsConnectionError, IncompleteReadError) as error:
            raise StoreUnavailable(f"AWS did not answer: {type(error).__name__}; try again") from None

    return guarded
