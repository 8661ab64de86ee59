"""From published pages to a new contract, a new client and the report of what changed, or to nothing at all."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from scripts.pipeline import client, generated
from scripts.pipeline.io import ROOT
from scripts.pipeline.issues import Issue, SpecError
from scripts.pipeline.page import Page, extract
from scripts.pipeline.release import Release
from scripts.pipeline.replace_files import differences, replace
from scripts.pipeline.report import Report, compare
from scripts.pipeline.sources import Source, fetch
from scripts.pipeline.vendored import addresses, keep, without_address


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

    One recorded address that gives no page does not keep the others from being looked at.

    Returns:
        The exit code: 1 for a check that finds something to change, and where a recorded address gave no
        page, else 0.

    Raises:
        SpecError: A source, or what would come of it, is refused. Nothing has changed then.
    """
    vendored = project.openapi / "vendored"
    pages, missing = _fetched(options.sources or addresses(vendored), options.path)
    if missing and (options.sources or not pages):
        raise SpecError(*missing)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Project(Path(scratch))
        shutil.copytree(project.openapi, copy.openapi)
        lines = keep(copy.openapi / "vendored", pages, today or datetime.now(UTC).date())
        lines += [] if options.sources else [*without_address(vendored), *map(str, missing)]
        evidence = generated.make(copy.generated, copy.openapi).encode()
        changes = differences(project.generated, copy.generated)
        report = _judged(project.generated, copy.generated) if changes else Report([], [])
        changes |= differences(project.openapi, copy.openapi)
        if changes:
            changes[project.root / "docs" / "evidence.md"] = evidence
    release = Release.read(project.root).bumped(report)
    if options.write:
        changes |= release.files()
    text = "\n".join([*lines, "", report.text(release)])
    print(text)
    if options.report:
        _write(options.report, text)
    for issue in missing:
        print(issue, file=sys.stderr)
    if options.check:
        if changes:
            print("something would change; run without --check", file=sys.stderr)
        return 1 if changes or missing else 0
    replace(changes)
    return 1 if missing else 0


def _fetched(sources: Sequence[str], path: str | None) -> tuple[list[tuple[Source, Page]], list[Issue]]:
    """What each source holds, and what is wrong with those that hold no document."""
    pages: list[tuple[Source, Page]] = []
    issues: list[Issue] = []
    for each in sources:
        try:
            source = fetch(each)
            pages.append((source, extract(source.text, source.where, path)))
        except SpecError as error:
            issues += error.issues
    return pages, issues


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
        raise SpecError(Issue(str(path), f"cannot be written: {error.strerror}")) from None
