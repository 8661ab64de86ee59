"""`python -m scripts.benchmarks [SUBJECT...]`: measure, and print one table per subject."""

from __future__ import annotations

import importlib
import sys

from scripts.benchmarks.table import render

SUBJECTS = ("batch", "callbacks", "cli", "client", "market", "mock", "spec", "survival")


def main(arguments: list[str]) -> int:
    """Measure the named subjects, or all; returns the exit code."""
    unknown = [name for name in arguments if name not in SUBJECTS]
    if unknown:
        print(f"bench: unknown subject {unknown[0]!r}; choose from {', '.join(SUBJECTS)}", file=sys.stderr)
        return 2
    for name in arguments or SUBJECTS:
        rows = importlib.import_module(f"scripts.benchmarks.{name}").run()
        print(render(name, rows), end="\n\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
