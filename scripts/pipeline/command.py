"""The commands of `python -m scripts.pipeline`, and their error messages."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from scripts.pipeline import generated
from scripts.pipeline.issues import SpecError
from scripts.pipeline.update import Options, Project, update


def _parser() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Return the whole parser, and the one of `update`, which has its own script."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.pipeline", description="Builds the contract and the client."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write generated/ from openapi/")
    commands.add_parser("check", help="compare generated/ with what openapi/ gives")
    summary = "take published pages in, generate, and report what changed"
    command = commands.add_parser("update", prog="scripts/update-spec", help=summary, description=summary)
    command.add_argument("sources", metavar="SOURCE", nargs="*", help="file or http(s) address: page, YAML or JSON")
    command.add_argument("--recorded", action="store_true", help="fetch the addresses that sources.json records")
    command.add_argument("--path", help="where a bare document is published, such as market/VENDOR/MODEL.json")
    command.add_argument("--check", action="store_true", help="change nothing; exit 1 if something would change")
    command.add_argument("--write", action="store_true", help="write the version and the CHANGELOG entry, too")
    command.add_argument("--report", type=Path, metavar="FILE", help="write the report to this file as well")
    return parser, command


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; every error is printed as a short message."""
    parser, command = _parser()
    given = parser.parse_args(arguments)
    try:
        return _run_command(given, command)
    except SpecError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or 'reading or writing'}: {error.strerror or error}", file=sys.stderr)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        print(_unexpected(error), file=sys.stderr)
    return 1


def _run_command(given: argparse.Namespace, command: argparse.ArgumentParser) -> int:
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
        command.error("--check changes nothing; leave out --write")
    options = Options(tuple(given.sources), given.path, check=given.check, write=given.write, report=given.report)
    return update(Project(), options)


def _unexpected(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    words = " ".join(str(error).split())[:200]
    return (
        f"{Path(place.filename).name}, line {place.lineno}: {type(error).__name__}: {words}; "
        "no check expects this form of document; run python -X dev -m scripts.pipeline for the traceback"
    )
