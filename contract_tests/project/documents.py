"""The code in the pages that are written by hand."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

from scripts.docs.prose import pages
from scripts.pipeline.io import ROOT

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", flags=re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A block of code.

    Attributes:
        language: What stands behind the fence, for instance `python`.
        code: Its text.
        file: The file that it is saved as; other blocks may import it if its first line names it.
    """

    language: str
    code: str
    file: str

    @property
    def is_test(self) -> bool:
        """Whether pytest collects something from it."""
        return bool(re.search(r"^def test_|^@pytest\.fixture", self.code, flags=re.MULTILINE))


def blocks(page: Path) -> list[Block]:
    """Return the blocks of code of a page, in order."""
    stem = re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix("")))
    found = []
    for number, (_, language, text) in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8")), 1):
        code = textwrap.dedent(text)
        named = re.match(r"# (\w+\.py)\n", code)
        is_test = Block(language, code, "").is_test
        found.append(Block(language, code, named[1] if named else f"{'test_' if is_test else ''}{stem}_{number}.py"))
    return found


def programs() -> dict[Path, list[Block]]:
    """Return the pages with blocks of Python, each with its blocks."""
    python = {page: [block for block in blocks(page) if block.language == "python"] for page in pages()}
    return {page: found for page, found in python.items() if found}
