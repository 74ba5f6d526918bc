"""Reports: exactly the documented fields, plain amounts, the same bytes for the same facts, and read back whole."""

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.money_kit import NOON, book, holding, item, judge, later, policy, prices, snapshot
from trueup.domain.compare import unverified
from trueup.domain.policy import default_policy
from trueup.domain.reading import Malformed, canonical_json, parse_json
from trueup.domain.reasons import Reason, Severity
from trueup.domain.report import (
    AccountReport,
    Cause,
    Failure,
    Hint,
    Kind,
    News,
    Outcome,
    PricesUsed,
    RunReport,
    State,
    account_report_document,
    break_id,
    counts,
    gross_worth,
    line_document,
    run_report_document,
)
from trueup.domain.report_reading import read_account_report, read_run_report

LINE_FIELDS = [
    "wallet",
    "asset",
    "field",
    "book",
    "book_after",
    "venue",
    "difference",
    "relative",
    "price",
    "worth",
    "outcome",
    "kind",
    "severity",
    "severity_if_unexplained",
    "rule",
    "reason",
    "cause",
    "references",
    "break_id",
    "state",
    "streak",
]
WALLETS: dict[str, Reason | None] = {"spot": None, "earn": Reason.PERMISSION_DENIED}
RUN_ID = "20261122T120000Z"


def everything() -> AccountReport:
    """An account with every outcome there is."""
    ours = [
        holding("ADA", "100"),
        holding("BTC", "1.25", held="0.5"),
        holding("CENT", "5000"),
        holding("ETH", "1"),
        holding("SOL", "1000"),
        holding("DOT", "3", "earn"),
    ]
    theirs = [
        holding("ADA", "100.00"),
        holding("BTC", "1.1", held="0.25"),
        holding("CENT", "5050"),
        holding("ETH", "1.5"),
        holding("SOL", "1000.5"),
    ]
    after = [replace(item, total=Decimal(2)) if item.asset == "ETH" else item for item in ours]
    return judge(
        snapshot(*theirs, wallets=WALLETS),
        book(*ours, wallets=("spot", "earn")),
        book(*after, wallets=("spot", "earn")),
        valued=prices({"BTC": "97000.5", "CENT": "0.01", "ETH": "4000"}),
        run_id=RUN_ID,
    )


def lines_of(report: AccountReport) -> dict[tuple[str, str], dict[str, Any]]:
    return {(line["asset"], line["field"]): line for line in account_report_document(report)["lines"]}


def test_the_words_of_a_report_are_those_of_its_format() -> None:
    assert [*Outcome] == ["exact", "within_tolerance", "in_motion", "explained", "break", "unverified"]
    assert [*Kind] == ["sign_flip", "missing_at_venue", "unexpected_at_venue", "quantity", "account_empty"]
    assert [*State] == ["unconfirmed", "confirmed"]
    assert [*Reason] == [
        "unreachable", "rate_limited", "auth_failed", "permission_denied", "geo_blocked", "maintenance", "bad_response",
        "incomplete", "stale_venue", "no_book", "bad_book", "bad_history", "stale_book", "clock_skew", "book_in_motion",
        "book_not_covering", "missing_observation",
    ]  # fmt: skip
    assert [*News] == ["confirmed", "raised", "grown", "shrunk", "reopened", "reminder", "explained"]
    assert [*Hint] == ["transfer", "alias", "fee", "open_order"]
    assert [severity.name for severity in Severity] == ["OK", "MINOR", "MAJOR", "CRITICAL"]
    assert [*map(int, Severity)] == [0, 1, 2, 3]


def test_the_name_of_a_break_is_the_same_for_ever() -> None:
    assert break_id("cb-main", "spot", "BTC", "total") == "brk-b00bd720ac3d9826"


def test_reports_are_of_the_first_schema() -> None:
    assert account_report_document(everything())["schema"] == 1
    assert run_report_document(run_report(everything()))["schema"] == 1


def test_the_report_of_an_account_has_exactly_the_documented_fields() -> None:
    document = account_report_document(everything())
    assert list(document) == [
        "schema",
        "run_id",
        "account_id",
        "status",
        "verified",
        "reasons",
        "policy_version",
        "evidence_sha256",
        "observed_at",
        "compared",
        "recheck",
        "lines",
    ]
    for line in document["lines"]:
        assert list(line) == LINE_FIELDS


def test_a_comparison_of_files_says_nothing_of_looks_and_history() -> None:
    document = account_report_document(replace(everything(), run_id=None))
    assert not {"observed_at", "compared", "recheck"} & document.keys()


def test_a_report_knows_which_of_its_lines_are_told_and_which_are_breaks() -> None:
    first, *others = everything().lines
    told = replace(first, news=News.RAISED)
    report = replace(everything(), lines=(told, *others))
    assert report.news == (told,)
    assert report.breaks == tuple(line for line in report.lines if line.outcome == "break")
    assert {line.asset for line in report.breaks} == {"BTC"}


def test_a_line_says_why_it_is_told_in_the_run_that_tells_it() -> None:
    line = everything().breaks[0]
    assert "news" not in line_document(line)
    assert line_document(replace(line, news=News.RAISED))["news"] == "raised"


def test_the_designs_own_example_comes_out_as_printed() -> None:
    line = lines_of(everything())["BTC", "total"]
    assert line | {"break_id": "…"} == {
        "wallet": "spot",
        "asset": "BTC",
        "field": "total",
        "book": "1.25",
        "book_after": "1.25",
        "venue": "1.1",
        "difference": "-0.15",
        "relative": "0.12",
        "price": "97000.5",
        "worth": "14550.075",
        "outcome": "break",
        "kind": "quantity",
        "severity": "CRITICAL",
        "severity_if_unexplained": None,
        "rule": None,
        "reason": None,
        "cause": None,
        "references": [],
        "break_id": "…",
        "state": "unconfirmed",
        "streak": 1,
    }


def test_every_outcome_says_what_decided_it_and_nothing_it_does_not_know() -> None:
    lines = lines_of(everything())
    exact, moving, floor, relative, unread = (lines[asset, "total"] for asset in ("ADA", "ETH", "CENT", "SOL", "DOT"))
    assert (exact["outcome"], exact["venue"], exact["difference"], exact["relative"]) == ("exact", "100", "0", "0")
    assert (exact["severity"], exact["price"], exact["worth"]) == ("OK", None, None)
    assert (moving["outcome"], moving["book"], moving["book_after"], moving["venue"]) == ("in_motion", "1", "2", "1.5")
    assert (moving["severity"], moving["rule"], moving["break_id"]) == ("OK", None, None)
    assert floor["outcome"] == "within_tolerance"
    assert floor["rule"] == {"field": "value_floor", "limit": "1", "origin": "default", "cap_unchecked": False}
    assert relative["rule"] == {"field": "relative", "limit": "0.001", "origin": "default", "cap_unchecked": True}
    assert (unread["outcome"], unread["reason"], unread["severity"]) == ("unverified", "permission_denied", None)
    assert [unread[name] for name in ("difference", "relative", "worth", "price", "kind", "break_id")] == [None] * 6
    assert lines["BTC", "held"]["severity"] == "MINOR"


def explained() -> AccountReport:
    """An account with a line explained by two items, and a break that looks like a fee."""
    report = judge(
        snapshot(("ADA", "5"), ("BTC", "0.99"), pending=(item("ADA", "-3", "w-2", applied=True),)),
        book(("ADA", "10"), ("BTC", "1"), pending=(item("ADA", "-2", "w-1", applied=False),)),
        run_id=RUN_ID,
    )
    ada, btc = report.lines
    return replace(report, lines=(ada, replace(btc, cause=Cause(Hint.FEE, fraction=Decimal("0.010")))))


def test_an_explained_line_says_by_what_and_how_bad_it_would_be() -> None:
    line = lines_of(explained())["ADA", "total"]
    assert (line["outcome"], line["severity"], line["severity_if_unexplained"]) == ("explained", "OK", "MAJOR")
    assert (line["references"], line["difference"], line["relative"]) == (["w-1", "w-2"], "-5", "0.5")
    assert [line[name] for name in ("kind", "rule", "reason", "cause", "break_id", "state", "streak")] == [None] * 7


def test_a_cause_says_what_it_looks_like_and_where_the_other_end_is() -> None:
    lines = lines_of(explained())
    assert lines["BTC", "total"]["cause"] == {
        "hint": "fee",
        "account_id": None,
        "wallet": None,
        "asset": None,
        "fraction": "0.01",
    }
    moved = replace(explained().lines[1], cause=Cause(Hint.TRANSFER, "cb-2", "spot", "BTC"))
    assert line_document(moved)["cause"] == {
        "hint": "transfer",
        "account_id": "cb-2",
        "wallet": "spot",
        "asset": "BTC",
        "fraction": None,
    }


def test_a_report_from_before_there_were_explained_lines_and_causes_is_still_read() -> None:
    document = travelled(account_report_document(everything()))
    for line in document["lines"]:
        for name in ("severity_if_unexplained", "references", "cause"):
            del line[name]
    assert read_account_report(document) == everything()
    for name in ("observed_at", "compared", "recheck"):
        del document[name]
    assert read_account_report(document) == replace(everything(), observed_at=None, compared=())


def test_an_account_level_line_has_no_amounts() -> None:
    document = account_report_document(judge(snapshot(), [("BTC", "1")]))
    line = document["lines"][0]
    empty = [name for name in LINE_FIELDS if line[name] is None]
    assert empty == [
        "wallet",
        "asset",
        "book",
        "book_after",
        "venue",
        "difference",
        "relative",
        "price",
        "worth",
        "severity_if_unexplained",
        "rule",
        "reason",
        "cause",
    ]
    assert (line["field"], line["kind"], line["severity"], line["references"]) == (
        "account",
        "account_empty",
        "CRITICAL",
        [],
    )


@pytest.mark.parametrize(
    ("venue", "ours", "written"),
    [("1.50", "1.5000", "0"), ("1E+2", "0", "100"), ("0.10", "0.3", "-0.2"), ("1e-8", "0", "0.00000001")],
)
def test_amounts_are_written_plain_without_trailing_zeros(venue: str, ours: str, written: str) -> None:
    assert lines_of(judge([("X", venue)], [("X", ours)]))["X", "total"]["difference"] == written


def test_a_share_is_written_rounded_to_six_places_and_absent_when_the_book_is_zero() -> None:
    assert lines_of(judge([("X", "1")], [("X", "3")]))["X", "total"]["relative"] == "0.666667"
    assert lines_of(judge([("X", "1")], [("X", "0")]))["X", "total"]["relative"] is None
    assert lines_of(judge([("X", "1")], [("X", "1e-9")]))["X", "total"]["relative"] == "999999999"


def test_the_same_facts_give_the_same_bytes() -> None:
    assert canonical_json(account_report_document(everything())) == canonical_json(
        account_report_document(everything())
    )


# -- runs ----------------------------------------------------------------------------------------------------------


def run_report(*accounts: AccountReport, failures: Iterable[Failure] = ()) -> RunReport:
    return RunReport(
        run_id=RUN_ID,
        started_at=NOON,
        compared_at=later(NOON, 20),
        policy_version=default_policy().version,
        prices=PricesUsed("this_run", "USD", "coinbase", NOON, "f" * 64),
        accounts=accounts,
        venues={account.account_id: "coinbase" for account in accounts},
        failures=tuple(failures),
    )


def account(account_id: str, venue: str = "1", **how: Any) -> AccountReport:
    return judge(
        snapshot(("BTC", venue), ("USDC", "1"), account_id=account_id),
        book(("BTC", "1"), ("USDC", "1"), account_id=account_id),
        run_id=RUN_ID,
        **how,
    )


def nobody_saw(account_id: str) -> AccountReport:
    return unverified(account_id, Reason.UNREACHABLE, default_policy(), run_id=RUN_ID)


def test_a_run_is_as_bad_as_the_worst_account_that_could_be_looked_at() -> None:
    assert run_report(account("a"), account("b", "0.9"), nobody_saw("c")).status == "CRITICAL"
    assert run_report(account("a"), nobody_saw("c")).status == "OK"
    assert run_report(nobody_saw("a"), nobody_saw("b")).status == "UNVERIFIED"
    assert run_report().status == "UNVERIFIED"


def test_a_run_is_verified_only_if_every_account_is() -> None:
    assert run_report(account("a"), account("b", "0.9")).verified
    assert not run_report(account("a"), nobody_saw("b")).verified
    assert not run_report().verified


def test_breaks_of_one_severity_are_counted_and_added_up_over_accounts() -> None:
    reports = [account(name, "0.5") for name in ("a", "b", "c")]
    assert counts(reports)["breaks"] == {"MINOR": 0, "MAJOR": 0, "CRITICAL": 3}
    assert {account("d").worth, *(report.worth for report in reports)} == {Decimal(0), Decimal(50_000)}
    assert isinstance(account("d").worth, Decimal)


def test_a_run_without_prices_says_so_and_names_its_venues_in_order() -> None:
    report = replace(
        run_report(*(account(name, valued=None) for name in ("d", "b", "c", "a"))), prices=PricesUsed("none", "USD")
    )
    document = run_report_document(report)
    used = document["prices"]
    assert (used["origin"], used["base"], used["source"], used["as_of"], used["sha256"]) == (
        "none", "USD", None, None, None,
    )  # fmt: skip
    assert list(document["venues"]) == ["a", "b", "c", "d"]
    assert read_run_report(travelled(document)).prices == report.prices


def test_a_run_counts_accounts_and_lines_verified_and_breaks_by_severity() -> None:
    partly = judge(
        snapshot(("BTC", "1"), ("USDC", "90"), account_id="c", wallets=WALLETS),
        book(("BTC", "1"), ("USDC", "100"), holding("ETH", "2", "earn"), account_id="c", wallets=("spot", "earn")),
    )
    assert counts([account("a"), account("b", "0.995"), partly, nobody_saw("d")]) == {
        "accounts": 4,
        "accounts_verified": 2,
        "accounts_unverified": 1,
        "lines": 7,
        "lines_verified": 6,
        "breaks": {"MINOR": 1, "MAJOR": 1, "CRITICAL": 0},
        "breaks_unpriced": 0,
    }


def test_worth_is_added_up_gross_and_by_severity() -> None:
    # Half a coin too much here, half a coin too little there: a whole coin is off, not nothing.
    reports = [account("a", "1.5"), account("b", "0.5"), account("c", "0.9951")]
    assert gross_worth(reports) == {"MINOR": 490, "MAJOR": 0, "CRITICAL": 100_000}


def test_the_worth_of_an_account_is_gross_too_and_unknown_where_nothing_was_compared() -> None:
    both_ways = judge(snapshot(("BTC", "1.5"), ("ETH", "5"), account_id="a"), book(("BTC", "1"), ("ETH", "10")))
    assert (both_ways.worth, both_ways.breaks_unpriced) == (70_000, 0)
    assert account("a").worth == 0
    assert nobody_saw("a").worth is None


def test_breaks_without_a_price_are_counted_and_leave_the_worth_to_the_others() -> None:
    some = judge(snapshot(("BTC", "1.5"), ("X", "5"), ("Y", "1")), book(("BTC", "1"), ("X", "10"), ("Y", "1")))
    assert (some.worth, some.breaks_unpriced) == (50_000, 1)
    none = account("a", "1.5", valued=None)
    assert (none.worth, none.breaks_unpriced) == (0, 1)
    assert counts([some, none, nobody_saw("b")])["breaks_unpriced"] == 2


def test_an_account_that_shows_nothing_is_no_break_without_a_price() -> None:
    empty = judge(snapshot(), book(("BTC", "1")))
    assert [line.kind for line in empty.breaks] == ["account_empty", "missing_at_venue"]
    assert (empty.worth, empty.breaks_unpriced) == (100_000, 0)


def test_the_report_of_a_run_has_exactly_the_documented_fields() -> None:
    failure = Failure("d", "VenueUnavailable", "account d at coinbase: 503")
    document = run_report_document(run_report(account("b", "0.5"), nobody_saw("d"), failures=[failure]))
    assert list(document) == [
        "schema",
        "run_id",
        "status",
        "verified",
        "started_at",
        "compared_at",
        "policy_version",
        "prices",
        "counts",
        "worth",
        "worth_by_account",
        "venues",
        "failures",
        "accounts",
    ]
    assert document["worth"] == {"MINOR": "0", "MAJOR": "0", "CRITICAL": "50000"}
    assert document["worth_by_account"] == {
        "b": {"worth": "50000", "breaks_unpriced": 0},
        "d": {"worth": None, "breaks_unpriced": 0},
    }
    assert document["compared_at"] == "2026-11-22T12:00:20.000Z"
    assert document["failures"] == [
        {"account_id": "d", "error": "VenueUnavailable", "message": "account d at coinbase: 503"}
    ]


def travelled(document: Any) -> Any:
    return parse_json(canonical_json(document).encode(), "report")


def test_a_frozen_report_is_read_back_whole() -> None:
    failures = [Failure("prices", "", ""), Failure("d", "x" * 600, "two\nlines")]
    told = tuple(replace(line, news=News.RAISED) for line in account("c", "0.5").lines)
    report = run_report(
        replace(everything(), evidence_sha256="e" * 64, recheck="unreachable"),
        explained(),
        replace(account("c", "0.5"), lines=told),
        account("b", "0.5"),
        judge(snapshot(), [("BTC", "1")], run_id=RUN_ID),
        nobody_saw("d"),
        failures=failures,
    )
    read = read_run_report(travelled(run_report_document(report)))
    assert read == report
    assert canonical_json(run_report_document(read)) == canonical_json(run_report_document(report))


def test_a_report_with_the_longest_amounts_and_names_there_are_is_read_back_whole() -> None:
    digits = "9" * 40 + "." + "9" * 40
    name = "x" * 512
    generous = policy(tolerance={"assets": {name: {"relative": "0." + "9" * 40, "value_cap": digits}}})
    wide = policy(tolerance={"default": {"value_cap": "0", "value_floor": "0", "relative": "0"}})
    for by in (generous, wide):
        for valued in (prices({name: digits}), None):
            report = judge([(name, f"-{digits}")], [(name, digits)], valued=valued, by=by, run_id=RUN_ID)
            assert read_account_report(travelled(account_report_document(report))) == report
    tolerated = judge([(name, "1.5")], [(name, "2")], valued=None, by=generous).lines[0].rule
    assert tolerated is not None
    assert len(tolerated.origin) > 512
    tiny = judge([("BTC", digits)], [("BTC", "1e-40")], valued=prices({"BTC": "1e-40"}), by=wide, run_id=RUN_ID)
    assert read_account_report(travelled(account_report_document(tiny))) == tiny
    assert gross_worth([judge([(name, f"-{digits}")], [(name, digits)], valued=prices({name: digits}))] * 3)


def test_an_amount_longer_than_any_product_of_two_is_refused() -> None:
    document = travelled(account_report_document(everything()))
    for name in ("difference", "relative", "worth"):
        longest = "0." + "0" * 119 + "1"
        document["lines"][0][name] = longest
        assert getattr(read_account_report(document).lines[0], name) == Decimal(longest)
        document["lines"][0][name] = "0." + "0" * 120 + "1"
        with pytest.raises(Malformed, match=rf"^report\.lines\[0\]\.{name}: must have at most 120 digits"):
            read_account_report(document)
        document["lines"][0][name] = "1"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("status",), "GOOD"),
        (("verified",), "yes"),
        (("reasons",), ["boredom"]),
        (("lines", 0, "outcome"), "fine"),
        (("lines", 0, "severity"), "BAD"),
        (("lines", 0, "kind"), "strange"),
        (("lines", 0, "reason"), "boredom"),
        (("lines", 0, "book"), 1),
        (("lines", 0, "difference"), "NaN"),
        (("lines", 0, "severity_if_unexplained"), "BAD"),
        (("lines", 0, "state"), "sure"),
        (("lines", 0, "news"), "old"),
        (("lines", 0, "references"), "w-1"),
        (("lines", 0, "references"), [7]),
        (("lines", 0, "cause"), "fee"),
        (("lines", 0, "cause"), {"hint": "boredom"}),
        (("lines", 0, "cause"), {"hint": "fee", "fraction": 0.1}),
    ],
)
def test_a_report_somebody_changed_is_refused(path: tuple[Any, ...], value: Any) -> None:
    document = travelled(account_report_document(everything()))
    at = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    place = "report" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    with pytest.raises(Malformed, match=f"^{re.escape(place)}"):
        read_account_report(document)


def test_a_run_says_where_its_prices_are_and_is_read_back_with_it() -> None:
    where = "runs/20261122T120000Z/prices.json.gz"
    prices = PricesUsed("this_run", "USD", "coinbase", NOON, "f" * 64, where)
    document = run_report_document(replace(run_report(account("a")), prices=prices))
    assert document["prices"]["object"] == where
    assert read_run_report(document).prices == prices
