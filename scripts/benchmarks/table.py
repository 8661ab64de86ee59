"""The table that every subject prints."""

from __future__ import annotations

import platform
from dataclasses import astuple, dataclass

_REACHED = {True: "yes", False: "NO", None: ""}


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        what: What is measured.
        measured: The result, with its unit.
        baseline: What it is compared with, and that one's result.
        ratio: `measured` divided by `baseline`.
        bar: The required result or ratio; empty if nothing is required.
        reached: Whether the bar is reached; None without a bar.
    """

    what: str
    measured: str
    baseline: str = ""
    ratio: str = ""
    bar: str = ""
    reached: bool | None = None


def count_row(what: str, count: int) -> Row:
    """The row of something that must never happen."""
    return Row(what, f"{count:,}", bar="0", reached=count == 0)


def render(subject: str, rows: list[Row]) -> str:
    """Render the rows as a Markdown table with aligned columns."""
    header = ("what", "measured", "baseline", "ratio", "bar", "reached")
    lines = [header, *((*astuple(row)[:-1], _REACHED[row.reached]) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    table = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return "\n".join([f"{subject} ({machine})", "", *table])
