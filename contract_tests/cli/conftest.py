"""Fixtures of the command line's tests."""

from __future__ import annotations

from contract_tests.cli.command_line import cli_fixture
from contract_tests.receiver.conftest import inbox, postgresql, where

__all__ = ["cli_fixture", "inbox", "postgresql", "where"]
