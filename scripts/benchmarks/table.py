"""One way to show figures."""

from __future__ import annotations

import platform
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured figure beside the bar that it should reach.

    Attributes:
        figure: What was measured.
        measured: The figure, with its unit or its ratio.
        bar: What it should reach.
        reached: Whether it does; None where there is no bar.
    """

    figure: str
    measured: str
    bar: str = ""
    reached: bool | None = None


def show(title: str, rows: list[Row]) -> str:
    """The rows as a Markdown table that reads well as plain text, too."""
    cells = [("figure", "measured", "to reach", "")]
    cells += [(row.figure, row.measured, row.bar, {True: "yes", False: "NO", None: ""}[row.reached]) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return "\n".join([f"{title} ({machine})", "", *lines])
