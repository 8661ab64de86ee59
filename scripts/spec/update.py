"""From published pages to a new contract, a new client and the report of what changed, or to nothing at all."""

from __future__ import annotations

import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from scripts.spec import client, generated, swap
from scripts.spec.files import ROOT
from scripts.spec.problems import Problem, SpecError
from scripts.spec.release import Release
from scripts.spec.report import Report, compare
from scripts.spec.sources import fetch
from scripts.spec.vendored import addresses, keep


@dataclass(frozen=True)
class Project:
    """The files that an update changes: all of them stand below one folder."""

    root: Path = ROOT

    @property
    def openapi(self) -> Path:
        """What was published, and what we add to it."""
        return self.root / "openapi"

    @property
    def generated(self) -> Path:
        """What is made of it."""
        return self.root / "generated"


@dataclass(frozen=True)
class Options:
    """What is asked for.

    Attributes:
        sources: Files and addresses; none stands for the recorded addresses.
        path: The published path of the one source, where it does not say it itself.
        check: Change nothing.
        write: Write version and CHANGELOG entry, too.
        report: A file for the report.
    """

    sources: tuple[str, ...]
    path: str | None = None
    check: bool = False
    write: bool = False
    report: Path | None = None


def update(project: Project, options: Options, today: date | None = None) -> int:
    """Take published documents in; everything is made in a copy first.

    Returns:
        The exit code: 1 for a check that finds something to change, else 0.

    Raises:
        SpecError: A source, or what would come of it, is refused. Nothing has changed then.
    """
    sources = [fetch(source) for source in options.sources or addresses(project.openapi / "vendored")]
    with tempfile.TemporaryDirectory() as scratch:
        copy = Project(Path(scratch))
        shutil.copytree(project.openapi, copy.openapi)
        lines = keep(copy.openapi / "vendored", sources, options.path, today or datetime.now(UTC).date())
        generated.make(copy.generated, copy.openapi)
        changes = swap.differences(project.generated, copy.generated)
        report = _judged(project.generated, copy.generated) if changes else Report([], [])
        changes |= swap.differences(project.openapi, copy.openapi)
    release = Release.read(project.root).bumped(report)
    if options.write:
        changes |= release.files()
    text = "\n".join([*lines, "", report.text(release)])
    print(text)
    if options.report:
        _write(options.report, text)
    if options.check:
        if changes:
            print("something would change; run without --check", file=sys.stderr)
        return 1 if changes else 0
    swap.swap(changes)
    return 0


def _judged(old: Path, new: Path) -> Report:
    """The report on new packages whose types hold, and with which the library works."""
    with ThreadPoolExecutor() as pool:
        checked = [pool.submit(check, new) for check in (client.check_library, client.check_types)]
        report = compare(old, new)
        for each in checked:
            each.result()
    return report


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SpecError(Problem(str(path), f"cannot be written: {error.strerror}")) from None
