"""The commands of `python -m scripts.pipeline`, and their error messages."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from scripts.pipeline import generated
from scripts.pipeline.io import printable
from scripts.pipeline.issues import SpecError
from scripts.pipeline.update import Options, Project, update


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; every error is printed as a short message."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.pipeline", description="Builds the contract and the client."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write generated/ from openapi/")
    commands.add_parser("check", help="compare generated/ with a fresh build from openapi/")
    summary = "import published pages, generate, and report what changed"
    # Its usage names the script that users call.
    updater = commands.add_parser("update", prog="scripts/update-spec", help=summary, description=summary)
    updater.add_argument("sources", metavar="SOURCE", nargs="*", help="page, YAML or JSON: file, folder or address")
    updater.add_argument("--recorded", action="store_true", help="fetch the addresses in sources.json")
    updater.add_argument("--path", help="published path of a bare document, such as market/VENDOR/MODEL.json")
    updater.add_argument("--check", action="store_true", help="change nothing; exit 1 if something would change")
    updater.add_argument("--write", action="store_true", help="also write the version and the CHANGELOG entry")
    updater.add_argument("--strict", action="store_true", help="change nothing if a page is refused or has a slip")
    updater.add_argument("--report", type=Path, metavar="FILE", help="also write the report to a file")
    given = parser.parse_args(arguments)
    try:
        if given.command == "generate":
            generated.generate()
            return 0
        return generated.check() if given.command == "check" else _update(given, updater)
    except SpecError as error:
        print(printable(error), file=sys.stderr)
    except OSError as error:
        print(printable(f"{error.filename or 'reading or writing'}: {error.strerror or error}"), file=sys.stderr)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        print(printable(_unexpected(error)), file=sys.stderr)
    return 1


def _update(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if bool(given.sources) == given.recorded:
        parser.error("give SOURCE or --recorded" + (", not both" if given.sources else ""))
    if given.path and (len(given.sources) != 1 or Path(given.sources[0]).is_dir()):
        parser.error("--path is for one SOURCE")
    if given.check and given.write:
        parser.error("--check changes nothing; leave out --write")
    options = Options(
        tuple(given.sources), given.path, check=given.check, write=given.write, strict=given.strict, report=given.report
    )
    return update(Project(), options)


def _unexpected(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:200]
    return (
        f"{Path(place.filename).name}, line {place.lineno}: {type(error).__name__}: {text}; "
        "no check expects a document like this; run python -X dev -m scripts.pipeline for the traceback"
    )
