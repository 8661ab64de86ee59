"""Tables and runs for the tests of `apikley batch`, with tasks that end soon."""

from __future__ import annotations

import time
from pathlib import Path

import anyio
import pytest

from apikley._flows.clock import Clock
from apikley_mock.options import FaultWhen, MockSettings
from contract_tests.cli.command_line import IMAGE, CommandLine

CREATE: FaultWhen = {"operation": "createTask"}
SPEED = 20.0
RUN = ("batch", "run", "products.csv", "--out", "videos", "--price", "2")


@pytest.fixture(scope="session")
def apikley_mock_settings() -> MockSettings:
    """Tasks that end at once and cost 2 credits."""
    return {"durations": (0, 0, 0), "price": 2}


@pytest.fixture(name="fast_tasks")
def fast_tasks_fixture(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the waits of a batch pass quickly."""

    async def sleep(_: Clock, seconds: float) -> None:
        await anyio.sleep(seconds / SPEED)

    monkeypatch.setattr(Clock, "async_sleep", sleep)
    monkeypatch.setattr(Clock, "monotonic", lambda _: time.monotonic() * SPEED)


def write(cli: CommandLine, *rows: str, name: str = "products.csv", header: str = "id,prompt,image_url") -> Path:
    """Write a table."""
    path = cli.folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def rows(count: int) -> list[str]:
    """Return rows A0, A1, …"""
    return [f"A{number},ship {number},{IMAGE}" for number in range(count)]


def creates(cli: CommandLine) -> int:
    """Return how many tasks the simulator was asked to create, and has created."""
    return len(cli.mock.journal.created())
