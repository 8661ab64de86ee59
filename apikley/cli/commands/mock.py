"""`apikley mock`: runs `apikley-mock`, which shares no code with this program."""

from __future__ import annotations

import os
import subprocess
import sys

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}, add_help_option=False
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def mock(arguments: tuple[str, ...]) -> None:
    """Run the simulator, `apikley-mock`."""
    command = [sys.executable, "-m", "apikley_mock", *arguments]
    sys.stdout.flush()
    if os.name == "posix":
        # The same process, so that signals and the exit code are the simulator's.
        os.execv(sys.executable, command)  # noqa: S606 - no shell
    raise click.exceptions.Exit(subprocess.call(command))
