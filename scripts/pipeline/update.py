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
from scripts.pipeline.issues import Issue, SpecError, refuse
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
        """The folder of the source documents."""
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
        path: The published path of the only source, if the source does not contain it.
        check: Change nothing.
        write: Also write version and CHANGELOG entry.
        report: A file to write the report to.
    """

    sources: tuple[str, ...]
    path: str | None = None
    check: bool = False
    write: bool = False
    report: Path | None = None


def update(project: Project, options: Options, today: date | None = None) -> int:
    """Update from published documents. Everything is built in a copy, before any file is replaced.

    Returns:
        The exit code: 1 if a check finds changes or a recorded address fails, else 0.

    Raises:
        SpecError: A source or its result is refused. Nothing was changed.
    """
    vendored = project.openapi / "vendored"
    pages, failed = _fetch_all(options.sources or addresses(vendored), options.path)
    if options.sources or not pages:
        refuse(failed)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Project(Path(scratch))
        shutil.copytree(project.openapi, copy.openapi)
        lines = store(copy.openapi / "vendored", pages, today or datetime.now(UTC).date())
        lines += [] if options.sources else [*without_address(vendored), *map(str, failed)]
        evidence = generated.make(copy.generated, copy.openapi).encode()
        changes = differences(project.generated, copy.generated)
        report = _checked_report(project.generated, copy.generated) if changes else Report([], [])
        changes |= differences(project.openapi, copy.openapi)
        if changes:
            changes[project.root / "docs" / "evidence.md"] = evidence
    release = Release.read(project.root).bumped(report)
    if options.write:
        changes |= release.files()
    text = "\n".join([*lines, "", report.text(release.suggestion, release.entry)])
    print(text)
    if options.report:
        options.report.write_text(text, encoding="utf-8")
    for issue in failed:
        print(issue, file=sys.stderr)
    if not options.check:
        replace(changes)
    elif changes:
        print("something would change; run without --check", file=sys.stderr)
    return 1 if failed or (options.check and changes) else 0


def _fetch_all(sources: Sequence[str], path: str | None) -> tuple[list[tuple[Source, Page]], list[Issue]]:
    """Fetch all sources; returns the pages, and the issues of sources that failed."""
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
        checks = [pool.submit(check, new) for check in (client.check_library, client.check_types)]
        report = compare(old, new)
        for each in checks:
            each.result()
    return report
