"""One request to an address that somebody chose: it must not lead inside.

A name is looked up once, every address it has is checked, and the connection goes to one of those very addresses, with
the certificate of the name. So a name that means another address a moment later leads nowhere else.
"""

import socket
import time
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from urllib3.connectionpool import HTTPConnectionPool

from trueup.domain.addresses import is_public
from trueup.wire.ask import NoAnswer, Received, ask
from trueup.wire.connection import pinned_pool
from trueup.wire.words import shown

MOST_ADDRESSES = 4
"""How many of a name's addresses are tried, one after the other, until somebody is there."""


class LeadsInside(Exception):
    """An address of the host is not on the public internet. The message is that address."""


class Target(NamedTuple):
    """A URL, taken apart. `netloc` is what its request calls Host."""

    scheme: str
    host: str
    port: int
    netloc: str
    path: str


def target_of(url: str) -> Target:
    """Take a URL apart, which has been checked to be one of http or https with a host."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname or "", port, parts.netloc, path)


def look_up(host: str, port: int) -> list[str]:
    """Ask the resolver for the addresses of a host, in the order in which they should be tried. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


Resolve = Callable[[str, int], list[str]]


def addresses_of(target: Target, allowed_hosts: Collection[str] = (), resolve: Resolve = look_up) -> list[str]:
    """Return where a target may be asked. `allowed_hosts` may be anywhere. Raises LeadsInside and NoAnswer."""
    try:
        addresses = resolve(target.host, target.port)
    except (OSError, UnicodeError):  # a name no resolver would take is a UnicodeError
        raise NoAnswer(f"found no host named {shown(target.host)}", unreached=True) from None
    if target.host not in allowed_hosts:
        for address in addresses:
            if not is_public(address):
                raise LeadsInside(address)
    return addresses[:MOST_ADDRESSES]


def ask_at(
    addresses: list[str],
    target: Target,
    headers: Mapping[str, str],
    *,
    seconds: Callable[[], float],
    limit: int,
    monotonic: Callable[[], float] = time.monotonic,
) -> Received:
    """Ask at the first address where somebody is. `seconds` says what is left, before each attempt.

    Raises NoAnswer, and Dropped where the connection ended before an answer began.
    """

    def send(pool: HTTPConnectionPool, left: float) -> Received:
        return ask(
            pool,
            target.path,
            {"Host": target.netloc, **headers},
            host=target.netloc,
            seconds=left,
            monotonic=monotonic,
            limit=limit,
        )

    return at_first_address(addresses, target, send, seconds=seconds)


def at_first_address(
    addresses: list[str],
    target: Target,
    send: Callable[[HTTPConnectionPool, float], Received],
    *,
    seconds: Callable[[], float],
) -> Received:
    """Let `send` do its part at the first address where somebody is, within what `seconds` says is left.

    Raises what `send` raises, and NoAnswer.
    """
    nobody = NoAnswer(f"found no address of {shown(target.host)}", unreached=True)
    for address in addresses:
        left = seconds()
        if left <= 0:
            raise NoAnswer("was not asked for: the time for it is used up", unreached=True)
        pool = pinned_pool(target.scheme, address, target.port, target.host)
        try:
            return send(pool, left)
        except NoAnswer as error:
            if not error.unreached:
                raise
            nobody = error
        finally:
            pool.close()
    raise nobody
