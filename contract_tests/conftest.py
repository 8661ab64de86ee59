"""Hypothesis profile, environment isolation and the contract report of all tests."""

from __future__ import annotations

import signal
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, settings

import apikley_contract
from apikley_mock.plugin import MockService
from contract_tests.contract.report import RECORD, ContractDifference, repeat, write_report
from contract_tests.simulator.simulators import MODEL, Received

KEY = "sk-test-7f3a9c0d1e"
REPORT = Path(__file__).parent.parent / "build" / "contract-report.html"


def pytest_configure(config: pytest.Config) -> None:
    """Restore Ctrl-C, and draw the same examples in every run unless `--hypothesis-seed` asks for others."""
    # `nohup`, cron and a shell's `&` ignore SIGINT, and every child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seeded = config.getoption("--hypothesis-seed", None) is not None
    settings.register_profile(
        "contract",
        derandomize=not seeded,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],  # a busy machine is slow
    )
    settings.load_profile("contract")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show rule, witness and repeating command of a contract difference, and record it for the report."""
    report = yield
    if report.failed and call.excinfo is not None and isinstance(call.excinfo.value, ContractDifference):
        failure = call.excinfo.value.failure
        RECORD.failures.append(failure)
        details = f"rule: {failure.rule}\nwitness: {failure.witness}\nrepeat: {repeat(item)}"
        report.sections.append(("contract difference", details))
        report.longrepr = str(failure)
    # xdist cannot send a lone surrogate to another process, and some tests log one.
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of an xdist worker to the controller."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["contract"] = RECORD.dump()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the counts of an xdist worker."""
    if "contract" in getattr(node, "workeroutput", {}):
        RECORD.add(node.workeroutput["contract"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the report if anything was checked against the contract."""
    if RECORD.cases or RECORD.failures:
        write_report(RECORD, REPORT)
        terminalreporter.write_line(f"contract: {RECORD.cases.total():,} generated cases; {REPORT}")


def published_example() -> dict[str, Any]:
    """The example request of the published page that most tests use, from the contract."""
    content = apikley_contract.operation("createTask").description["requestBody"]["content"]
    return dict(content["application/json"]["examples"][MODEL]["value"])


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def _isolated_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the developer's own settings."""
    for name in ("APIKLEY_API_KEY", "APIKLEY_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("APIKLEY_TASKS", "off")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of coroutine tests."""
    return "asyncio"


@pytest.fixture
def example() -> dict[str, Any]:
    """The published example request."""
    return published_example()


@pytest.fixture
def receiver() -> Iterator[Received]:
    """A loopback receiver of callbacks."""
    received = Received()
    yield received
    received.close()


@pytest.fixture
def http(apikley_mock: MockService) -> Iterator[httpx2.Client]:
    """A bare client of the simulator, with its key."""
    headers = {"Authorization": f"Bearer {apikley_mock.api_key}"}
    with httpx2.Client(base_url=apikley_mock.url, headers=headers, timeout=600) as client:
        yield client
