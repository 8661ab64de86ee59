"""Agents against the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apikley_mock.options import MockSettings
from apikley_mock.plugin import MockService
from contract_tests.mcp.agents import Agents


@pytest.fixture(scope="session")
def apikley_mock_settings() -> MockSettings:
    return {"durations": (1, 1, 1), "price": 2}


@pytest.fixture
def agents(apikley_mock: MockService, tmp_path: Path) -> Iterator[Agents]:
    """Agents of one ledger. At the end, none of them may have been told the key."""
    agents = Agents(apikley_mock, tmp_path)
    yield agents
    assert agents.told, "no agent was told anything"
    assert not [text for text in agents.told if apikley_mock.api_key in text]
