"""A book that is asked for over HTTPS: JSON, with a bearer token, from public hosts unless one is allowed by its name.

Whoever may write an account chooses the address, so the address must not lead inside: a name is looked up once, every
address it has is checked, and the connection goes to one of those very addresses, with the certificate of the name.
Redirects are refused, and nothing that is sent is ever shown.
"""

import socket
import time
from collections.abc import Callable, Collection
from typing import NamedTuple
from urllib.parse import urlsplit

from trueup.books.content import MAX_BOOK_BYTES, json_book
from trueup.domain.addresses import is_public
from trueup.domain.book_sources import place_of
from trueup.domain.models import Book, HttpsSource
from trueup.errors import BookInvalid, BookUnavailable
from trueup.wire.ask import Dropped, NoAnswer, Received, ask, wrong_kind
from trueup.wire.connection import pinned_pool
from trueup.wire.words import own_words, shown

MOST_ADDRESSES = 4
"""How many of a name's addresses are tried, one after the other, until somebody is there."""
_PASSING = {408, 425, 429}


def look_up(host: str, port: int) -> list[str]:
    """Ask the resolver for the addresses of a host, in the order in which they should be tried. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Target(NamedTuple):
    scheme: str
    host: str
    port: int
    netloc: str
    path: str


class HttpsBooks:
    """Books at addresses. `token_of` finds the token by the secret's name; `seconds` says how long a reading may take.

    `allowed_hosts` may be anywhere, also inside.
    """

    def __init__(
        self,
        *,
        token_of: Callable[[str, str], str],
        allowed_hosts: Collection[str],
        seconds: Callable[[], float],
        resolve: Callable[[str, int], list[str]] = look_up,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token_of = token_of
        self._allowed_hosts = allowed_hosts
        self._seconds = seconds
        self._resolve = resolve
        self._monotonic = monotonic
        self._tokens: dict[str, str] = {}

    def read(self, account_id: str, source: HttpsSource) -> Book | None:
        """Ask for a book; None where the answer is 404. Raises as books.protocol says."""
        where = f"the book at {place_of(source)}"
        who = f"account {account_id}: {where}"
        ends = self._monotonic() + self._seconds()
        target = _target(source.url)
        addresses = self._addresses(target, who)
        token = self._token(account_id, source.secret)
        try:
            received = self._ask(target, addresses, token, ends)
        except NoAnswer as error:
            raise (BookInvalid if error.lasting else BookUnavailable)(f"{who} {error}") from None
        except Dropped:
            raise BookUnavailable(f"{who} was dropped without a proper answer") from None
        if received.status == 404:
            return None
        if received.status != 200:
            raise _refused(received, who)
        if (kind := wrong_kind(received)) is not None:
            raise BookUnavailable(f"{who} answered with {kind} instead of JSON")
        return json_book(received.content, account_id, where)

    def _addresses(self, target: _Target, who: str) -> list[str]:
        try:
            addresses = self._resolve(target.host, target.port)
        except (OSError, UnicodeError):  # a name no resolver would take is a UnicodeError
            raise BookUnavailable(f"{who} found no host named {target.host}") from None
        if target.host not in self._allowed_hosts:
            inside = [address for address in addresses if not is_public(address)]
            if inside:
                raise BookInvalid(
                    f"{who} was not asked for: {inside[0]} is not on the public internet; "
                    f"if {target.host} is meant, name it in BookAllowedHosts"
                )
        return addresses[:MOST_ADDRESSES]

    def _token(self, account_id: str, secret: str) -> str:
        if secret not in self._tokens:
            self._tokens[secret] = self._token_of(account_id, secret)
        return self._tokens[secret]

    def _ask(self, target: _Target, addresses: list[str], token: str, ends: float) -> Received:
        """Ask at the first address where somebody is. Raises NoAnswer and Dropped."""
        nobody = NoAnswer(f"found no address of {target.host}")
        for address in addresses:
            seconds = ends - self._monotonic()
            if seconds <= 0:
                raise NoAnswer("was not asked for: the time for this account is used up")
            pool = pinned_pool(target.scheme, address, target.port, target.host)
            try:
                return ask(
                    pool,
                    target.path,
                    {"Host": target.netloc, "Authorization": f"Bearer {token}"},
                    host=target.netloc,
                    seconds=seconds,
                    monotonic=self._monotonic,
                    limit=MAX_BOOK_BYTES,
                )
            except NoAnswer as error:
                if not error.unreached:
                    raise
                nobody = error
            finally:
                pool.close()
        raise nobody


def _target(url: str) -> _Target:
    """Take an address apart; its account's document was read, so it is one."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(parts.scheme, parts.hostname or "", port, parts.netloc, path)


def _refused(received: Received, who: str) -> BookInvalid | BookUnavailable:
    status = received.status
    if 300 <= status < 400:
        return BookInvalid(f"{who} was redirected ({status}), which is refused: give the address it is at")
    said = f"{who} answered {status}: {shown(own_words(received.content))}"
    if status in _PASSING or status >= 500:
        return BookUnavailable(said)
    return BookInvalid(f"{said}. Check the secret" if status in (401, 403) else said)
