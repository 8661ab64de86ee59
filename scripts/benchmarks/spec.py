"""How long it takes from a published page to a type-checked client, and to see that nothing has drifted."""

from __future__ import annotations

import contextlib
import io
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
from scripts.pipeline import node
from scripts.pipeline import replace_files as swap
from scripts.pipeline.io import ROOT
from scripts.pipeline.update import Options, Project, update

_RUNS = 3
_BAR = 15.0
_PAGE = ROOT / "contract_tests" / "pipeline" / "published" / "acme-1-fast.page.txt"


def run() -> list[Row]:
    """Measure; each figure is the median of three runs, the largest beside it."""
    node.install()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            _row("from a new page to a type-checked client with its report", lambda: _update(Path(folder))),
            _row("drift check, with nothing changed", _check),
        ]
        return [*rows, _same(Path(folder))]


def _row(figure: str, action: Callable[[], object]) -> Row:
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    measured = f"{statistics.median(times):.1f} s (at most {max(times):.1f} s)"
    return Row(figure, measured, f"< {_BAR:g} s", max(times) < _BAR)


@contextlib.contextmanager
def _project(folder: Path) -> Iterator[Project]:
    """A copy of what an update changes."""
    root = folder / "project"
    for name in ("openapi", "generated"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, root)
    yield Project(root)
    shutil.rmtree(root)


def _update(folder: Path) -> None:
    with _project(folder) as project:
        _run_update(project, {})


def _run_update(project: Project, environment: dict[str, str]) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import date\n"
        "from scripts.pipeline.update import Options, Project, update\n"
        "update(Project(Path(sys.argv[1])), Options((sys.argv[2],), write=True), date(2026, 1, 1))"
    )
    command = [sys.executable, "-c", code, str(project.root), str(_PAGE)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True)


def _check() -> None:
    subprocess.run([sys.executable, "-m", "scripts.pipeline", "check"], cwd=ROOT, check=True, capture_output=True)


def _same(folder: Path) -> Row:
    results = []
    for environment in ({}, {"LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "4711"}):
        with _project(folder) as project:
            _run_update(project, environment)
            results.append(swap.files(project.root))
            with contextlib.redirect_stdout(io.StringIO()):
                update(project, Options((str(_PAGE),), write=True))
            results.append(swap.files(project.root))
    same = all(result == results[0] for result in results)
    figure = "the same bytes on a second run, in another locale and time zone, with another hash seed"
    return Row(figure, f"{len(results[0])} files, {'all alike' if same else 'NOT alike'}", "alike", same)
