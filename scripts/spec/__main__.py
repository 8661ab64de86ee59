"""`python -m scripts.spec`: build, check and update what is generated.

generate   write generated/ from openapi/
check      compare generated/ with what openapi/ gives; exit 1 where they differ
update     put a published page into openapi/vendored/, then generate
"""

from __future__ import annotations

import argparse
import difflib
import sys
import tempfile
from pathlib import Path

from scripts.spec import client, contract
from scripts.spec.files import GENERATED, OPENAPI, dump, read, shown
from scripts.spec.page import extract
from scripts.spec.problems import SpecError

_DIFF_LINES = 60


def generate(generated: Path = GENERATED, openapi: Path = OPENAPI) -> None:
    """Write both generated packages. Nothing is written unless all of it could be made."""
    document = contract.build(openapi)
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "openapi.json"
        built.write_text(dump(document), encoding="utf-8")
        client.generate(built, generated)
    contract.write(document, generated)


def check() -> int:
    """Print how generated/ differs from what openapi/ gives."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        diff = list(_differences(GENERATED, fresh))
    if not diff:
        return 0
    sys.stdout.writelines(diff[:_DIFF_LINES])
    if len(diff) > _DIFF_LINES:
        print(f"… and {len(diff) - _DIFF_LINES} more lines")
    print("generated/ is not what openapi/ gives; run: nox -s generate", file=sys.stderr)
    return 1


def update(page: Path) -> None:
    """Vendor a published page, then generate. A page that is refused leaves everything as it was."""
    published = extract(read(page), shown(page))
    target = OPENAPI / "vendored" / published.path
    before = target.read_text(encoding="utf-8") if target.exists() else None
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(dump(published.document), encoding="utf-8")
    try:
        generate()
    except BaseException:
        if before is None:
            target.unlink()
        else:
            target.write_text(before, encoding="utf-8")
        raise
    print(f"{shown(target)}: {'added' if before is None else 'updated'}; generated/ rebuilt")


def _differences(committed: Path, fresh: Path) -> list[str]:
    lines: list[str] = []
    for name in sorted({*_files(committed), *_files(fresh)}):
        old, new = (_lines(folder / name) for folder in (committed, fresh))
        lines += difflib.unified_diff(old, new, f"generated/{name} (committed)", f"generated/{name} (from openapi/)")
    return lines


def _files(folder: Path) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    # An empty file and a missing one differ too.
    return path.read_text(encoding="utf-8").splitlines(keepends=True) or ["(empty file)\n"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.spec", description="Builds the contract and the client.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write generated/ from openapi/")
    commands.add_parser("check", help="compare generated/ with what openapi/ gives")
    updating = commands.add_parser("update", help="vendor a published page, then generate")
    updating.add_argument("page", type=Path, help="the page as a text file")
    options = parser.parse_args(arguments)
    try:
        if options.command == "check":
            return check()
        if options.command == "generate":
            generate()
        else:
            update(options.page)
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
