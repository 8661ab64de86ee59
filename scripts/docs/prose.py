"""Checks the spelling, the style and the vocabulary of the pages that are written by hand."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.pipeline.generated import EVIDENCE
from scripts.pipeline.io import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
_SETTINGS = Path(__file__).with_name("proselint.json")
_BLOCK = re.compile(r"^( *)```.*?^\1```$|^<!--.*?-->$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`[^`\n]+`|\]\([^)]*\)|<https?:[^>]*>")


def pages() -> list[Path]:
    """Return the pages: the README and the site's, without generated ones and the examples."""
    docs = ROOT / "docs"
    found = [page for page in sorted(docs.rglob("*.md")) if not page.is_relative_to(docs / "examples")]
    return [ROOT / "README.md", *(page for page in found if page != EVIDENCE)]


def words(page: Path) -> int:
    """Return the number of words of a page without its blocks of code: what has a letter or a digit."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def prose_of(text: str) -> str:
    """Return the text of a page without code and addresses, on the same lines."""
    text = _SPAN.sub("code", _BLOCK.sub(lambda found: "\n" * found[0].count("\n"), text))
    return re.sub(r"^#+ (.*)$", r"\1.", text, flags=re.MULTILINE)  # a title does not run into the next sentence


def vocabulary() -> list[tuple[str, str]]:
    """Return the words that the glossary replaces, each with what the glossary says instead."""
    row = re.compile(r"^\| ([a-z][^|]*) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
    _, *rows = row.findall(GLOSSARY.read_text(encoding="utf-8"))
    return [(avoided, word) for word, others in rows for avoided in others.split(", ")]


def check() -> int:
    """Check all pages; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder, "vocabulary.txt")
        # Without a comma at the end, codespell takes the last of several words for a reason.
        lines = [f"{avoided}->{word}," for avoided, word in vocabulary()]
        words.write_text("\n".join(lines), encoding="utf-8")
        copies = Path(folder, "pages")
        for page in pages():
            copy = copies / page.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = page.read_text(encoding="utf-8")
            copy.write_text(prose_of(text) if page != GLOSSARY else "", encoding="utf-8")
        return max(
            _run(copies, "codespell", "-D", "-", "-D", str(words), "."),
            _run(copies, "proselint", "check", "--config", str(_SETTINGS), "."),
        )


def _run(folder: Path, program: str, *arguments: str) -> int:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(command, cwd=folder, check=False).returncode
