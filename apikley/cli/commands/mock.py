"""`apikley mock …`: hands over to `apikley-mock`, a program of its own that shares no line with this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import typer


def become(arguments: Sequence[str]) -> None:
    """Become `apikley-mock` with these arguments; does not return."""
    command = [sys.executable, "-m", "apikley_mock", *arguments]
    sys.stdout.flush()
    if os.name == "posix":
        # The same process: signals and the exit code are its own.
        os.execv(sys.executable, command)  # noqa: S606 - no shell
    raise typer.Exit(subprocess.call(command))
