"""What travels from the topic to one endpoint: one message for each endpoint, and at PagerDuty for each incident."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trueup.domain.reading import Malformed, Record, digest, parse_json
from trueup.notify.chat import discord, slack, teams
from trueup.notify.endpoints import Endpoint, Kind
from trueup.notify.incidents import Incident, incident_document, incidents, pagerduty, read_incident
from trueup.notify.notices import Notice, for_endpoint, notice_document, read_notice_document, to_json
from trueup.notify.signed import signed_headers, webhook

SCHEMA = 1
_CHATS = {Kind.SLACK: slack, Kind.TEAMS: teams, Kind.DISCORD: discord}


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something for one endpoint: a notice, or one of its incidents. `id` is the same however often it is made."""

    endpoint: str
    id: str
    said: Notice | Incident

    @property
    def key(self) -> str:
        """What the parcel is known by in the queue, which drops the same one within five minutes."""
        return digest([self.endpoint, self.id])


@dataclass(frozen=True, slots=True)
class Post:
    """One request: what is posted where, with which headers."""

    url: str
    headers: dict[str, str]
    body: bytes


def parcels(notice: Notice, endpoints: Sequence[Endpoint]) -> Iterator[Parcel]:
    """Pack a notice for everybody whom it concerns."""
    for endpoint in endpoints:
        wanted = for_endpoint(notice, endpoint)
        if wanted is None:
            continue
        if endpoint.kind is not Kind.PAGERDUTY:
            yield Parcel(endpoint.name, wanted.id, wanted)
            continue
        for incident in incidents(wanted, endpoint):
            yield Parcel(endpoint.name, f"{wanted.id}-{incident.action}-{digest([incident.key])[:16]}", incident)


def post_of(parcel: Parcel, endpoint: Endpoint, now: datetime) -> Post:
    """Write the request by which an endpoint is told. Raises Malformed where its kind has changed on the way."""
    if isinstance(parcel.said, Incident):
        if endpoint.kind is not Kind.PAGERDUTY:
            raise Malformed("endpoint", f"{endpoint.name} is no longer of kind pagerduty")
        return Post(endpoint.url, {}, _body(pagerduty(parcel.said, endpoint.key)))
    if endpoint.kind in _CHATS:
        return Post(endpoint.url, {}, _body(_CHATS[endpoint.kind](parcel.said)))
    if endpoint.kind is not Kind.WEBHOOK:
        raise Malformed("endpoint", f"{endpoint.name} was not of kind pagerduty when this was said")
    body = _body(webhook(parcel.said))
    return Post(endpoint.url, signed_headers(endpoint.key, parcel.id, now, body), body)


def _body(payload: dict[str, Any]) -> bytes:
    return to_json(payload).encode()


def write_parcel(parcel: Parcel) -> str:
    """Write a parcel for the queue."""
    said: dict[str, Any] = (
        {"incident": incident_document(parcel.said)}
        if isinstance(parcel.said, Incident)
        else {"notice": notice_document(parcel.said)}
    )
    return json.dumps({"schema": SCHEMA, "endpoint": parcel.endpoint, "id": parcel.id, **said}, ensure_ascii=False)


def read_parcel(text: str) -> Parcel:
    """Read what `write_parcel` wrote. Raises Malformed."""
    record = Record(parse_json(text, "parcel"), "parcel")
    if record.whole("schema") != SCHEMA:
        record.fail("schema", f"must be {SCHEMA}")
    endpoint, parcel_id = record.slug("endpoint"), record.text("id")
    said: Notice | Incident
    if record.has("incident"):
        said = read_incident(Record(record.raw("incident"), record.at("incident")))
    else:
        said = read_notice_document(Record(record.raw("notice"), record.at("notice")))
    record.done()
    return Parcel(endpoint, parcel_id, said)
