"""A simulator that stands in for the Apikley API, offline.

It shares the contract with the client, and no line of code: neither can hide the other's mistake.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apikley_mock.control.settings import Settings
    from apikley_mock.service import Service
    from apikley_mock.web.app import Simulator
    from apikley_mock.web.transport import SimulatorTransport
    from apikley_mock.world.clock import RealClock, VirtualClock

__all__ = ["RealClock", "Service", "Settings", "Simulator", "SimulatorTransport", "VirtualClock"]

_MODULES = {
    "RealClock": "world.clock",
    "Service": "service",
    "Settings": "control.settings",
    "Simulator": "web.app",
    "SimulatorTransport": "web.transport",
    "VirtualClock": "world.clock",
}


def __getattr__(name: str) -> Any:
    # Only when asked for: pytest imports this package in every run.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
