"""The list of endpoints is read strictly: one line says what is wrong and what is allowed, and quotes no secret."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from notify_kit import ROUTING_KEY, SIGNING_SECRET

from trueup.domain.reading import Malformed
from trueup.domain.reasons import Severity
from trueup.errors import ConfigInvalid
from trueup.notify.endpoints import MOST_ENDPOINTS, Endpoint, Kind, read_endpoints
from trueup.notify.known import KEPT_SECONDS, KnownEndpoints

TOKEN = "t0ken-of-a-channel"
CHAT = {"name": "ops", "kind": "slack", "url": f"https://hooks.slack.example/services/T/B/{TOKEN}"}
PAGER = {"name": "on-call", "kind": "pagerduty", "routing_key": ROUTING_KEY}
HOOK = {"name": "desk", "kind": "webhook", "url": f"https://desk.example/{TOKEN}?k=1", "secret": SIGNING_SECRET}


def read(*endpoints: Any, allowed: frozenset[str] = frozenset()) -> tuple[Endpoint, ...]:
    return read_endpoints(json.dumps(endpoints), allowed)


def test_a_list_is_read() -> None:
    chat, pager, hook = read(CHAT | {"severity_from": "MAJOR", "accounts": ["cb-main", "dydx-one"]}, PAGER, HOOK)

    assert (chat.name, chat.kind, chat.severity_from) == ("ops", Kind.SLACK, Severity.MAJOR)
    assert chat.accounts == {"cb-main", "dydx-one"}
    assert (pager.url, pager.key) == ("https://events.pagerduty.com/v2/enqueue", ROUTING_KEY)
    assert (hook.key, hook.severity_from, hook.accounts) == (SIGNING_SECRET, None, None)


def test_pagerduty_in_europe_has_an_address_of_its_own() -> None:
    [pager] = read(PAGER | {"url": "https://events.eu.pagerduty.com/v2/enqueue"})
    assert pager.url == "https://events.eu.pagerduty.com/v2/enqueue"


@pytest.mark.parametrize(
    "url",
    [
        "https://prod-1.x.logic.azure.com:443/workflows/0af/invoke?api-version=2016-06-01&sp=%2Frun&sv=1.0&sig=a_b-C",
        "https://discord.com/api/webhooks/1234/a_b-C?wait=true",
    ],
)
def test_addresses_as_vendors_hand_them_out_are_taken(url: str) -> None:
    assert read(CHAT | {"kind": "teams", "url": url})[0].url == url


@pytest.mark.parametrize(
    ("endpoints", "told"),
    [
        ([CHAT | {"name": "Ops Team"}], "endpoints[0].name: must be lower-case letters, digits and hyphens"),
        ([CHAT, PAGER | {"name": "ops"}], "endpoints[1].name: repeats ops: each endpoint has a name of its own"),
        ([CHAT | {"kind": "irc"}], "endpoints[0].kind: must be one of discord, pagerduty, slack, teams, webhook"),
        ([CHAT | {"channel": "#ops"}], "endpoints[0].channel: is not a field here; known: accounts, kind, name"),
        ([CHAT | {"secret": SIGNING_SECRET}], "endpoints[0].secret: is not a field here"),
        ([HOOK | {"routing_key": ROUTING_KEY}], "endpoints[0].routing_key: is not a field here"),
        ([CHAT | {"url": f"http://hooks.slack.example/{TOKEN}"}], "endpoints[0].url: must be https://"),
        ([CHAT | {"url": f"https://me@slack.example/{TOKEN}"}], "endpoints[0].url: must be https://"),
        ([CHAT | {"url": f"https://10.0.0.7/{TOKEN}"}], "endpoints[0].url: must be on the public internet"),
        ([CHAT | {"url": f"https://169.254.169.254/{TOKEN}"}], "endpoints[0].url: must be on the public internet"),
        ([CHAT | {"url": f"https://[::1]/{TOKEN}"}], "endpoints[0].url: must be on the public internet"),
        ([CHAT | {"url": f"https://localhost/{TOKEN}"}], "endpoints[0].url: must be on the public internet"),
        ([CHAT | {"url": f"http://127.0.0.1/{TOKEN}"}], "endpoints[0].url: must begin with https://"),
        ([{"name": "ops", "kind": "slack"}], "endpoints[0].url: is missing"),
        ([CHAT | {"severity_from": "OK"}], "endpoints[0].severity_from: must be one of CRITICAL, MAJOR, MINOR"),
        ([CHAT | {"severity_from": "major"}], "endpoints[0].severity_from: must be one of CRITICAL, MAJOR, MINOR"),
        ([CHAT | {"accounts": []}], "endpoints[0].accounts: must name at least one account"),
        ([CHAT | {"accounts": "cb-main"}], "endpoints[0].accounts: must be a list"),
        ([PAGER | {"routing_key": TOKEN}], "endpoints[0].routing_key: must be the integration key"),
        ([{"name": "on-call", "kind": "pagerduty"}], "endpoints[0].routing_key: is missing"),
        ([HOOK | {"secret": TOKEN}], "endpoints[0].secret: must be whsec_"),
        ([HOOK | {"secret": "whsec_c2hvcnQ="}], "endpoints[0].secret: must be whsec_"),
        ([HOOK | {"secret": "whsec_" + base64.b64encode(b"x" * 65).decode()}], "endpoints[0].secret: must be whsec_"),
        (["ops"], "endpoints[0]: must be an object"),
        ([], f"endpoints: must list 1 to {MOST_ENDPOINTS} endpoints, not 0"),
        (
            [CHAT | {"name": f"ops-{number}"} for number in range(MOST_ENDPOINTS + 1)],
            f"endpoints: must list 1 to {MOST_ENDPOINTS} endpoints, not {MOST_ENDPOINTS + 1}",
        ),
    ],
)
def test_what_is_mistyped_is_told_in_one_line_that_quotes_no_secret(endpoints: list[Any], told: str) -> None:
    with pytest.raises(Malformed) as refused:
        read(*endpoints)

    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)
    for secret in (TOKEN, ROUTING_KEY, SIGNING_SECRET):
        assert secret not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", '{"name": "ops"}', '[{"name": "ops", "name": "ops"}]'])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match=r"^endpoints"):
        read_endpoints(text, frozenset())


def test_a_host_that_is_allowed_by_name_may_be_inside_or_this_machine_in_the_clear() -> None:
    for url in ("http://127.0.0.1:8080/x", "https://10.0.0.7/x"):
        host = url.split("/")[2].partition(":")[0]
        assert read(CHAT | {"url": url}, allowed=frozenset({host}))[0].url == url
    with pytest.raises(Malformed):
        read(CHAT | {"url": "http://10.0.0.7/x"}, allowed=frozenset({"10.0.0.7"}))


def test_an_endpoint_does_not_show_its_secrets_where_it_is_printed() -> None:
    for endpoint in read(CHAT, PAGER, HOOK):
        shown = repr(endpoint)
        assert not [secret for secret in (TOKEN, ROUTING_KEY, SIGNING_SECRET) if secret in shown]


# -- kept for a minute -----------------------------------------------------------------------------------------------


def known(read_now: Callable[[], tuple[Endpoint, ...]], clock: list[float]) -> KnownEndpoints:
    return KnownEndpoints(read_now, lambda: clock[0])


def test_the_secret_is_read_when_needed_and_again_after_a_minute() -> None:
    reads: list[int] = []
    clock = [0.0]

    def read_now() -> tuple[Endpoint, ...]:
        reads.append(1)
        return read(CHAT)

    endpoints = known(read_now, clock)
    assert reads == []
    endpoints.all()
    clock[0] = KEPT_SECONDS - 1
    endpoints.all()
    assert len(reads) == 1
    clock[0] = KEPT_SECONDS
    endpoints.all()
    assert len(reads) == 2


def test_an_endpoint_is_found_by_its_name_and_a_wrong_name_is_told_the_right_ones() -> None:
    endpoints = known(lambda: read(CHAT, PAGER), [0.0])

    assert endpoints.find("on-call") is not None
    assert endpoints.find("nobody") is None
    assert [it.name for it in endpoints.wanted(None)] == ["ops", "on-call"]
    assert [it.name for it in endpoints.wanted("ops")] == ["ops"]
    with pytest.raises(ConfigInvalid, match="there is no endpoint nobody; there are ops, on-call"):
        endpoints.wanted("nobody")
