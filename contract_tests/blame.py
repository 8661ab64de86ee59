"""Who is wrong where a test fails, if the test does not say so itself."""

from __future__ import annotations

import json
import logging
import traceback
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from apikley.errors import ApikleyError
from scripts.spec import contract, overlay
from scripts.spec.files import GENERATED, OPENAPI, ROOT, read_document, shown
from scripts.spec.problems import SpecError
from scripts.spec.schemas import definitions

# Whom a module of tests is about, by how its name goes on after `test_`.
_ABOUT = {
    "simulator": ("mock", "simulator", "contract_check"),
    "generated client": ("generated",),
    "spec pipeline": ("spec", "report", "workflows"),
    "receiver": ("receiver", "inbox", "listen"),
    "apikley.callbacks": ("callback",),
    "command line": ("cli", "commands"),
    "prism": ("prism",),
}
# Whose code stands where; of several that hold a file the first. Nobody's is what the tests themselves break.
_PLACES = {
    "apikley/callbacks.py": "apikley.callbacks",
    "apikley/receiver": "receiver",
    "apikley/cli": "command line",
    "apikley": "apikley",
    "mock/apikley_mock": "simulator",
    "generated/apikley_client": "generated client",
    "generated/apikley_contract": "contract",
    "scripts/spec": "spec pipeline",
    "contract_tests": "",
}
# What tests and the library say on purpose: that code of theirs stands last tells nothing.
_SAID = (AssertionError, ApikleyError, pytest.fail.Exception)
# Who logs an error that was nobody's to handle.
_UNHANDLED = ("asyncio", "uvicorn.error")


class Crashes(logging.Handler):
    """Collects what ended a task or a request that nobody waited for: the test only sees that something is missing."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error of a message."""
        if record.name in _UNHANDLED and record.exc_info and record.exc_info[1]:
            self.errors.append(record.exc_info[1])


CRASHES = Crashes()


def witness(module: str, error: BaseException) -> tuple[str, str]:
    """Whose code broke, or else whom the test is about; and what happened.

    Args:
        module: The name of the test's module, without `test_`.
        error: What ended the test.
    """
    said = f"{type(error).__name__}: {error}"
    for broken in (error, *CRASHES.errors):
        if not isinstance(broken, _SAID) and (found := _owner(broken)):
            owner, place = found
            where = f"{type(broken).__name__}: {broken}, in {place}"
            return owner, where if broken is error else f"{where} (seen as {said})"
    return next((name for name, starts in _ABOUT.items() if module.startswith(starts)), "apikley"), said


def disagreement(generated: Path = GENERATED, openapi: Path = OPENAPI) -> tuple[str, str] | None:
    """Which of the contract's two built files is wrong, and about what; None where they say the same.

    Prism reads `openapi.json`, the others read `schemas.json`. Where these differ, each judges rightly by what it
    was given.
    """
    document, schemas = (_read(generated / "apikley_contract" / name) for name in ("openapi.json", "schemas.json"))
    place = _difference(definitions(document), schemas)
    if place is None:
        return None
    try:
        source = openapi / "overlay.yaml"
        meant = definitions(overlay.apply(contract.merged(openapi), read_document(source), shown(source)))
    except SpecError:
        meant = definitions(document)
    wrong = "schemas.json" if _difference(meant, definitions(document)) is None else "openapi.json"
    return wrong, f"openapi.json and schemas.json differ at {place}, and openapi/ is not as {wrong} has it"


@cache
def known_disagreement() -> tuple[str, str] | None:
    """The same of the project's own files, looked up once."""
    return disagreement()


def _owner(error: BaseException) -> tuple[str, str] | None:
    """Whose code of this project stands last in the traceback, and where; None where it is the tests'."""
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        inside = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        # What lies elsewhere, an installed package for instance, was called by whoever stands before it.
        for place, owner in _PLACES.items():
            if inside.is_relative_to(place):
                found = (owner, f"{inside.as_posix()}:{line}") if owner else None
                break
    return found


def _difference(one: Any, other: Any, place: str = "") -> str | None:
    """Where two documents first differ, as a JSON pointer."""
    if type(one) is not type(other):
        return place or "/"
    if isinstance(one, dict):
        pairs = [(name, one.get(name), other.get(name)) for name in {**one, **other}]
    elif isinstance(one, list):
        pairs = [(str(number), *pair) for number, pair in enumerate(zip_longest(one, other))]
    else:
        return None if one == other else place or "/"
    found = (_difference(left, right, f"{place}/{name}") for name, left, right in pairs)
    return next(filter(None, found), None)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
