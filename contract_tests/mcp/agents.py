"""An agent: a client of the server in this process, or of the command `apikley mcp` as a process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mcp import Client, StdioServerParameters
from mcp.types import ElicitRequestParams, ElicitResult

from apikley.mcp.options import Options
from apikley.mcp.server import new_server
from apikley.mcp.tools import open_tools
from apikley_mock.options import FaultWhen
from apikley_mock.plugin import MockService, _AdvancingClock
from contract_tests.simulator.simulators import request_for

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
CREATE: FaultWhen = {"operation": "createTask"}
# The handshake of today's clients, and the one of clients since 2026-07-28.
ERAS = ("legacy", "auto")


class Answer(NamedTuple):
    """What a tool has returned."""

    is_error: bool
    text: str
    document: Any


class Agent:
    """Calls tools, and keeps everything that it was told."""

    def __init__(self, client: Client, told: list[str]) -> None:
        self.client = client
        self.told = told
        self.has_progress = asyncio.Event()

    async def __call__(self, tool: str, /, **arguments: Any) -> Answer:
        """Call a tool."""
        result = await self.client.call_tool(tool, arguments, progress_callback=self._progress)
        self.told.append(result.model_dump_json())
        text = "".join(getattr(each, "text", "") for each in result.content)
        return Answer(result.is_error, text, result.structured_content)

    async def create(self, prompt: str = "a ship", **more: Any) -> Answer:
        """Call `create_video`."""
        return await self("create_video", **request_for(prompt), **more)

    async def tools(self) -> dict[str, Any]:
        """List the tools by name."""
        listed = await self.client.list_tools()
        self.told.append(listed.model_dump_json())
        return {tool.name: tool for tool in listed.tools}

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.told.append(f"progress {progress} of {total}: {message}")
        self.has_progress.set()

    @property
    def progress(self) -> list[str]:
        return [each for each in self.told if each.startswith("progress")]


class Agents:
    """Starts servers of one folder and one ledger against the simulator."""

    def __init__(self, mock: MockService, folder: Path) -> None:
        self.mock = mock
        self.root = folder / "root"
        self.database = folder / "mcp.db"
        self.root.mkdir()
        self.told: list[str] = []

    @asynccontextmanager
    async def open(self, era: str = "legacy", user: Any = None, **options: Any) -> AsyncIterator[Agent]:
        """Connect an agent to a server in this process.

        Args:
            era: How it connects.
            user: What a person answers when they are asked; None for a client that cannot ask.
            **options: The options of the server.
        """
        options = {"price": 2.0, "root": self.root, "database": str(self.database), **options}
        clock: Any = _AdvancingClock(self.mock)
        async with (
            open_tools(Options(**options), self.mock.api_key, self.mock.url, clock) as tools,
            Client(new_server(tools), mode=era, elicitation_callback=user, raise_exceptions=True) as client,
        ):
            agent = Agent(client, self.told)
            yield agent

    @asynccontextmanager
    async def start(self, *arguments: str) -> AsyncIterator[Agent]:
        """Connect an agent to the command as a process."""
        async with Client(self.parameters(*arguments)) as client:
            agent = Agent(client, self.told)
            yield agent

    def parameters(self, *arguments: str) -> StdioServerParameters:
        """Return how a client starts the command."""
        settings = {"APIKLEY_API_KEY": self.mock.api_key, "APIKLEY_BASE_URL": self.mock.url, "NO_PROXY": "127.0.0.1"}
        places = ["--root", str(self.root), "--database", str(self.database), "--price", "2"]
        command = ["-m", "apikley", "mcp", *places, *arguments]
        return StdioServerParameters(command=sys.executable, args=command, env={**os.environ, **settings})

    def created(self) -> int:
        """Return how many tasks the simulator has created."""
        return len(self.mock._service.engine.tasks)


class User:
    """A person who is asked, and what they were asked."""

    def __init__(self, action: Any) -> None:
        self.asked: list[str] = []
        self._action = action

    async def __call__(self, _: Any, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params.message)
        return ElicitResult(action=self._action, content={} if self._action == "accept" else None)


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run a test's coroutine."""

    async def main() -> Any:
        return await work()

    return asyncio.run(main())
