"""Runs tests in a copy of the project, and says whether a failing test or something else ended the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

_CONFTEST = "ImportError while loading conftest"


class Run(NamedTuple):
    """How a run of tests ended.

    Attributes:
        failed: The first test that failed; a module that could not be imported counts. Empty where all passed.
        broken: Why it is not known whether they pass; empty where it is.
    """

    failed: str = ""
    broken: str = ""


def copied(root: Path, target: Path) -> Path:
    """A copy of all that Git knows and would take in, with the installed Node tools."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listing.stdout.decode().split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    if (root / "node_modules").exists() and not (target / "node_modules").exists():
        (target / "node_modules").symlink_to(root / "node_modules")
    return target


def run(root: Path, tests: list[str], *options: str) -> Run:
    """Run tests up to the first that fails.

    Args:
        root: The copy.
        tests: Files or folders in it.
        *options: Further ones of pytest.
    """
    packages = os.pathsep.join(map(str, (root, root / "generated", root / "mock")))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "--color=no", *options, *tests]
    # A fault of the same length, planted within the same second, would leave stale byte code behind.
    environment = {**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    return judged(ended.returncode, ended.stdout, ended.stderr)


def judged(code: int, out: str, err: str) -> Run:
    """What pytest's exit code and its words mean; no failure is believed that names no test."""
    if code == pytest.ExitCode.OK:
        return Run()
    summary = out.partition("short test summary info")[2].splitlines()
    failures = [line.split(" ", 1)[1].split(" - ")[0] for line in summary if line.startswith(("FAILED ", "ERROR "))]
    # What cannot be imported interrupts the run: the failure of a module, not of a test in it.
    if failures and code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        return Run(failed=failures[0].removeprefix("contract_tests/"))
    if code == pytest.ExitCode.USAGE_ERROR and _CONFTEST in err:
        return Run(failed="conftest.py")
    words = next(filter(None, map(str.strip, reversed((err or out).splitlines()))), "no word")
    return Run(broken=f"pytest ended with exit code {code}: {words}")
