"""`python -m scripts.docs`: builds the documentation site in build/site/ and checks its prose.

build      build the site; every warning is an error
prose      check spelling, style and vocabulary
words      count the words that are written by hand
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from sphinx.cmd.build import build_main

from scripts.docs import prose
from scripts.pipeline.io import ROOT

SITE = ROOT / "build" / "site"


def build(site: Path = SITE) -> int:
    """Build the site from scratch; returns the exit code."""
    settings, cache = str(ROOT / "scripts" / "docs"), str(site.with_name(f"{site.name}-cache"))
    strict = ["--fail-on-warning", "--fresh-env", "--nitpicky", "--quiet"]
    return build_main(["-c", settings, "-d", cache, *strict, str(ROOT / "docs"), str(site)])


def words() -> int:
    """Print the number of words of each page, and the sum."""
    counts = {page: len(page.read_text(encoding="utf-8").split()) for page in prose.pages()}
    for page, count in counts.items():
        print(f"{count:6,} {page.relative_to(ROOT)}")
    print(f"{sum(counts.values()):6,} in {len(counts)} pages")
    return 0


COMMANDS: dict[str, Callable[[], int]] = {"build": build, "prose": prose.check, "words": words}


def main() -> int:
    """Run the commands that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("commands", nargs="+", choices=COMMANDS)
    codes = [COMMANDS[command]() for command in parser.parse_args().commands]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
