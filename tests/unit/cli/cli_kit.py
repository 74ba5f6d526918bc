"""Running `trueup` in this process, and the documents of DESIGN's worked example."""

import copy
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.main import main

SNAPSHOT = {
    "account_id": "cb-main",
    "venue": "coinbase",
    "observed_at": "2026-11-22T12:00:00.123Z",
    "wallets": {"spot": "complete", "earn": "failed: permission_denied"},
    "holdings": [
        {
            "wallet": "spot",
            "asset": "BTC",
            "venue_asset": "BTC",
            "price_asset": "BTC",
            "total": "1.1",
            "available": "1.08",
            "held": "0.02",
        }
    ],
    "pending": [],
}
BOOK = {
    "account_id": "cb-main",
    "as_of": "2026-11-22T11:59:58Z",
    "version": "41",
    "wallets": ["spot"],
    "holdings": [{"wallet": "spot", "asset": "BTC", "total": "1.25", "held": "0.02"}],
    "pending": [],
}
PRICES = {
    "base": "USD",
    "as_of": "2026-11-22T12:00:00Z",
    "source": "test",
    "prices": {"BTC": "97000.5", "ETH": "3400"},
}
RUN_ID = "20261122T120000Z"
JUDGED = "20261121T120000Z"
"""The run of the day before."""
DYDX = {"account_id": "dydx-one", "venue": "dydx", "address": "dydx199tqg4wdlnu4qjlxchpd7seg454937hjrknju4"}
ACCOUNT = {"account_id": "cb-main", "venue": "coinbase", "secret": "coinbase/cb-main", "wallets": ["spot"]}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def trueup(*arguments: str | Path) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def changed(document: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return copy.deepcopy(document) | fields


def write(folder: Path, name: str, document: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def agreeing_snapshot() -> dict[str, Any]:
    snapshot = changed(SNAPSHOT, wallets={"spot": "complete"})
    snapshot["holdings"][0] |= {"total": "1.25"}
    return snapshot


def is_one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text
