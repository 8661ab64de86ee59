"""Fixtures of the pipeline tests."""

from __future__ import annotations

import pytest

from contract_tests.pipeline.pages import BOTH, DAY, copy_of_project
from scripts.pipeline.io import OPENAPI
from scripts.pipeline.update import Options, Project, update


@pytest.fixture
def page() -> str:
    """The published page as it was fetched."""
    return (OPENAPI / "vendored/market/hailuo/02-image-to-video-pro.published.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after an update with two more models, including version and CHANGELOG."""
    project = copy_of_project(tmp_path_factory.mktemp("updated") / "project")
    assert update(project, Options(BOTH, write=True, report=project.root / "report.md"), DAY) == 0
    return project
