"""Both venues start in a process of their own, say where they listen, and leave quietly."""

from __future__ import annotations

import ast
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from local_venues_kit import Client, token

from local.venues import make_address, make_credential

if TYPE_CHECKING:
    from local.venues import Credential

ROOT = Path(__file__).parents[3]


def run(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.venues", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def seed(credential: Credential) -> dict[str, object]:
    return {
        "coinbase": {
            "prices": {"BTC": "97000.5"},
            "portfolios": [
                {
                    "key": credential.name,
                    "public_key": credential.public_key,
                    "balances": {"BTC": {"available": "1.23", "hold": "0.02"}},
                    "permissions": {"trade": True},
                }
            ],
        },
        "dydx": {
            "oracle_prices": {"BTC-USD": "97000.5"},
            "subaccounts": [
                {
                    "address": make_address("seeded"),
                    "number": 0,
                    "assets": {"USDC": "10"},
                    "positions": {"BTC-USD": "-1"},
                }
            ],
        },
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_its_seed_until_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    credential = make_credential("ES256")
    seed_file, ready = tmp_path / "seed.json", tmp_path / "ready.json"
    seed_file.write_text(json.dumps(seed(credential)))
    with run("--seed", seed_file, "--ready-file", ready) as process:
        deadline = time.monotonic() + 10
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        places = json.loads(ready.read_text())
        assert places["pid"] == process.pid
        port = places["coinbase"]["port"]
        bearer = token(credential, f"127.0.0.1:{port}", now=int(time.time()))
        got = Client(port).get("/api/v3/brokerage/accounts", {"Authorization": f"Bearer {bearer}"})
        assert got.json["accounts"][0]["hold"]["value"] == "0.02"
        got = Client(places["dydx"]["port"]).get(f"/v4/addresses/{make_address('seeded')}")
        assert got.json["subaccounts"][0]["equity"] == "-96990.5"
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")
    assert not ready.exists()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda document: document.pop("dydx"), "dydx: missing"),
        (
            lambda document: document["coinbase"]["portfolios"][0].update(public_key="x"),
            "coinbase.portfolios[0]: public key: expected a PEM block or base64",
        ),
        (
            lambda document: document["coinbase"]["prices"].update(BTC=97000.5),
            'coinbase.prices.BTC: expected a decimal string such as "1.25", got 97000.5',
        ),
        (
            lambda document: document["dydx"]["subaccounts"][0]["positions"].update({"X-USD": "1"}),
            "dydx.subaccounts[0]: positions.X-USD: no oracle price for this market",
        ),
    ],
)
def test_a_bad_seed_is_one_line_and_64(tmp_path: Path, spoil: object, says: str) -> None:
    document = seed(make_credential("EdDSA"))
    assert callable(spoil)
    spoil(document)
    seed_file = tmp_path / "seed.json"
    seed_file.write_text(json.dumps(document))
    with run("--seed", seed_file, "--ready-file", tmp_path / "ready.json") as process:
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (64, f"local.venues: {seed_file}: {says}\n")


def test_bad_usage_is_64(tmp_path: Path) -> None:
    with run("--seed", tmp_path / "absent.json", "--ready-file", tmp_path / "r") as process:
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err.count("\n")) == (64, 1)
    with run("--coinbase-port", "many") as process:
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err.count("\n")) == (64, 1)


def test_a_taken_port_is_69_and_spares_the_other_ready_file(tmp_path: Path) -> None:
    seed_file, ready = tmp_path / "seed.json", tmp_path / "ready.json"
    seed_file.write_text(json.dumps(seed(make_credential("EdDSA"))))
    ready.write_text("somebody else's")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with run("--seed", seed_file, "--ready-file", ready, "--dydx-port", port) as process:
            _, err = process.communicate(timeout=10)
    assert process.returncode == 69
    assert err == f"local.venues: port {port} on 127.0.0.1 is taken: choose another, or 0 for any free one\n"
    assert ready.read_text() == "somebody else's"


def test_the_simulated_venues_share_no_code_with_what_they_test() -> None:
    allowed = {"cryptography", "local"} | sys.stdlib_module_names
    for file in sorted((ROOT / "local" / "venues").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{file.name} reaches outside its folder"
                names = [node.module or ""] if node.level == 0 else []
            else:
                continue
            for name in names:
                assert name.split(".")[0] in allowed, f"{file.name} imports {name}"
