"""`python -m scripts.docs`: builds the documentation site and checks its prose.

build      build the site in build/site/; every warning is an error
prose      check spelling, style and vocabulary
words      count the words that are written by hand
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from scripts.docs import prose
from scripts.pipeline.io import ROOT

SITE = ROOT / "build" / "site"


def build(pages: Path, site: Path) -> int:
    """Build the site from scratch; returns the exit code."""
    settings, cache = str(ROOT / "scripts" / "docs"), str(site.with_name(f"{site.name}-cache"))
    strict = ["--fail-on-warning", "--fresh-env", "--nitpicky", "--quiet"]
    return build_main(["-c", settings, "-d", cache, *strict, str(pages), str(site)])


def words() -> int:
    """Print the number of words of each page, and the sum; blocks of code and marks such as `|` do not count."""
    # The instructions for agents are no page of the site.
    counts = {page: prose.words(page) for page in prose.pages() if page.parent.name != "agents"}
    for page, count in counts.items():
        print(f"{count:6,} {page.relative_to(ROOT)}")
    print(f"{sum(counts.values()):6,} in {len(counts)} pages")
    return 0


def main() -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build")
    builder.add_argument("--from", dest="pages", type=Path, default=ROOT / "docs", help="the pages")
    builder.add_argument("--to", dest="site", type=Path, default=SITE, help="the site")
    commands.add_parser("prose")
    commands.add_parser("words")
    given = parser.parse_args()
    if given.command == "build":
        return build(given.pages, given.site)
    return prose.check() if given.command == "prose" else words()


if __name__ == "__main__":
    sys.exit(main())
