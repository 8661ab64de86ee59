"""The pytest fixture `apikley_mock`: a simulator on a free port, on a clock that the test drives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from apikley import Apikley
    from apikley_mock.journal import Journal
    from apikley_mock.server import ThreadedServer


class MockService:
    """What the fixture gives to a test.

    Attributes:
        url: The base URL to point a client at.
        api_key: The key that is accepted.
        webhook_key: What callbacks are signed with.
    """

    def __init__(self, server: ThreadedServer) -> None:
        self._server = server
        self.url = server.url
        self.api_key = server.simulator.settings.api_key
        self.webhook_key = server.simulator.settings.webhook_key or ""

    @property
    def journal(self) -> Journal:
        """The requests received and the callbacks sent during this test."""
        return self._server.simulator.journal

    def advance(self, seconds: float) -> None:
        """Let simulated time pass; returns when the callbacks then due have been answered."""
        self._server.call(self._server.simulator.advance(seconds))

    def client(self, **options: Any) -> Apikley:
        """An `apikley` client of this simulator, whose waits advance the simulator's clock."""
        from apikley import Apikley  # noqa: PLC0415 - only for a test that asks for one

        api = Apikley(**{"api_key": self.api_key, "base_url": self.url, **options})
        clock = api._settings.clock  # noqa: SLF001
        skipped = 0.0

        def sleep(seconds: float) -> None:
            nonlocal skipped
            skipped += seconds
            self.advance(seconds)

        clock.sleep = sleep  # type: ignore[method-assign]
        clock.monotonic = lambda: time.monotonic() + skipped  # type: ignore[method-assign]
        return api


@pytest.fixture(scope="session")
def _apikley_mock_server() -> Iterator[ThreadedServer]:
    from apikley_mock.clock import VirtualClock  # noqa: PLC0415 - only for a test that asks for it
    from apikley_mock.server import ThreadedServer  # noqa: PLC0415
    from apikley_mock.simulator import Settings, Simulator  # noqa: PLC0415

    server = ThreadedServer(Simulator(Settings(webhook_key="mock-webhook-key"), VirtualClock()))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def apikley_mock(_apikley_mock_server: ThreadedServer) -> MockService:
    """A simulated Apikley service with no tasks yet."""
    _apikley_mock_server.simulator.reset()
    return MockService(_apikley_mock_server)
