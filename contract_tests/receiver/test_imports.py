"""The receiver's package imports what is used, and type checkers see its names."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest


def test_importing_the_listener_loads_no_database() -> None:
    code = "import sys, apikley.receiver.listen; print('sqlalchemy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_every_public_name_can_be_imported() -> None:
    package: Any = importlib.import_module("apikley.receiver")
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match=r"module 'apikley\.receiver' has no attribute 'Nothing'"):
        _ = package.Nothing


@pytest.mark.parametrize(
    ("missing", "message"), [("sqlalchemy", r"pip install 'apikley\[receiver\]'"), ("_sqlite3", "^No module$")]
)
def test_only_a_missing_sqlalchemy_names_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str, message: str) -> None:
    package: Any = importlib.import_module("apikley.receiver")

    def import_module(name: str) -> Any:
        raise ModuleNotFoundError("No module", name=missing)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(ModuleNotFoundError, match=message):
        package.__getattr__("Inbox")
