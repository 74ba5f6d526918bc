"""A simulated dYdX v4 indexer: subaccounts, positions, transfers, height.

After the vendor's documentation (Indexer HTTP API) and its server's source (comlink: addresses and transfers
controllers, validation schemas, rate limiter), which decides where the two differ: a subaccount comes
wrapped, an address is only checked for its alphabet and length, and Retry-After is in milliseconds.
Everything is public: an address is the whole credential.

Its own control verbs::

    POST /_control/balances       {"address": "dydx1...", "subaccount": 0, "assets": {"USDC": "608580.95"},
                                   "positions": {"BTC-USD": "-4.1368"}}         (signed; both parts optional)
    POST /_control/balances/add   the same; amounts are added
    POST /_control/prices         {"prices": {"BTC-USD": "97000"}}              (oracle prices, USD)
    POST /_control/height         {"frozen": true, "lag": 0}                    (both optional)
    POST /_control/transfers      {"address": "dydx1...", "subaccount": 0, "kind": "TRANSFER_OUT", "size": "500",
                                   "counterparty": "dydx1...", "counterparty_subaccount": 128}  (the last optional)
"""

from __future__ import annotations

import copy
import functools
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from . import fields
from .amounts import to_decimal, whole
from .dydx_subaccount import Position, Subaccount, iso, shown_parent
from .dydx_transfers import INTO, Transfers
from .limits import Allowance, FixedWindow
from .server import Answer, Request
from .simulator import Served, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal
    from pathlib import Path

    from .control import Verb

FIRST_HEIGHT = 52_246_761
BLOCK_SECONDS = 1
PARENTS = 128
LAST_SUBACCOUNT = 128_000
MAX_TRANSFERS = 1000

_ADDRESS_PATH = re.compile(
    r"/v4/addresses/(?P<address>[^/]+)(?:/(?P<kind>subaccountNumber|parentSubaccountNumber)/(?P<number>[^/]+))?"
)
_ALPHABET = re.compile(r"[a-zA-Z0-9]{1,90}")
_WINDOW_SECONDS = 10


class DydxSimulator(Simulator):
    """The dYdX v4 indexer on loopback::

        with DydxSimulator(clock=clock, oracle_prices={"BTC-USD": "97000"}) as venue:
            venue.open_subaccount(address, 0, assets={"USDC": "608580.95"}, positions={"BTC-USD": "-4.1368"})
            venue.fail(address, faults.status(403))
            fetch_from(venue.url)

    Blocks come once a second by the venue's clock, from `FIRST_HEIGHT`. At most `limit` requests per ten
    seconds and client address, as documented; None lifts the limit.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        port: int = 0,
        recorded: Path | None = None,
        oracle_prices: Mapping[str, str] | None = None,
        limit: int | None = 100,
    ) -> None:
        super().__init__(clock=clock, port=port, recorded=recorded)
        self._started = clock()
        self._frozen_at: float | None = None
        self._lag = 0
        self._window = FixedWindow(limit, _WINDOW_SECONDS) if limit is not None else None
        self._subaccounts: dict[str, dict[int, Subaccount]] = {}
        self._transfers = Transfers()
        self._opened: dict[tuple[str, int], tuple[dict[str, Decimal], dict[str, Position]]] = {}
        self._oracle: dict[str, Decimal] = {}
        self.set_oracle_prices(oracle_prices or {})
        self._opened_oracle = dict(self._oracle)

    def open_subaccount(
        self,
        address: str,
        number: int = 0,
        *,
        assets: Mapping[str, str] | None = None,
        positions: Mapping[str, str] | None = None,
    ) -> Subaccount:
        """Make a subaccount exist; 0 to 127 are parents, above are isolated children of number mod 128.

        Amounts and sizes are signed. Raises ValueError for a number out of range or opened already.
        """
        if not 0 <= number <= LAST_SUBACCOUNT:
            raise ValueError(f"subaccount: expected 0 to {LAST_SUBACCOUNT}, got {number}")
        with self.lock:
            if number in self._subaccounts.get(address, {}):
                raise ValueError(f"subaccount: {address} {number} exists already")
            subaccount = Subaccount(self, address, number)
            for symbol, amount in (assets or {}).items():
                subaccount.set_asset(symbol, amount)
            for market, size in (positions or {}).items():
                subaccount.set_position(market, size)
            self._subaccounts.setdefault(address, {})[number] = subaccount
            self._opened[address, number] = copy.deepcopy((subaccount.assets, subaccount.positions))
        return subaccount

    def subaccount(self, address: str, number: int = 0) -> Subaccount:
        """An opened subaccount. Raises ValueError."""
        try:
            return self._subaccounts[address][number]
        except KeyError:
            raise ValueError(f"subaccount: {address} {number} was not opened") from None

    def record_transfer(
        self,
        address: str,
        number: int,
        kind: str,
        size: str,
        *,
        counterparty: str,
        counterparty_number: int | None = None,
        symbol: str = "USDC",
        transaction_hash: str | None = None,
    ) -> str:
        """Write a transfer into the history of a subaccount; balances are moved separately. Returns its hash.

        `kind` is as seen from this subaccount. `counterparty_number` None is a wallet, not a subaccount (deposits
        and withdrawals). Raises ValueError for a kind that does not fit.
        """
        with self.lock:
            named = self._transfers.record(
                kind,
                size,
                symbol,
                (address, number),
                (counterparty, counterparty_number),
                made=(iso(self.now()), self.height()),
                transaction_hash=transaction_hash,
            )
            for moved in (self._opened_at(address, number), self._opened_at(counterparty, counterparty_number)):
                if moved is not None:
                    moved.touch()
        return named

    def make_transfer(
        self,
        address: str,
        number: int,
        kind: str,
        size: str,
        *,
        counterparty: str,
        counterparty_number: int | None = None,
    ) -> str:
        """Transfer USDC: write it into the history, and move the balances of the subaccounts that were opened."""
        with self.lock:
            subaccount, other = self.subaccount(address, number), self._opened_at(counterparty, counterparty_number)
            named = self.record_transfer(
                address, number, kind, size, counterparty=counterparty, counterparty_number=counterparty_number
            )
            mine, theirs = (size, f"-{size}") if kind in INTO else (f"-{size}", size)
            subaccount.add_to_asset("USDC", mine)
            if other is not None:
                other.add_to_asset("USDC", theirs)
        return named

    def _opened_at(self, address: str, number: int | None) -> Subaccount | None:
        return None if number is None else self._subaccounts.get(address, {}).get(number)

    def set_oracle_prices(self, prices: Mapping[str, str]) -> None:
        """State oracle prices by market, USD per unit."""
        with self.lock:
            self._oracle.update({market: to_decimal(price) for market, price in prices.items()})

    def oracle_price(self, market: str) -> Decimal:
        """A market's oracle price. Raises ValueError."""
        try:
            return self._oracle[market]
        except KeyError:
            raise ValueError(f"positions.{market}: no oracle price for this market") from None

    def height(self) -> int:
        """The latest block the indexer knows."""
        return FIRST_HEIGHT + int((self._height_time() - self._started) // BLOCK_SECONDS)

    def freeze_height(self) -> None:
        """Stop seeing new blocks: height and its time stand still, as on an indexer that fell behind."""
        self._frozen_at = self.now()

    def resume_height(self) -> None:
        """See new blocks again."""
        self._frozen_at = None

    def set_lag(self, blocks: int) -> None:
        """Let subaccount answers be this many blocks behind /v4/height, as from a late read replica."""
        self._lag = blocks

    def error_answer(self, status: int, path: str) -> Answer:
        """The vendor's error bodies: one list of errors; a gateway in front of it speaks HTML."""
        if status in (451, 502, 504):
            page = f"<html><head><title>{status}</title></head><body>{status}</body></html>"
            return Answer.of_text(page, status=status, content_type="text/html; charset=utf-8")
        address = _ADDRESS_PATH.fullmatch(path)
        errors: dict[int, dict[str, object]] = {
            400: {"msg": "address must be a valid address", "param": "address", "location": "params"},
            401: {"msg": "Unauthorized"},
            403: {"code": "GEOBLOCKED", "msg": _GEOBLOCKED},
            404: {"msg": f"No subaccounts found for address {address['address']}" if address else "Not Found"},
            405: {"msg": "Method Not Allowed"},
            429: {"msg": "Too many requests"},
            500: {"msg": "Internal Server Error"},
            503: {"msg": "Service Unavailable"},
        }
        answer = _refusal(status, errors.get(status, {"msg": "Unknown error"}))
        if status != 429:
            return answer
        resets_at = int(self.now() * 1000) + _WINDOW_SECONDS * 1000
        return replace(answer, headers=_limit_headers(100, 0, resets_at))

    def control_verbs(self) -> Mapping[str, Verb]:
        """Balances, added balances, oracle prices, the height, transfers."""

        def set_balances(body: object) -> None:
            subaccount, assets, positions = self._read_balances(body)
            for symbol, amount in assets.items():
                subaccount.set_asset(symbol, amount)
            for market, size in positions.items():
                subaccount.set_position(market, size)

        def add_balances(body: object) -> None:
            subaccount, assets, positions = self._read_balances(body)
            for symbol, amount in assets.items():
                subaccount.add_to_asset(symbol, amount)
            for market, size in positions.items():
                subaccount.add_to_position(market, size)

        def set_prices(body: object) -> None:
            record = fields.as_record(body, "", required=["prices"])
            self.set_oracle_prices(fields.as_amounts(record["prices"], "prices"))

        def set_height(body: object) -> None:
            record = fields.as_record(body, "", optional=["frozen", "lag"])
            lag = fields.as_integer(record["lag"], "lag", minimum=0) if "lag" in record else None
            frozen = fields.as_boolean(record["frozen"], "frozen") if "frozen" in record else None
            if lag is not None:
                self.set_lag(lag)
            if frozen is not None:
                (self.freeze_height if frozen else self.resume_height)()

        def make_transfer(body: object) -> None:
            names = ["address", "subaccount", "kind", "size", "counterparty"]
            record = fields.as_record(body, "", required=names, optional=["counterparty_subaccount"])
            address = fields.as_text(record["address"], "address")
            number = fields.as_integer(record["subaccount"], "subaccount", minimum=0)
            other = record.get("counterparty_subaccount")
            self.subaccount(address, number)
            self.make_transfer(
                address,
                number,
                fields.as_text(record["kind"], "kind"),
                fields.as_amount(record["size"], "size"),
                counterparty=fields.as_text(record["counterparty"], "counterparty"),
                counterparty_number=(
                    None if other is None else fields.as_integer(other, "counterparty_subaccount", minimum=0)
                ),
            )

        return {
            "balances": set_balances,
            "balances/add": add_balances,
            "prices": set_prices,
            "height": set_height,
            "transfers": make_transfer,
        }

    def _read_balances(self, body: object) -> tuple[Subaccount, dict[str, str], dict[str, str]]:
        record = fields.as_record(body, "", required=["address", "subaccount"], optional=["assets", "positions"])
        subaccount = self.subaccount(
            fields.as_text(record["address"], "address"),
            fields.as_integer(record["subaccount"], "subaccount", minimum=0),
        )
        positions = fields.as_amounts(record.get("positions", {}), "positions")
        for market in positions:
            self.oracle_price(market)
        return subaccount, fields.as_amounts(record.get("assets", {}), "assets"), positions

    def _restore(self) -> None:
        self._oracle = dict(self._opened_oracle)
        self._transfers.clear()
        self._frozen_at, self._lag = None, 0
        for (address, number), opened in self._opened.items():
            subaccount = self._subaccounts[address][number]
            subaccount.assets, subaccount.positions = copy.deepcopy(opened)

    def _height_time(self) -> float:
        return self.now() if self._frozen_at is None else self._frozen_at

    def _serve(self, request: Request) -> Served:
        if request.method != "GET":
            return Served(self._error(405, request), refusal="method is not GET")
        allowance = self._window.take(request.client, self.now()) if self._window else None
        if allowance and not allowance.allowed:
            return Served(self._too_many(request, allowance), refusal="over the rate limit")
        served = self._route(request)
        if allowance is None:
            return served
        headers = _limit_headers(allowance.limit, allowance.remaining, int(allowance.resets_at * 1000))
        return replace(served, answer=replace(served.answer, headers=served.answer.headers + headers))

    def _too_many(self, request: Request, allowance: Allowance) -> Answer:
        resets_at = int(allowance.resets_at * 1000)
        wait = max(1, resets_at - int(self.now() * 1000))
        headers = (*_limit_headers(allowance.limit, 0, resets_at), ("Retry-After", str(wait)))
        return replace(self._error(429, request), headers=headers)

    def _route(self, request: Request) -> Served:
        if match := _ADDRESS_PATH.fullmatch(request.path):
            address, kind, number = match["address"], match["kind"], match["number"]
            live = functools.partial(self._read, request, address, kind, number)
            return Served(self._recorded_or(request, live), caller=address, reads_account=True)
        if request.path == "/v4/transfers":
            answer = self._recorded_or(request, lambda: self._transfers_of(request))
            return Served(answer, caller=request.query.get("address"))
        if request.path == "/v4/height":
            return Served(self._recorded_clock_or(request, self._height))
        if request.path == "/v4/time":
            return Served(self._recorded_clock_or(request, self._time))
        return Served(self._error(404, request), refusal="no such path")

    def _read(self, request: Request, address: str, kind: str | None, number: str | None) -> Answer:
        if not _ALPHABET.fullmatch(address):
            return self._error(400, request)
        opened = self._subaccounts.get(address, {})
        if kind is None or number is None:
            if not opened:
                return self._error(404, request)
            shown = [opened[each].shown(self._lag) for each in sorted(opened)]
            return _cached(Answer.of_json({"subaccounts": shown, "totalTradingRewards": "0"}))
        limit = LAST_SUBACCOUNT + 1 if kind == "subaccountNumber" else PARENTS
        if (wanted := whole(number)) is None or wanted >= limit:
            return _bad_parameter(kind, f"{kind} must be a non-negative integer less than {limit}", "params")
        if kind == "subaccountNumber":
            if wanted not in opened:
                return _not_found(f"No subaccount found with address {address} and {kind} {wanted}")
            return _cached(Answer.of_json({"subaccount": opened[wanted].shown(self._lag)}))
        children = [opened[each] for each in sorted(opened) if each % PARENTS == wanted]
        if not children:
            return _not_found(f"No subaccounts found with address {address} and {kind} {wanted}")
        return _cached(Answer.of_json({"subaccount": shown_parent(address, wanted, children, self._lag)}))

    def _transfers_of(self, request: Request) -> Answer:
        address = request.query.get("address", "")
        number = whole(request.query.get("subaccountNumber", ""))
        limit = whole(request.query.get("limit", str(MAX_TRANSFERS)))
        before = whole(request.query.get("createdBeforeOrAtHeight", str(self.height())))
        if not _ALPHABET.fullmatch(address):
            return _bad_parameter("address", "address must be a valid dydx address", "query")
        if number is None or number > LAST_SUBACCOUNT:
            message = f"subaccountNumber must be a non-negative integer less than {LAST_SUBACCOUNT + 1}"
            return _bad_parameter("subaccountNumber", message, "query")
        if limit is None or not 1 <= limit <= MAX_TRANSFERS:
            message = f"limit must be a positive integer that is not greater than max: {MAX_TRANSFERS}"
            return _bad_parameter("limit", message, "query")
        if before is None:
            message = "createdBeforeOrAtHeight must be a non-negative integer"
            return _bad_parameter("createdBeforeOrAtHeight", message, "query")
        if number not in self._subaccounts.get(address, {}):
            return _not_found(f"No subaccount found with address {address} and subaccountNumber {number}")
        rows = self._transfers.of(address, number, before)
        return _cached(Answer.of_json({"transfers": rows[:limit]}))

    def _height(self) -> Answer:
        return Answer.of_json({"height": str(self.height()), "time": iso(self._height_time())})

    def _time(self) -> Answer:
        return Answer.of_json({"iso": iso(self.now()), "epoch": round(self.now(), 3)})

    def _error(self, status: int, request: Request) -> Answer:
        return self.error_answer(status, request.path)


_GEOBLOCKED = (
    "Because you appear to be a resident of, or trading from, a jurisdiction that violates our terms of use, "
    "or have engaged in activity that violates our terms of use, you have been blocked."
)


def _limit_headers(limit: int, remaining: int, resets_at_ms: int) -> tuple[tuple[str, str], ...]:
    return (
        ("RateLimit-Remaining", str(remaining)),
        ("RateLimit-Reset", str(resets_at_ms)),
        ("RateLimit-Limit", str(limit)),
    )


def _cached(answer: Answer) -> Answer:
    return replace(answer, headers=(*answer.headers, ("Cache-Control", "public, max-age=1")))


def _refusal(status: int, error: Mapping[str, object]) -> Answer:
    return Answer.of_json({"errors": [error]}, status=status)


def _not_found(message: str) -> Answer:
    return _refusal(404, {"msg": message})


def _bad_parameter(name: str, message: str, location: str) -> Answer:
    return _refusal(400, {"msg": message, "param": name, "location": location})
