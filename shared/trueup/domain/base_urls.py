"""Where somebody may be asked over HTTP: over TLS anywhere, in the clear on this machine only."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

# Nothing that two readers of addresses could take differently: no user, backslash, blank, or letter beyond ASCII.
_PLAIN = re.compile(
    r"https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[a-z0-9._~%/-]*)?",
    re.ASCII | re.IGNORECASE,
)


def check_base_url(url: str) -> str:
    """Accept https anywhere and plain http to this machine only; raises ValueError saying so."""
    if not _PLAIN.fullmatch(url):
        raise ValueError("must be a plain address such as https://api.coinbase.com")
    parts = urlsplit(url)
    if parts.port == 0:
        raise ValueError("must have a port from 1 to 65535, or none")
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return url.rstrip("/")
    raise ValueError("must be https (plain http only to this machine, 127.0.0.1)")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
