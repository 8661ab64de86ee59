"""The pytest fixture `apikley_mock`: a simulator on a free port, with a clock that the test advances."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pytest

if TYPE_CHECKING:
    from apikley import Apikley, AsyncApikley
    from apikley_mock.control.vocabulary import FaultKind
    from apikley_mock.journal.entry import Entry
    from apikley_mock.journal.journal import Journal
    from apikley_mock.options import FaultOptions, MockSettings, PlanOptions
    from apikley_mock.web.app import Simulator
    from apikley_mock.web.server import ThreadedServer
    from apikley_mock.web.transport import SimulatorTransport
    from apikley_mock.world.plan import Shapes

MARKER = "apikley_mock"
_MAX_TASKS_NAMED, _MAX_LINES = 5, 40


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
        self._armed: list[tuple[Any, str]] = []  # what must be met, and how the test wrote it

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

    def fail_next(
        self,
        code: int | None = None,
        *,
        fault: FaultKind = "error",
        allow_unused: bool = False,
        **options: Unpack[FaultOptions],
    ) -> None:
        """Make the next requests fail. The test fails if no request meets the fault.

        Args:
            code: The code of the response, for the fault `error`.
            fault: `error`, `latency`, `reset`, `cut`, `broken-json` or `html`.
            allow_unused: Whether no request needs to meet the fault.
            **options: As in the admin API's `FaultRule`: `stage="after"` (the task exists, the response is lost),
                `times=3`, `share=0.1`, `when={"operation": "createTask"}`, `latency=2.5`, `retry_after=7`,
                `message="…"`.

        Raises:
            ValueError: The fault is invalid, or names what does not exist.

        Example:
            apikley_mock.fail_next(402, when={"operation": "createTask"})
        """
        described = {"fault": fault, **({} if code is None else {"code": code}), **options}
        rule = self._validated("FaultRule", described)
        self._arm("faults", rule, "fail_next", described, allow_unused=allow_unused)

    def plan_next(self, *, allow_unused: bool = False, **plan: Unpack[PlanOptions]) -> None:
        """Choose what becomes of the next tasks. The test fails if no task meets the plan.

        Args:
            allow_unused: Whether no task needs to meet the plan.
            **plan: As in the admin API's `PlanRule`: `outcome="fail"`, `fail_code="422"`, `durations=[1, 1, 300]`,
                `callback={"times": 2, "delay": 60}`, `times=None` for all tasks, `when={"prompt": "cat"}`.

        Raises:
            ValueError: The plan is invalid, or names what does not exist.

        Example:
            apikley_mock.plan_next(outcome="fail", fail_code="422")
        """
        rule = self._validated("PlanRule", dict(plan))
        self._arm("plans", rule, "plan_next", plan, allow_unused=allow_unused)

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
        self._require_callback(task_id, within)
        self._server.call(self._until_called_back(task_id, within, expected))
        return self.journal.assert_called_back(task_id, **expected)

    async def wait_for_callback_async(
        self, task_id: str | None = None, *, within: float = 3600.0, **expected: Any
    ) -> Entry:
        """Wait without blocking the event loop of the test; see `wait_for_callback`."""
        __tracebackhide__ = True
        self._require_callback(task_id, within)
        await self._server.call_async(self._until_called_back(task_id, within, expected))
        return self.journal.assert_called_back(task_id, **expected)

    def client(self, **options: Any) -> Apikley:
        """Return an `apikley` client of this simulator. Its waits advance the simulator's clock."""
        from apikley import Apikley  # noqa: PLC0415

        clock = _AdvancingClock(self)
        return Apikley(**{"api_key": self.api_key, "base_url": self.url, "clock": clock, **options})

    def async_client(self, **options: Any) -> AsyncApikley:
        """Return an async client of this simulator. Its waits advance the simulator's clock."""
        from apikley import AsyncApikley  # noqa: PLC0415

        clock = _AdvancingClock(self)
        return AsyncApikley(**{"api_key": self.api_key, "base_url": self.url, "clock": clock, **options})

    def unused(self) -> list[str]:
        """Return the calls of `fail_next` and `plan_next` that nothing has met, without those that may stay unused."""
        still = {id(armed) for rules in (self._service.faults, self._service.plans) for armed in rules}
        return [text for armed, text in self._armed if not armed.met and id(armed) in still]

    async def _advance(self, seconds: float) -> None:
        await self._service.advance(self._validated("Advance", {"seconds": seconds}).seconds)

    async def _until_called_back(self, task_id: str | None, within: float, expected: dict[str, Any]) -> None:
        from apikley_mock.journal.matching import differences  # noqa: PLC0415

        def reached() -> bool:
            return bool(self.journal.find_callback(lambda entry: not differences(expected, entry.json()), task_id))

        await self._service.advance_until(reached, self._validated("Advance", {"seconds": within}).seconds)

    def _arm(self, rules: str, rule: Any, name: str, given: Mapping[str, Any], *, allow_unused: bool) -> None:
        armed: list[Any] = []
        self._run(lambda: armed.append(getattr(self._service, rules).arm(rule)))
        if not allow_unused:
            arguments = ", ".join(f"{key}={value!r}" for key, value in given.items())
            self._armed.append((armed[0], f"{name}({arguments}) in {_place_in_test()}"))

    def _require_callback(self, task_id: str | None, within: float) -> None:
        """Raise AssertionError if no callback can come."""
        __tracebackhide__ = True
        self._validated("Advance", {"seconds": within})
        tasks = self._service.engine.tasks
        if task_id is None:
            if tasks and not any(task.callback_url for task in tasks.values()):
                raise AssertionError("no task has a callBackUrl, so no callback is due; pass callback_url= to create")
            return
        task = tasks.get(task_id)
        if task is None:
            known = ", ".join([*tasks][-_MAX_TASKS_NAMED:]) or "none; no task was created"
            raise AssertionError(f"there is no task {task_id}; there are: {known}")
        if not task.callback_url:
            raise AssertionError(f"{task_id} has no callBackUrl, so no callback is due; pass callback_url= to create")
        if task.plan.outcome in ("never", "disappear"):
            raise AssertionError(f"{task_id} never ends (outcome {task.plan.outcome!r}), so no callback is due")
        if not task.plan.callback.times:
            raise AssertionError(f"the plan of {task_id} loses its callback (callback times 0)")

    def _run(self, act: Callable[[], object]) -> None:
        async def run() -> None:
            act()
            self._service.changed()

        self._server.call(run())

    def _validated(self, name: str, members: dict[str, Any]) -> Any:
        from apikley_mock.control import vocabulary  # noqa: PLC0415 - only for tests that use it

        value = vocabulary.convert(members, getattr(vocabulary, name))
        if hasattr(value, "when"):
            vocabulary.check_rule(value, self._service.accounts.names())
        return value


class _AdvancingClock:
    """A client's clock that advances the simulator instead of sleeping."""

    def __init__(self, mock: MockService) -> None:
        self._mock = mock
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        self._skipped += seconds
        self._mock.advance(seconds)

    async def async_sleep(self, seconds: float) -> None:
        from anyio import to_thread  # noqa: PLC0415 - works in every event loop

        # In a thread, because a receiver may run in this event loop.
        await to_thread.run_sync(self.sleep, seconds)


@pytest.fixture
def apikley_mock_settings() -> MockSettings:
    """The simulator's settings, as in a scenario file. Override this fixture to change them."""
    return {}


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    text = f"{MARKER}(allow_unused=True): faults and plans of this test may stay unused"
    config.addinivalue_line("markers", text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test whose faults or plans nothing has met: it does not test what it seems to."""
    result = yield
    marker = item.get_closest_marker(MARKER)
    if marker is None or not marker.kwargs.get("allow_unused"):
        for unused in (text for mock in _mocks(item) for text in mock.unused()):
            pytest.fail(f"nothing has met {unused}; remove it, or pass allow_unused=True", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the journal of a failed test."""
    report = yield
    if report.when == "call" and report.failed:
        for mock in _mocks(item):
            lines = mock.journal.lines()
            cut = [f"… {len(lines) - _MAX_LINES} more before"] if len(lines) > _MAX_LINES else []
            report.sections.append(("apikley_mock journal", "\n".join([*cut, *lines[-_MAX_LINES:]]) or "no request"))
    return report


def _mocks(item: pytest.Item) -> list[MockService]:
    return [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, MockService)]


def _place_in_test() -> str:
    """Return the file and the line that called the fixture."""
    frame = sys._getframe()  # noqa: SLF001 - the documented way to find a caller
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


@contextmanager
def _extra() -> Iterator[None]:
    """Name the extra that a missing package belongs to."""
    try:
        yield
    except ModuleNotFoundError as error:
        pytest.fail(f"{error.name} is not installed; run: pip install 'apikley[mock]'", pytrace=False)


@pytest.fixture(scope="session")
def _apikley_mock_servers() -> Iterator[Callable[[Mapping[str, Any]], ThreadedServer]]:
    """One server for each settings, started when a test first needs it."""
    running: dict[str, ThreadedServer] = {}

    def server_for(settings: Mapping[str, Any]) -> ThreadedServer:
        server = running.get(repr(settings))
        if server is None:
            with _extra():
                from apikley_mock.web.server import ThreadedServer  # noqa: PLC0415 - only for tests that use it

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
    with _extra():
        from apikley_mock.web.transport import SimulatorTransport  # noqa: PLC0415

    return SimulatorTransport(_simulator(apikley_mock_settings))


def _simulator(settings: Mapping[str, Any]) -> Simulator:
    """Return a simulator on a virtual clock; invalid settings fail the test in one line."""
    with _extra():
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
