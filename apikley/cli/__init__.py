"""The command `apikley`. One module for each group of commands; none holds any protocol.

The commands need the extra `cli`; what they need beyond it, they say.
"""

from __future__ import annotations

import os
import sys

_INTERRUPTED = 130  # as in `apikley.cli.exit_codes`, which may be just what is being loaded


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code, see `apikley.cli.exit_codes`."""
    try:
        _open_streams()
        try:
            from apikley.cli.app import run  # noqa: PLC0415 - needs the extra
        except ModuleNotFoundError as error:
            print(f"apikley: {error.name} is not installed; run: pip install 'apikley[cli]'", file=sys.stderr)
            return 1
        return run(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _open_streams() -> None:
    """Put an empty stream in the place of each that whoever called this has closed; open as long as this runs."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
