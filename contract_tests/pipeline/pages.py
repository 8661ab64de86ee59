"""The pages that the tests of several models work with: the published one, and two made for the tests."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scripts.pipeline.io import OPENAPI, ROOT, read
from scripts.pipeline.page import extract
from scripts.pipeline.update import Project

HAILUO, ACME, STUDIO = "hailuo/02-image-to-video-pro", "acme/1-fast", "studio/frames.v2"
_PAGES = Path(__file__).parent / "published"
PAGES = {
    HAILUO: OPENAPI / "vendored/market/hailuo/02-image-to-video-pro.published.txt",
    ACME: _PAGES / "acme-1-fast.page.txt",
    STUDIO: _PAGES / "studio-frames-v2.page.md",
}


def published_pages() -> dict[str, dict[str, Any]]:
    """The documents by model."""
    return {model: extract(read(path), path.name).document for model, path in PAGES.items()}


# The two test pages as the command takes them, and the day on which it does.
BOTH = (str(PAGES[ACME]), str(PAGES[STUDIO]))
DAY = date(2026, 2, 3)


def copy_of_project(folder: Path) -> Project:
    """The files that an update changes, where it may change them."""
    for name in ("openapi", "generated"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    return Project(folder)


@pytest.fixture(name="project")
def project_fixture(tmp_path: Path) -> Project:
    """The project as it is, where a test may change it."""
    return copy_of_project(tmp_path / "project")
