"""The pipeline: time from a published page to a type-checked client, and reproducible output."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.benchmarks.table import Row
from scripts.pipeline import node, replace_files
from scripts.pipeline.io import ROOT

_ROUNDS = 3
_BAR = 15.0  # seconds
_PAGE = ROOT / "contract_tests" / "pipeline" / "published" / "acme-1-fast.page.txt"
_UPDATE = """
import sys
from datetime import date
from pathlib import Path
from scripts.pipeline.update import Options, Project, update

update(Project(Path(sys.argv[1])), Options((sys.argv[2],), write=True), date(2026, 1, 1))
"""
_OTHER_MACHINE = {"LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "4711"}


def run() -> list[Row]:
    """Measure."""
    node.install()
    return [
        _time("update: from a new page to a type-checked client and its report", _update_copy),
        _time("check, without any change", lambda: _python("-m", "scripts.pipeline", "check")),
        _reproducible(),
    ]


def _time(what: str, action: Callable[[], None]) -> Row:
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    measured = f"{statistics.median(times):.1f} s (largest {max(times):.1f} s)"
    return Row(f"{what}, median of {_ROUNDS}", measured, bar=f"< {_BAR:g} s", reached=max(times) < _BAR)


def _reproducible() -> Row:
    results = []
    for environment in ({}, _OTHER_MACHINE):
        with _copy() as project:
            for _ in range(2):
                _update(project, environment)
                results.append(replace_files.files(project))
    same = all(result == results[0] for result in results)
    what = "update twice, and with another locale, time zone and hash seed: same bytes"
    return Row(what, f"{len(results[0])} files, {'equal' if same else 'NOT equal'}", bar="equal", reached=same)


@contextlib.contextmanager
def _copy() -> Iterator[Path]:
    """Copy the files that an update reads and writes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("openapi", "generated"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "CHANGELOG.md"):
            shutil.copy(ROOT / name, root)
        yield root


def _update_copy() -> None:
    with _copy() as project:
        _update(project, {})


def _update(project: Path, environment: dict[str, str]) -> None:
    _python("-c", _UPDATE, str(project), str(_PAGE), **environment)


def _python(*arguments: str, **environment: str) -> None:
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True)
