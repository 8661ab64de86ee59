"""The pytest fixture `apikley_mock`: a simulator on a free port, on a clock that the test drives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from apikley import Apikley
    from apikley_mock.contract_check import Check
    from apikley_mock.journal.journal import Entry, Journal
    from apikley_mock.web.app import Simulator
    from apikley_mock.web.server import ThreadedServer
    from apikley_mock.web.transport import SimulatorTransport


_CHECK: pytest.StashKey[Check] = pytest.StashKey()


class MockService:
    """What the fixture gives to a test.

    Attributes:
        url: The base URL to point a client at.
        api_key: The key that is accepted.
        webhook_key: What callbacks are signed with.
    """

    def __init__(self, server: ThreadedServer) -> None:
        self._server = server
        self._service = server.simulator.service
        self.url = server.url
        self.api_key = self._service.settings.api_key
        self.webhook_key = self._service.settings.webhook_key or ""

    @property
    def journal(self) -> Journal:
        """The requests received and the callbacks sent during this test."""
        return self._service.journal

    def now(self) -> float:
        """The simulated time, in Unix seconds."""
        return self._service.clock.now()

    def advance(self, seconds: float) -> None:
        """Let simulated time pass; returns when the callbacks then due have been answered.

        Where the receiver runs in the event loop of the test, it could not answer meanwhile: use `advance_async`.

        Raises:
            ValueError: Time cannot go back, nor beyond the year 9999.
        """
        self._server.call(self._advance(seconds))

    async def advance_async(self, seconds: float) -> None:
        """The same as `advance`, while the event loop of the test goes on."""
        await self._server.call_async(self._advance(seconds))

    def fail_next(self, code: int | None = None, *, fault: str = "error", **options: Any) -> None:
        """Have the next requests go wrong.

        Args:
            code: The code to answer; one only makes sense with the fault `error`.
            fault: `error`, `latency`, `reset`, `cut`, `broken-json` or `html`.
            **options: As in the admin API's `Fault`: `stage="after"` (the task exists, the answer is
                lost), `times=3`, `share=0.1`, `when={"operation": "createTask"}`, `latency=2.5`,
                `retry_after=7`, `msg="…"`.

        Raises:
            ValueError: There is no such fault, or it names what there is not; the message says what is wrong.
        """
        described = {"fault": fault, **({} if code is None else {"code": code}), **options}
        from apikley_mock.control import admin_document  # noqa: PLC0415 - only for a test that asks for it

        rule = admin_document.fault_rule(described, self._service.accounts.names())
        self._run(lambda: self._service.faults.arm(rule))

    def plan_next(self, **plan: Any) -> None:
        """Say what becomes of the next tasks.

        Args:
            **plan: As in the admin API's `PlanRule`: `outcome="fail"`, `fail_code="422"`,
                `durations=[1, 1, 300]`, `callback={"times": 2, "delay": 60}`, `times=None` for all
                tasks, `when={"prompt": "cat"}`.

        Raises:
            ValueError: There is no such plan; the message says what is wrong.
        """
        from apikley_mock.control import admin_document  # noqa: PLC0415

        rule = admin_document.plan_rule(plan, self._service.accounts.names())
        self._run(lambda: self._service.plans.arm(rule))

    def set_credits(self, credits_left: float | None, *, key: str | None = None) -> None:
        """Set what an account has left.

        Args:
            credits_left: Credits; None never runs out.
            key: The account's API key; that of `api_key`, if not given.

        Raises:
            ValueError: This is no number of credits, or no account has this key.
        """
        account = self._service.accounts.of(f"Bearer {self.api_key if key is None else key}".encode())
        if account is None:
            raise ValueError("key: no account has this one; see the fixture apikley_mock_settings")
        _demand("Credits", {"credits": credits_left})
        account.credits = credits_left

    def assert_created_once(self, **expected: Any) -> Entry:
        """Demand that exactly one task was made by a request that holds what is expected.

        Args:
            **expected: Members of the request, for instance `input={"prompt": "a ship"}`; objects
                only need to hold what is named.

        Raises:
            AssertionError: There was none, or several; the message shows the nearest miss.
        """
        __tracebackhide__ = True
        return self.journal.assert_created_once(**expected)

    def wait_for_callback(self, task_id: str | None = None, *, within: float = 3600.0, **expected: Any) -> Entry:
        """Let simulated time pass until a callback is taken by its receiver with HTTP 200.

        Args:
            task_id: Of which task; of any, if not given.
            within: How many simulated seconds may pass.
            **expected: Members of the payload, for instance `data={"state": "fail"}`.

        Raises:
            AssertionError: None came; the message shows the nearest miss.
            ValueError: Time cannot pass like that.
        """
        __tracebackhide__ = True
        self._server.call(self._until_called_back(task_id, within, expected))
        return self.journal.assert_called_back(task_id, **expected)

    async def wait_for_callback_async(
        self, task_id: str | None = None, *, within: float = 3600.0, **expected: Any
    ) -> Entry:
        """The same as `wait_for_callback`, while the event loop of the test goes on."""
        __tracebackhide__ = True
        await self._server.call_async(self._until_called_back(task_id, within, expected))
        return self.journal.assert_called_back(task_id, **expected)

    def client(self, **options: Any) -> Apikley:
        """An `apikley` client of this simulator, whose waits advance the simulator's clock."""
        from apikley import Apikley  # noqa: PLC0415

        clock = _SkippingClock(self.advance)
        return Apikley(**{"api_key": self.api_key, "base_url": self.url, "clock": clock, **options})

    async def _advance(self, seconds: float) -> None:
        _demand("Advance", {"seconds": seconds})
        await self._service.advance(seconds)

    async def _until_called_back(self, task_id: str | None, within: float, expected: dict[str, Any]) -> None:
        from apikley_mock.journal.matching import differences  # noqa: PLC0415

        def reached() -> bool:
            return bool(self.journal.find_callback(lambda entry: not differences(expected, entry.json()), task_id))

        _demand("Advance", {"seconds": within})
        await self._service.advance_until(reached, within)

    def _run(self, act: Any) -> None:
        async def run() -> None:
            act()

        self._server.call(run())


def _demand(schema: str, value: Any) -> None:
    from apikley_mock.control import admin_document  # noqa: PLC0415 - only for a test that asks for it

    if wrong := admin_document.findings(schema, value):
        raise ValueError(wrong)


class _SkippingClock:
    """A client's time, which does not wait but lets the simulator's pass."""

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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--apikley-contract` and its task."""
    group = parser.getgroup("apikley")
    group.addoption(
        "--apikley-contract",
        metavar="URL",
        help="Instead of the tests, hold the server at URL to Apikley's contract, with requests that cost nothing; "
        "the key comes from APIKLEY_API_KEY.",
    )
    group.addoption(
        "--apikley-contract-task",
        metavar="ID",
        help="With --apikley-contract: hold the record of this task, which is there already, to the contract, too.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Ask a server that is named from this process: the report is made where the answers are."""
    if config.getoption("--apikley-contract") and config.pluginmanager.hasplugin("xdist"):
        config.option.dist, config.option.tx = "no", []


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> bool | None:
    """Run the contract's probes if a server is named, in place of the tests, which are not even imported."""
    url = session.config.getoption("--apikley-contract")
    if not url:
        return None
    from apikley_mock import contract_check  # noqa: PLC0415 - only where it is asked for

    task_id = session.config.getoption("--apikley-contract-task")
    session.config.stash[_CHECK], session.items = contract_check.collect(session, url, task_id)
    # Here `-k` chooses.
    session.config.hook.pytest_collection_modifyitems(session=session, config=session.config, items=session.items)
    session.testscollected = len(session.items)
    collected = pytest.CollectReport(session.nodeid, "passed", None, list(session.items))
    session.config.hook.pytest_collectreport(report=collected)
    session.config.hook.pytest_collection_finish(session=session)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Stop before the first probe if the named server does not know the key."""
    check = session.config.stash.get(_CHECK, None)
    if check is None or session.config.option.collectonly:
        return
    from apikley_mock.contract_check import KeyRefusedError  # noqa: PLC0415

    try:
        check.demand_key()
    except KeyRefusedError as error:
        raise pytest.UsageError(f"--apikley-contract: {error}") from None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what the named server does where the contract leaves it open."""
    if (check := config.stash.get(_CHECK, None)) is not None and check.seen:
        terminalreporter.section("apikley contract")
        terminalreporter.write_line("\n".join(check.report()))


@pytest.fixture
def apikley_mock_settings() -> Mapping[str, Any]:
    """How the simulator is set up, named as in a scenario file; made to be overridden, in any scope."""
    return {}


@pytest.fixture(scope="session")
def _apikley_mock_servers() -> Iterator[Callable[[Mapping[str, Any]], ThreadedServer]]:
    """One server for each way to be set up, started when a test first asks for it."""
    from apikley_mock.web.server import ThreadedServer  # noqa: PLC0415 - only for a test that asks for it

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
    """A simulated Apikley service with no tasks yet."""
    server = _apikley_mock_servers(apikley_mock_settings)

    async def reset() -> None:
        server.simulator.service.reset()

    server.call(reset())
    return MockService(server)


@pytest.fixture
def apikley_mock_transport(apikley_mock_settings: Mapping[str, Any]) -> SimulatorTransport:
    """A simulator in-process, for `httpx2.AsyncClient(transport=…)`; its clock goes by `service.advance`."""
    from apikley_mock.web.transport import SimulatorTransport  # noqa: PLC0415

    return SimulatorTransport(_simulator(apikley_mock_settings))


def _simulator(settings: Mapping[str, Any]) -> Simulator:
    """A simulator on a virtual clock, set up as asked for; where that makes no sense, the test fails in one line."""
    from apikley_mock.control import scenario  # noqa: PLC0415
    from apikley_mock.web.app import Simulator  # noqa: PLC0415
    from apikley_mock.world.clock import VirtualClock  # noqa: PLC0415

    if "speed" in settings:
        pytest.fail("apikley_mock_settings: speed: the test drives this clock itself, by advance", pytrace=False)
    try:
        return Simulator(scenario.service_of({"webhook_key": "mock-webhook-key", **settings}, VirtualClock()))
    except scenario.ScenarioError as error:
        pytest.fail(f"apikley_mock_settings: {error}", pytrace=False)
