"""Where the suite's products are seen: each seam of the product and of the simulated world is wrapped once, for good.

The wrapped calls do what they did; what goes through them is shown to `Produced`, and what becomes known as secret or
as a balance to its canaries.
"""

import contextlib
import functools
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
from botocore.client import BaseClient

from local.venues.coinbase_portfolio import AccountRow, Portfolio
from local.venues.credentials import Credential
from local.venues.dydx_subaccount import Subaccount
from local.venues.server import Request
from tests.leaks.produced import Produced, chain_of
from trueup.books.https import HttpsBooks
from trueup.books.sources import Books
from trueup.books.table import TableBook
from trueup.domain.amounts import plain
from trueup.errors import TrueupError
from trueup.store.memory import MemoryObjects, MemoryRows
from trueup.venues.coinbase_key import Key

# Where secrets belong; and what only asks for them.
_FOR_SECRETS = {"CreateSecret", "PutSecretValue", "UpdateSecret"}
_EVENTS = {"StartExecution", "SendTaskSuccess", "SendTaskFailure", "PutEvents", "Invoke", "PutLogEvents"}
_ANSWERS = {
    "DescribeExecution": "an execution",
    "GetExecutionHistory": "an execution's history",
    "GetLogEvents": "a log",
    "FilterLogEvents": "a log",
    "Invoke": "a function's answer",
}
_PARTS_OF_A_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def after(owner: Any, name: str, see: Callable[..., None]) -> None:
    """Let `see(result, *arguments)` look at every call of a method after it."""
    real = getattr(owner, name)

    @functools.wraps(real)
    def seen(*args: Any, **kwargs: Any) -> Any:
        result = real(*args, **kwargs)
        see(result, *args, **kwargs)
        return result

    setattr(owner, name, seen)


def watch(produced: Produced) -> None:
    """Wrap everything. Once a process."""
    _learn(produced)
    _see_logs(produced)
    _see_errors(produced)
    _see_handlers(produced)
    _see_stores(produced)
    _see_output(produced)


def _learn(produced: Produced) -> None:
    """Know every key that is made, every token that is sent, every amount a venue or a book holds."""
    canaries = produced.canaries
    after(Credential, "__init__", lambda _, made, *__, **___: canaries.add_key(made.private_key))
    after(Key, "token", lambda token, *_, **__: canaries.add_token(token))

    def request(_: None, sent: Request, *__: Any, **___: Any) -> None:
        canaries.add_token(sent.headers.get("authorization", "").rpartition(" ")[2])

    def row(_: Any, held: Any, *__: Any, **___: Any) -> None:
        for one in getattr(held, "rows", [held]):
            for amount in (one.available, one.hold):
                canaries.add_balance(amount or "")

    def subaccount(_: None, held: Subaccount, *__: Any, **___: Any) -> None:
        for amount in (*held.assets.values(), *(position.size for position in held.positions.values())):
            canaries.add_balance(plain(amount))

    def book(_: Any, __: TableBook, written: Any, *___: Any, **____: Any) -> None:
        for holding in written.holdings:
            canaries.add_balance(plain(holding.total))

    def read(found: Any, source: Any, *_: Any, **__: Any) -> None:
        if found is not None:
            book(None, source, found)

    after(Request, "__init__", request)
    after(AccountRow, "__init__", row)
    for name in ("set", "add"):
        after(Portfolio, name, row)
    for name in ("set_asset", "add_to_asset", "set_position", "add_to_position"):
        after(Subaccount, name, subaccount)
    after(TableBook, "write", book)
    after(Books, "read", read)
    after(HttpsBooks, "_token", lambda token, *_, **__: canaries.add_secret("a book's token", token))


def _see_logs(produced: Produced) -> None:
    def record(_: None, __: logging.Logger, said: logging.LogRecord) -> None:
        fields = {name: value for name, value in vars(said).items() if name not in _PARTS_OF_A_RECORD}
        error = said.exc_info[1] if isinstance(said.exc_info, tuple) else None
        text = [said.getMessage(), fields, chain_of(error) if error else ""]
        produced.take("a log", text, where=f"of {said.name}", balances=True)

    after(logging.Logger, "callHandlers", record)

    def metric(line: Any, *_: Any, **__: Any) -> None:
        produced.take("a metric", line, balances=True)

    after(AmazonCloudWatchEMFProvider, "serialize_metric_set", metric)


def _see_errors(produced: Produced) -> None:
    def made(_: None, error: TrueupError, *args: Any, **__: Any) -> None:
        produced.take("an error", " ".join(map(str, args)), where=f"({type(error).__name__})", balances=True)

    after(TrueupError, "__init__", made)
    exit_ = pytest.RaisesExc.__exit__

    def caught(context: Any, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, TrueupError):
            produced.take("an error's story", chain_of(error), where=f"({type(error).__name__})", balances=True)
        return exit_(context, kind, error, trace)

    pytest.RaisesExc.__exit__ = caught  # type: ignore[method-assign]


def _see_handlers(produced: Produced) -> None:
    real = Logger.inject_lambda_context

    def see(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def seen(event: Any, context: Any) -> Any:
            # A pushed book is the one event in which balances belong.
            produced.take("a function's event", event, balances=not _is_book(event))
            try:
                answer = handler(event, context)
            except BaseException as error:
                produced.take("an exception that left a function", chain_of(error), balances=True)
                raise
            produced.take("a function's answer", answer, balances=True)
            return answer

        return seen

    def inject(logger: Logger, lambda_handler: Any = None, *args: Any, **kwargs: Any) -> Any:
        given = real(logger, lambda_handler, *args, **kwargs)
        return see(given) if lambda_handler is not None else lambda handler: see(given(handler))

    Logger.inject_lambda_context = inject  # type: ignore[assignment,method-assign]


def _see_stores(produced: Produced) -> None:
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def called(client: Any, operation: str, given: dict[str, Any]) -> Any:
        if operation not in _FOR_SECRETS:
            _see_request(produced, client, operation, given)
        answer = call(client, operation, given)
        if place := _ANSWERS.get(operation):
            produced.take(place, _shown(answer), balances=True)
        return answer

    BaseClient._make_api_call = called  # type: ignore[attr-defined]

    def row(_: Any, __: MemoryRows, puts: Any) -> None:
        produced.take("a row", [dict(found) for found, _ in puts], balances=False)

    def stored(_: Any, __: MemoryObjects, key: str, document: object) -> None:
        produced.take("an object", document, where=key, balances=False)

    after(MemoryRows, "put_all", row)
    after(MemoryObjects, "put_once", stored)


def watch_executions(produced: Produced) -> None:
    """See executions where tests ask moto for them directly. Nothing where no test uses it: it is slow to import."""
    if moto := sys.modules.get("moto.stepfunctions.parser.backend.execution"):
        for name, place in (("to_describe_output", "an execution"), ("to_history_output", "an execution's history")):
            after(moto.Execution, name, lambda told, *_, place=place: produced.take(place, told, balances=True))


def _see_request(produced: Produced, client: Any, operation: str, given: dict[str, Any]) -> None:
    service = client.meta.service_model.service_name
    place = f"a call of {service} {operation}"
    content = given
    if operation == "PutObject":
        body = given.get("Body")
        place, content = "an object", {**given, "Body": body if isinstance(body, str | bytes | bytearray) else ""}
    balances = operation in _EVENTS and not (operation == "Invoke" and b'"holdings"' in _as_bytes(given.get("Payload")))
    produced.take(place, content, where=str(given.get("Key", "")), balances=balances)


def _is_book(event: object) -> bool:
    """Tell whether an event is a book that is pushed."""
    return isinstance(event, dict) and "holdings" in event


def _as_bytes(payload: object) -> bytes:
    """Return the payload of an invocation as bytes; none as empty."""
    return payload.encode() if isinstance(payload, str) else bytes(payload) if isinstance(payload, bytes) else b""


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what can be read once only."""
    return {name: value for name, value in answer.items() if not hasattr(value, "read")}


def _see_output(produced: Produced) -> None:
    def left(_: Any, stream: Any, *__: Any) -> None:
        written = getattr(stream._new_target, "getvalue", str)()
        produced.take("the command's output", written, balances=False)

    def ended(result: Any, *_: Any, **__: Any) -> None:
        for text in result:
            if text:
                produced.take("a process's output", text, balances=False)

    def read(result: Any, *_: Any, **__: Any) -> None:
        for text in result:
            produced.take("captured output", text, balances=False)

    after(contextlib._RedirectStream, "__exit__", left)
    after(subprocess.Popen, "communicate", ended)
    after(pytest.CaptureFixture, "readouterr", read)
