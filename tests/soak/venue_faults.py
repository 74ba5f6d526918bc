"""How a venue misbehaves: every fault of the simulators by name, and which reason each may end in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.venues import faults
from local.venues.faults import Exchange, Fault
from local.venues.server import Answer


@dataclass(frozen=True)
class Kind:
    """A fault by name. `reasons` are what an account may be unverified for when its reads end in it."""

    name: str
    make: Callable[[], Fault]
    reasons: frozenset[str]
    venues: tuple[str, ...] = ("coinbase", "dydx")


def _kind(name: str, reasons: str, make: Callable[[], Fault], *venues: str) -> Kind:
    return Kind(name, make, frozenset(reasons.split()), venues or ("coinbase", "dydx"))


def _without_amounts(document: Any) -> Any:
    """The same document with every amount null: a venue that lost a column."""
    if isinstance(document, dict):
        return {
            name: None if name in ("value", "size") and not isinstance(inner, dict) else _without_amounts(inner)
            for name, inner in document.items()
        }
    if isinstance(document, list):
        return [_without_amounts(inner) for inner in document]
    return document


def _first_row_twice(page: Any) -> Any:
    return {**page, "accounts": [*page["accounts"], page["accounts"][0]]}


def _without_has_next(page: Any) -> Any:
    return {name: value for name, value in page.items() if name != "has_next"}


KINDS = {
    kind.name: kind
    for kind in (
        _kind("429", "rate_limited", lambda: faults.status(429)),
        _kind("429 wait", "rate_limited", lambda: faults.status(429, retry_after="0")),
        _kind("500", "unreachable", lambda: faults.status(500)),
        _kind("502", "unreachable", lambda: faults.status(502)),
        _kind("503", "unreachable", lambda: faults.status(503)),
        _kind("504", "unreachable", lambda: faults.status(504)),
        _kind("401", "auth_failed", lambda: faults.status(401)),
        _kind("403", "permission_denied geo_blocked", lambda: faults.status(403)),
        _kind("404", "bad_response", lambda: faults.status(404)),
        _kind("451", "geo_blocked", lambda: faults.status(451)),
        _kind("hang", "unreachable", faults.hang),
        _kind("slow drip", "unreachable", faults.slow_drip),
        _kind("empty body", "unreachable", faults.empty),
        _kind("cut body", "unreachable", faults.truncated_body),
        _kind("half a document", "unreachable", faults.truncated_json),
        _kind("page of HTML", "unreachable", faults.html),
        _kind("firewall page", "geo_blocked", lambda: faults.html(403)),
        _kind("text/plain", "unreachable", faults.wrong_content_type),
        _kind("dropped", "unreachable", faults.dropped_connection),
        _kind("redirect", "bad_response", lambda: faults.redirect("http://127.0.0.1:9/elsewhere")),
        _kind("oversize", "bad_response", lambda: faults.oversize(9)),
        _kind("gzip bomb", "bad_response", lambda: faults.gzip_bomb(16)),
        _kind("deep nesting", "bad_response", faults.deep_nesting),
        _kind("wrong schema", "bad_response", faults.wrong_schema),
        _kind("null amounts", "bad_response", lambda: faults.edited(_without_amounts)),
        _kind("numbers for strings", "bad_response", faults.numbers_for_strings),
        _kind("repeated cursor", "bad_response", faults.repeated_cursor, "coinbase"),
        _kind("empty cursor", "bad_response", faults.empty_cursor, "coinbase"),
        _kind("row twice", "bad_response", lambda: faults.edited(_first_row_twice), "coinbase"),
        _kind("no has_next", "bad_response", lambda: faults.edited(_without_has_next), "coinbase"),
    )
}

OF_ACCOUNTS_ONLY = frozenset({"null amounts"})
"""What changes nothing in an answer that is not about an account."""

TRUTHFUL = frozenset(
    {"text/plain", "numbers for strings", "oversize", "gzip bomb", "deep nesting", "slow drip", "hang"}
)
"""The true amounts are in these answers, or follow late: who accepts one has not been lied to."""

SECOND_PAGE = "second page: "
TRADE_AFTER = "trade after"
"""The honest answer; venue and book move on before it leaves."""


def named(kind: str, fault: Fault) -> Fault:
    """The fault under our own name in the venue's log."""
    return Fault(kind, fault.change, fault.gate)


def on_second_page(kind: str) -> Fault:
    """The first page is honest, what follows it is not."""
    fault = KINDS[kind].make()

    def change(exchange: Exchange) -> Answer:
        return fault.change(exchange) if exchange.request.query.get("cursor") else exchange.honest

    return Fault(SECOND_PAGE + kind, change, fault.gate)


def tells_the_truth(kind: str | None, *, second_page: bool) -> bool:
    """Whether an answer that went out under this fault has the true amounts in it."""
    if kind is None or kind == TRADE_AFTER:
        return True
    if kind.startswith(SECOND_PAGE):
        return not second_page or kind.removeprefix(SECOND_PAGE) in TRUTHFUL
    return kind in TRUTHFUL
