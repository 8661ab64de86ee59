"""Ledgers in both databases on a driven clock, and batches against the simulator on a fast one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apikley.batch import Batch
from apikley.batch.ledger.store import Ledger
from apikley.testing import ManualClock
from apikley_mock.options import MockSettings
from apikley_mock.plugin import MockService
from contract_tests.batch.clocks import ScaledClock
from contract_tests.batch.ledgers import Rows, drop_tables
from contract_tests.receiver import postgres

MakeBatch = Callable[..., Batch]
SPEED = 20.0


@pytest.fixture(scope="session")
def apikley_mock_settings() -> MockSettings:
    return {"durations": (0, 0, 0), "price": 2}


@pytest.fixture
def make_batch(apikley_mock: MockService, tmp_path: Path) -> Iterator[MakeBatch]:
    """Make batches of one output folder. They are closed at the end."""
    with ExitStack() as stack:

        def make(name: str = "autumn", **options: Any) -> Batch:
            options = {"out": tmp_path / "out", "price": 2, "clock": ScaledClock(SPEED), **options}
            options = {"api_key": apikley_mock.api_key, "base_url": apikley_mock.url, **options}
            return stack.enter_context(Batch(name, **options))

        yield make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    with postgres.running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The location of an empty ledger."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    url: str = request.getfixturevalue("postgresql")
    drop_tables(url)
    return url


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ledger(where: str, clock: ManualClock) -> Iterator[Ledger]:
    """An empty ledger in each database."""
    with Ledger(where, clock=clock) as opened:
        yield opened


@pytest.fixture
def rows(ledger: Ledger, clock: ManualClock) -> Rows:
    """The rows of an empty batch."""
    return Rows(ledger, clock)
