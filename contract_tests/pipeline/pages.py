"""The published pages of the tests: the real one, and two made up for tests with several models."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from scripts.pipeline import contract, generated
from scripts.pipeline.io import OPENAPI, ROOT, read
from scripts.pipeline.page import extract
from scripts.pipeline.update import Project
from scripts.pipeline.vendored import documents, records

HAILUO, ACME, STUDIO = "hailuo/02-image-to-video-pro", "acme/1-fast", "studio/frames.v2"
_PAGES = Path(__file__).parent / "published"
PAGES = {
    HAILUO: OPENAPI / "vendored/market/hailuo/02-image-to-video-pro.published.txt",
    ACME: _PAGES / "acme-1-fast.page.txt",
    STUDIO: _PAGES / "studio-frames-v2.page.md",
}
TEST_PAGES = (str(PAGES[ACME]), str(PAGES[STUDIO]))
DAY = date(2026, 2, 3)  # of the updates in the tests


def published_pages() -> dict[str, dict[str, Any]]:
    """Return the documents of all pages by model."""
    return {model: extract(read(path), path.name).document for model, path in PAGES.items()}


def copy_project(folder: Path) -> Project:
    """Copy the files that an update changes, with one published page, however many are vendored here."""
    for name in ("openapi", "generated"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    project = Project(folder)
    if _remove_other_pages(project.openapi / "vendored"):
        shutil.rmtree(project.generated)
        contract.complete(contract.merge_folder(project.openapi), project.openapi)
        generated.make(project.generated, project.openapi)
    return project


def _remove_other_pages(vendored: Path) -> list[str]:
    recorded = vendored / "sources.json"
    kept = {name: record for name, record in records(vendored).items() if HAILUO in name}
    others = [path for path in documents(vendored) if HAILUO not in path.as_posix()]
    for path in others:
        path.unlink()
        path.with_suffix(".published.txt").unlink(missing_ok=True)
    recorded.write_text(json.dumps(kept, indent=2) + "\n")
    return [*map(str, others)]
