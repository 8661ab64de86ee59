"""How soon the command line answers; beside it what Python itself and its library for commands take.

On a machine that has other work, a command waits for its turn: the time of the processor is what it needs alone.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from scripts.benchmarks.table import Row
from scripts.pipeline.io import ROOT

ROUNDS = 15
BAR = 0.25
_COMMANDS = {
    "apikley --help": ["-m", "apikley", "--help"],
    "apikley run --help": ["-m", "apikley", "run", "--help"],
    "python -c 'import click'": ["-c", "import click"],
    "python -c pass": ["-c", "pass"],
}


def run() -> list[Row]:
    """Start each command in turn, again and again; the median and the fastest of each."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in _COMMANDS}
    for _ in range(ROUNDS + 1):
        for name, arguments in _COMMANDS.items():
            start, worked = time.perf_counter(), _worked()
            subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
            times[name].append((time.perf_counter() - start, _worked() - worked))
    rows = []
    for name, (_, *taken) in times.items():  # the first one filled the caches
        median = statistics.median(passed for passed, _ in taken)
        work = statistics.median(worked for _, worked in taken)
        judged = name == "apikley --help"
        rows.append(
            Row(
                name,
                f"{median * 1000:.0f} ms, fastest {min(taken)[0] * 1000:.0f} ms, processor {work * 1000:.0f} ms",
                f"under {BAR * 1000:.0f} ms" if judged else "",
                median < BAR if judged else None,
            )
        )
    return rows


def _worked() -> float:
    """The seconds that processors have worked on commands that have ended."""
    times = os.times()
    return times.children_user + times.children_system
