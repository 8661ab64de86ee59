"""Several workers, and workers that are killed: no row is created twice, and none is left."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apikley.batch import Batch
from apikley.batch.run import dispatch
from apikley_mock.plugin import MockService
from contract_tests.batch.batch_process import open_batch, table
from contract_tests.batch.clocks import ScaledClock
from contract_tests.batch.conftest import SPEED
from contract_tests.batch.ledgers import drop_tables
from contract_tests.batch.test_runs import creates
from scripts.pipeline.io import ROOT

ROWS = 12


@pytest.fixture
def shared(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database, whose queue finds dead workers soon."""
    drop_tables(postgresql)
    monkeypatch.setattr(dispatch, "HEARTBEAT", dispatch.HEARTBEAT / SPEED)
    return postgresql


@pytest.fixture
def settings(apikley_mock: MockService, tmp_path: Path) -> dict[str, Any]:
    return {
        "url": apikley_mock.url,
        "database": str(tmp_path / "batch.db"),
        "out": str(tmp_path),
        "speed": SPEED,
        "rows": ROWS,
    }


def opened(settings: dict[str, Any]) -> Batch:
    return open_batch(settings, ScaledClock(SPEED))


@contextlib.contextmanager
def process(settings: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in its own process, killed at the end of the block."""
    command = [sys.executable, "-m", "contract_tests.batch.batch_process", json.dumps(settings)]
    with subprocess.Popen(command, cwd=ROOT) as running:
        try:
            yield running
        finally:
            running.kill()


def kill_after(mock: MockService, count: int, settings: dict[str, Any]) -> None:
    """Run a worker, and kill it when this many creates have been accepted."""
    with process(settings) as running:
        while creates(mock).total() < count:
            assert running.poll() is None
        running.send_signal(signal.SIGKILL)


def assert_paid_once(batch: Batch, mock: MockService) -> None:
    """Check that each row with a task has one, and that no other row has."""
    found = creates(mock)
    rows = {row["id"]: row["state"] for row in batch.results()}
    assert {*found.values()} == {1}
    assert {row for row, state in rows.items() if state == "done"} <= {*found}
    assert {*rows.values()} <= {"done", "unknown"}


def test_a_worker_that_is_killed_again_and_again_pays_each_row_once(
    apikley_mock: MockService, settings: dict[str, Any]
) -> None:
    for count in (1, 5, 9):
        kill_after(apikley_mock, count, settings)
    with opened(settings) as batch:
        batch.run()
        assert_paid_once(batch, apikley_mock)


def test_workers_on_postgresql_share_the_rows(apikley_mock: MockService, settings: dict[str, Any], shared: str) -> None:
    settings["database"] = shared
    with opened(settings) as batch, process(settings), process(settings):
        batch.add(table(ROWS))
        batch.run()
        assert batch.status().rows == {"done": ROWS}
        assert {*creates(apikley_mock).values()} == {1}


def test_the_rows_of_a_dead_worker_on_postgresql_are_taken_over(
    apikley_mock: MockService, settings: dict[str, Any], shared: str
) -> None:
    settings["database"] = shared
    kill_after(apikley_mock, 3, settings)
    with opened(settings) as batch:
        batch.run()
        assert_paid_once(batch, apikley_mock)


def test_two_runs_of_one_file_share_the_rows(apikley_mock: MockService, settings: dict[str, Any]) -> None:
    with opened(settings) as first, opened(settings) as second:
        first.add(table(ROWS))
        threads = [threading.Thread(target=batch.run) for batch in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert first.status().rows == {"done": ROWS}
    assert {*creates(apikley_mock).values()} == {1}
