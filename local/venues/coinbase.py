"""A simulated Coinbase: Advanced Trade v3 and API v2 with CDP keys, and the public exchange rates.

After the vendor's documentation (Advanced Trade REST: List Accounts, Get API Key Permissions, Get Server
Time; CDP API key authentication; Coinbase App: List Transactions; Data API: Exchange Rates). Every private
request must carry a token that `jwt_check` accepts. Where the vendor is silent the simulator is strict: a limit
above the maximum, an unknown cursor or a body on GET is 400.

Its own control verbs::

    POST /_control/balances       {"key": "<key name>", "balances": {"BTC": {"available": "1.23", "hold": "0"}}}
    POST /_control/balances/add   the same; amounts are added, negative ones taken away
    POST /_control/prices         {"prices": {"BTC": "97000.5"}}                        (USD per unit)
    POST /_control/transfers      {"key": "<key name>", "id": "w-1", "currency": "USDC", "amount": "-500",
                                   "type": "send", "status": "pending"}   (signed; type and status optional)
    POST /_control/transfers/settle  {"key": "<key name>", "id": "w-1", "status": "completed"}
"""

from __future__ import annotations

import datetime
import re
import time
from dataclasses import replace
from decimal import localcontext
from typing import TYPE_CHECKING

from . import fields
from .amounts import to_decimal, whole
from .coinbase_portfolio import AccountRow, Portfolio
from .coinbase_transactions import page_of
from .faults import FIRST_CURSOR
from .jwt_check import PublicKey, TokenCheck, TokenRefusedError, read_public_key
from .limits import Allowance, FixedWindow
from .server import Answer, Request
from .simulator import Served, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .control import Verb

ACCOUNTS_PATH = "/api/v3/brokerage/accounts"
PERMISSIONS_PATH = "/api/v3/brokerage/key_permissions"
TIME_PATH = "/api/v3/brokerage/time"
RATES_PATH = "/v2/exchange-rates"
TRANSACTIONS_PATH = re.compile(r"/v2/accounts/(?P<account>[^/]+)/transactions")

DEFAULT_PAGE = 49
MAX_PAGE = 250
_RATE_DIGITS = 24


class CoinbaseSimulator(Simulator):
    """Coinbase on loopback::

        with CoinbaseSimulator(clock=clock) as venue:
            portfolio = venue.open_portfolio(name, public_key, {"BTC": ("1.23", "0.02"), "USD": "500"})
            venue.fail(name, faults.status(429), times=2)
            fetch_from(venue.url)

    `prices` are USD per unit. Private requests are limited to `private_limit` a second and key, those of
    API v2 to `hourly_limit` an hour and key, public ones to `public_limit` a second and client address, as
    documented; None lifts a limit.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        port: int = 0,
        recorded: Path | None = None,
        prices: Mapping[str, str] | None = None,
        private_limit: int | None = 30,
        hourly_limit: int | None = 10_000,
        public_limit: int | None = 10,
    ) -> None:
        super().__init__(clock=clock, port=port, recorded=recorded)
        self._keys: dict[str, PublicKey] = {}
        self._portfolios: dict[str, Portfolio] = {}
        self._tokens = TokenCheck()
        self._private = FixedWindow(private_limit, 1) if private_limit is not None else None
        self._hourly = FixedWindow(hourly_limit, 3600) if hourly_limit is not None else None
        self._public = FixedWindow(public_limit, 1) if public_limit is not None else None
        self._rates = {"USD": "1.0"}
        self.set_prices(prices or {})
        self._opened_rates = dict(self._rates)

    def open_portfolio(
        self,
        key_name: str,
        public_key: str,
        balances: Mapping[str, str | tuple[str, str]] | None = None,
        *,
        rows: list[AccountRow] | None = None,
    ) -> Portfolio:
        """Register a key and the portfolio it sees.

        `public_key` is PEM, or base64 of an Ed25519 key's 32 bytes. `balances` is available, or (available,
        hold), by currency; `rows` adds rows stated in full. Raises ValueError for a bad or a second key.
        """
        key = read_public_key(public_key)
        stated = [AccountRow(currency, *_pair(amount)) for currency, amount in (balances or {}).items()]
        with self.lock:
            if key_name in self._keys:
                raise ValueError(f"key {key_name}: registered already")
            portfolio = Portfolio(key_name, [*stated, *(rows or [])], self.lock, self.now)
            self._keys[key_name] = key
            self._portfolios[key_name] = portfolio
        return portfolio

    def portfolio(self, key_name: str) -> Portfolio:
        """The portfolio of a registered key. Raises ValueError."""
        try:
            return self._portfolios[key_name]
        except KeyError:
            raise ValueError(f"key: {key_name} is not registered") from None

    def revoke(self, key_name: str) -> None:
        """Forget a key: from now on its tokens are refused."""
        with self.lock:
            self.portfolio(key_name)
            del self._keys[key_name], self._portfolios[key_name]

    def set_prices(self, prices: Mapping[str, str]) -> None:
        """State prices in USD per unit; the venue publishes their inverses, to 24 significant digits."""
        rates = {}
        for currency, price in prices.items():
            if (value := to_decimal(price)) <= 0:
                raise ValueError(f"prices.{currency}: expected more than 0, got {price}")
            with localcontext(prec=_RATE_DIGITS):
                rates[currency] = f"{1 / value:f}"
        with self.lock:
            self._rates.update(rates)

    def set_rates(self, rates: Mapping[str, str]) -> None:
        """State rates as published: units per USD, sent exactly as written."""
        with self.lock:
            self._rates.update(rates)

    def error_answer(self, status: int, path: str) -> Answer:
        """The vendor's error bodies: v3 and v2 differ, 401 is one plain word, a gateway speaks HTML."""
        if status == 401:
            return Answer.of_text("Unauthorized", status=401)
        if status in (451, 502, 504):
            page = f"<html><head><title>{status}</title></head><body>{status}</body></html>"
            return Answer.of_text(page, status=status, content_type="text/html; charset=utf-8")
        v2_id, v3_error, message = _ERRORS.get(status, ("internal_server_error", "UNKNOWN", "Unknown error"))
        if path.startswith("/v2/"):
            return Answer.of_json({"errors": [{"id": v2_id, "message": message}]}, status=status)
        document = {"error": v3_error, "message": message, "error_details": message}
        return Answer.of_json(document, status=status)

    def control_verbs(self) -> Mapping[str, Verb]:
        """Balances, added balances, prices, transfers in flight and their end."""

        def set_balances(body: object) -> None:
            portfolio, balances = self._read_balances(body)
            for currency, (available, hold) in balances.items():
                portfolio.set(currency, available, hold)

        def add_balances(body: object) -> None:
            portfolio, balances = self._read_balances(body)
            for currency, (available, hold) in balances.items():
                portfolio.add(currency, available, hold)

        def set_prices(body: object) -> None:
            record = fields.as_record(body, "", required=["prices"])
            self.set_prices(fields.as_amounts(record["prices"], "prices"))

        def start_transfer(body: object) -> None:
            record = fields.as_record(
                body, "", required=["key", "id", "currency", "amount"], optional=["type", "status"]
            )
            self.portfolio(fields.as_text(record["key"], "key")).start_transfer(
                fields.as_text(record["currency"], "currency"),
                fields.as_amount(record["amount"], "amount"),
                kind=fields.as_text(record.get("type", "send"), "type"),
                status=fields.as_text(record.get("status", "pending"), "status"),
                identity=fields.as_text(record["id"], "id"),
            )

        def settle(body: object) -> None:
            record = fields.as_record(body, "", required=["key", "id"], optional=["status"])
            self.portfolio(fields.as_text(record["key"], "key")).settle(
                fields.as_text(record["id"], "id"), fields.as_text(record.get("status", "completed"), "status")
            )

        return {
            "balances": set_balances,
            "balances/add": add_balances,
            "prices": set_prices,
            "transfers": start_transfer,
            "transfers/settle": settle,
        }

    def _read_balances(self, body: object) -> tuple[Portfolio, dict[str, tuple[str, str]]]:
        record = fields.as_record(body, "", required=["key", "balances"])
        portfolio = self.portfolio(fields.as_text(record["key"], "key"))
        return portfolio, read_balances(record["balances"], "balances")

    def _restore(self) -> None:
        self._rates = dict(self._opened_rates)
        for portfolio in self._portfolios.values():
            portfolio.restore()

    def _serve(self, request: Request) -> Served:
        if request.method != "GET":
            return Served(self._error(405, request), refusal="method is not GET")
        if request.body:
            return Served(self._error(400, request), refusal="GET came with a body")
        if request.path in (TIME_PATH, RATES_PATH):
            return self._serve_public(request)
        if request.path in (ACCOUNTS_PATH, PERMISSIONS_PATH) or TRANSACTIONS_PATH.fullmatch(request.path):
            return self._serve_private(request)
        return Served(self._error(404, request), refusal="no such path")

    def _serve_public(self, request: Request) -> Served:
        allowance = self._public.take(request.client, self.now()) if self._public else None
        if allowance and not allowance.allowed:
            return Served(self._limited(self._error(429, request), allowance), refusal="over the rate limit")
        if request.path == TIME_PATH:
            answer = self._recorded_clock_or(request, self._time)
        else:
            answer = self._recorded_or(request, lambda: self._exchange_rates(request))
        return Served(self._limited(answer, allowance))

    def _serve_private(self, request: Request) -> Served:
        try:
            name = self._tokens.accept(
                _bearer(request),
                keys=self._keys,
                method=request.method,
                host=request.host,
                path=request.path,
                now=self.now(),
            )
        except TokenRefusedError as refused:
            return Served(self._error(401, request), refusal=str(refused))
        transactions = TRANSACTIONS_PATH.fullmatch(request.path)
        window = self._hourly if transactions else self._private
        allowance = window.take(name, self.now()) if window else None
        if allowance and not allowance.allowed:
            limited = self._limited(self._error(429, request), allowance)
            return Served(limited, caller=name, refusal="over the rate limit")
        portfolio = self._portfolios[name]
        reads_account = request.path == ACCOUNTS_PATH
        if (reads_account or transactions) and not portfolio.can_view:
            return Served(self._error(403, request), caller=name, refusal="the key may not view")
        live = self._transactions if transactions else self._accounts if reads_account else self._permissions
        answer = self._recorded_or(request, lambda: live(request, portfolio))
        return Served(self._limited(answer, allowance), caller=name, reads_account=reads_account)

    def _accounts(self, request: Request, portfolio: Portfolio) -> Answer:
        limit = whole(request.query.get("limit", str(DEFAULT_PAGE)))
        cursor = whole(request.query.get("cursor") or FIRST_CURSOR)
        if limit is None or not 1 <= limit <= MAX_PAGE:
            return self._error(400, request)
        if cursor is None or not 0 <= cursor - int(FIRST_CURSOR) <= len(portfolio.rows):
            return self._error(400, request)
        first = cursor - int(FIRST_CURSOR)
        end = first + limit
        rows = [portfolio.page_row(row) for row in portfolio.rows[first:end]]
        more = end < len(portfolio.rows)
        page = {
            "accounts": rows,
            "has_next": more,
            "cursor": str(int(FIRST_CURSOR) + end) if more else "",
            "size": len(rows),
        }
        return Answer.of_json(page)

    def _transactions(self, request: Request, portfolio: Portfolio) -> Answer:
        path = TRANSACTIONS_PATH.fullmatch(request.path)
        account = path["account"] if path else ""
        if account not in [row.uuid for row in portfolio.rows]:
            return self._error(404, request)
        page = page_of(portfolio.transactions, account, request.query)
        return self._error(400, request) if page is None else Answer.of_json(page)

    def _permissions(self, _request: Request, portfolio: Portfolio) -> Answer:
        return Answer.of_json(
            {
                "can_view": portfolio.can_view,
                "can_trade": portfolio.can_trade,
                "can_transfer": portfolio.can_transfer,
                "portfolio_uuid": portfolio.uuid,
                "portfolio_type": "DEFAULT",
            }
        )

    def _time(self) -> Answer:
        now = self.now()
        iso = datetime.datetime.fromtimestamp(int(now), tz=datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        seconds, millis = str(int(now)), str(int(now * 1000))
        return Answer.of_json({"iso": iso, "epochSeconds": seconds, "epochMillis": millis})

    def _exchange_rates(self, request: Request) -> Answer:
        if request.query.get("currency", "USD") != "USD":
            return self._error(400, request)
        return Answer.of_json({"data": {"currency": "USD", "rates": self._rates}})

    def _error(self, status: int, request: Request) -> Answer:
        return self.error_answer(status, request.path)

    def _limited(self, answer: Answer, allowance: Allowance | None) -> Answer:
        """The answer with the rate limit's headers (the reset in whole seconds from now)."""
        if allowance is None:
            return answer
        headers = (
            ("x-ratelimit-limit", str(allowance.limit)),
            ("x-ratelimit-remaining", str(allowance.remaining)),
            ("x-ratelimit-reset", "1"),
        )
        return replace(answer, headers=answer.headers + headers)


_ERRORS = {
    400: ("invalid_request", "INVALID_ARGUMENT", "Invalid argument"),
    403: ("invalid_scope", "PERMISSION_DENIED", "Missing required scopes"),
    404: ("not_found", "NOT_FOUND", "Not found"),
    405: ("invalid_request", "METHOD_NOT_ALLOWED", "Method not allowed"),
    429: ("rate_limit_exceeded", "RESOURCE_EXHAUSTED", "Too many requests"),
    500: ("internal_server_error", "INTERNAL", "Internal server error"),
    503: ("internal_server_error", "UNAVAILABLE", "Service unavailable"),
}


def read_balances(value: object, where: str) -> dict[str, tuple[str, str]]:
    """``{"BTC": {"available": "1.23", "hold": "0.02"}}``, hold optional, as (available, hold) by currency."""
    balances = {}
    for currency, stated in fields.as_object(value, where).items():
        at = f"{where}.{currency}"
        record = fields.as_record(stated, at, required=["available"], optional=["hold"])
        balances[currency] = (
            fields.as_amount(record["available"], f"{at}.available"),
            fields.as_amount(record.get("hold", "0"), f"{at}.hold"),
        )
    return balances


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise TokenRefusedError("no bearer token")
    return token


def _pair(amount: str | tuple[str, str]) -> tuple[str, str]:
    return (amount, "0") if isinstance(amount, str) else amount
