"""Fixtures of the command line's tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from contract_tests.cli.command_line import cli_fixture

__all__ = ["cli_fixture"]


@pytest.fixture(autouse=True)
def _ctrl_c_not_ignored() -> Iterator[None]:
    """Let child processes receive Ctrl-C, even if the tests were started with SIGINT ignored (`nohup`, `&`, cron)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
