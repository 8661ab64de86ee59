"""Node's tools are installed once, however many ask for them."""

from __future__ import annotations

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scripts.pipeline import node
from scripts.pipeline.issues import SpecError


@pytest.fixture
def installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The commands that were run, in a project whose tools are not installed yet."""
    runs: list[Any] = []

    def run(command: Any, **_: Any) -> subprocess.CompletedProcess[str]:
        runs.append(command)
        time.sleep(0.05)  # long enough for whoever does not wait
        (tmp_path / "node_modules").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    (tmp_path / "package-lock.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(node, "ROOT", tmp_path)
    monkeypatch.setattr(node, "environment", dict)
    monkeypatch.setattr(subprocess, "run", run)
    return runs


def test_who_asks_at_the_same_time_waits_for_the_one_who_installs(installs: list[Any]) -> None:
    gate = threading.Barrier(4)

    def install(_: int) -> None:
        gate.wait()
        node.install()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(install, range(4)))
    assert installs == [["npm", "ci", "--ignore-scripts", "--loglevel=error"]]


def test_another_lockfile_is_installed_again(installs: list[Any], tmp_path: Path) -> None:
    node.install()
    (tmp_path / "package-lock.json").write_text('{"lockfileVersion": 3}', encoding="utf-8")
    node.install()
    assert len(installs) == 2


def test_why_npm_failed_is_said(installs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess(installs, 1, "", "npm error one\nnpm error no such host\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SpecError, match="npm ci: failed: npm error no such host; is the npm registry reachable"):
        node.install()
