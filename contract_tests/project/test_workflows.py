"""The workflows are valid, do what can be done by hand, and are given no more rights than they need."""

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


def _lint(*paths: Path) -> list[dict[str, Any]]:
    node.install()
    command = ["node", str(ROOT / "contract_tests" / "project" / "lint-workflows.mjs"), *map(str, paths)]
    run = subprocess.run(command, cwd=ROOT, env=node.environment(), capture_output=True, text=True, check=True)
    findings: list[dict[str, Any]] = json.loads(run.stdout)
    return findings


def test_actionlint_finds_nothing() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml", "update.yml"]
    assert _lint(*WORKFLOWS) == []


def test_actionlint_would_find_something(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    text = read(ROOT / ".github" / "workflows" / "ci.yml")
    broken.write_text(text.replace("matrix.session }}\n    runs", "matrix.sesion }}\n    runs"), encoding="utf-8")
    assert ["sesion" in finding["message"] for finding in _lint(broken)] == [True]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_session_that_is_run_exists(path: Path) -> None:
    named = re.findall(r"nox -s ([a-z ]+?)(?: --|\n|$)", "\n".join(step.get("run", "") for step in _steps(path)))
    assert named
    assert {name for names in named for name in names.split()} <= SESSIONS


def test_ci_runs_what_scripts_test_runs() -> None:
    (default,) = re.findall(r"^nox\.options\.sessions = \[(.*)\]", read(ROOT / "noxfile.py"), flags=re.MULTILINE)
    ci = read_document(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    assert set(re.findall(r'"([a-z]+)"', default)) == {*ci["static"]["strategy"]["matrix"]["session"], "tests"}
    assert ci["tests"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_rights_are_given_one_by_one(path: Path) -> None:
    workflow = read_document(path)
    assert workflow["permissions"] == {"contents": "read"}
    given = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    allowed = {
        "ci.yml": {},
        "release.yml": {"publish": {"id-token": "write"}},
        "update.yml": {"update": {"contents": "write", "pull-requests": "write"}},
    }
    assert given == allowed[path.name]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_secret_is_asked_for_and_no_event_is_pasted_into_a_shell(path: Path) -> None:
    assert "secrets." not in read(path)
    for step in _steps(path):
        assert not re.search(r"\$\{\{\s*(github|inputs)\.", step.get("run", "")), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_job_ends(path: Path) -> None:
    jobs = read_document(path)["jobs"].items()
    assert [name for name, job in jobs if "steps" in job and "timeout-minutes" not in job] == []
