"""The rules of comparing a second time, written from the design's text alone: naive, slow, and exact.

JSON documents in, the report's lines out. It shares no code with the product, and never should: what both say is
right twice, and what they disagree about is a fault in one of them or in the text.
"""

from datetime import datetime
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from itertools import combinations
from types import SimpleNamespace
from typing import Any

Document = dict[str, Any]
SEVERITIES = ("OK", "MINOR", "MAJOR", "CRITICAL")
WALLET_REASONS = (
    "unreachable", "rate_limited", "auth_failed", "permission_denied", "geo_blocked", "maintenance", "bad_response",
)  # fmt: skip
EXACT = Context(prec=500, traps=[Inexact])
DEFAULTS: dict[str, dict[str, Any]] = {
    "tolerance": {"relative": "0.001", "quantity": "1e-8", "value_floor": "1", "value_cap": "1000"},
    "severity": {
        "minor_below": "0.05", "major_up_to": "0.2", "worth_minor_below": "10", "worth_major_from": "1000",
        "worth_critical_from": "10000", "unpriced_critical": False,
    },
    "timing": {
        "stale_venue_seconds": 120, "stale_book_seconds": 900, "clock_skew_seconds": 30, "prices_max_age_seconds": 3600,
        "pending_max_age_seconds": 24 * 60 * 60,
    },
}  # fmt: skip


def compare(case: Document) -> Document:
    """Compare `snapshot` with `book` and `book-after` (else `book` again), by `policy`, `prices`, `account` if any."""
    snapshot, books = case["snapshot"], books_of(case)
    before, after = books
    wallets: dict[str, str] = snapshot["wallets"]
    account_reasons = reasons_of_account(case, before, after)
    lines: list[Document] = []
    reasons, compared = set(account_reasons), False
    # Rule 1: every wallet somebody asked for, read, or keeps a book of
    asked = (case.get("account") or {}).get("wallets") or []
    covering = {wallet for book in books if book for wallet in book["wallets"]}
    for wallet in sorted({*wallets, *asked, *covering}):
        read = wallets.get(wallet) == "complete"
        venue_items = [item for item in snapshot["holdings"] if item["wallet"] == wallet]
        book_items = [item for book in books if book for item in book["holdings"] if item["wallet"] == wallet]
        covered = all(book and wallet in book["wallets"] for book in books)
        assets = {item["asset"] for item in (venue_items if read or account_reasons else []) + book_items}
        reason = None
        if not read:
            reason = wallets.get(wallet, "").removeprefix("failed: ")
            reason = reason if reason in WALLET_REASONS else "incomplete"
            reasons.add(reason)
        elif before and after and not covered:
            if not account_reasons and not any(has_anything(item) for item in venue_items + book_items):
                continue
            reason = "book_not_covering"
            if not account_reasons:
                reasons.add(reason)
        reason = account_reasons[0] if account_reasons else reason
        if reason is not None:
            lines += [unverified(case, books, wallet, asset, reason, read) for asset in assets]
            continue
        compared = True
        pending = [
            item for side in (snapshot, *books) for item in side.get("pending") or [] if item["wallet"] == wallet
        ]
        for asset in assets | {item["asset"] for item in pending}:
            lines += lines_of_key(case, books, wallet, asset, known=asset in assets)
    # Rule 1: an empty account
    holds = any(wallets[item["wallet"]] == "complete" and has_anything(item) for item in snapshot["holdings"])
    if not holds and not snapshot.get("pending") and any(line["severity"] in SEVERITIES[2:] for line in lines):
        lines.append(a_line(None, None, "account", outcome="break", kind="account_empty", severity="CRITICAL"))
    # Rule 11
    if not compared and not reasons:
        reasons.add("book_not_covering" if wallets else "incomplete")
    worst = max([SEVERITIES.index(line["severity"]) for line in lines if line["severity"]], default=0)
    return {
        "account_id": snapshot["account_id"],
        "status": SEVERITIES[worst] if compared else "UNVERIFIED",
        "verified": not reasons,
        "reasons": sorted(reasons),
        "lines": sorted(lines, key=lambda line: (line["wallet"] or "", line["asset"] or "", line["field"])),
    }


def books_of(case: Document) -> list[Any]:
    return [case["book"], case.get("book-after", case["book"])]


def reasons_of_account(case: Document, before: Document | None, after: Document | None) -> list[str]:
    """Rule 8: why nothing of this account can be compared; the first is said of each line."""
    limit = {name: int(setting(case, "timing", name, None)[0]) for name in DEFAULTS["timing"]}
    now, venue_time = moment(case["snapshot"]["observed_at"]), case["snapshot"].get("venue_time")
    reasons = []
    if venue_time and now - moment(venue_time) > limit["stale_venue_seconds"]:
        reasons.append("stale_venue")
    if venue_time and moment(venue_time) - now > limit["clock_skew_seconds"]:
        reasons.append("clock_skew")
    if before is None or after is None:
        return [*reasons, "no_book"]
    if now - moment(after["as_of"]) > limit["stale_book_seconds"]:
        reasons.append("stale_book")
    if any(moment(book["as_of"]) - now > limit["clock_skew_seconds"] for book in (before, after)):
        reasons.append("clock_skew")
    return reasons


def lines_of_key(case: Document, books: list[Document], wallet: str, asset: str, *, known: bool) -> list[Document]:
    """Rules 2 to 7 for one wallet and asset."""
    sides = [case["snapshot"], *books]
    venue, before, after = (find(side, wallet, asset) for side in sides)
    terms = terms_of(case, asset, [venue, before, after])
    total, *totals = (Fraction(side["total"]) if side else Fraction(0) for side in (venue, before, after))
    flying, *flights = (
        [item for item in side.get("pending") or [] if key_of(item) == (wallet, asset)] for side in sides
    )
    lines = []
    # Rule 2: what both sides list moves v, read by read
    shifts, unapplied, moved, alone = [], [], [], []
    for flight in flights:
        pairs = [(v, b) for v in flying for b in flight if v.get("reference") and v["reference"] == b.get("reference")]
        moving = [(v, b) for v, b in pairs if Fraction(v["quantity"]) and v["applied"] != b["applied"]]
        shifts.append(sum(Fraction(v["quantity"]) * (v["applied"] - b["applied"]) for v, b in moving))
        unapplied.append(sum(Fraction(v["quantity"]) for v, b in moving if not b["applied"]))
        moved.append([v["reference"] for v, _ in moving])
        alone.append(
            [one_sided(v, v["applied"], case) for v in flying if all(v is not pair[0] for pair in pairs)]
            + [one_sided(b, not b["applied"], case) for b in flight if all(b is not pair[1] for pair in pairs)]
        )
    if known or any(shifts):
        # By docs/decisions/comparing.md the tolerance is of the book as stated, until an item of one side is used.
        found = look(terms, [total - shift for shift in shifts], totals)
        plainly = look(terms, [total, total], totals)
        n = found.bound
        references, rule = moved[n], found.rule
        agrees = bool(references) and found.outcome in ("exact", "within_tolerance")
        if found.outcome == "break":  # Rule 5
            young = [item for item in alone[n] if item.young]
            used = explaining(terms, found.difference, totals[n] + unapplied[n], young)
            if used is not None:
                agrees, references = True, references + [item.reference for item in used]
                if plainly.outcome != "break":  # nothing to explain: as if nothing were in flight
                    found, rule = plainly, plainly.rule
        extra: Document = {"severity_if_unexplained": None, "references": []}
        if agrees and plainly.outcome == "break":
            extra = {"severity_if_unexplained": plainly.severity, "references": sorted(filter(None, references))}
            found = SimpleNamespace(**{**vars(plainly), "outcome": "explained", "kind": None, "severity": "OK"})
            rule = None
        stated = (total, *totals)
        lines.append(judged(wallet, asset, "total", stated, terms, found, totals[found.bound], rule) | extra)
    if venue and before and after and all(side.get("held") is not None for side in (venue, before, after)):  # Rule 6
        held, *helds = stated = tuple(Fraction(side["held"]) for side in (venue, before, after))
        found = look(terms, [held, held], helds, held=True)
        lines.append(judged(wallet, asset, "held", stated, terms, found, helds[found.bound], found.rule))
    return lines


def look(terms: Any, venue: list[Any], book: list[Any], *, held: bool = False) -> Any:
    """Rule 2: v against both bounds, each with v as that reading's own items leave it."""
    differences = [venue[0] - book[0], venue[1] - book[1]]
    same = differences[0] == differences[1]
    near = 0 if abs(differences[0]) <= abs(differences[1]) else 1
    rule = within(terms, differences[near], book[near])
    kind, severity = None, "OK"
    if same and differences[0] == 0:
        outcome, rule = "exact", None
    elif not same and differences[0] * differences[1] <= 0:
        outcome, rule = "in_motion", None
    elif rule:
        outcome, rule = ("within_tolerance", rule) if same else ("in_motion", None)
    else:
        outcome = "break"
        judged_bounds = [kind_and_severity(terms, differences[n], venue[n], book[n], held) for n in (0, 1)]
        kind, severity = max(judged_bounds, key=lambda found: SEVERITIES.index(found[1]))  # the first of equals: b0
    return SimpleNamespace(
        bound=near, difference=differences[near], rule=rule, outcome=outcome, kind=kind, severity=severity
    )


def within(terms: Any, difference: Any, whole: Any) -> Document | None:
    """Rules 3 and 4: the tolerance that lets a difference pass."""
    size, worth = abs(difference), worth_of(terms, difference)
    if size <= terms.quantity[0]:
        passed, unchecked = "quantity", False
    elif worth is not None and worth <= terms.value_floor[0]:
        passed, unchecked = "value_floor", False
    elif (
        abs(whole) > terms.quantity[0]
        and size <= terms.relative[0] * abs(whole)
        and (worth is None or worth <= terms.value_cap[0])
    ):
        passed, unchecked = "relative", worth is None
    else:
        return None
    limit, origin = getattr(terms, passed)
    return {"field": passed, "limit": plain(limit), "origin": origin, "cap_unchecked": unchecked}


def explaining(terms: Any, difference: Any, whole: Any, items: list[Any]) -> list[Any] | None:
    """Rule 5: the items that explain a difference, of which no more than a tolerance rests."""

    def rest(used: Any) -> Any:
        return difference - sum(item.effect for item in used)

    def explains(used: Any) -> bool:
        return within(terms, rest(used), whole + sum(item.effect for item in used if item.to_come)) is not None

    if items and explains(items):
        return items
    largest = sorted(items, key=lambda item: (-abs(item.effect), item.reference))[:12]
    found = [list(used) for size in (1, 2, 3) for used in combinations(largest, size) if explains(used)]
    return min(found, key=lambda used: (len(used), abs(rest(used)), sorted(i.reference for i in used)), default=None)


def one_sided(item: Document, reduces: bool, case: Document) -> Any:
    """Rule 5: an item of one side. What reduces d is what the book has not applied, whoever lists it."""
    quantity, since = Fraction(item["quantity"]), item.get("since")
    oldest = setting(case, "timing", "pending_max_age_seconds", None)[0]
    young = since is not None and moment(case["snapshot"]["observed_at"]) - moment(since) < oldest
    effect = quantity if reduces else -quantity
    return SimpleNamespace(effect=effect, to_come=reduces, reference=item.get("reference") or "", young=young)


def kind_and_severity(terms: Any, difference: Any, venue: Any, book: Any, held: bool) -> tuple[str, str]:
    """Rules 3, 6 and 7."""
    no_venue, no_book = abs(venue) <= terms.quantity[0], abs(book) <= terms.quantity[0]
    size, worth = abs(difference), worth_of(terms, difference)
    if not no_venue and not no_book and venue * book < 0:
        kind, severity = "sign_flip", 3
    elif no_venue:
        kind, severity = "missing_at_venue", 3
    elif no_book:
        kind, severity = "unexpected_at_venue", 2
    else:
        kind, severity = "quantity", 3
        if size < terms.minor_below * abs(book):
            severity = 1
        elif size <= terms.major_up_to * abs(book):
            severity = 2
    if held:
        severity = 1
    elif not terms.prices_usable:
        pass
    elif worth is None:
        severity = severity if terms.unpriced_critical else min(severity, 2)
    elif worth < terms.worth_minor_below:
        severity = min(severity, 1)
    if not held and worth is not None and worth >= terms.worth_major_from:
        severity = max(severity, 2)
    if not held and worth is not None and worth >= terms.worth_critical_from:
        severity = 3
    return kind, SEVERITIES[severity]


def terms_of(case: Document, asset: str, stated: list[Document | None]) -> Any:
    """All numbers by which one asset is judged: its tolerances with their origins, its bands, its price (rule 7)."""
    prices, now = case.get("prices"), moment(case["snapshot"]["observed_at"])
    longest = setting(case, "timing", "prices_max_age_seconds", None)[0]
    good = prices and prices["base"] == "USD" and prices["prices"] and abs(now - moment(prices["as_of"])) <= longest
    name = next((side["price_asset"] for side in stated if side and side.get("price_asset")), None)
    if name is None:
        name, _, leg = asset.partition(":")
        base, dash, quote = name.partition("-")
        if dash and quote == "USD":
            name = base
        elif leg:
            name = name.removesuffix("USDT")
    text = "1" if name == "USD" else prices["prices"].get(name) if good and prices else None
    return SimpleNamespace(
        **{field: setting(case, "tolerance", field, asset) for field in DEFAULTS["tolerance"]},
        **{field: setting(case, "severity", field, asset)[0] for field in DEFAULTS["severity"]},
        price=None if text is None else Fraction(text),
        prices_usable=bool(good),
    )


def setting(case: Document, section: str, field: str, asset: str | None) -> tuple[Any, str]:
    """Rule 4: each field by itself, from the most specific scope that says it; with its origin."""
    account_id, venue = case["snapshot"]["account_id"], case["snapshot"]["venue"]
    scopes = (case.get("policy") or {}).get(section, {})
    account, at_venue = (
        scopes.get(kind, {}).get(name, {}) for kind, name in (("accounts", account_id), ("venues", venue))
    )
    for values, origin in (
        (account.get("assets", {}).get(asset, {}), f"account:{account_id}/asset:{asset}"),
        (account, f"account:{account_id}"),
        (at_venue.get("assets", {}).get(asset, {}), f"venue:{venue}/asset:{asset}"),
        (at_venue, f"venue:{venue}"),
        (scopes.get("assets", {}).get(asset, {}), f"asset:{asset}"),
        ({**DEFAULTS[section], **scopes.get("default", {})}, "default"),
    ):
        if field in values:
            return Fraction(values[field]), origin
    raise KeyError(field)


def judged(
    wallet: str, asset: str, field: str, stated: Any, terms: Any, found: Any, book: Any, rule: Document | None
) -> Document:
    """A line that was compared, with its amounts written."""
    venue, before, after = map(plain, stated)
    worth = worth_of(terms, found.difference)
    share = None if book == 0 else plain(Fraction(round(abs(found.difference / book) * 10**6), 10**6))
    return a_line(
        wallet, asset, field, book=before, book_after=after, venue=venue, difference=plain(found.difference),
        relative=share, price=plain(terms.price), worth=plain(worth), outcome=found.outcome, kind=found.kind,
        severity=found.severity, rule=rule,
    )  # fmt: skip


def unverified(case: Document, books: list[Any], wallet: str, asset: str, reason: str, read: bool) -> Document:
    """A line nobody compared: what each side said of it, null where it said nothing."""
    covered = all(book and wallet in book["wallets"] for book in books)
    before, after = (amount(book, wallet, asset, covered) for book in books)
    venue = amount(case["snapshot"], wallet, asset, read)
    return a_line(
        wallet, asset, "total", book=before, book_after=after, venue=venue, outcome="unverified", reason=reason
    )


def a_line(wallet: str | None, asset: str | None, field: str, **said: Any) -> Document:
    names = (
        "book", "book_after", "venue", "difference", "relative", "price", "worth", "outcome", "kind", "severity",
        "severity_if_unexplained", "rule", "reason", "cause",
    )  # fmt: skip
    return {"wallet": wallet, "asset": asset, "field": field, **dict.fromkeys(names), "references": [], **said}


def amount(side: Any, wallet: str, asset: str, spoken_for: bool) -> str | None:
    found = find(side, wallet, asset) if side else None
    return plain(Fraction(found["total"])) if found else "0" if spoken_for else None


def find(side: Document, wallet: str, asset: str) -> Document | None:
    return next((item for item in side["holdings"] if key_of(item) == (wallet, asset)), None)


def key_of(item: Document) -> tuple[str, str]:
    return item["wallet"], item["asset"]


def has_anything(item: Document) -> bool:
    return any(Fraction(item.get(name) or 0) != 0 for name in ("total", "held", "borrowed"))


def worth_of(terms: Any, difference: Any) -> Any:
    return None if terms.price is None else abs(difference) * terms.price


def moment(text: str) -> Fraction:
    return Fraction(round(datetime.fromisoformat(text).timestamp() * 1000), 1000)


def plain(value: Any) -> str | None:
    """Write an exact decimal without exponent and trailing zeros."""
    if value is None:
        return None
    text = f"{EXACT.divide(Decimal(value.numerator), Decimal(value.denominator)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
