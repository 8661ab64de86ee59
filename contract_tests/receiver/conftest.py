"""Receivers, inboxes and a PostgreSQL server for these tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy

from apikley.receiver.inbox.schema import metadata
from apikley.testing import ManualClock
from contract_tests.receiver import postgres
from contract_tests.receiver.inboxes import DrivenInbox
from contract_tests.receiver.receivers import START, MakeReceiver, closing_receivers


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.fromtimestamp(START, UTC))


@pytest.fixture
def make_receiver(clock: ManualClock) -> Iterator[MakeReceiver]:
    """Makes receivers in memory that handle events only in `work()`."""
    with closing_receivers(inbox=":memory:", workers=0, clock=clock) as make:
        yield make


@pytest.fixture
def threaded(tmp_path: Path) -> Iterator[MakeReceiver]:
    """Makes receivers with one worker and a file."""
    with closing_receivers(inbox=tmp_path / "inbox.db", workers=1) as make:
        yield make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    with postgres.running() as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The location of an empty inbox."""
    if request.param != "postgresql":
        return {"memory": ":memory:", "sqlite": str(tmp_path / "inbox.db")}[request.param]
    url: str = request.getfixturevalue("postgresql")
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    metadata.drop_all(engine)
    engine.dispose()
    return url


@pytest.fixture
def inbox(where: str) -> Iterator[DrivenInbox]:
    """An empty inbox in each location. Its leases are measured by the time of the last claim."""
    with DrivenInbox(where) as opened:
        yield opened
