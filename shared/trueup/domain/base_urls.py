"""Whom we may ask over HTTP: over TLS anywhere, in the clear on this machine only."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

# Nothing that two readers of addresses could take differently: no user, backslash, blank, or letter beyond ASCII.
_ADDRESS = r"https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[a-z0-9._~%/-]*)?"
_PLAIN = re.compile(_ADDRESS, re.ASCII | re.IGNORECASE)
_WITH_QUERY = re.compile(rf"{_ADDRESS}(\?[a-z0-9._~%/=&,:+-]*)?", re.ASCII | re.IGNORECASE)


def check_base_url(url: str) -> str:
    """Accept https anywhere and plain http to this machine only; raises ValueError saying so."""
    if not _PLAIN.fullmatch(url):
        raise ValueError("must be a plain address such as https://api.coinbase.com")
    _check_scheme(url)
    return url.rstrip("/")


def check_book_url(url: str) -> str:
    """Accept the same, with a query if need be; raises ValueError saying so.

    Which hosts may be asked is decided when one is, by the addresses its name then has.
    """
    if not _WITH_QUERY.fullmatch(url):
        raise ValueError("must be an address such as https://books.example.com/cb-main, without user or fragment")
    _check_scheme(url)
    return url


def _check_scheme(url: str) -> None:
    parts = urlsplit(url)
    if parts.port == 0:  # a larger one than there is raises ValueError itself
        raise ValueError("must have a port from 1 to 65535, or none")
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise ValueError("must be https (plain http only to this machine, 127.0.0.1)")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
