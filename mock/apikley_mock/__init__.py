"""A simulator that stands in for the Apikley API, offline.

It shares the contract with the client, but no code, so neither can hide the other's mistakes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apikley_mock.control.vocabulary import Settings
    from apikley_mock.service import Service
    from apikley_mock.web.app import Simulator
    from apikley_mock.web.transport import SimulatorTransport
    from apikley_mock.world.clock import RealClock, VirtualClock

__all__ = ["RealClock", "Service", "Settings", "Simulator", "SimulatorTransport", "VirtualClock"]

_MODULES = {
    "RealClock": "world.clock",
    "Service": "service",
    "Settings": "control.vocabulary",
    "Simulator": "web.app",
    "SimulatorTransport": "web.transport",
    "VirtualClock": "world.clock",
}

# Hidden from type checkers, so that a misspelt import is an error for them.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415 - pytest imports this package in every run

        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
