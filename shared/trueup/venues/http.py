"""The one way Trueup talks to a venue: GET over verified TLS, strict JSON back, everything bounded, all of it kept.

One `VenueHttp` serves one reading of one account. It keeps every answer as evidence and turns everything that can go
wrong into an error of `trueup.errors`. Connections are pooled for the life of the process, so a warm Lambda does not
shake hands again. Proxy variables of the environment are ignored, and there is no way to switch TLS verification off.
"""

import io
import math
import re
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from trueup import __version__
from trueup.clock import utc_now
from trueup.domain.models import check_base_url
from trueup.domain.reading import Malformed, format_time, parse_json
from trueup.errors import (
    ConfigInvalid,
    TrueupError,
    VenueAuthFailed,
    VenueGeoBlocked,
    VenuePermissionDenied,
    VenueRateLimited,
    VenueResponseInvalid,
    VenueUnavailable,
)

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Default limit of one answer, counted after decompression: 250 Coinbase rows are about 150 KB."""
CONNECT_SECONDS = 3.0
MAX_WAITS = 3
"""How often one call waits out a venue's own Retry-After before the state machine is asked to."""
LEAST_SECONDS = 0.5
"""A wait is taken only if at least this much time is left for the request after it."""
WORDS = 200
"""How much of a venue's own words an error carries."""
_CHUNK = 64 * 1024
_MAX_RETRY_AFTER = 86_400.0
_GZIP = 16 + zlib.MAX_WBITS

Verdict = tuple[type[TrueupError], str]
"""What a refusal is, and what the reader should do about it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came, for the evidence. `path` has the query but no host; the body is never a request's."""

    path: str
    status: int
    received_at: datetime
    body: str
    complete: bool
    """False when the body was cut: by the venue, by the clock, or by our size limit."""

    def document(self) -> dict[str, Any]:
        """Write the answer as a JSON document."""
        return {
            "path": self.path,
            "status": self.status,
            "received_at": format_time(self.received_at),
            "body": self.body,
            "complete": self.complete,
        }


class Reply(NamedTuple):
    """A proper answer: the parsed JSON (None only where the dialect says "absent"), and the Date if one was sent."""

    document: Any
    date: datetime | None


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """Read a Retry-After header as RFC 9110 has it: whole seconds or a date. None when it is neither."""
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,3})?", value, re.ASCII):
        return min(float(value), _MAX_RETRY_AFTER)
    date = _http_date(value)
    return None if date is None else min(max(0.0, (date - now).total_seconds()), _MAX_RETRY_AFTER)


def _no_verdict(status: int, body: Any) -> Verdict | None:
    return None


def _never(status: int, body: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one venue says no, where it differs from plain HTTP."""

    classify: Callable[[int, Any], Verdict | None] = _no_verdict
    """Takes status and parsed body (None if it is not JSON) of a 4xx other than 429; None leaves it to the status."""
    absent: Callable[[int, Any], bool] = _never
    """Tells a refusal that really says "there is no such thing here"; it is then a reply of None, not an error."""
    retry_after: Callable[[str, datetime], float | None] = retry_after_seconds


PLAIN = Dialect()


class VenueHttp:
    """A bounded client for one reading.

    `who` opens every error message ("account cb-main at coinbase"). A request takes at most `timeout_seconds`, all of
    them together at most `budget_seconds`. Raises ConfigInvalid for a base URL that is not https (or loopback).
    """

    def __init__(
        self,
        base_url: str,
        *,
        who: str,
        timeout_seconds: float,
        budget_seconds: float,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        try:
            self._base = check_base_url(base_url)
            parts = urlsplit(self._base)
            default_port = parts.port == {"https": 443, "http": 80}[parts.scheme]
        except ValueError as error:
            raise ConfigInvalid(f"{who}: base_url: {error}") from None
        self.host = parts.netloc.rpartition(":")[0] if default_port else parts.netloc
        """The host as the venue knows it: with its port only where that is not the scheme's own."""
        self.prefix = parts.path
        """What the base URL puts before every path; usually nothing."""
        self.who = who
        self.answers: list[Answer] = []
        """Every answer so far, also the refused and the broken ones."""
        self._timeout = timeout_seconds
        self._deadline = monotonic() + budget_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._max_body = max_body_bytes

    def now(self) -> datetime:
        """Tell the time by our clock, in UTC."""
        return self._clock()

    def remaining(self) -> float:
        """Say how many seconds of the budget are left."""
        return self._deadline - self._monotonic()

    def get(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        sign: Callable[[], Mapping[str, str]] | None = None,
        dialect: Dialect = PLAIN,
    ) -> Reply:
        """Get one JSON document. `sign` makes the headers anew for every attempt: a signature is never sent twice.

        Raises VenueRateLimited, VenueUnavailable, VenueAuthFailed, VenuePermissionDenied, VenueGeoBlocked,
        VenueResponseInvalid, or what the dialect says. A 429 is waited out here if the venue's own wait fits.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        waits = 0
        while True:
            raw = self._ask(path, target, sign or dict)
            if raw.status != 429:
                return self._read(path, raw, dialect)
            stated = raw.headers.get("Retry-After")
            wait = None if stated is None else dialect.retry_after(stated, self._clock())
            if wait is None or waits >= MAX_WAITS or wait + LEAST_SECONDS > self.remaining():
                raise self._rate_limited(path, raw, wait)
            waits += 1
            self._sleep(wait)

    def _ask(self, path: str, target: str, sign: Callable[[], Mapping[str, str]]) -> "_Raw":
        try:
            return self._attempt(path, target, sign())
        except _Dropped:
            # Usually a pooled connection which the venue closed while this Lambda was frozen: once more, on a fresh
            # one. Signed anew: the venue may have seen the first request and remember its nonce.
            try:
                return self._attempt(path, target, sign())
            except _Dropped:
                raise VenueUnavailable(self.say(path, "was dropped without a proper answer")) from None

    def _attempt(self, path: str, target: str, headers: Mapping[str, str]) -> "_Raw":
        seconds = min(self._timeout, self.remaining())
        if seconds <= 0:
            raise VenueUnavailable(self.say(path, "was not sent: the time for this account is used up"))
        ends = self._monotonic() + seconds
        token = _time_left.set(lambda: ends - self._monotonic())
        try:
            response = _pool().request(
                "GET",
                self._base + target,
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": "gzip",
                    "User-Agent": f"trueup/{__version__}",
                    **headers,
                },
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                return self._take(path, target, response, _secrets(headers))
            finally:
                # A connection whose answer was read to its end is back in the pool already; any other is closed here.
                response.close()
        except exceptions.SSLError as error:
            raise self._tls_failed(path, error) from None
        except exceptions.NameResolutionError:
            raise VenueUnavailable(self.say(path, f"found no host named {shown(self.host)}")) from None
        except exceptions.NewConnectionError:
            raise VenueUnavailable(self.say(path, f"found nobody at {shown(self.host)}")) from None
        except exceptions.ConnectTimeoutError:
            raise VenueUnavailable(self.say(path, "got no connection in time")) from None
        except exceptions.TimeoutError:
            raise VenueUnavailable(self.say(path, f"got no whole answer within {seconds:.3g} s")) from None
        except exceptions.ProtocolError:
            raise _Dropped from None
        except exceptions.HTTPError as error:
            # The class alone: urllib3's own text is not ours to promise anything about.
            raise VenueUnavailable(self.say(path, f"could not be sent ({type(error).__name__})")) from None
        finally:
            _time_left.reset(token)

    def _take(self, path: str, target: str, response: urllib3.BaseHTTPResponse, secrets: tuple[bytes, ...]) -> "_Raw":
        """Read the body, bounded in bytes and in time, and keep it whatever becomes of it."""
        body = _Body(response.headers.get("Content-Encoding", ""), self._max_body)
        complete = False
        try:
            while chunk := response.read1(_CHUNK, decode_content=False):
                body.add(chunk)
            body.end()
            complete = True
        except _TooLarge:
            raise VenueResponseInvalid(
                self.say(path, f"answered more than {self._max_body} bytes, which is more than we read")
            ) from None
        except _BadEncoding as error:
            raise VenueResponseInvalid(self.say(path, f"answered in {error}, which we did not ask for")) from None
        except (exceptions.ProtocolError, zlib.error):
            raise VenueUnavailable(self.say(path, "got an answer that was cut short")) from None
        finally:
            # What could not be used is kept as far as it can explain itself.
            content = bytes(body.content) if complete else bytes(body.content[:_CHUNK])
            for secret in secrets:
                content = content.replace(secret, b"[redacted]")
            self.answers.append(
                Answer(target, response.status, self._clock(), content.decode("utf-8", "replace"), complete)
            )
        return _Raw(response.status, response.headers, content)

    # -- what an answer means ------------------------------------------------------------------------------------

    def _read(self, path: str, raw: "_Raw", dialect: Dialect) -> Reply:
        """Status first, then the kind of body, then the body: an error page is never read as data."""
        if not 200 <= raw.status < 300:
            body = _json_or_none(raw.content)
            if dialect.absent(raw.status, body):
                return Reply(None, _http_date(raw.headers.get("Date", "")))
            raise self._refused(path, raw, body, dialect)
        kind = raw.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind and kind != "application/json" and not kind.endswith("+json"):
            raise VenueUnavailable(self.say(path, f"answered {raw.status} with {shown(kind)} instead of JSON"))
        try:
            document = parse_json(raw.content, "the answer")
        except Malformed as error:
            # Not JSON, or not text, is a broken transfer and worth another try; JSON that is not allowed is not.
            broken = error.problem.startswith("is not ")
            raise (VenueUnavailable if broken else VenueResponseInvalid)(
                self.say(path, f"answered {raw.status}, but {shown(str(error))}")
            ) from None
        return Reply(document, _http_date(raw.headers.get("Date", "")))

    def _refused(self, path: str, raw: "_Raw", body: Any, dialect: Dialect) -> TrueupError:
        status = raw.status
        words = venue_words(raw.content)
        if 300 <= status < 400:
            return VenueResponseInvalid(self.say(path, f"was redirected ({status}), which is refused: check base_url"))
        verdict = dialect.classify(status, body) if 400 <= status < 500 else None
        error, advice = verdict or _verdict_of_status(status, body)
        return error(self.say(path, f"answered {status}: {words}{f'. {advice}' if advice else ''}"))

    def _rate_limited(self, path: str, raw: "_Raw", wait: float | None) -> VenueRateLimited:
        words = venue_words(raw.content)
        stated = "states no wait" if wait is None else f"asks to wait {wait:.3g} s"
        return VenueRateLimited(
            self.say(path, f"answered 429: {words}. The venue {stated}"),
            None if wait is None else math.ceil(wait),
        )

    def _tls_failed(self, path: str, error: exceptions.SSLError) -> TrueupError:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
            cause = cause.__cause__ or next((arg for arg in cause.args if isinstance(arg, BaseException)), None)
        if cause is None:
            return VenueUnavailable(self.say(path, "failed in TLS"))
        return VenueResponseInvalid(
            self.say(path, f"was not sent: the venue's certificate is not trusted ({shown(cause.verify_message)})")
        )

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Read an answer inside this: a fault in it becomes VenueResponseInvalid, naming account, path and place."""
        try:
            yield
        except Malformed as error:
            raise VenueResponseInvalid(self.say(path, f"answered, but {shown(str(error))}")) from None

    def say(self, path: str, what: str) -> str:
        """Open a sentence about a request, for an error: who, what was asked, what came of it."""
        return f"{self.who}: GET {path} {what}"


def shown(text: str) -> str:
    """Make a venue's text fit for an error line: one line, no control characters, cut."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= WORDS else text[: WORDS - 1] + "…"


def venue_words(content: bytes) -> str:
    """Say what the venue said: its message fields, or the text of its page."""
    body = _json_or_none(content)
    if isinstance(body, dict):
        first = body.get("errors")
        inner = first[0] if isinstance(first, list) and first and isinstance(first[0], dict) else {}
        found = [
            value
            for holder in (body, inner)
            for key in ("code", "id", "error", "message", "msg", "error_details", "param")
            if isinstance(value := holder.get(key), str) and value
        ]
        if found:
            return shown(", ".join(dict.fromkeys(found)).rstrip("."))
    text = re.sub(r"<[^<>]{0,2000}>", " ", content[:4000].decode("utf-8", "replace"))
    return shown(text) or "(no words)"


def _verdict_of_status(status: int, body: Any) -> Verdict:
    if status in (408, 425) or status >= 500:
        return VenueUnavailable, ""
    if status == 401:
        return VenueAuthFailed, "Check the key: it may be wrong, revoked or bound to other addresses"
    if status == 403 and body is None:
        # The API itself refuses in JSON; a page comes from the gate in front of it.
        return VenueGeoBlocked, "This page comes from the venue's gate: the country or address we call from is refused"
    if status == 403:
        return VenuePermissionDenied, "Check what the key may read"
    if status == 451:
        return VenueGeoBlocked, "The venue refuses the country or address we call from"
    return VenueResponseInvalid, ""


def _json_or_none(content: bytes) -> Any:
    try:
        return parse_json(content, "")
    except Malformed:
        return None


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)


def _secrets(headers: Mapping[str, str]) -> tuple[bytes, ...]:
    """List what an echoing venue could send back to us: each value sent, and a token without its scheme."""
    values = {part for value in headers.values() for part in (value, value.rpartition(" ")[2])}
    return tuple(value.encode() for value in sorted(values, key=len, reverse=True) if len(value) >= 8)


class _Raw(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes


class _Dropped(Exception):
    """The connection ended before an answer began."""


class _TooLarge(Exception):
    pass


class _BadEncoding(Exception):
    pass


class _Body:
    """A body being received, decompressed here so that the limit holds for what comes out, not for what came in."""

    def __init__(self, encoding: str, limit: int) -> None:
        self.content = bytearray()
        self._encoding = encoding.strip().lower()
        self._limit = limit
        self._member = zlib.decompressobj(_GZIP) if self._encoding in ("gzip", "x-gzip") else None

    def add(self, chunk: bytes) -> None:
        if self._member is None:
            if self._encoding not in ("", "identity"):
                raise _BadEncoding(shown(self._encoding))
            self._keep(chunk)
        while self._member is not None and chunk:
            if self._member.eof:  # RFC 1952: a gzip file may be several, one after the other
                self._member = zlib.decompressobj(_GZIP)
            self._keep(self._member.decompress(chunk, self._limit + 1 - len(self.content)))
            chunk = self._member.unused_data

    def _keep(self, content: bytes) -> None:
        self.content += content
        if len(self.content) > self._limit:
            del self.content[self._limit :]
            raise _TooLarge

    def end(self) -> None:
        if self._member is not None and not self._member.eof:
            raise zlib.error("incomplete")


# -- connections -------------------------------------------------------------------------------------------------

_time_left: ContextVar[Callable[[], float]] = ContextVar("time_left")


class _TimedFile(io.RawIOBase):
    """A socket's bytes, none of which is waited for beyond the request's end.

    A socket's own timeout begins again with every byte, so a venue that drips, in its headers or its body, could hold
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
def _pool() -> urllib3.PoolManager:
    # create_default_context verifies certificate and host name; the authorities are the system's (SSL_CERT_FILE).
    pool = urllib3.PoolManager(num_pools=8, maxsize=4, ssl_context=ssl.create_default_context())
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool
