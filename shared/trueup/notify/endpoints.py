"""Who is told besides mailboxes: the endpoints an operator lists, read strictly.

The list is one JSON document in Secrets Manager, because addresses of chat channels are secrets themselves. No error
quotes anything of it but names of endpoints and fields.
"""

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from trueup.domain.addresses import is_public
from trueup.domain.base_urls import check_book_url
from trueup.domain.reading import Malformed, Record, parse_json, read_list, read_text
from trueup.domain.reasons import SEVERITIES, Severity

MOST_ENDPOINTS = 20
"""Each is told by itself, one message at a time: as many functions may run at once as there are endpoints."""
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
_ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}", re.ASCII)
_SIGNING_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]+={0,2}", re.ASCII)
_SIGNING_BYTES = range(24, 65)
_SAID = tuple(name for name, severity in SEVERITIES.items() if severity)


class Kind(StrEnum):
    """What an endpoint understands."""

    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"
    PAGERDUTY = "pagerduty"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `key` is PagerDuty's routing key, or what a webhook is signed with; chat channels have none."""

    name: str
    kind: Kind
    url: str = field(repr=False)
    key: str = field(repr=False, default="")
    severity_from: Severity | None = None
    """Breaks below it are not said here; None: whatever is said at all."""
    accounts: frozenset[str] | None = None
    """The accounts said here; None: all of them."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything of it that no log may show: the key, and what stands in the address behind the host."""
        parts = urlsplit(self.url)
        return (self.key, self.url, *parts.path.split("/"), *re.split("[&=]", parts.query))


def read_endpoints(text: str, allowed_hosts: Collection[str], place: str = "endpoints") -> tuple[Endpoint, ...]:
    """Read the list. `allowed_hosts` may be inside, or on this machine and in the clear. Raises Malformed."""
    endpoints = tuple(
        _endpoint(Record(item, at), allowed_hosts) for at, item in read_list(parse_json(text, place), place)
    )
    if not 1 <= len(endpoints) <= MOST_ENDPOINTS:
        raise Malformed(place, f"must list 1 to {MOST_ENDPOINTS} endpoints, not {len(endpoints)}")
    seen: set[str] = set()
    for index, endpoint in enumerate(endpoints):
        if endpoint.name in seen:
            raise Malformed(f"{place}[{index}].name", f"repeats {endpoint.name}: each endpoint has a name of its own")
        seen.add(endpoint.name)
    return endpoints


def _endpoint(record: Record, allowed_hosts: Collection[str]) -> Endpoint:
    name = record.slug("name")
    kind = Kind(record.choice("kind", tuple(Kind)))
    endpoint = Endpoint(
        name=name,
        kind=kind,
        url=_url(record, kind, allowed_hosts),
        key=_key(record, kind),
        severity_from=SEVERITIES[record.choice("severity_from", _SAID)] if record.has("severity_from") else None,
        accounts=_accounts(record) if record.has("accounts") else None,
    )
    record.done()
    return endpoint


def _url(record: Record, kind: Kind, allowed_hosts: Collection[str]) -> str:
    if kind is Kind.PAGERDUTY and not record.has("url"):
        return PAGERDUTY_URL
    url = record.text("url")
    try:
        check_book_url(url)
        parts = urlsplit(url)
    except ValueError:
        record.fail("url", "must be https://, a host and a path, without user or fragment")
    host = parts.hostname or ""
    if host in allowed_hosts:
        return url
    if parts.scheme != "https":
        record.fail("url", "must begin with https://")
    if host == "localhost" or _is_inside(host):
        record.fail("url", "must be on the public internet; if this host is meant, name it in AlertAllowedHosts")
    return url


def _is_inside(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return False  # a name; what it leads to is looked at when it is used


def _key(record: Record, kind: Kind) -> str:
    if kind is Kind.PAGERDUTY:
        key = record.text("routing_key")
        if not _ROUTING_KEY.fullmatch(key):
            record.fail(
                "routing_key", "must be the integration key of an Events API v2 integration: 32 letters, digits"
            )
        return key
    if kind is Kind.WEBHOOK:
        secret = record.text("secret")
        if not _SIGNING_SECRET.fullmatch(secret) or len(signing_key(secret)) not in _SIGNING_BYTES:
            record.fail("secret", "must be whsec_ and 24 to 64 random bytes in Base64, as Standard Webhooks has it")
        return secret
    return ""


def signing_key(secret: str) -> bytes:
    """Return the bytes of a `whsec_` secret; none where it is no Base64."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return b""


def _accounts(record: Record) -> frozenset[str]:
    accounts = frozenset(read_text(item, at) for at, item in record.items("accounts"))
    if not accounts:
        record.fail("accounts", "must name at least one account; leave it out for all of them")
    return accounts
