"""`python -m scripts.spec`: build, check and update what is generated.

generate   write generated/ from openapi/
check      compare generated/ with what openapi/ gives; exit 1 where they differ
update     take published pages into openapi/vendored/, generate, and report what changed
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.spec import generated
from scripts.spec.problems import SpecError
from scripts.spec.update import Options, Project, update


def _parser() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The whole, and that of `update`, which has a script of its own."""
    parser = argparse.ArgumentParser(prog="python -m scripts.spec", description="Builds the contract and the client.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write generated/ from openapi/")
    commands.add_parser("check", help="compare generated/ with what openapi/ gives")
    summary = "take published pages in, generate, and report what changed"
    command = commands.add_parser("update", prog="scripts/update-spec", help=summary, description=summary)
    command.add_argument("sources", metavar="SOURCE", nargs="*", help="file or http(s) address: page, YAML or JSON")
    command.add_argument("--recorded", action="store_true", help="fetch the addresses that sources.json records")
    command.add_argument("--path", help="where a bare document is published, such as market/VENDOR/MODEL.json")
    command.add_argument("--check", action="store_true", help="change nothing; exit 1 where something would change")
    command.add_argument("--write", action="store_true", help="write the version and the CHANGELOG entry, too")
    command.add_argument("--report", type=Path, metavar="FILE", help="write the report to this file as well")
    return parser, command


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser, command = _parser()
    given = parser.parse_args(arguments)
    try:
        if given.command == "generate":
            generated.generate()
            return 0
        if given.command == "check":
            return generated.check()
        if bool(given.sources) == given.recorded:
            command.error("give SOURCE or --recorded" + (", not both" if given.sources else ""))
        if given.path and len(given.sources) != 1:
            command.error("--path is for one SOURCE")
        if given.check and given.write:
            command.error("--check changes nothing, so it goes with no --write")
        options = Options(tuple(given.sources), given.path, check=given.check, write=given.write, report=given.report)
        return update(Project(), options)
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
