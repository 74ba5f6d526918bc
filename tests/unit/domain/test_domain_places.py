"""Whatever is wrong in a document, the error names its place: for every field of every document we read."""

import copy
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from trueup.domain.documents import read_account, read_book, read_observation, read_prices, read_snapshot
from trueup.domain.policy import default_policy, read_policy
from trueup.domain.reading import Malformed
from trueup.domain.report_reading import read_account_report, read_run_report
from trueup.domain.tracks import read_track

Steps = tuple[str | int, ...]

HOLDING = {
    "wallet": "spot", "asset": "BTC", "total": "1.25", "available": "1", "held": "0.25", "borrowed": "0",
    "price_asset": "BTC",
}  # fmt: skip
PENDING = {
    "wallet": "spot", "asset": "BTC", "quantity": "-5", "applied": False, "kind": "withdrawal", "reference": "w-1",
    "since": "2026-11-22T11:00:00Z",
}  # fmt: skip
SNAPSHOT = {
    "account_id": "cb-main", "venue": "coinbase", "observed_at": "2026-11-22T12:00:00Z",
    "venue_time": "2026-11-22T12:00:00Z", "wallets": {"spot": "complete"},
    "holdings": [{**HOLDING, "venue_asset": "XBT", "unmapped": True}], "pending": [PENDING],
}  # fmt: skip
BOOK = {
    "account_id": "cb-main", "as_of": "2026-11-22T11:59:58Z", "version": "41", "wallets": ["spot"],
    "holdings": [HOLDING], "pending": [PENDING],
}  # fmt: skip
LINE = {
    "wallet": "spot", "asset": "BTC", "field": "total", "outcome": "break", "book": "1", "book_after": "1",
    "venue": "2", "difference": "1", "relative": "1", "price": "10", "worth": "10", "kind": "quantity",
    "severity": "MINOR", "severity_if_unexplained": "MINOR",
    "rule": {"field": "relative", "limit": "0.001", "origin": "default", "cap_unchecked": False},
    "reason": "incomplete",
    "cause": {"hint": "fee", "account_id": "b", "wallet": "spot", "asset": "BTC", "fraction": "0.001"},
    "references": ["w-1"], "break_id": "brk-1", "state": "confirmed", "streak": 2, "news": "raised",
}  # fmt: skip
REPORT = {
    "run_id": "20261122T120000Z", "account_id": "cb-main", "status": "MINOR", "verified": True,
    "reasons": ["incomplete"], "policy_version": "1", "evidence_sha256": "f", "observed_at": "2026-11-22T12:00:00Z",
    "compared": ["spot"], "recheck": "read", "lines": [LINE],
}  # fmt: skip
RUN = {
    "run_id": "20261122T120000Z", "started_at": "2026-11-22T12:00:00Z", "compared_at": "2026-11-22T12:00:20Z",
    "policy_version": "1", "accounts": [REPORT], "venues": {"cb-main": "coinbase"},
    "prices": {"origin": "none", "base": "USD", "source": "x", "as_of": "2026-11-22T12:00:00Z", "sha256": "f"},
    "failures": [{"account_id": "cb-main", "error": "VenueUnavailable", "message": "…"}],
}  # fmt: skip
TRACK = {
    "break_id": "brk-1", "wallet": "spot", "asset": "BTC", "field": "total",
    "open": True, "sign": 1, "streak": 2, "counted_at": "2026-11-22T12:00:00Z",
    "first_seen_at": "2026-11-22T12:00:00Z", "severity": "MAJOR", "confirmed": True, "said": "MAJOR", "in_motion": 0,
}  # fmt: skip
POLICY = {
    "tolerance": {
        "default": {"relative": "0.001", "quantity": "1e-8", "value_floor": "1", "value_cap": "1000"},
        "assets": {"BTC": {"relative": "0"}},
        "venues": {"coinbase": {"relative": "0", "assets": {"BTC": {"relative": "0"}}}},
        "accounts": {"cb-main": {"relative": "0", "assets": {"BTC": {"relative": "0"}}}},
    },
    "severity": {"default": {"minor_below": "0.05", "unpriced_critical": False}},
    "timing": {"default": {"stale_venue_seconds": 120, "confirm_in_a_row": 2}},
    "alerts": {"default": {"alert_from": "MAJOR", "explained_from_worth": "10000"}},
    "correlate": {"default": {"fee_fractions": ["0.001"]}},
}  # fmt: skip

DOCUMENTS: dict[str, tuple[Callable[..., Any], Any]] = {
    "account": (
        lambda document, *place: read_account(document, ("coinbase",), *place),
        {
            "account_id": "cb-main", "venue": "coinbase", "enabled": True, "secret": "s", "address": "a",
            "subaccounts": [0, 128], "wallets": ["spot"], "base_url": "https://example.test",
            "options": {"a": {"b": [1, "x", None]}},
        },
    ),
    "snapshot": (read_snapshot, SNAPSHOT),
    "book": (read_book, BOOK),
    "prices": (
        read_prices,
        {"base": "USD", "as_of": "2026-11-22T12:00:00Z", "source": "coinbase", "prices": {"BTC": "97000.5"}},
    ),
    "policy": (lambda document, *place: read_policy(document, default_policy(), *place), POLICY),
    "track": (read_track, TRACK),
    "report": (read_run_report, RUN),
    "report of an account": (read_account_report, REPORT),
}  # fmt: skip
TAKEN_AS_IT_IS = re.compile(r"report.*(compared\[|venues\.|failures\[0\]\.(error|message)$|rule\.origin$)")
"""Words of others in a report, and long names: whatever they are, they must not stop it."""
JUNK = Decimal("1.5")
"""A number with a point belongs nowhere."""


def steps(value: Any, before: Steps = ()) -> Iterator[Steps]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        yield (*before, step)
        yield from steps(inner, (*before, step))


def place_of(name: str, taken: Steps) -> str:
    return name + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in taken)


def holder(document: Any, taken: Steps) -> Any:
    for step in taken[:-1]:
        document = document[step]
    return document


def short(name: str) -> str:
    """What a place begins with."""
    return name.partition(" ")[0]


def cases(wanted: Callable[[str, Steps], bool]) -> Any:
    """Every field of every document, as far as it is wanted."""
    found = [(name, taken) for name, (_, document) in DOCUMENTS.items() for taken in steps(document)]
    chosen = [pytest.param(name, taken, id=place_of(name, taken)) for name, taken in found if wanted(name, taken)]
    return pytest.mark.parametrize(("name", "taken"), chosen)


def is_taken_as_it_is(name: str, taken: Steps) -> bool:
    return TAKEN_AS_IT_IS.match(place_of(name, taken)) is not None


def changed(name: str, taken: Steps, value: Any = JUNK) -> Any:
    document = copy.deepcopy(DOCUMENTS[name][1])
    holder(document, taken)[taken[-1]] = value
    return document


def without(name: str, taken: Steps) -> Any:
    document = copy.deepcopy(DOCUMENTS[name][1])
    del holder(document, taken)[taken[-1]]
    return document


def refused(name: str, document: Any, *place: str) -> Malformed:
    with pytest.raises(Malformed) as error:
        DOCUMENTS[name][0](document, *place)
    assert str(error.value) == f"{error.value.place}: {error.value.problem}"
    return error.value


@cases(lambda name, taken: not is_taken_as_it_is(name, taken))
def test_what_is_wrong_in_one_field_is_refused_at_its_place(name: str, taken: Steps) -> None:
    document = changed(name, taken)
    error = refused(name, document)
    # Of a list of numbers the whole is named, which says what numbers there may be.
    assert error.place == place_of(short(name), taken if "subaccounts" not in taken else ("subaccounts",))
    assert error.problem.startswith("must ")
    assert refused(name, document, "evidence").place.startswith(place_of("evidence", taken[:1]))


@cases(is_taken_as_it_is)
def test_the_words_of_others_in_a_report_are_taken_as_they_are(name: str, taken: Steps) -> None:
    DOCUMENTS[name][0](changed(name, taken))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_is_none_is_refused_by_its_name(name: str) -> None:
    assert refused(name, [JUNK]).place == short(name)
    assert refused(name, [JUNK], "evidence").place == "evidence"


OPTIONAL = {
    "account": {
        "enabled", "secret", "address", "subaccounts", "wallets", "base_url", "options", "a", "b",
    },
    "snapshot": {
        "venue_time", "pending", "available", "held", "borrowed", "price_asset", "venue_asset", "unmapped",
        "kind", "reference", "since",
    },
    "book": {"pending", "available", "held", "borrowed", "price_asset", "kind", "reference", "since"},
    "prices": {"BTC"},
    "track": {"wallet", "asset", "counted_at", "first_seen_at", "said"},
}  # fmt: skip


def is_optional(name: str, taken: Steps) -> bool:
    return name in OPTIONAL and taken[-1] in OPTIONAL[name]


def is_required(name: str, taken: Steps) -> bool:
    is_named_by_us = isinstance(taken[-1], str) and taken != ("wallets", "spot")
    return name in OPTIONAL and is_named_by_us and not is_optional(name, taken)


@cases(is_required)
def test_what_is_missing_is_named(name: str, taken: Steps) -> None:
    error = refused(name, without(name, taken))
    assert (error.place, error.problem) == (place_of(name, taken), "is missing")


@cases(is_optional)
def test_what_may_be_left_out_may_be(name: str, taken: Steps) -> None:
    DOCUMENTS[name][0](without(name, taken))


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("account", ("more",)),
        ("snapshot", ("more",)),
        ("snapshot", ("holdings", 0, "more")),
        ("snapshot", ("pending", 0, "more")),
        ("book", ("more",)),
        ("book", ("holdings", 0, "venue_asset")),
        ("book", ("pending", 0, "more")),
        ("prices", ("more",)),
        ("policy", ("more",)),
        ("policy", ("tolerance", "more")),
        ("policy", ("tolerance", "default", "more")),
        ("policy", ("tolerance", "venues", "coinbase", "more")),
        ("policy", ("timing", "assets")),
    ],
)
def test_a_field_nobody_knows_is_named(name: str, taken: Steps) -> None:
    error = refused(name, changed(name, taken, "x"))
    assert error.place == place_of(name, taken)
    assert error.problem.startswith("is not a field here; known: ")


def test_what_is_wrong_in_evidence_is_named_where_it_is() -> None:
    evidence = {"snapshot": SNAPSHOT, "book": BOOK, "book_after": BOOK}
    for side in evidence:
        with pytest.raises(Malformed) as error:
            read_observation(evidence | {side: {"account_id": "cb-main"}})
        assert error.value.place.startswith(f"observation.{side}.")
        with pytest.raises(Malformed) as error:
            read_observation(evidence | {side: {"account_id": "cb-main"}}, "s3")
        assert error.value.place.startswith(f"s3.{side}.")
    with pytest.raises(Malformed, match=r"^observation: is not what was written: "):
        read_observation(evidence | {"answers": [JUNK]})


def test_a_word_that_is_none_of_ours_is_told_which_there_are() -> None:
    error = refused("report of an account", changed("report of an account", ("lines", 0, "cause", "hint"), "boredom"))
    assert str(error) == "report.lines[0].cause.hint: must be one of transfer, alias, fee, open_order"


@pytest.mark.parametrize("part", ["holdings", "pending"])
def test_a_wallet_nobody_vouches_for_is_told_which_there_are(part: str) -> None:
    document = changed("book", (part, 0, "wallet"), "vault")
    document["wallets"] = ["spot", "margin", "earn", "funding"]
    assert str(refused("book", document)) == (
        f"book.{part}[0].wallet: is not among book.wallets: earn, funding, margin, spot"
    )
