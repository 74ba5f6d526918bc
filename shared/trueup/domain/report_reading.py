"""Reading reports back: a report that was frozen is what everything after it is made from."""

from typing import Any

from .amounts import MAX_PRODUCT_DIGITS
from .reading import Malformed, Record, read_text
from .reasons import SEVERITIES, Reason, Severity
from .report import (
    UNVERIFIED,
    AccountReport,
    Cause,
    Failure,
    Hint,
    Kind,
    Line,
    News,
    Outcome,
    PricesUsed,
    Rule,
    RunReport,
    State,
)


def read_run_report(document: object, place: str = "report") -> RunReport:
    """Read the report of a run. Raises Malformed; counts and totals are derived again, not believed."""
    record = Record(document, place)
    prices = record.record("prices")
    return RunReport(
        run_id=record.text("run_id"),
        started_at=record.time("started_at"),
        compared_at=record.time("compared_at"),
        policy_version=record.text("policy_version"),
        prices=PricesUsed(
            origin=prices.text("origin"),
            base=prices.text("base"),
            source=prices.optional_text("source"),
            as_of=prices.optional_time("as_of"),
            sha256=prices.optional_text("sha256"),
            object=prices.optional_text("object"),
        ),
        accounts=tuple(read_account_report(item, at) for at, item in record.items("accounts")),
        venues={account_id: str(venue) for account_id, _, venue in record.entries("venues")},
        failures=tuple(_failure(Record(item, at)) for at, item in record.items("failures")),
    )


def read_account_report(document: object, place: str = "report") -> AccountReport:
    """Read the report of one account. Raises Malformed."""
    record = Record(document, place)
    return AccountReport(
        run_id=record.optional_text("run_id"),
        account_id=record.slug("account_id"),
        status=record.choice("status", (UNVERIFIED, *SEVERITIES)),
        verified=record.boolean("verified"),
        reasons=tuple(_word(reason, Reason, at) for at, reason in record.items("reasons")),
        policy_version=record.text("policy_version"),
        evidence_sha256=record.optional_text("evidence_sha256"),
        observed_at=record.optional_time("observed_at"),
        compared=tuple(str(wallet) for _, wallet in record.items("compared")) if record.has("compared") else (),
        recheck=record.optional_text("recheck"),
        lines=tuple(_line(Record(item, at)) for at, item in record.items("lines")),
    )


def _line(record: Record) -> Line:
    rule = record.optional_raw("rule")
    cause = record.optional_raw("cause")
    kind, reason = record.optional_text("kind"), record.optional_text("reason")
    state, news = record.optional_text("state"), record.optional_text("news")
    return Line(
        wallet=record.optional_text("wallet"),
        asset=record.optional_text("asset"),
        field=record.text("field"),
        outcome=_word(record.text("outcome"), Outcome, record.at("outcome")),
        book=record.optional_amount("book"),
        book_after=record.optional_amount("book_after"),
        venue=record.optional_amount("venue"),
        difference=record.optional_amount("difference", MAX_PRODUCT_DIGITS),
        relative=record.optional_amount("relative", MAX_PRODUCT_DIGITS),
        price=record.optional_amount("price"),
        worth=record.optional_amount("worth", MAX_PRODUCT_DIGITS),
        kind=None if kind is None else _word(kind, Kind, record.at("kind")),
        severity=_severity(record, "severity"),
        severity_if_unexplained=_severity(record, "severity_if_unexplained"),
        rule=None if rule is None else _rule(Record(rule, record.at("rule"))),
        reason=None if reason is None else _word(reason, Reason, record.at("reason")),
        cause=None if cause is None else _cause(Record(cause, record.at("cause"))),
        references=tuple(read_text(item, at) for at, item in record.optional_items("references")),
        break_id=record.optional_text("break_id"),
        state=None if state is None else _word(state, State, record.at("state")),
        streak=record.whole("streak") if record.has("streak") else None,
        news=None if news is None else _word(news, News, record.at("news")),
        unmapped=record.optional_boolean("unmapped", absent=False),
    )


def _severity(record: Record, name: str) -> Severity | None:
    return SEVERITIES[record.choice(name, SEVERITIES)] if record.has(name) else None


def _rule(record: Record) -> Rule:
    return Rule(
        field=record.text("field"),
        limit=record.amount("limit"),
        origin=str(record.raw("origin")),  # names of up to 512 characters in it: longer than a name
        cap_unchecked=record.boolean("cap_unchecked"),
    )


def _cause(record: Record) -> Cause:
    return Cause(
        hint=_word(record.text("hint"), Hint, record.at("hint")),
        account_id=record.optional_text("account_id"),
        wallet=record.optional_text("wallet"),
        asset=record.optional_text("asset"),
        fraction=record.optional_amount("fraction"),
    )


def _failure(record: Record) -> Failure:
    # The state machine's own words, whatever they are: a failure that cannot be read must not stop a report.
    return Failure(record.text("account_id"), str(record.raw("error")), str(record.raw("message")))


def _word(value: object, words: Any, place: str) -> Any:
    try:
        return words(value)
    except ValueError:
        raise Malformed(place, f"must be one of {', '.join(words)}") from None
