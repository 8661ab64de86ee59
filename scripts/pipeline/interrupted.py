"""Ends a command on Ctrl-C in one line, from its imports on, which may take the longest."""

import sys
from importlib import import_module


def main(module: str) -> int:
    """Import a module and call its `run()`; returns the exit code, 130 after Ctrl-C."""
    try:
        code: int = import_module(module).run()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return code
