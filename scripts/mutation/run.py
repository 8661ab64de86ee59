"""Runs the tests of each fault, with and without the fault."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from scripts.mutation.plant import FAULT_VARIABLE, CannotPlantError, Fault, find

ROOT = Path(__file__).parent.parent.parent
# A fault may cause an endless loop, so each test has a limit.
_OPTIONS = ("-q", "-x", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-p", "scripts.mutation.plugin", "--timeout=300")


class Result(NamedTuple):
    """What became of one fault.

    Attributes:
        fault: The fault.
        outcome: `caught`, `survived`, `cannot be planted` or `tests fail without it`.
        detail: The test that caught it, or why there is no result.
    """

    fault: Fault
    outcome: str
    detail: str


class _Run(NamedTuple):
    code: int
    output: str

    @property
    def failed_test(self) -> str | None:
        found = re.search(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", self.output, re.MULTILINE)
        return found[1] if found and self.code == 1 else None


def run(faults: Sequence[Fault], table: str, root: Path = ROOT) -> Iterator[Result]:
    """Plant each fault in turn and run its tests.

    A fault is caught if its tests pass without it and at least one of them fails with it.

    Args:
        faults: The faults.
        table: The name of the module that has them in `FAULTS`.
        root: The folder that the tests' paths start from.

    Yields:
        The result of each fault, in order.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        clean = {fault.tests: pool.submit(_pytest, fault.tests, root, "") for fault in faults}
        planted = [pool.submit(_pytest, fault.tests, root, f"{table}:{fault.name}") for fault in faults]
        for fault, with_fault in zip(faults, planted, strict=True):
            yield _result(fault, clean[fault.tests].result(), with_fault.result())


def _result(fault: Fault, without: _Run, with_fault: _Run) -> Result:
    try:
        find(fault)
    except CannotPlantError as error:
        return Result(fault, "cannot be planted", str(error))
    if without.code != 0:
        return Result(fault, "tests fail without it", without.failed_test or without.output[-500:])
    if with_fault.code == 0:
        return Result(fault, "survived", " ".join(fault.tests))
    if with_fault.failed_test is None:
        return Result(fault, "cannot be planted", with_fault.output[-500:])
    return Result(fault, "caught", with_fault.failed_test)


def _pytest(tests: tuple[str, ...], root: Path, choice: str) -> _Run:
    paths = [str(ROOT), str(root), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), FAULT_VARIABLE: choice}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *_OPTIONS, *tests],
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return _Run(done.returncode, done.stdout)
