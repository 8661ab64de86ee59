"""The command `apikley`. Each module in `commands` holds one command or a few related ones.

The commands need the extra `cli`. A command that needs another extra says so.
"""

from __future__ import annotations

import os
import sys

from apikley.cli.constants import INTERRUPTED


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments; by default those of this process.

    Returns:
        The exit code, see `apikley.cli.exit_codes`.
    """
    try:
        _open_streams()
        try:
            from apikley.cli.app import run  # noqa: PLC0415 - needs the extra
        except ModuleNotFoundError as error:
            print(f"apikley: {error.name} is not installed; run: pip install 'apikley[cli]'", file=sys.stderr)
            return 1
        return run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


def _open_streams() -> None:
    """Replace each standard stream that the caller closed by an empty one, which stays open."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
