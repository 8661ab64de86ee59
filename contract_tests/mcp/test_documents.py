"""The documents for agents: the transcript is what the server says, every tool is listed, links lead somewhere."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from contract_tests.mcp.agents import Agents
from contract_tests.mcp.transcript import BLOCK, PAGE, recorded
from contract_tests.simulator.simulators import MODEL
from scripts.pipeline.io import ROOT

SKILL = ROOT / "docs" / "agents" / "SKILL.md"


def test_the_transcript_is_what_the_server_says(agents: Agents) -> None:
    (printed,) = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert printed == recorded(agents), "run: python -m contract_tests.mcp.transcript"
    assert MODEL in printed


def test_the_page_lists_every_tool(agents: Agents) -> None:
    async def names() -> set[str]:
        async with agents.open() as agent:
            return {*await agent.tools()}

    listed = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(asyncio.run(names()))


@pytest.mark.parametrize("page", [ROOT / "docs" / "llms.txt", PAGE, SKILL], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    raw = "https://raw.githubusercontent.com/apikley/apikley/main/"  # the site has no .md files
    linked = [page.parent / link for link in re.findall(r"\]\(([^):]+)\)", text)]
    linked += [ROOT / link for link in re.findall(rf"\]\({re.escape(raw)}([^)]+)\)", text)]
    assert [path for path in linked if not path.is_file()] == []


def test_the_links_of_llms_txt_are_absolute() -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "docs" / "llms.txt").read_text())
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
