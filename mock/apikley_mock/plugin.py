"""The pytest fixture `apikley_mock`: a simulator on a free port, with a clock that the test advances."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from apikley import Apikley
    from apikley_mock.journal.entry import Entry
    from apikley_mock.journal.journal import Journal
    from apikley_mock.web.app import Simulator
    from apikley_mock.web.server import ThreadedServer
    from apikley_mock.web.transport import SimulatorTransport
    from apikley_mock.world.plan import Shapes


class MockService:
    """The simulator that the fixture gives to a test.

    Attributes:
        url: The base URL.
        api_key: The accepted key.
        webhook_key: The key that signs callbacks.
        journal: The requests received and the callbacks sent during this test.
    """

    def __init__(self, server: ThreadedServer) -> None:
        self._server = server
        self._service = server.simulator.service
        self.url = server.url
        self.api_key = self._service.settings.api_key
        self.webhook_key = self._service.settings.webhook_key or ""
        self.journal: Journal = self._service.journal

    def now(self) -> float:
        """Return the simulated time in Unix seconds."""
        return self._service.clock.now()

    def advance(self, seconds: float) -> None:
        """Let simulated time pass; returns when the receivers have responded to the callbacks that are due.

        If a receiver runs in the event loop of the test, use `advance_async`.

        Raises:
            ValueError: The time is negative, or ends after the year 9999.
        """
        self._server.call(self._advance(seconds))

    async def advance_async(self, seconds: float) -> None:
        """Let simulated time pass without blocking the event loop of the test; see `advance`."""
        await self._server.call_async(self._advance(seconds))

    def fail_next(self, code: int | None = None, *, fault: str = "error", **options: Any) -> None:
        """Make the next requests fail.

        Args:
            code: The code of the response, for the fault `error`.
            fault: `error`, `latency`, `reset`, `cut`, `broken-json` or `html`.
            **options: As in the admin API's `FaultRule`: `stage="after"` (the task exists, the response is lost),
                `times=3`, `share=0.1`, `when={"operation": "createTask"}`, `latency=2.5`, `retry_after=7`,
                `message="…"`.

        Raises:
            ValueError: The fault is invalid, or names what does not exist.
        """
        described = {"fault": fault, **({} if code is None else {"code": code}), **options}
        rule = self._validated("FaultRule", described)
        self._run(lambda: self._service.faults.arm(rule))

    def plan_next(self, **plan: Any) -> None:
        """Choose what becomes of the next tasks.

        Args:
            **plan: As in the admin API's `PlanRule`: `outcome="fail"`, `fail_code="422"`, `durations=[1, 1, 300]`,
                `callback={"times": 2, "delay": 60}`, `times=None` for all tasks, `when={"prompt": "cat"}`.

        Raises:
            ValueError: The plan is invalid, or names what does not exist.
        """
        rule = self._validated("PlanRule", plan)
        self._run(lambda: self._service.plans.arm(rule))

    def set_shapes(self, shapes: Shapes) -> None:
        """Respond in `recorded` or `documented` shapes from now on; tasks that exist keep their shape.

        Raises:
            ValueError: There are no such shapes.
        """
        self._service.shapes = self._validated("ShapesChange", {"shapes": shapes}).shapes

    def set_credits(self, credits_left: float | None, *, key: str | None = None) -> None:
        """Set the credits of an account.

        Args:
            credits_left: The credits; None never runs out.
            key: The account's API key; by default `api_key`.

        Raises:
            ValueError: The number is invalid, or no account has this key.
        """
        account = self._service.accounts.of(f"Bearer {self.api_key if key is None else key}".encode())
        if account is None:
            raise ValueError("key: no account has this key; see the fixture apikley_mock_settings")
        account.credits = self._validated("Credits", {"credits": credits_left}).credits

    def assert_created_once(self, **expected: Any) -> Entry:
        """Assert that exactly one task was created by a request with the expected members.

        Args:
            **expected: Members of the request, for instance `input={"prompt": "a ship"}`. Objects may hold more.

        Raises:
            AssertionError: There was none, or several; the message shows the nearest request.
        """
        __tracebackhide__ = True
        return self.journal.assert_created_once(**expected)

    def wait_for_callback(self, task_id: str | None = None, *, within: float = 3600.0, **expected: Any) -> Entry:
        """Let simulated time pass until a receiver acknowledges a callback with HTTP 200.

        Args:
            task_id: The task; any by default.
            within: The simulated seconds that may pass.
            **expected: Members of the body, for instance `data={"state": "fail"}`.

        Raises:
            AssertionError: None arrived; the message shows the nearest callback.
            ValueError: `within` is invalid.
        """
        __tracebackhide__ = True
        self._server.call(self._until_called_back(task_id, within, expected))
        return self.journal.assert_called_back(task_id, **expected)

    async def wait_for_callback_async(
        self, task_id: str | None = None, *, within: float = 3600.0, **expected: Any
    ) -> Entry:
        """Wait without blocking the event loop of the test; see `wait_for_callback`."""
        __tracebackhide__ = True
        await self._server.call_async(self._until_called_back(task_id, within, expected))
        return self.journal.assert_called_back(task_id, **expected)

    def client(self, **options: Any) -> Apikley:
        """Return an `apikley` client of this simulator. Its waits advance the simulator's clock."""
        from apikley import Apikley  # noqa: PLC0415

        clock = _AdvancingClock(self.advance)
        return Apikley(**{"api_key": self.api_key, "base_url": self.url, "clock": clock, **options})

    async def _advance(self, seconds: float) -> None:
        await self._service.advance(self._validated("Advance", {"seconds": seconds}).seconds)

    async def _until_called_back(self, task_id: str | None, within: float, expected: dict[str, Any]) -> None:
        from apikley_mock.journal.matching import differences  # noqa: PLC0415

        def reached() -> bool:
            return bool(self.journal.find_callback(lambda entry: not differences(expected, entry.json()), task_id))

        await self._service.advance_until(reached, self._validated("Advance", {"seconds": within}).seconds)

    def _run(self, act: Callable[[], object]) -> None:
        async def run() -> None:
            act()

        self._server.call(run())

    def _validated(self, name: str, members: dict[str, Any]) -> Any:
        from apikley_mock.control import vocabulary  # noqa: PLC0415 - only for tests that use it

        value = vocabulary.convert(members, getattr(vocabulary, name))
        if hasattr(value, "when"):
            vocabulary.check_rule(value, self._service.accounts.names())
        return value


class _AdvancingClock:
    """A client's clock that advances the simulator instead of sleeping."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance = advance
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        self._skipped += seconds
        self._advance(seconds)


@pytest.fixture
def apikley_mock_settings() -> Mapping[str, Any]:
    """The simulator's settings, as in a scenario file. Override this fixture to change them."""
    return {}


@pytest.fixture(scope="session")
def _apikley_mock_servers() -> Iterator[Callable[[Mapping[str, Any]], ThreadedServer]]:
    """One server for each settings, started when a test first needs it."""
    from apikley_mock.web.server import ThreadedServer  # noqa: PLC0415 - only for tests that use it

    running: dict[str, ThreadedServer] = {}

    def server_for(settings: Mapping[str, Any]) -> ThreadedServer:
        server = running.get(repr(settings))
        if server is None:
            server = ThreadedServer(_simulator(settings))
            server.start()
            running[repr(settings)] = server
        return server

    yield server_for
    for server in running.values():
        server.stop()


@pytest.fixture
def apikley_mock(
    apikley_mock_settings: Mapping[str, Any],
    _apikley_mock_servers: Callable[[Mapping[str, Any]], ThreadedServer],
) -> MockService:
    """A simulated Apikley service without tasks."""
    server = _apikley_mock_servers(apikley_mock_settings)

    async def reset() -> None:
        server.simulator.service.reset()

    server.call(reset())
    return MockService(server)


@pytest.fixture
def apikley_mock_transport(apikley_mock_settings: Mapping[str, Any]) -> SimulatorTransport:
    """A simulator in-process, for `httpx2.AsyncClient(transport=…)`. Advance its clock with `service.advance`."""
    from apikley_mock.web.transport import SimulatorTransport  # noqa: PLC0415

    return SimulatorTransport(_simulator(apikley_mock_settings))


def _simulator(settings: Mapping[str, Any]) -> Simulator:
    """Return a simulator on a virtual clock; invalid settings fail the test in one line."""
    from apikley_mock.control import scenario  # noqa: PLC0415
    from apikley_mock.control.vocabulary import VocabularyError  # noqa: PLC0415
    from apikley_mock.service import Service  # noqa: PLC0415
    from apikley_mock.web.app import Simulator  # noqa: PLC0415
    from apikley_mock.world.clock import VirtualClock  # noqa: PLC0415

    if "speed" in settings:
        pytest.fail("apikley_mock_settings: speed: the test advances this clock itself", pytrace=False)
    try:
        parsed = scenario.parse({"webhook_key": "mock-webhook-key", **settings})
    except VocabularyError as error:
        pytest.fail(f"apikley_mock_settings: {error}", pytrace=False)
    return Simulator(Service(parsed, VirtualClock()))
