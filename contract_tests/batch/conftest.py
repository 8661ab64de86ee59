"""A batch against the simulator, on a fast clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apikley.batch import Batch
from apikley_mock.options import MockSettings
from apikley_mock.plugin import MockService
from contract_tests.batch.clocks import ScaledClock

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
