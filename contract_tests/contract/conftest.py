"""Fixtures of the contract tests."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from contract_tests.conftest import KEY, free_port
from scripts.pipeline import prism as prism_runner

# Prism starts in 2 s on an idle machine; this only ends a start that hangs.
START_SECONDS = 600


@contextlib.contextmanager
def prism_on(contract: Path) -> Iterator[httpx2.Client]:
    """Start Prism on a contract and yield an HTTP client for it.

    Raises:
        RuntimeError: Prism exits or does not respond within `START_SECONDS`.
    """
    port = free_port()
    headers = {"Authorization": f"Bearer {KEY}"}
    with (
        prism_runner.running("--port", str(port), "-v", "fatal", contract=contract) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=START_SECONDS) as client,
    ):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                client.get("/api/v1/chat/credit")
                break
            except httpx2.ConnectError:
                if process.poll() is not None:
                    raise RuntimeError(f"Prism exited with {process.returncode} before it responded") from None
                if time.monotonic() > deadline:
                    raise RuntimeError(f"Prism did not respond within {START_SECONDS} s") from None
                time.sleep(0.1)
        yield client


@pytest.fixture(scope="session")
def prism() -> Iterator[httpx2.Client]:
    """A client of a Prism that validates by the contract; pytest repeats a failed start's error for later tests."""
    with prism_on(prism_runner.CONTRACT) as client:
        yield client
