"""100 models: time of updates, imports and the command line's help, and of one validation."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from contract_tests.pipeline.market import write
from contract_tests.pipeline.pages import copy_project
from scripts.benchmarks.processes import run_times
from scripts.benchmarks.table import Row
from scripts.pipeline import node
from scripts.pipeline.io import ROOT
from scripts.pipeline.update import Project

_ROUNDS = 15
_UPDATE = """
import sys
from pathlib import Path
from scripts.pipeline.update import Options, Project, update

update(Project(Path(sys.argv[1])), Options((sys.argv[2],)))
"""
# Prints the microseconds of one validation in the client and one in the simulator.
_VALIDATIONS = """
import json
import time

from apikley import Hailuo02ImageToVideoPro
from apikley._model.validation import validate_create
from apikley_mock.web.validation import create_task

body = {"model": "hailuo/02-image-to-video-pro", "input": {"prompt": "a ship", "image_url": "https://e.test/a.png"}}
found = []
for check in (validate_create, create_task):
    check(body)
    rounds = []
    for _ in range(20):
        start = time.process_time()
        for _ in range(500):
            check(body)
        rounds.append((time.process_time() - start) / 500 * 1e6)
    found.append(min(rounds))
print(json.dumps(found))
"""


def run() -> list[Row]:
    """Measure."""
    node.install()
    with tempfile.TemporaryDirectory() as folder:
        project, pages = copy_project(Path(folder) / "project"), Path(folder) / "pages"
        write(pages)
        count = len([*pages.iterdir()])
        rows = [_update(f"update from {count} new pages", project, pages, None)]
        changed = min(pages.iterdir())
        changed.write_text(changed.read_text().replace('"maxLength": 500', '"maxLength": 600'))
        rows += [
            _update("update from one changed page", project, changed, 15),
            _update(f"update from {count} unchanged pages", project, pages, 5),
        ]
        generated = str(project.generated)
        return [*rows, *_starts(generated), *_validations(generated)]


def _update(what: str, project: Project, source: Path, bar: float | None) -> Row:
    before = _children()
    command = [sys.executable, "-c", _UPDATE, str(project.root), str(source)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    spent = _children() - before
    return Row(what, f"{spent:.1f} s of CPU", bar=f"< {bar} s" if bar else "", reached=spent < bar if bar else None)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _starts(generated: str) -> list[Row]:
    commands = {
        "names": ("-c", "from apikley import Apikley, AcmeTextToVideo"),
        "httpx2": ("-c", "import httpx2"),
        "help": ("-m", "apikley", "--help"),
        "pass": ("-c", "pass"),
    }
    times = run_times(commands, _ROUNDS, PYTHONPATH=generated)
    best = {name: min(seconds) for name, seconds in times.items()}
    ours, theirs = best["names"] - best["pass"], best["httpx2"] - best["pass"]
    shown = statistics.median(times["help"])
    what = f"from apikley import Apikley, AcmeTextToVideo (best of {_ROUNDS}, net of Python's start)"
    other = f"import httpx2: {theirs * 1000:.0f} ms"
    ratio = ours / theirs
    return [
        Row(what, f"{ours * 1000:.0f} ms", other, f"{ratio:.2f}x", "<= 1.6x", ratio <= 1.6),
        Row(f"apikley --help, median of {_ROUNDS}", f"{shown:.3f} s", bar="<= 0.3 s", reached=shown <= 0.3),
    ]


def _validations(generated: str) -> list[Row]:
    many, few = (_validation_times(path) for path in (generated, str(ROOT / "generated")))
    rows = []
    for where, ours, theirs in zip(("client", "simulator"), many, few, strict=True):
        other = f"with the vendored models: {theirs:.1f} µs"
        ratio = ours / theirs
        rows.append(
            Row(f"validation in the {where}", f"{ours:.1f} µs", other, f"{ratio:.2f}x", "<= 1.3x", ratio <= 1.3)
        )
    return rows


def _validation_times(generated: str) -> list[float]:
    command = [sys.executable, "-c", _VALIDATIONS]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": generated}, check=True, capture_output=True, text=True
    )
    found: list[float] = json.loads(run.stdout)
    return found
