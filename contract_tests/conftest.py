"""What several test modules need."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings

import apikley_contract
from contract_tests.report import RECORD, write_report
from scripts import prism as prism_runner

KEY = "sk-test-7f3a9c0d1e"


REPORT = Path(__file__).parent.parent / "build" / "contract-report.html"


def pytest_configure(config: pytest.Config) -> None:
    """The same examples in every run, unless other ones are asked for by `--hypothesis-seed`."""
    seeded = config.getoption("--hypothesis-seed", None) is not None
    settings.register_profile("contract", derandomize=not seeded, deadline=None, database=None, print_blob=False)
    settings.load_profile("contract")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the report, where something was held to the contract."""
    if RECORD.total():
        write_report(RECORD, REPORT)
        terminalreporter.write_line(f"contract: {RECORD.total():,} generated cases; {REPORT}")


def published_example() -> dict[str, Any]:
    """The example request of the published page, as the contract holds it."""
    content = apikley_contract.operation("createTask").description["requestBody"]["content"]
    (example,) = content["application/json"]["examples"].values()
    return dict(example["value"])


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


@pytest.fixture(scope="session")
def prism() -> Iterator[httpx.Client]:
    """A client of Prism, which judges by the contract."""
    port = free_port()
    with prism_runner.running("--port", str(port), "-v", "fatal") as process:
        base = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {KEY}"}, timeout=20) as client:
            deadline = time.monotonic() + 40
            while True:
                try:
                    client.get("/api/v1/chat/credit")
                    break
                except httpx.ConnectError:
                    assert process.poll() is None, "Prism ended before it answered"
                    assert time.monotonic() < deadline, "Prism did not answer within 40 s"
                    time.sleep(0.1)
            yield client


@pytest.fixture
def page() -> str:
    """The published page, as it was fetched."""
    return (Path(__file__).parent / "pages" / "hailuo-02-image-to-video-pro.page.txt").read_text(encoding="utf-8")
