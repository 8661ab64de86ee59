"""A simulator that stands in for the Apikley API, offline.

It shares the contract with the client, and no line of code: neither can hide the other's mistake.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apikley_mock.clock import RealClock, VirtualClock
    from apikley_mock.service import Service
    from apikley_mock.settings import Settings
    from apikley_mock.simulator import Simulator
    from apikley_mock.transport import SimulatorTransport

__all__ = ["RealClock", "Service", "Settings", "Simulator", "SimulatorTransport", "VirtualClock"]

_MODULES = {
    "RealClock": "clock",
    "Service": "service",
    "Settings": "settings",
    "Simulator": "simulator",
    "SimulatorTransport": "transport",
    "VirtualClock": "clock",
}


def __getattr__(name: str) -> Any:
    # Only when asked for: pytest imports this package in every run.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
