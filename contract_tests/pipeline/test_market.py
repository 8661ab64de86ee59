"""100 models in one client: all of them can be created, and the contract tests hold for them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest

from contract_tests.pipeline.market import pages, write
from contract_tests.pipeline.pages import copy_project
from scripts.pipeline.io import ROOT
from scripts.pipeline.update import Options, Project, update

# Each is run in a process of its own: together they would take minutes on a busy machine.
TESTS = {
    "create": ["contract_tests/client/test_every_model.py"],
    "generated client": ["contract_tests/contract/test_generated_properties.py"],
    "witnesses": ["contract_tests/contract/test_witnesses.py", "-k", "not prism_agrees"],
    "Prism": ["contract_tests/contract/test_witnesses.py", "-k", "prism_agrees"],
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that uses packages with 100 more models instead of the committed ones."""
    folder = tmp_path_factory.mktemp("market")
    project: Project = copy_project(folder / "project")
    write(folder / "pages")
    with contextlib.redirect_stdout(None):
        assert update(project, Options((str(folder / "pages"),))) == 0
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**own, "PYTHONPATH": str(project.generated), "APIKLEY_TEST_CASES": "1"}


def test_the_made_up_pages_are_of_100_models() -> None:
    assert len({model for model, _ in pages()}) == 100


@pytest.mark.timeout(3600)  # ends only what hangs: this runs many tests
@pytest.mark.parametrize("arguments", TESTS.values(), ids=TESTS)
def test_the_contract_tests_pass_with_100_models(environment: dict[str, str], arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *arguments]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]
