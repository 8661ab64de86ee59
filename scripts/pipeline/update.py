"""Updates contract and client from published pages, and reports what changed."""

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
from scripts.pipeline.vendored import addresses, store, without_address


@dataclass(frozen=True)
class Project:
    """The folder whose files an update changes."""

    root: Path = ROOT

    @property
    def openapi(self) -> Path:
        """The folder of the sources."""
        return self.root / "openapi"

    @property
    def generated(self) -> Path:
        """The folder of the generated packages."""
        return self.root / "generated"


@dataclass(frozen=True)
class Options:
    """The options of an update.

    Attributes:
        sources: Files and addresses; empty for the recorded addresses.
        path: The published path of the only source, if it does not contain it.
        check: Change nothing.
        write: Also write version and CHANGELOG entry.
        report: A file that the report is also written to.
    """

    sources: tuple[str, ...]
    path: str | None = None
    check: bool = False
    write: bool = False
    report: Path | None = None


def update(project: Project, options: Options, today: date | None = None) -> int:
    """Update from published documents. Everything is built in a copy first.

    A recorded address that gives no page does not stop the others.

    Returns:
        The exit code: 1 if a check finds changes or a recorded address gives no page, else 0.

    Raises:
        SpecError: A source or its result is refused. Nothing was changed.
    """
    vendored = project.openapi / "vendored"
    pages, missing = _fetch_all(options.sources or addresses(vendored), options.path)
    if missing and (options.sources or not pages):
        raise SpecError(*missing)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Project(Path(scratch))
        shutil.copytree(project.openapi, copy.openapi)
        lines = store(copy.openapi / "vendored", pages, today or datetime.now(UTC).date())
        lines += [] if options.sources else [*without_address(vendored), *map(str, missing)]
        evidence = generated.make(copy.generated, copy.openapi).encode()
        changes = differences(project.generated, copy.generated)
        report = _checked_report(project.generated, copy.generated) if changes else Report([], [])
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


def _fetch_all(sources: Sequence[str], path: str | None) -> tuple[list[tuple[Source, Page]], list[Issue]]:
    """Fetch all sources; returns the pages, and the issues of sources without a page."""
    pages: list[tuple[Source, Page]] = []
    issues: list[Issue] = []
    for each in sources:
        try:
            source = fetch(each)
            pages.append((source, extract(source.text, source.where, path)))
        except SpecError as error:
            issues += error.issues
    return pages, issues


def _checked_report(old: Path, new: Path) -> Report:
    """Report the changes of new packages, after checking them with mypy and the library."""
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
