"""What several test modules need."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import apikley_contract
from apikley_mock.plugin import MockService
from contract_tests.simulators import Received
from scripts import prism as prism_runner

KEY = "sk-test-7f3a9c0d1e"


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
    with prism_runner.running("--port", str(port), "-v", "error") as process:
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


@pytest.fixture
def receiver() -> Iterator[Received]:
    """A loopback receiver of callbacks."""
    received = Received()
    yield received
    received.close()


@pytest.fixture
def http(apikley_mock: MockService) -> Iterator[httpx.Client]:
    """A bare client of the simulator, with its key."""
    headers = {"Authorization": f"Bearer {apikley_mock.api_key}"}
    with httpx.Client(base_url=apikley_mock.url, headers=headers) as client:
        yield client
