"""What several test modules need."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import settings

import apikley_contract
from apikley.receiver import Inbox
from apikley_mock.plugin import MockService
from contract_tests.contract.report import RECORD, Differs, repeat, write_report
from contract_tests.pipeline.pages import BOTH, DAY, copy_of_project
from contract_tests.receiver import postgres
from contract_tests.receiver.inboxes import PLACES, place_for
from contract_tests.receiver.receivers import DrivenClock, Make, made_receivers
from contract_tests.simulator.simulators import Received
from scripts.pipeline import prism as prism_runner
from scripts.pipeline.io import OPENAPI
from scripts.pipeline.update import Options, Project, update

KEY = "sk-test-7f3a9c0d1e"
MODEL = "hailuo/02-image-to-video-pro"


REPORT = Path(__file__).parent.parent / "build" / "contract-report.html"


def pytest_configure(config: pytest.Config) -> None:
    """The same examples in every run, unless other ones are asked for by `--hypothesis-seed`."""
    seeded = config.getoption("--hypothesis-seed", None) is not None
    settings.register_profile("contract", derandomize=not seeded, deadline=None, database=None, print_blob=False)
    settings.load_profile("contract")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show rule, witness and the command that repeats a difference, and count it for the report."""
    report = yield
    if report.failed and call.excinfo is not None and isinstance(call.excinfo.value, Differs):
        failure = call.excinfo.value.failure
        RECORD.failures.append(failure)
        words = f"rule: {failure.rule}\nwitness: {failure.witness}\nrepeat: {repeat(item)}"
        report.sections.append(("held to the contract", words))
        report.longrepr = str(failure)
    # Half a character in a log, which some tests are about, could not be handed to another process.
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where the tests are spread over processes, each hands its counts to the first."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["contract"] = RECORD.dump()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the counts of a process that has ended."""
    if "contract" in getattr(node, "workeroutput", {}):
        RECORD.add(node.workeroutput["contract"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the report, where something was held to the contract."""
    if RECORD.total() or RECORD.failures:
        write_report(RECORD, REPORT)
        terminalreporter.write_line(f"contract: {RECORD.total():,} generated cases; {REPORT}")


def published_example() -> dict[str, Any]:
    """The example request of the page that most tests work with, as the contract holds it."""
    content = apikley_contract.operation("createTask").description["requestBody"]["content"]
    return dict(content["application/json"]["examples"][MODEL]["value"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def _own_settings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APIKLEY_API_KEY", "APIKLEY_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def example() -> dict[str, Any]:
    return published_example()


@contextlib.contextmanager
def prism_on(contract: Path) -> Iterator[httpx2.Client]:
    """A client of a Prism that judges by this contract."""
    port = free_port()
    with prism_runner.running("--port", str(port), "-v", "fatal", contract=contract) as process:
        base = f"http://127.0.0.1:{port}"
        with httpx2.Client(base_url=base, headers={"Authorization": f"Bearer {KEY}"}, timeout=20) as client:
            deadline = time.monotonic() + 40
            while True:
                try:
                    client.get("/api/v1/chat/credit")
                    break
                except httpx2.ConnectError:
                    assert process.poll() is None, "Prism ended before it answered"
                    assert time.monotonic() < deadline, "Prism did not answer within 40 s"
                    time.sleep(0.1)
            yield client


@pytest.fixture(scope="session")
def prism() -> Iterator[httpx2.Client]:
    """A client of Prism, which judges by the contract."""
    with prism_on(prism_runner.CONTRACT) as client:
        yield client


@pytest.fixture
def page() -> str:
    """The published page, as it was fetched."""
    return (OPENAPI / "vendored/market/hailuo/02-image-to-video-pro.published.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after two more models were taken in, version and CHANGELOG included."""
    project = copy_of_project(tmp_path_factory.mktemp("updated") / "project")
    assert update(project, Options(BOTH, write=True, report=project.root / "report.md"), DAY) == 0
    return project


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
    with httpx2.Client(base_url=apikley_mock.url, headers=headers) as client:
        yield client


@pytest.fixture
def driven_clock() -> DrivenClock:
    """Time that passes when the test says so, for receivers."""
    return DrivenClock()


@pytest.fixture
def make_receiver(driven_clock: DrivenClock) -> Iterator[Make]:
    """Makes receivers that handle only when they are told to."""
    with made_receivers(driven_clock) as make:
        yield make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL."""
    with postgres.running() as url:
        yield url


@pytest.fixture(params=PLACES)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an inbox can be kept; empty."""
    server = request.getfixturevalue("postgresql") if request.param == "postgresql" else ""
    return place_for(request.param, tmp_path, server)


@pytest.fixture
def inbox(where: str) -> Iterator[Inbox]:
    """An empty inbox, in each of the places."""
    opened = Inbox(where)
    yield opened
    opened.close()
