"""How soon the command line answers; beside it what Python itself and its library for commands take."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from scripts.benches.table import Row
from scripts.spec.files import ROOT

ROUNDS = 15
BAR = 0.25
_COMMANDS = {
    "apikley --help": ["-m", "apikley.cli", "--help"],
    "apikley run --help": ["-m", "apikley.cli", "run", "--help"],
    "python -c 'import typer'": ["-c", "import typer"],
    "python -c pass": ["-c", "pass"],
}


def run() -> list[Row]:
    """Start each command in turn, again and again; the median and the fastest of each."""
    times: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for _ in range(ROUNDS + 1):
        for name, arguments in _COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
            times[name].append(time.perf_counter() - start)
    rows = []
    for name, (_, *taken) in times.items():  # the first one filled the caches
        median = statistics.median(taken)
        judged = name == "apikley --help"
        rows.append(
            Row(
                name,
                f"{median * 1000:.0f} ms, fastest {min(taken) * 1000:.0f} ms",
                f"under {BAR * 1000:.0f} ms" if judged else "",
                median < BAR if judged else None,
            )
        )
    return rows
