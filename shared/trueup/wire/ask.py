"""One request over verified TLS, bounded in bytes, values and time. What the answer means is for who asked.

`ask` only ever reads (GET); `tell` says something (POST) and is for people's endpoints, never for a venue. Redirects
are not followed, and there is no way to switch TLS verification off.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import urllib3
from urllib3 import exceptions
from urllib3.connectionpool import HTTPConnectionPool

from trueup import __version__
from trueup.wire.body import BadEncoding, Body, TooLarge
from trueup.wire.connection import certificate_fault, until
from trueup.wire.words import redacted, shown

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Default limit of one answer, counted after decompression: 250 Coinbase rows are about 150 KB."""
MAX_TOLD_BYTES = 64 * 1024
"""Limit of what is read of the answer of somebody who was told something: a few words, or a page of an error."""
MAX_VALUES = 250_000
"""Limit of the values in one answer: a value of three bytes takes a hundred in memory. 250 Coinbase rows have 6,000."""
CONNECT_SECONDS = 3.0
CHUNK = 64 * 1024

Keep = Callable[[int, bytes, bool], None]
"""Is shown status, content and completeness of every answer, also of a broken one."""


class NoAnswer(Exception):
    """There is no whole answer. The message ends a sentence that says who asked for what.

    `lasting` means that asking again would end the same way; `unreached`, that nothing was sent.
    """

    def __init__(self, words: str, *, lasting: bool = False, unreached: bool = False) -> None:
        super().__init__(words)
        self.lasting = lasting
        self.unreached = unreached


class Dropped(Exception):
    """The connection ended before an answer began."""


class Received(NamedTuple):
    """A whole answer, whatever its status says. Its content holds nothing of what was sent as a secret."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def ask(
    pool: urllib3.PoolManager | HTTPConnectionPool,
    url: str,
    headers: Mapping[str, str],
    *,
    host: str,
    seconds: float,
    monotonic: Callable[[], float],
    limit: int = MAX_BODY_BYTES,
    keep: Keep = lambda status, content, complete: None,
) -> Received:
    """Get one answer of at most `limit` bytes within `seconds`. `host` is its name in errors.

    Raises NoAnswer, and Dropped where a second attempt on another connection may do.
    """
    sent = _Sent("GET", url, headers, None, _secrets(headers.values()))
    return _exchange(pool, sent, host=host, seconds=seconds, monotonic=monotonic, limit=limit, keep=keep)


def tell(
    pool: urllib3.PoolManager | HTTPConnectionPool,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Iterable[str],
    host: str,
    seconds: float,
    monotonic: Callable[[], float],
    keep: Keep,
) -> Received:
    """Post a JSON body and get the answer, as `ask` does. `secrets` are taken out of it, like all headers sent.

    Whoever is told may have listened although no whole answer comes back: `keep` sees the status it began with.
    """
    sent = _Sent(
        "POST", url, {"Content-Type": "application/json", **headers}, body, _secrets((*headers.values(), *secrets))
    )
    return _exchange(pool, sent, host=host, seconds=seconds, monotonic=monotonic, limit=MAX_TOLD_BYTES, keep=keep)


class _Sent(NamedTuple):
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    secrets: tuple[bytes, ...]


def _exchange(
    pool: urllib3.PoolManager | HTTPConnectionPool,
    sent: _Sent,
    *,
    host: str,
    seconds: float,
    monotonic: Callable[[], float],
    limit: int,
    keep: Keep,
) -> Received:
    ends = monotonic() + seconds
    try:
        with until(lambda: ends - monotonic()):
            response = pool.request(
                sent.method,
                sent.url,
                body=sent.body,
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": "gzip",
                    "User-Agent": f"trueup/{__version__}",
                    **sent.headers,
                },
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                return _take(response, limit, sent.secrets, keep)
            finally:
                # An answer read to its end has given its connection back already; any other is closed here.
                response.close()
    except exceptions.SSLError as error:
        raise _tls_failed(error) from None
    except exceptions.NameResolutionError:
        raise NoAnswer(f"found no host named {shown(host)}", unreached=True) from None
    except exceptions.NewConnectionError:
        raise NoAnswer(f"found nobody at {shown(host)}", unreached=True) from None
    except exceptions.ConnectTimeoutError:
        raise NoAnswer("got no connection in time", unreached=True) from None
    except exceptions.TimeoutError:
        raise NoAnswer(f"got no whole answer within {seconds:.3g} s") from None
    except exceptions.ProtocolError:
        raise Dropped from None
    except exceptions.HTTPError as error:
        # The class alone: urllib3's own text is not ours to promise anything about.
        raise NoAnswer(f"could not be sent ({type(error).__name__})") from None


def wrong_kind(received: Received) -> str | None:
    """Name the kind of a body that is said to be something else than JSON; None where it is JSON, or unsaid."""
    kind = received.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return None if not kind or kind == "application/json" or kind.endswith("+json") else shown(kind)


def _take(response: urllib3.BaseHTTPResponse, limit: int, secrets: tuple[bytes, ...], keep: Keep) -> Received:
    """Read the body, bounded in bytes and in time, and show it to `keep` whatever becomes of it."""
    body = Body(response.headers.get("Content-Encoding", ""), limit)
    complete = False
    try:
        while chunk := response.read1(CHUNK, decode_content=False):
            body.add(chunk)
        body.end()
        if body.content.count(b",") >= MAX_VALUES:
            raise NoAnswer(f"answered more than {MAX_VALUES} values, more than we read", lasting=True)
        complete = True
    except TooLarge:
        raise NoAnswer(f"answered more than {limit} bytes, which is more than we read", lasting=True) from None
    except BadEncoding as error:
        raise NoAnswer(f"answered in {error}, which we did not ask for", lasting=True) from None
    except (exceptions.ProtocolError, zlib.error):
        raise NoAnswer("got an answer that was cut short") from None
    finally:
        content = redacted(body.content, secrets)
        keep(response.status, content, complete)
    return Received(response.status, response.headers, content)


def _tls_failed(error: exceptions.SSLError) -> NoAnswer:
    fault = certificate_fault(error)
    if fault is None:
        return NoAnswer("failed in TLS")
    return NoAnswer(f"was not sent: the server's certificate is not trusted ({shown(fault)})", lasting=True)


def _secrets(sent: Iterable[str]) -> tuple[bytes, ...]:
    """List what an echoing server could send back to us: each value sent, a token without its scheme, its parts."""
    values = set()
    for value in sent:
        token = value.rpartition(" ")[2]
        values |= {value, token, *token.split(".")}
    return tuple(value.encode() for value in sorted(values, key=len, reverse=True) if len(value) >= 8)
