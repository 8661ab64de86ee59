"""Writes `generated/`, and compares it with what `openapi/` gives."""

from __future__ import annotations

import difflib
import sys
import tempfile
from pathlib import Path

from scripts.pipeline import client, contract
from scripts.pipeline import replace_files as swap
from scripts.pipeline.io import GENERATED, OPENAPI, dump
from scripts.pipeline.vendored import check_kept

_DIFF_LINES = 60


def make(folder: Path, openapi: Path = OPENAPI) -> None:
    """Make both generated packages in an empty folder.

    Raises:
        SpecError: Something in `openapi/` is refused.
    """
    document = contract.build(openapi)
    with tempfile.TemporaryDirectory() as scratch:
        built = Path(scratch) / "openapi.json"
        built.write_text(dump(document), encoding="utf-8")
        client.generate(built, folder)
    contract.write(document, folder)


def generate(target: Path = GENERATED, openapi: Path = OPENAPI) -> None:
    """Write both generated packages. Nothing is written unless all of it could be made."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), openapi)
        swap.swap(swap.differences(target, Path(folder)))


def check() -> int:
    """Print how `generated/` differs from what `openapi/` gives, and `openapi/vendored/` from what was published."""
    problems = check_kept(OPENAPI / "vendored")
    for problem in problems:
        print(problem, file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        make(fresh)
        lines = diff(GENERATED, fresh)
    sys.stdout.writelines(lines[:_DIFF_LINES])
    if len(lines) > _DIFF_LINES:
        print(f"… and {len(lines) - _DIFF_LINES} more lines")
    if lines:
        print("generated/ is not what openapi/ gives; run: nox -s generate", file=sys.stderr)
    return 1 if lines or problems else 0


def diff(committed: Path, fresh: Path) -> list[str]:
    """The lines of a unified diff of all files."""
    lines: list[str] = []
    old, new = swap.files(committed), swap.files(fresh)
    for name in sorted({*old, *new}):
        before, after = (list(swap.text_lines(part.get(name))) for part in (old, new))
        lines += difflib.unified_diff(
            before, after, f"generated/{name} (committed)", f"generated/{name} (from openapi/)"
        )
    return lines
