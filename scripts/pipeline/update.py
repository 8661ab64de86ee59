"""Updates contract and client from published pages, and reports what changed."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from scripts.pipeline import client, contract, generated
from scripts.pipeline import replace_files as replacing
from scripts.pipeline.io import ROOT, printable, read_document
from scripts.pipeline.issues import Issue, SpecError
from scripts.pipeline.merge import same_model
from scripts.pipeline.naming import class_name
from scripts.pipeline.other_pages import describe_guide, describe_other_page
from scripts.pipeline.page import NoDocument, extract, path_of_model
from scripts.pipeline.page_shape import CREATE_TASK, operations
from scripts.pipeline.prepared import prepare, repaired
from scripts.pipeline.release import Release
from scripts.pipeline.report import Report, compare
from scripts.pipeline.sources import expand, fetch
from scripts.pipeline.vendored import addresses, is_current, paths_of_models, records, restore, store, without_address
from scripts.pipeline.verdict import Verdict

_FETCHES = 8  # at a time
# How much better than a new page the vendored page must fit their model for the new one to be refused.
_MIN_DIFFERENCE = 0.1


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
        sources: Files, folders and addresses; empty for the recorded addresses.
        path: The published path of the only source, if the source does not contain it.
        check: Change nothing.
        write: Also write version and CHANGELOG entry.
        strict: Refuse everything if one page is refused or has a slip.
        report: A file to write the report to.
    """

    sources: tuple[str, ...]
    path: str | None = None
    check: bool = False
    write: bool = False
    strict: bool = False
    report: Path | None = None


def update(project: Project, options: Options, today: date | None = None) -> int:
    """Update from published pages. Everything is built in a copy, before any file is replaced.

    A page that is refused does not stop the others.

    Returns:
        The exit code: 1 if a page is refused or cannot be fetched, or a check finds changes, else 0.

    Raises:
        SpecError: The result is refused, and no page can be blamed. Nothing was changed.
    """
    vendored = project.openapi / "vendored"
    day = today or datetime.now(UTC).date()
    verdicts = _read_all(project, expand(options.sources) or addresses(vendored), options.path)
    strict_issues = [issue for each in verdicts for issue in (*each.issues, *each.slips)] if options.strict else []
    if strict_issues:
        _print_verdicts(verdicts)
        raise SpecError(*strict_issues)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Project(Path(scratch))
        shutil.copytree(project.openapi, copy.openapi)
        changes, report = _build(project, copy, verdicts, day)
    release = Release.read(project.root).bumped(report)
    if options.write:
        changes |= release.files()
    lines = [*map(str, verdicts), *([] if options.sources else without_address(vendored))]
    refused = [issue for each in verdicts for issue in each.issues]
    slips = [slip for each in verdicts if each.prepared and not each.issues for slip in each.slips]
    facts = [fact for each in verdicts for fact in each.facts]
    text = "\n".join([*lines, "", report.text(release.suggestion, release.entry, refused, slips, facts)])
    print(printable(text))
    if options.report:
        options.report.write_text(text, encoding="utf-8")
    if refused:
        print(f"{sum(1 for each in verdicts if each.issues)} of {len(verdicts)} pages refused", file=sys.stderr)
    if options.strict and refused:
        raise SpecError(*refused)
    if not options.check:
        replacing.replace(changes)
    elif changes:
        print("something would change; run without --check", file=sys.stderr)
    nothing = not any(each.prepared and not each.issues for each in verdicts)
    return 1 if refused or (options.check and changes) or (options.sources and nothing and not options.check) else 0


def _print_verdicts(verdicts: Sequence[Verdict]) -> None:
    for each in verdicts:
        print(printable(each))


def _read_all(project: Project, sources: Sequence[str], path: str | None) -> list[Verdict]:
    """Fetch and prepare all sources."""
    overlay = read_document(project.openapi / "overlay.yaml")
    current = read_document(project.generated / "apikley_contract" / "openapi.json")
    models = paths_of_models(project.openapi / "vendored")

    def verdict_of(source: str) -> Verdict:
        verdict = Verdict(source)
        try:
            _read(verdict, path, overlay, current, models)
        except SpecError as caught:
            verdict.issues += caught.issues
        return verdict

    with ThreadPoolExecutor(_FETCHES) as pool:
        verdicts = [*pool.map(verdict_of, sources)]
    for verdict in verdicts:
        _refuse_same_path(verdict, verdicts, project, overlay)
    return verdicts


def _refuse_same_path(verdict: Verdict, verdicts: list[Verdict], project: Project, overlay: Any) -> None:
    """Refuse a page if another one with the same published path fits their model better.

    A page that does not contain its path has the path of its model. A wrong model would replace the right page.
    """
    if verdict.page is None or verdict.prepared is None or verdict.issues:
        return
    path, prepared = str(verdict.page.path), verdict.prepared
    recorded = records(project.openapi / "vendored").get(path)
    same = [each for each in verdicts if each.page and str(each.page.path) == path]
    # Of equally good pages, the first one is taken.
    best = max((each.prepared for each in same if each.prepared), key=lambda page: page.fit)
    if recorded and verdict.source and recorded["source"] != verdict.source.recorded and not verdict.page.names_itself:
        document = read_document(project.openapi / "vendored" / path)
        vendored = prepare(recorded["source"], repaired(document, overlay, path, recorded["source"]))
        best = vendored if vendored.fit > best.fit + _MIN_DIFFERENCE else best
    if best is not prepared:
        verdict.issues.append(same_model(best, prepared))


def _read(verdict: Verdict, path: str | None, overlay: Any, current: dict[str, Any], models: dict[str, str]) -> None:
    source = fetch(verdict.where)
    try:
        page = extract(source.text, source.where, path)
    except NoDocument:
        if len(source.text.strip()) == 0:
            raise
        verdict.text = describe_guide(source.text, current)
        return
    if operations(page.document) and not any(each == CREATE_TASK for each, _ in operations(page.document)):
        what, verdict.facts = describe_other_page(page.document, current, source.where)
        verdict.text = what
        return
    document = repaired(page.document, overlay, str(page.path), source.recorded)
    prepared = prepare(source.where, document)
    if not page.names_itself:
        # The page does not contain its published path, so it follows from the model, after our repairs.
        known = models.get(prepared.model)
        page = replace(page, path=PurePosixPath(known) if known else path_of_model(prepared.model))
    verdict.source, verdict.page, verdict.prepared = source, page, prepared


def _build(
    project: Project, copy: Project, verdicts: list[Verdict], day: date
) -> tuple[dict[Path, bytes | None], Report]:
    """Store the new pages in a copy and build it; pages that cannot be merged are refused.

    Returns:
        The changes of files, and the report.
    """
    vendored, original = copy.openapi / "vendored", project.openapi / "vendored"
    known = records(original)
    stored: dict[str, Verdict] = {}
    for verdict in verdicts:
        if verdict.page is None or verdict.source is None or verdict.issues:
            continue
        name = str(verdict.page.path)
        if is_current(vendored, verdict.source, verdict.page):
            verdict.text = f"unchanged, {verdict.model}"
            continue
        try:
            store(vendored, verdict.source, verdict.page, day)
        except SpecError as caught:
            verdict.issues += caught.issues
            continue
        stored[name] = verdict
        model = f"{verdict.model}, class {class_name(verdict.model)}"
        verdict.text = f"updated, {model}" if name in known else f"new model {model}"
    while stored:
        try:
            contract.complete(contract.merge_folder(copy.openapi), copy.openapi)
            evidence = generated.make(copy.generated, copy.openapi).encode()
            break
        except SpecError as caught:
            shutil.rmtree(copy.generated, ignore_errors=True)
            _refuse_pages(caught, stored, vendored, original)
    if not stored:
        return {}, Report([], [])
    changes = replacing.differences(project.generated, copy.generated)
    report = _checked_report(project.generated, copy.generated) if changes else Report([], [])
    changes |= replacing.differences(project.openapi, copy.openapi)
    if changes:
        changes[project.root / "docs" / "evidence.md"] = evidence
    return changes, report


def _refuse_pages(caught: SpecError, stored: dict[str, Verdict], vendored: Path, original: Path) -> None:
    """Refuse the new pages that an error is about, so that the others can be built; raise it if there is none."""
    blamed: dict[str, list[Issue]] = {}
    for issue in caught.issues:
        text = str(issue)
        names = [name for name in issue.pages if name in stored] or [
            name for name, each in stored.items() if name in text or class_name(each.model) in text
        ]
        for name in names:
            blamed.setdefault(name, []).append(issue)
    if not blamed and len(stored) == 1:
        blamed = {name: [*caught.issues] for name in stored}
    if not blamed:
        raise caught
    for name, issues in blamed.items():
        stored.pop(name).issues += issues
        restore(vendored, original, name)


def _checked_report(old: Path, new: Path) -> Report:
    """Report the changes of new packages, after checking them with mypy and the library."""
    with ThreadPoolExecutor() as pool:
        checks = [pool.submit(check, new) for check in (client.check_library, client.check_types)]
        report = compare(old, new)
        for each in checks:
            each.result()
    return report
