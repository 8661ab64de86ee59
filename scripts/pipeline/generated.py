"""Writes what is generated from `openapi/`, and compares it with what is committed."""

from __future__ import annotations

import difflib
import sys
import tempfile
from pathlib import Path

from scripts.pipeline import client, contract, evidence
from scripts.pipeline.io import GENERATED, OPENAPI, ROOT
from scripts.pipeline.replace_files import differences, files, replace
from scripts.pipeline.vendored import check_kept

EVIDENCE = ROOT / "docs" / "evidence.md"
_DIFF_LINES = 60


def make(folder: Path, openapi: Path = OPENAPI) -> str:
    """Make both generated packages in an empty folder.

    Returns:
        The text of `docs/evidence.md`.

    Raises:
        SpecError: Something in `openapi/` is refused.
    """
    document = contract.build(openapi)
    contract.write(document, folder)
    client.generate(folder / "apikley_contract" / "openapi.json", folder)
    return evidence.table(document)


def generate() -> None:
    """Write both generated packages and `docs/evidence.md`, after all of them could be made."""
    with tempfile.TemporaryDirectory() as folder:
        page = make(Path(folder))
        replace({**differences(GENERATED, Path(folder)), EVIDENCE: page.encode()})


def check() -> int:
    """Print what differs from `openapi/` and from the published pages; returns the exit code."""
    issues = check_kept(OPENAPI / "vendored")
    for issue in issues:
        print(issue, file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        page = make(Path(folder))
        lines = diff(GENERATED, Path(folder))
        committed = {"evidence.md": EVIDENCE.read_bytes()} if EVIDENCE.exists() else {}
        lines += _diff(committed, {"evidence.md": page.encode()}, "docs/")
    sys.stdout.writelines(lines[:_DIFF_LINES])
    if len(lines) > _DIFF_LINES:
        print(f"… and {len(lines) - _DIFF_LINES} more lines")
    if lines:
        print("generated files differ from what openapi/ gives; run: nox -s generate", file=sys.stderr)
    return 1 if lines or issues else 0


def diff(committed: Path, fresh: Path) -> list[str]:
    """Return the lines of a unified diff of all files in two folders of generated packages."""
    return _diff(files(committed), files(fresh), "generated/")


def _diff(committed: dict[str, bytes], fresh: dict[str, bytes], prefix: str) -> list[str]:
    lines: list[str] = []
    for name in sorted({*committed, *fresh}):
        before, after = (_lines(part.get(name)) for part in (committed, fresh))
        lines += difflib.unified_diff(before, after, f"{prefix}{name} (committed)", f"{prefix}{name} (from openapi/)")
    return lines


def _lines(content: bytes | None) -> list[str]:
    """Return a file's lines; an empty file differs from a missing one."""
    if content is None:
        return []
    return content.decode(errors="backslashreplace").splitlines(keepends=True) or ["(empty file)\n"]
