"""What a fault is, and how it is planted in a running process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

FAULT_VARIABLE = "APIKLEY_FAULT"


class Fault(NamedTuple):
    """One change of behaviour that a test must catch.

    Attributes:
        name: What is wrong, in a few words.
        target: What is replaced, as `package.module:attribute` or `package.module:Class.method`.
        patch: Returns the replacement for the original.
        tests: The test files (or tests) that must catch it.
    """

    name: str
    target: str
    patch: Callable[[Any], Any]
    tests: tuple[str, ...]


class CannotPlantError(Exception):
    """The target of a fault does not exist."""


def find(fault: Fault) -> tuple[Any, str, Any]:
    """Return the holder of a fault's target, the attribute's name and its value.

    Raises:
        CannotPlantError: The target does not exist.
    """
    module, _, path = fault.target.partition(":")
    *outer, name = path.split(".")
    try:
        holder = importlib.import_module(module)
        for step in outer:
            holder = getattr(holder, step)
        return holder, name, getattr(holder, name)
    except (ImportError, AttributeError) as error:
        raise CannotPlantError(
            f"{fault.name!r}: {fault.target} does not exist ({error}); correct its target"
        ) from error


def plant(fault: Fault) -> None:
    """Replace the target of a fault in this process, also where other modules have imported it by name.

    Raises:
        CannotPlantError: The target does not exist.
    """
    holder, name, original = find(fault)
    replacement = fault.patch(original)
    setattr(holder, name, replacement)
    if getattr(original, "__module__", None) == getattr(holder, "__name__", ""):
        for module in list(sys.modules.values()):
            for alias, value in list(vars(module).items()):
                if value is original:
                    setattr(module, alias, replacement)


def load_faults(table: str) -> list[Fault]:
    """Return the faults of a module with a `FAULTS` list."""
    faults: list[Fault] = importlib.import_module(table).FAULTS
    return faults
