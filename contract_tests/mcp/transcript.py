"""Records a real run of an agent's client, the command `apikley mcp` and the simulator for `docs/how-to/agents.md`.

Run `python -m contract_tests.mcp.transcript` to write it anew.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from apikley_mock.control import scenario
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.web.server import ThreadedServer
from apikley_mock.world.clock import VirtualClock
from contract_tests.mcp.agents import PNG, Agent, Agents
from contract_tests.simulator.simulators import MODEL
from scripts.pipeline.io import ROOT

PAGE = ROOT / "docs" / "how-to" / "agents.md"
BLOCK = re.compile(r"(?<=```text\n)> .*?(?=```)", re.DOTALL)
SETTINGS = {"durations": (1, 1, 1), "price": 2}


def recorded(agents: Agents) -> str:
    """Return the transcript of a run. Ids, addresses and sizes that differ between runs are replaced."""
    (agents.root / "cat.png").write_bytes(PNG)
    lines: list[str] = []

    async def call(agent: Agent, tool: str, **arguments: Any) -> Any:
        result = await agent(tool, **arguments)
        lines.extend([f"> {tool} {json.dumps(arguments)}", result.text, ""])
        return result.document

    async def work() -> None:
        async with agents.start() as agent:
            request: dict[str, Any] = {"model": MODEL, "input": {"prompt": "A cat surfs", "image_url": "cat.png"}}
            await call(agent, "create_video", **request)
            request["input"]["image_url"] = (await call(agent, "upload_file", file="cat.png"))["url"]
            request["idempotency_key"] = "cat-1"
            task_id = (await call(agent, "create_video", **request))["task_id"]
            await call(agent, "wait_for_task", task_id=task_id, seconds=0)
            await call(agent, "create_video", **request)
            agents.mock.advance(60)
            await call(agent, "wait_for_task", task_id=task_id)
            await call(agent, "download_result", task_id=task_id, file="cat.mp4")

    asyncio.run(work())
    stable = _stable("\n".join(lines[:-1]), agents.mock.url)
    return "".join(f"{_wrapped(line)}\n" for line in stable.splitlines())


def _stable(text: str, address: str) -> str:
    text = re.sub(re.escape(address) + r'[^"\s]*/([^"/\s]+)"', r'https://files.example.com/\1"', text)
    ids = dict.fromkeys(re.findall(r'"task_id": "([^"]+)"', text))
    for number, task_id in enumerate(ids, 1):
        text = text.replace(task_id, f"task_{number}")
    return text


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def main() -> None:
    """Write the transcript into the page."""
    server = ThreadedServer(Simulator(Service(scenario.parse({"webhook_key": "key", **SETTINGS}), VirtualClock())))
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            transcript = recorded(Agents(MockService(server), Path(folder)))
    finally:
        server.stop()
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda _: transcript, page), encoding="utf-8")


if __name__ == "__main__":
    main()
