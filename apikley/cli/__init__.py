"""The command `apikley`. One module for each group of commands; none holds any protocol.

The commands need the extra `cli`; what they need beyond it, they say.
"""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code, see `apikley.cli._exits`."""
    try:
        from apikley.cli._app import run  # noqa: PLC0415 - needs the extra
    except ModuleNotFoundError as error:
        print(f"apikley: {error.name} is not installed; run: pip install 'apikley[cli]'", file=sys.stderr)
        return 1
    return run(arguments)
