"""Writes the generated files from `openapi/`, and compares them with the committed ones."""

from __future__ import annotations

import difflib
import sys
import tempfile
from pathlib import Path

from scripts.pipeline import client, contract, evidence
from scripts.pipeline.io import GENERATED, OPENAPI, ROOT, printable
from scripts.pipeline.replace_files import differences, files, replace
from scripts.pipeline.vendored import check_vendored

EVIDENCE = ROOT / "docs" / "evidence.md"
_MAX_DIFF_LINES = 60


def make(folder: Path, openapi: Path = OPENAPI) -> str:
    """Write both generated packages to an empty folder; returns the text of `docs/evidence.md`."""
    document = contract.build(openapi)
    contract.write(document, folder)
    client.generate(folder / "apikley_contract" / "openapi.json", folder)
    return evidence.table(document)


def generate() -> None:
    """Build everything in a temporary folder, then replace both generated packages and `docs/evidence.md`."""
    with tempfile.TemporaryDirectory() as folder:
        page = make(Path(folder))
        replace({**differences(GENERATED, Path(folder)), EVIDENCE: page.encode()})


def check() -> int:
    """Print how generated and vendored files differ from their sources; returns the exit code."""
    issues = check_vendored(OPENAPI / "vendored")
    for issue in issues:
        print(printable(issue), file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        page = make(Path(folder), OPENAPI)
        lines = diff(GENERATED, Path(folder))
        committed = {"evidence.md": EVIDENCE.read_bytes()} if EVIDENCE.exists() else {}
        lines += _diff(committed, {"evidence.md": page.encode()}, "docs/")
    sys.stdout.writelines(map(printable, lines[:_MAX_DIFF_LINES]))
    if len(lines) > _MAX_DIFF_LINES:
        print(f"… and {len(lines) - _MAX_DIFF_LINES} more lines")
    if lines:
        print("generated files differ from a fresh build of openapi/; run: nox -s generate", file=sys.stderr)
    return 1 if lines or issues else 0


def diff(committed: Path, fresh: Path) -> list[str]:
    """Return the lines of a unified diff of all files in two folders of generated packages."""
    return _diff(files(committed), files(fresh), "generated/")


def _diff(committed: dict[str, bytes], fresh: dict[str, bytes], prefix: str) -> list[str]:
    def lines(content: bytes | None) -> list[str]:
        if content is None:
            return []
        # An empty file, such as py.typed, differs from a missing one.
        return content.decode(errors="replace").splitlines(keepends=True) or ["(empty file)\n"]

    found: list[str] = []
    for name in sorted({*committed, *fresh}):
        before, after = lines(committed.get(name)), lines(fresh.get(name))
        found += difflib.unified_diff(before, after, f"{prefix}{name} (committed)", f"{prefix}{name} (from openapi/)")
    return found
