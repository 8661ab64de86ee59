"""The time that the command line takes to start."""

from __future__ import annotations

import statistics

from scripts.benchmarks.processes import run_times
from scripts.benchmarks.table import Row

_ROUNDS = 15
_BAR = 0.25  # seconds, on an idle machine
_COMMANDS = {
    "apikley --help": ("-m", "apikley", "--help"),
    "apikley run --help": ("-m", "apikley", "run", "--help"),
    "python -c 'import click'": ("-c", "import click"),
    "python -c pass": ("-c", "pass"),
}


def run() -> list[Row]:
    """Measure each command in fresh processes; the baseline is Python without any work."""
    times = run_times(_COMMANDS, _ROUNDS)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    python = medians.pop("python -c pass")
    rows = []
    for name, median in medians.items():
        has_bar = name == "apikley --help"
        rows.append(
            Row(
                f"{name}, median of {_ROUNDS} processes",
                f"{median:.3f} s (best {min(times[name]):.3f} s)",
                f"python -c pass: {python:.3f} s",
                f"{median / python:.1f}x",
                f"<= {_BAR} s" if has_bar else "",
                median <= _BAR if has_bar else None,
            )
        )
    return rows
