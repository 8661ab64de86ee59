"""Writes Markdown for text that comes from code, the contract and published pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#$&~^])")


def inline(text: str) -> str:
    """Return a text as one line of Markdown in which only code spans have a meaning.

    Pages are untrusted, so their text must not become HTML, a link or a directive.
    """
    parts = re.split(r"(`[^`\n]+`)", " ".join(text.split()))
    return "".join(code(part[1:-1]) if index % 2 else _SPECIAL.sub(r"\\\1", part) for index, part in enumerate(parts))


def code(text: object) -> str:
    """Return a code span that may stand in a table."""
    line = " ".join(str(text).split()).replace("|", "\\|")
    ticks = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    space = " " if "`" in line else ""
    return f"{ticks}{space}{line}{space}{ticks}" if line else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def block(text: str, language: str = "text") -> str:
    """Return a block of code."""
    fence = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"
