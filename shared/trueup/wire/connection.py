"""Connections: verified, pooled for the life of the process, and never waited for beyond a request's end."""

import io
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from http.client import HTTPResponse
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_time_left: ContextVar[Callable[[], float]] = ContextVar("time_left")


@contextmanager
def until(left: Callable[[], float]) -> Iterator[None]:
    """Receive, inside this, only while `left` says that seconds are left; raises TimeoutError after that."""
    token = _time_left.set(left)
    try:
        yield
    finally:
        _time_left.reset(token)


class _TimedFile(io.RawIOBase):
    """A socket's bytes, none of which is waited for beyond the request's end.

    A socket's own timeout begins again with every byte, so a server that drips, in its headers or its body, could hold
    a request for ever.
    """

    def __init__(self, raw: io.RawIOBase, sock: Any) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _time_left.get()()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedFile(self.fp.detach(), sock))


class _TimedHttp(HTTPConnection):
    response_class = _TimedResponse


class _TimedHttps(HTTPSConnection):
    response_class = _TimedResponse


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _TimedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHttps


@cache
def trust() -> ssl.SSLContext:
    """Load whom we trust, once a process: the system's authorities (SSL_CERT_FILE)."""
    return ssl.create_default_context()  # verifies certificate and host name


@cache
def pool() -> urllib3.PoolManager:
    """Open the pool, once a process. Its requests are made inside `until`."""
    manager = urllib3.PoolManager(num_pools=8, maxsize=4, ssl_context=trust())
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return manager


def pinned_pool(scheme: str, address: str, port: int, name: str) -> HTTPConnectionPool:
    """Open a pool of one connection to this very address; over TLS the certificate must be the named host's.

    Nothing is looked up again, so a name cannot come to mean another address. Its requests carry the Host themselves.
    """
    if scheme == "http":
        return _HttpPool(address, port, maxsize=1)
    return _HttpsPool(address, port, maxsize=1, ssl_context=trust(), server_hostname=name)


def certificate_fault(error: BaseException) -> str | None:
    """Say what is wrong with the certificate that ended a connection. None when it was something else in TLS."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or next((arg for arg in cause.args if isinstance(arg, BaseException)), None)
    return None if cause is None else cause.verify_message
