"""Fixtures of the pipeline tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract_tests.pipeline.pages import DAY, HAILUO, PAGES, TEST_PAGES, copy_project
from scripts.pipeline.io import read
from scripts.pipeline.update import Options, Project, update


@pytest.fixture
def page() -> str:
    """The text of the published page."""
    return read(PAGES[HAILUO])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of the project that a test may change."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after an update with two more models, including version and CHANGELOG."""
    project = copy_project(tmp_path_factory.mktemp("updated") / "project")
    assert update(project, Options(TEST_PAGES, write=True, report=project.root / "report.md"), DAY) == 0
    return project
