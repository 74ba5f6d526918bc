"""Simulated venues: HTTP servers on loopback that are as strict, and can be as awkward, as the real ones.

They share no code with the adapters they test: nothing here imports from `trueup`.
"""

from __future__ import annotations

from . import faults
from .coinbase import CoinbaseSimulator
from .coinbase_portfolio import AccountRow, Portfolio
from .credentials import Credential, make_address, make_credential
from .dydx import DydxSimulator
from .dydx_subaccount import Subaccount
from .server import PortTakenError

__all__ = [
    "AccountRow",
    "CoinbaseSimulator",
    "Credential",
    "DydxSimulator",
    "PortTakenError",
    "Portfolio",
    "Subaccount",
    "faults",
    "make_address",
    "make_credential",
]
