"""The documents for agents: their code runs as printed, and the transcript is what the server says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contract_tests.mcp.agents import PNG, Agents
from contract_tests.mcp.transcript import BLOCK, PAGE, recorded
from contract_tests.project.test_readme import _driven
from contract_tests.simulator.simulators import MODEL
from scripts.pipeline.io import ROOT

__all__ = ["_driven"]

SKILL = ROOT / "docs" / "agents" / "SKILL.md"
CODE = re.findall(r"^```python\n(.*?)^```", SKILL.read_text() + PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
PROGRAMS = [code for code in CODE if "def test_" not in code]
TESTS = [code for code in CODE if "def test_" in code]


@pytest.mark.usefixtures("_driven")
@pytest.mark.parametrize("code", PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_program_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(code, "document", "exec"), names)  # noqa: S102 - our own text


def test_the_tests_pass(tmp_path: Path) -> None:
    for number, code in enumerate(TESTS):
        (tmp_path / f"test_{number}.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert ended.returncode == 0, ended.stdout
    assert "2 passed" in ended.stdout


def test_the_transcript_is_what_the_server_says(agents: Agents) -> None:
    (agents.root / "cat.png").write_bytes(PNG)
    (printed,) = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert printed == recorded(agents), "run: python -m contract_tests.mcp.transcript"
    assert MODEL in printed


def test_the_page_lists_every_tool(agents: Agents) -> None:
    import asyncio

    async def names() -> set[str]:
        async with agents.open() as agent:
            return {*await agent.tools()}

    listed = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(asyncio.run(names()))


@pytest.mark.parametrize("page", [ROOT / "docs" / "llms.txt", PAGE, SKILL], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^):]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).is_file()] == []
