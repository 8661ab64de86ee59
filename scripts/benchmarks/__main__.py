"""`python -m scripts.benchmarks [SUBJECT…]`: measure, and print a table for each subject.

Figures are ratios within one run wherever a machine's speed would count; nothing is asserted.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import scripts.benchmarks
from scripts.benchmarks.table import show


def subjects() -> list[str]:
    """What can be measured."""
    found = (module.name for module in pkgutil.iter_modules(scripts.benchmarks.__path__))
    return [name for name in found if name not in ("__main__", "table") and not name.startswith("_")]


def main(chosen: list[str]) -> int:
    """Measure; returns the exit code."""
    known = subjects()
    unknown = [name for name in chosen if name not in known]
    if unknown:
        print(f"bench: no subject {unknown[0]!r}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in chosen or known:
        print(show(name, importlib.import_module(f"scripts.benchmarks.{name}").run()), end="\n\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
